"""Whether a gradebook has changed, told without opening it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from grading.engine.connection import state_of


def _commit(path: Path, text: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute(text)


def test_state_changes_with_every_commit_and_with_another_file(tmp_path: Path) -> None:
    path = tmp_path / "gradebook.db"
    url = f"sqlite:///{path}"
    states = [state_of(url)]
    for text in ("CREATE TABLE t (x)", "INSERT INTO t VALUES (1)", "UPDATE t SET x = 2", "UPDATE t SET x = 3"):
        _commit(path, text)
        states.append(state_of(url))
    with closing(sqlite3.connect(path)) as database:
        database.execute("SELECT x FROM t").fetchall()
    assert state_of(url) == states[-1]
    path.rename(tmp_path / "old.db")
    path.write_bytes((tmp_path / "old.db").read_bytes())
    states.append(state_of(url))

    assert states[0] is None
    assert len(set(states)) == len(states)


def test_state_is_unknown_while_something_is_not_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "gradebook.db"
    url = f"sqlite:///{path}"
    _commit(path, "CREATE TABLE t (x)")
    assert state_of(url) is not None

    (tmp_path / "gradebook.db-journal").write_bytes(b"of a writer that was killed")
    assert state_of(url) is None
    (tmp_path / "gradebook.db-journal").unlink()
    _commit(path, "PRAGMA journal_mode=WAL")
    assert state_of(url) is None
    assert state_of("postgresql://host/gradebook") is None
    assert state_of("sqlite://") is None

"""Whether there is a gradebook, and whether it has changed since."""

import sqlite3
from contextlib import closing
from pathlib import Path

from grading.engine.connection import exists, state_of
from grading.engine.hand_marks import HandMarks
from grading.engine.structure import bring_up_to, load_structures


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


def test_gradebook_is_there_once_its_tables_are_and_asking_makes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "gradebook.db"
    url = f"sqlite:///{path}"
    assert not exists(url) and not path.exists()

    path.touch()  # what is left where the process was killed before the tables were committed
    assert not exists(url)
    assert not HandMarks(url, "quiz-1").is_there()
    assert load_structures(url) == {}

    bring_up_to(url, {})
    assert exists(url)
    assert HandMarks(url, "quiz-1").is_there()


def test_tables_that_are_missing_are_made_when_a_gradebook_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "gradebook.db"
    url = f"sqlite:///{path}"
    bring_up_to(url, {})
    _commit(path, "DROP TABLE comment")  # nbgrader commits its tables one by one

    bring_up_to(url, {})
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM comment").fetchone() == (0,)

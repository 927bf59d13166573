"""Connections to gradebooks; light to import, unlike nbgrader.

Graders write to the folder of a gradebook, so what is opened there is looked at first.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from lti_tool.kernel.prepared import Prepared

WAIT_S = 60
"""How long to wait for another writer of an SQLite gradebook."""
STEPS = 20_000
"""Steps of SQLite's machine after which a limited connection looks at the clock: less than a millisecond."""


def patient_url(url: str, wait_s: int = WAIT_S) -> str:
    """The URL with which an SQLite file waits for other writers; nbgrader gets it too."""
    if url.startswith("sqlite") and "timeout=" not in url:
        return f"{url}{'&' if '?' in url else '?'}timeout={wait_s}"
    return url


@lru_cache(maxsize=128)
def open_engine(url: str, wait_s: int = WAIT_S, longest_s: float | None = None) -> Engine:
    """An engine that opens the gradebook anew for each connection.

    `longest_s`: a connection to SQLite that lives longer has its query stopped (`OperationalError`): a gradebook is
    written by graders, and a request is not to hang in it.
    """
    engine = create_engine(patient_url(url, wait_s), poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _leave_begin_to_us)
        event.listen(engine, "begin", _begin)
        event.listen(engine, "do_connect", lambda *_: _require_plain_files(Path(engine.url.database or "")))
        if longest_s is not None:
            event.listen(engine, "connect", lambda connection, _record: _limit(connection, longest_s))
    return engine


def exists(url: str) -> bool:
    """Whether there is a gradebook. Asking makes no file."""
    if not may_exist(url):
        return False
    with open_engine(url).connect() as connection:
        return has_tables(connection)


def may_exist(url: str) -> bool:
    """Whether it can be opened without making a file; only its tables make it a gradebook."""
    place = make_url(url)
    return place.get_backend_name() != "sqlite" or Path(place.database or "").is_file()


def has_tables(connection: Connection) -> bool:
    """Whether it is a gradebook: SQLite makes an empty file before the tables, and a process can be killed between."""
    return inspect(connection).has_table("assignment")


def state_of(url: str) -> tuple[int, ...] | None:
    """Changes with every commit to an SQLite gradebook in rollback mode; None: it cannot be told without opening it.

    The file's identity, time and size, and the counter in its head (https://sqlite.org/fileformat2.html, 1.3.7).
    """
    place = make_url(url)
    if place.get_backend_name() != "sqlite" or not place.database:
        return None
    if any(Path(f"{place.database}{end}").exists() for end in ("-journal", "-wal")):
        return None
    try:
        with Path(place.database).open("rb") as file:
            head, found = file.read(28), os.fstat(file.fileno())
    except OSError:
        return None
    if len(head) < 28 or head[18] != 1:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size, int.from_bytes(head[24:28], "big")


@contextmanager
def reading(url: str) -> Iterator[Session]:
    """A session for questions."""
    with Session(open_engine(url)) as session:
        yield session


def ask(session: Session, statement: Prepared, *parameters: Mapping[str, Any]) -> list[Any]:
    """The rows of as many runs of a statement in the session's transaction; what was not flushed is not seen."""
    connection = session.connection()
    return statement.run_many(connection.engine, connection.connection, parameters)


def _require_plain_files(database: Path) -> None:
    """Make the folder, and refuse links in it: graders write there, and a link could lead to the tool's own files."""
    database.parent.mkdir(parents=True, exist_ok=True)
    for path in (database.parent, *database.parent.glob(f"{database.name}*")):
        if path.is_symlink():
            raise PermissionError(f"{path} is a link; a gradebook is a plain file.")


def _leave_begin_to_us(connection: Any, _record: object) -> None:
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _limit(connection: Any, longest_s: float) -> None:
    ends = time.monotonic() + longest_s
    connection.set_progress_handler(lambda: time.monotonic() > ends, STEPS)

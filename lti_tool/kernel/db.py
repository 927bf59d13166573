"""The database: one metadata, transactions, and what happens after a commit.

SQLite (WAL, `BEGIN IMMEDIATE` for writers) and PostgreSQL run the same code.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, CursorResult, Delete, Engine, MetaData, Update, create_engine, event, make_url
from sqlalchemy.orm import DeclarativeBase, Session

Tx = Session
"""A transaction that somebody else opened and will commit: services take it and never commit."""

AFTER_COMMIT = "coursebridge.after_commit"
ROUTER = "coursebridge.router"


class Base(DeclarativeBase):
    """Of every table of ours."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Database:
    """Opens transactions on one database."""

    def __init__(self, url: str, *, pool_size: int = 10, busy_timeout_s: float = 30.0) -> None:
        """`url` is a SQLAlchemy URL; SQLite and PostgreSQL (psycopg) are supported."""
        self.engine = _make_engine(url, pool_size, busy_timeout_s)
        self.router: Any = None
        """The `messages.Router` that `emit` asks; set once by the composition root."""

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        """A transaction for writing: commits, or rolls back on any exception; then the after-commit calls run."""
        with self._session(writes=True) as tx:
            tx.info[ROUTER] = self.router
            tx.info[AFTER_COMMIT] = []
            with tx.begin():
                yield tx
            calls: list[Callable[[], None]] = tx.info[AFTER_COMMIT]
        for call in calls:
            call()

    @contextmanager
    def reading(self) -> Iterator[Tx]:
        """A transaction for reading only: one snapshot, never waits for a writer; changes are not kept."""
        with self._session(writes=False) as tx:
            yield tx

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def _session(self, *, writes: bool) -> Session:
        engine = self.engine.execution_options(coursebridge_writes=writes)
        return Session(engine, expire_on_commit=False, autoflush=True)


def after_commit(tx: Tx, call: Callable[[], None]) -> None:
    """Call once the transaction has committed, not if it rolls back. Losing the call to a crash must be harmless."""
    tx.info[AFTER_COMMIT].append(call)


def affect(tx: Tx, statement: Delete | Update) -> int:
    """Run an UPDATE or DELETE; returns how many rows it touched. Objects loaded before are left as they are."""
    done = cast("CursorResult[Any]", tx.execute(statement.execution_options(synchronize_session=False)))
    return done.rowcount


def _make_engine(url: str, pool_size: int, busy_timeout_s: float) -> Engine:
    if make_url(url).get_backend_name() == "sqlite":
        return _make_sqlite_engine(url, busy_timeout_s)
    return create_engine(url, pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=True)


def _make_sqlite_engine(url: str, busy_timeout_s: float) -> Engine:
    database = make_url(url).database
    if database and database != ":memory:":
        Path(database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": busy_timeout_s, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes the lock at once: upgrading a read lock later fails at once instead of waiting.
        writes = connection.get_execution_options().get("coursebridge_writes", True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine

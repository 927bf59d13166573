"""The database: one metadata, transactions, and what happens after a commit.

SQLite (WAL, `BEGIN IMMEDIATE` for writers) and PostgreSQL run the same code. What is only read takes PostgreSQL one
round trip a query: no BEGIN, no ROLLBACK, and no question whether the connection still lives (kernel/liveness.py).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

from sqlalchemy import (
    Connection,
    CursorResult,
    Delete,
    Engine,
    MetaData,
    PoolProxiedConnection,
    Update,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, ORMExecuteState, Session

from lti_tool.kernel.liveness import check_on_checkout
from lti_tool.kernel.prepared import Prepared, run_text
from lti_tool.kernel.readers import Readers

Tx = Session
"""A transaction that somebody else opened and will commit: services take it and never commit."""

AFTER_COMMIT = "coursebridge.after_commit"
AT_COMMIT = "coursebridge.at_commit"
ENGINE, ROUTER = "coursebridge.engine", "coursebridge.router"
POOLED = "coursebridge.pooled"


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
        self._writing = self.engine.execution_options(coursebridge_writes=True)
        self._reading = self.engine.execution_options(coursebridge_writes=False)
        if self.engine.dialect.name == "postgresql":
            self._reading = self._reading.execution_options(isolation_level="AUTOCOMMIT")
        self._readers = Readers(self.engine)
        self.router: Any = None
        """The `messages.Router` that `emit` asks; set once by the composition root."""

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        """A transaction for writing: commits, or rolls back on any exception; then the after-commit calls run."""
        with Session(self._writing, expire_on_commit=False) as tx:
            tx.info[ENGINE] = self.engine
            tx.info[ROUTER] = self.router
            tx.info[AFTER_COMMIT] = []
            tx.info[AT_COMMIT] = []
            with tx.begin():
                yield tx
                _write_last(tx)
            calls: list[Callable[[], None]] = tx.info[AFTER_COMMIT]
        for call in calls:
            call()

    @contextmanager
    def reading(self) -> Iterator[Tx]:
        """For reading only: never waits for a writer. Raises: ReadOnly: something is to be changed.

        SQLite shows one snapshot; in PostgreSQL every query sees what was committed before it.
        """
        with _ReadingSession(self._reading, expire_on_commit=False) as tx:
            tx.info[ENGINE] = self.engine
            yield tx

    def read(self, statement: Prepared, parameters: Mapping[str, Any]) -> list[Any]:
        """The rows of one query by itself: without a session, and without a transaction, which one query is already.

        Raises: DBAPIError. ReadOnly: it changes rows.
        """
        if not statement.is_query:
            raise ReadOnly("A statement that changes rows was to be read.")
        connection = self._readers.take()
        try:
            rows = statement.run_many(self.engine, connection, [parameters])
        except BaseException:
            connection.invalidate()
            connection.close()
            raise
        self._readers.give_back(connection)
        return rows

    def close(self) -> None:
        """Close every connection."""
        self._readers.close()
        self.engine.dispose()


class ReadOnly(Exception):
    """Something was to be changed in `Database.reading`; use `transaction`."""


class _ReadingSession(Session):
    """Lets nothing through that changes rows: in PostgreSQL it would be kept at once."""

    def flush(self, objects: Sequence[Any] | None = None) -> None:
        """Raises: ReadOnly: objects were changed."""
        if self.new or self.dirty or self.deleted:
            raise ReadOnly("Objects read by `reading` were changed.")


@event.listens_for(_ReadingSession, "do_orm_execute")
def _refuse_changes(state: ORMExecuteState) -> None:
    if state.is_insert or state.is_update or state.is_delete:
        raise ReadOnly("A statement that changes rows was run in `reading`.")


def after_commit(tx: Tx, call: Callable[[], None]) -> None:
    """Call once the transaction has committed, not if it rolls back. Losing the call to a crash must be harmless."""
    tx.info[AFTER_COMMIT].append(call)


def run(tx: Tx, statement: Prepared, parameters: Mapping[str, Any]) -> list[Any]:
    """The rows of a prepared statement; what was added to `tx` and not flushed is not seen.

    Raises: DBAPIError. ReadOnly: it changes rows, in `reading`.
    """
    return run_many(tx, statement, [parameters])


def run_many(tx: Tx, statement: Prepared, parameters: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The rows of as many runs, one after the other, in one round trip. Raises: as `run`."""
    if not statement.is_query and isinstance(tx, _ReadingSession):
        raise ReadOnly("A statement that changes rows was run in `reading`.")
    engine, connection = _pooled_of(tx)
    return statement.run_many(engine, connection, parameters)


def _pooled_of(tx: Tx) -> tuple[Engine, PoolProxiedConnection]:
    """The connection of a transaction, the same until its end: to ask the session costs as much as a query."""
    found: tuple[Engine, PoolProxiedConnection] | None = tx.info.get(POOLED)
    if found is None:
        connection = tx.connection()
        found = tx.info[POOLED] = (tx.info.get(ENGINE, connection.engine), connection.connection)
    return found


def at_commit(tx: Tx, statement: Prepared, parameters: Sequence[Mapping[str, Any]]) -> None:
    """Have rows written when the transaction ends, whose rows nobody reads before: with the commit in one round trip.

    They are written in the order of the calls, each as in `together`. An error there rolls everything back.
    """
    if parameters:
        tx.info[AT_COMMIT].append((statement, parameters))


Ask = Callable[[Prepared, Sequence[Mapping[str, Any]]], Callable[[], list[Any]]]
"""Have a statement run as often as there are parameters; when the block is over, what it gives back gives the rows."""


@contextmanager
def together(tx: Tx) -> Iterator[Ask]:
    """Prepared statements of which none needs the rows of another: PostgreSQL gets all of them in one round trip.

    They run one after the other, in this order; the runs of one give their rows in any order, and no two of them may
    change the same row. Nothing else may be asked of `tx` within the block.

    Raises: DBAPIError. ReadOnly: `tx` is one of `reading`. TypeError: for an UPDATE; an upsert can go with others.
    """
    if isinstance(tx, _ReadingSession):
        raise ReadOnly("Statements go together in `transaction` only.")
    connection = tx.connection()
    engine, pooled = connection.engine, connection.connection
    is_postgresql = engine.dialect.name == "postgresql"

    def ask(statement: Prepared, parameters: Sequence[Mapping[str, Any]]) -> Callable[[], list[Any]]:
        if isinstance(statement.statement, Update):
            raise TypeError("An UPDATE goes by itself.")
        if is_postgresql:
            return statement.send_many(engine, pooled, parameters)
        return partial(list, statement.run_many(engine, pooled, parameters))

    if not is_postgresql:
        yield ask
        return
    driver_error = engine.dialect.loaded_dbapi.Error
    try:
        with cast(Any, pooled.driver_connection).pipeline():
            yield ask
    except driver_error as error:
        raise DBAPIError.instance("several statements", None, error, driver_error, dialect=engine.dialect) from error


def _write_last(tx: Tx) -> None:
    """What is to be written with the commit, and in PostgreSQL the commit, which SQLAlchemy's then finds done."""
    if not tx.info[AT_COMMIT]:
        return
    tx.flush()
    with together(tx) as ask:
        for statement, parameters in tx.info[AT_COMMIT]:
            ask(statement, parameters)
        connection = tx.connection()
        if connection.dialect.name == "postgresql":
            connection.connection.commit()


def affect(tx: Tx, statement: Delete | Update) -> int:
    """Run an UPDATE or DELETE; returns how many rows it touched. Objects loaded before are left as they are."""
    done = cast("CursorResult[Any]", tx.execute(statement.execution_options(synchronize_session=False)))
    return done.rowcount


def _make_engine(url: str, pool_size: int, busy_timeout_s: float) -> Engine:
    if make_url(url).get_backend_name() == "sqlite":
        return _make_sqlite_engine(url, busy_timeout_s)
    engine = create_engine(url, pool_size=pool_size, max_overflow=pool_size, pool_use_lifo=True)
    check_on_checkout(engine)
    return engine


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
        run_text(engine, connection.connection, "BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine

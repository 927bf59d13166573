"""Is a pooled connection to PostgreSQL still good? And is the database away?

Asking the server costs a round trip each time. A server that has closed a connection has also said so: there is
something to read on its socket, which costs nothing to see. Only then, and after a while without use (a firewall may
have forgotten the connection silently), the server is asked.
"""

import select
import time
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError, OperationalError

IDLE_S = 30.0
"""A connection that rested longer is asked."""
_RETURNED = "coursebridge.returned"


def check_on_checkout(engine: Engine) -> None:
    """Have the pool replace dead connections before they are used."""

    @event.listens_for(engine, "checkin")
    def note(connection: Any, record: Any) -> None:
        record.info[_RETURNED] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def check(connection: Any, record: Any, proxy: Any) -> None:
        rested_s = time.monotonic() - record.info.get(_RETURNED, time.monotonic())
        if not is_good(engine, connection, rested_s):
            raise DisconnectionError("The server has closed the connection.")


def is_good(engine: Engine, connection: Any, rested_s: float) -> bool:
    """Is the connection, of the driver, still good after this rest? Asks the server only where it may not be."""
    if rested_s <= IDLE_S and not _has_news(connection):
        return True
    try:
        engine.dialect.do_ping(connection)
    except engine.dialect.loaded_dbapi.Error:
        return False
    return True


def _has_news(connection: Any) -> bool:
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN | select.POLLPRI)
    return bool(poll.poll(0))


def is_away(error: OperationalError) -> bool:
    """Whether a database does not answer or is held by others, which passes by itself. SQLite says more than that."""
    return str(getattr(error.orig, "sqlite_errorname", "SQLITE_BUSY")).startswith("SQLITE_BUSY")

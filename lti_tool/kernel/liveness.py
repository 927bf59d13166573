"""Is a pooled connection to PostgreSQL still good?

Asking the server costs a round trip each time. A server that has closed a connection has also said so: there is
something to read on its socket, which costs nothing to see. Only then, and after a while without use (a firewall may
have forgotten the connection silently), the server is asked.
"""

import select
import time
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError

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
        if rested_s > IDLE_S or _has_news(connection):
            _ask(engine, connection)


def _has_news(connection: Any) -> bool:
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN | select.POLLPRI)
    return bool(poll.poll(0))


def _ask(engine: Engine, connection: Any) -> None:
    """Raises: DisconnectionError: the connection is dead; the pool tries another one."""
    driver_error = engine.dialect.loaded_dbapi.Error
    try:
        engine.dialect.do_ping(connection)
    except driver_error as error:
        raise DisconnectionError("The server has closed the connection.") from error

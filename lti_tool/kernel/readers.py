"""Connections for single queries, kept between them.

The pool's bookkeeping, and in PostgreSQL switching autocommit on and off, costs more than a query by its key, and a
launch with its page makes four. A few connections of the pool stay out for them: they are open, in no transaction, and
look for themselves whether the server has closed them.
"""

import time
from collections import deque
from typing import Any, cast

from sqlalchemy import Engine, PoolProxiedConnection, QueuePool
from sqlalchemy.exc import DBAPIError

from lti_tool.kernel.liveness import is_good

MOST = 4
"""That rest; the pool lends at least ten."""


class Readers:
    """Of one engine."""

    def __init__(self, engine: Engine) -> None:
        """None is open yet. Where connections belong to threads (a database in memory), none is kept."""
        self._engine = engine
        self._is_postgresql = engine.dialect.name == "postgresql"
        self._most = MOST if isinstance(engine.pool, QueuePool) else 0
        self._resting: deque[tuple[PoolProxiedConnection, float]] = deque()

    def take(self) -> PoolProxiedConnection:
        """For the caller alone, until it is given back. Raises: DBAPIError."""
        while self._resting:
            try:
                connection, since = self._resting.pop()
            except IndexError:  # another thread was quicker
                break
            if not self._is_postgresql or is_good(self._engine, _driver(connection), time.monotonic() - since):
                return connection
            connection.invalidate()
            connection.close()
        driver_error = self._engine.dialect.loaded_dbapi.Error
        try:
            connection = self._engine.raw_connection()
        except driver_error as error:
            text = "opening a connection"
            raise DBAPIError.instance(text, None, error, driver_error, dialect=self._engine.dialect) from error
        if self._is_postgresql:
            _driver(connection).autocommit = True
        return connection

    def give_back(self, connection: PoolProxiedConnection) -> None:
        """What `take` gave, with no query under way."""
        if len(self._resting) < self._most:
            self._resting.append((connection, time.monotonic()))
        else:
            self._return(connection)

    def close(self) -> None:
        """Give the pool its own back."""
        while self._resting:
            self._return(self._resting.pop()[0])

    def _return(self, connection: PoolProxiedConnection) -> None:
        if self._is_postgresql:
            _driver(connection).autocommit = False
        connection.close()


def _driver(connection: PoolProxiedConnection) -> Any:
    return cast(Any, connection.driver_connection)

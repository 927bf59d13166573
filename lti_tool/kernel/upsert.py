"""Insert or update in one statement, so that two launches at the same moment cannot make two rows or an error.

A statement is built once for each table and set of columns: building costs more than running it does.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import Insert
from sqlalchemy.dialects import postgresql, sqlite

from lti_tool.kernel.db import Base, Tx, run
from lti_tool.kernel.prepared import Prepared

_INSERTS: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


def insert_into(dialect: str, table: Any) -> Any:
    """An INSERT that knows `on_conflict_do_update` and `on_conflict_do_nothing`, of SQLite or PostgreSQL."""
    return _INSERTS[dialect](table)


def upsert(
    tx: Tx,
    model: type[Base],
    key: Mapping[str, Any],
    values: Mapping[str, Any],
    initial: Mapping[str, Any] | None = None,
) -> Any:
    """Make the row of this unique key, or set `values` on it; returns its first primary key column.

    `initial` is set on a new row only. What was added to `tx` before is written first; objects that were loaded are
    left as they are.
    """
    tx.flush()
    connection = tx.connection()
    statement = _upsert(connection.dialect.name, model, tuple(key), tuple(values))
    return connection.execute(statement, {**key, **values, **(initial or {})}).scalar_one()


def insert_new(tx: Tx, model: type[Base], row: Mapping[str, Any]) -> bool:
    """Make the row; False if its primary key is there already. Of two at once one waits, then gets False."""
    dialect = tx.get_bind().dialect.name
    return bool(run(tx, _insert_new(dialect, model, tuple(row)), row))


@lru_cache(maxsize=500)
def _upsert(dialect: str, model: type[Base], key: tuple[str, ...], values: tuple[str, ...]) -> Insert:
    statement = insert_into(dialect, model.__table__)
    changes = {name: statement.excluded[name] for name in values or key[:1]}
    first = next(iter(model.__table__.primary_key))
    done: Insert = statement.on_conflict_do_update(index_elements=list(key), set_=changes).returning(first)
    return done


@lru_cache(maxsize=50)
def _insert_new(dialect: str, model: type[Base], columns: tuple[str, ...]) -> Prepared:
    first = next(iter(model.__table__.primary_key))
    return Prepared(insert_into(dialect, model.__table__).on_conflict_do_nothing().returning(first), columns)

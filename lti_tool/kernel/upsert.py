"""Insert or update in one statement, so that two launches at the same moment cannot make two rows or an error."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Insert
from sqlalchemy.dialects import postgresql, sqlite

from lti_tool.kernel.db import Base, Tx


def upsert(
    tx: Tx,
    model: type[Base],
    key: Mapping[str, Any],
    values: Mapping[str, Any],
    initial: Mapping[str, Any] | None = None,
) -> Any:
    """Make the row of this unique key, or set `values` on it; returns its first primary key column.

    `initial` is set on a new row only.
    """
    insert = postgresql.insert if tx.get_bind().dialect.name == "postgresql" else sqlite.insert
    first = next(iter(model.__table__.primary_key))
    statement = insert(model).values({**key, **values, **(initial or {})})
    changes = dict(values) or dict(list(key.items())[:1])
    done: Insert = statement.on_conflict_do_update(index_elements=list(key), set_=changes).returning(first)
    return tx.execute(done).scalar_one()

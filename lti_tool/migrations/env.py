"""Run by Alembic: migrates on the connection that `lti_tool.app.migrate` opened."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy.types import TypeDecorator

from lti_tool.kernel.db import Base


def render_item(kind: str, item: Any, autogen_context: AutogenContext) -> str | Literal[False]:
    """Column types of ours as what the database sees, so that a migration stays the same when our code changes."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl_instance!r}"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_type=True,
    render_as_batch=True,
    render_item=render_item,
    process_revision_directives=context.config.attributes["add_protection"],
)
with context.begin_transaction():
    context.run_migrations()

"""Run by Alembic: migrates on the connection that `lti_tool.app.migrate` opened."""

from alembic import context

from lti_tool.kernel.db import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_type=True,
    render_as_batch=True,
    user_module_prefix="types.",
)
with context.begin_transaction():
    context.run_migrations()

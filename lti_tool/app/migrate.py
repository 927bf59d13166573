"""Brings a database to the schema of this release (Alembic, one linear history)."""

import logging
import tempfile
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata, renderers
from alembic.autogenerate.api import AutogenContext
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations.ops import CreateTableOp, MigrateOperation, MigrationScript
from sqlalchemy import Connection

import lti_tool.kernel.recurring  # noqa: F401  # its table: only the worker imports it otherwise
from config.settings import Settings
from lti_tool.app.process import make_process
from lti_tool.kernel.audit_guard import TABLE as AUDIT_TABLE
from lti_tool.kernel.audit_guard import protect
from lti_tool.kernel.db import Base, Database

log = logging.getLogger(__name__)

FOLDER = Path(__file__).parent.parent / "migrations"


def migrate(db: Database, revision: str = "head") -> None:
    """Upgrade to a revision. Two processes that start together do it one after the other."""
    with db.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7205759)")
        before = MigrationContext.configure(connection).get_current_revision()
        command.upgrade(make_config(connection), revision)
        after = MigrationContext.configure(connection).get_current_revision()
    if before != after:
        log.info("database_migrated", extra={"from": before, "to": after})


def find_drift(db: Database) -> list[object]:
    """Differences between the migrated database and the models; empty when they agree."""
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": False})
        return list(compare_metadata(context, Base.metadata))


def write_migration(name: str) -> str:
    """Write the next migration from the difference between a freshly migrated database and the models."""
    make_process(Settings())
    existing = sorted(path.name[:4] for path in (FOLDER / "versions").glob("[0-9]*.py"))
    number = f"{int(existing[-1]) + 1 if existing else 1:04d}"
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{folder}/empty.sqlite3")
        migrate(db)
        with db.engine.connect() as connection:
            command.revision(make_config(connection), name.replace("_", " "), autogenerate=True, rev_id=number)
        db.close()
    return number


def make_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, on a connection that is open already."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["add_protection"] = add_protection
    return config


class ProtectAuditLog(MigrateOperation):
    """In a migration: the triggers of the audit log."""


@renderers.dispatch_for(ProtectAuditLog)
def _render_protection(context: AutogenContext, operation: ProtectAuditLog) -> str:
    context.imports.add(f"from {protect.__module__} import {protect.__name__}")
    return f"{protect.__name__}(op.get_bind())"


def add_protection(context: MigrationContext, revision: object, scripts: list[MigrationScript]) -> None:
    """Have a migration that makes the audit log protect it, too: Alembic knows nothing of triggers."""
    for script in scripts:
        made = script.upgrade_ops.ops if script.upgrade_ops else []
        if any(isinstance(each, CreateTableOp) and each.table_name == AUDIT_TABLE for each in made):
            made.append(ProtectAuditLog())

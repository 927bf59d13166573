"""Triggers that keep the audit log as it was written, also from whoever speaks to the database past this program.

A row is never changed and never deleted, with one exception: the name of a person who is erased becomes `ERASED`.
SQLite drops triggers with their table, so a migration that makes the table anew calls `protect` again.
"""

from sqlalchemy import Connection

TABLE = "kernel_audit"
ERASED = "Erased"
REFUSAL = "The audit log is only ever added to."
_KEPT = ("id", "at", "user_id", "via", "action", "target", "before", "after")
_CHANGED = " OR ".join(f'NEW."{name}" IS NOT OLD."{name}"' for name in _KEPT)
_RAISE = f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"

_SQLITE = (
    "DROP TRIGGER IF EXISTS kernel_audit_keep",
    f"CREATE TRIGGER kernel_audit_keep BEFORE UPDATE ON {TABLE} "
    f"WHEN {_CHANGED} OR NEW.actor IS NOT '{ERASED}' OR OLD.user_id IS NULL {_RAISE}",
    "DROP TRIGGER IF EXISTS kernel_audit_no_delete",
    f"CREATE TRIGGER kernel_audit_no_delete BEFORE DELETE ON {TABLE} {_RAISE}",
    # INSERT OR REPLACE deletes without firing the trigger above
    "DROP TRIGGER IF EXISTS kernel_audit_no_replace",
    "CREATE TRIGGER kernel_audit_no_replace BEFORE INSERT ON kernel_audit "
    "WHEN EXISTS (SELECT 1 FROM kernel_audit WHERE id = NEW.id) "
    "BEGIN SELECT RAISE(ABORT, 'The audit log is only ever added to.'); END",
)
_POSTGRESQL = (
    f"""
    CREATE OR REPLACE FUNCTION kernel_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'UPDATE' THEN
        OLD.actor := '{ERASED}';
        IF NEW::text = OLD::text AND OLD.user_id IS NOT NULL THEN
          RETURN NEW;
        END IF;
      END IF;
      RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    f"DROP TRIGGER IF EXISTS kernel_audit_keep ON {TABLE}",
    f"CREATE TRIGGER kernel_audit_keep BEFORE UPDATE OR DELETE ON {TABLE} "
    "FOR EACH ROW EXECUTE FUNCTION kernel_audit_refuse()",
    f"DROP TRIGGER IF EXISTS kernel_audit_no_truncate ON {TABLE}",
    f"CREATE TRIGGER kernel_audit_no_truncate BEFORE TRUNCATE ON {TABLE} "
    "FOR EACH STATEMENT EXECUTE FUNCTION kernel_audit_refuse()",
)


def protect(connection: Connection) -> None:
    """Make the triggers, in the place of older ones."""
    for statement in _POSTGRESQL if connection.dialect.name == "postgresql" else _SQLITE:
        connection.exec_driver_sql(statement)

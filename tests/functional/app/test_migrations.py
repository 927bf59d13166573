"""The migrations lead to the models, on an empty database and again on a full one."""

from pathlib import Path

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError

from config.settings import DEFAULT_PLUGINS
from lti_tool.app.migrate import find_drift, migrate
from lti_tool.contract import Plugin, load_plugins
from lti_tool.kernel.audit import OPERATOR, AuditRow, record
from lti_tool.kernel.db import Database


@pytest.fixture
def plugins() -> list[Plugin]:
    return load_plugins(DEFAULT_PLUGINS)


def test_a_migrated_database_is_what_the_models_say(database_url: str, plugins: list[Plugin], tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    db = Database(database_url)
    migrate(db)
    migrate(db)
    drift = find_drift(db)
    db.close()
    assert plugins
    assert drift == []


def test_a_migrated_database_keeps_its_audit_log(database_url: str, plugins: list[Plugin], tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    db = Database(database_url)
    migrate(db)
    with db.transaction() as tx:
        record(tx, OPERATOR, "platform.add", "platform 1")
    for change in (delete(AuditRow), update(AuditRow).values(target="platform 2")):
        with pytest.raises(IntegrityError, match="only ever added to"), db.engine.begin() as connection:
            connection.execute(change)
    db.close()

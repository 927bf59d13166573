"""The migrations lead to the models, on an empty database and again on a full one."""

from pathlib import Path

import pytest

from config.settings import DEFAULT_PLUGINS
from lti_tool.app.migrate import find_drift, migrate
from lti_tool.contract import Plugin, load_plugins
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

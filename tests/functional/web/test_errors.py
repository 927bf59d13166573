"""Pages of errors that nobody foresaw, and of a database that is away."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from config.settings import Settings
from lti_tool.kernel.runtime import Runtime
from tests.databases import KIND


def test_page_is_there_when_the_session_cannot_be_read(app: Flask, client: FlaskClient, runtime: Runtime) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    with runtime.db.transaction() as tx:
        tx.execute(text("DROP TABLE web_session"))
    answer = client.get("/s/some-token/lti/pick")
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.text and "quote reference" in answer.text
    assert "frame-ancestors" in answer.headers["Content-Security-Policy"]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    settings.database.busy_timeout_s = 0.1
    return settings


@pytest.fixture
def held(runtime: Runtime) -> Iterator[None]:
    """Somebody else writes, and does not end."""
    with closing(sqlite3.connect(runtime.db.engine.url.database or "", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.mark.skipif(KIND != "sqlite", reason="PostgreSQL is stopped in tests/durability/test_outages.py")
@pytest.mark.usefixtures("held")
def test_page_that_cannot_write_says_so_and_when_to_come_back(app: Flask, runtime: Runtime) -> None:
    @app.get("/write")
    def write() -> str:
        with runtime.db.transaction() as tx:
            tx.execute(text("DELETE FROM web_session"))
        return "written"

    answer = app.test_client().get("/write")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert "Nothing you saved is lost. Try again in a minute." in answer.text

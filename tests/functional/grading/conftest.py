"""Grading over the fake engine and the fake LMS, through HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from config.settings import Settings, load_settings
from lti_tool.kernel.runtime import Runtime
from tests.conftest import BASE_URL
from tests.factories.grading import Someone, sign_in
from tests.fakes.grading_fixtures import engine, learner, lms, other, place, plugins, teacher
from tests.fakes.hub import FakeHub, running_hub

__all__ = ["engine", "learner", "lms", "other", "place", "plugins", "teacher"]


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    """JupyterHub."""
    with running_hub() as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path, database_url: str, hub: FakeHub) -> Settings:
    """Settings that know the Hub."""
    return load_settings(
        base_url=BASE_URL,
        data_dir=tmp_path / "var",
        secret_key="a secret for tests only, long enough to sign with",
        database={"url": database_url},
        lti={"allow_private_hosts": True},
        hub={"api_url": hub.api_url, "service_token": "the hub's own token"},
        grading={"max_submission_bytes": 200_000},
    )


class Browser:
    """A signed-in browser in the frame of one activity."""

    def __init__(self, app: Flask, who: Someone, course_slug: str) -> None:
        self.client: FlaskClient = app.test_client()
        self.prefix = sign_in(app, who, course_slug)

    def get(self, path: str, **more: Any) -> Any:
        return self.client.get(self._path(path), base_url=BASE_URL, **more)

    def post(self, path: str, **more: Any) -> Any:
        return self.client.post(self._path(path), base_url=BASE_URL, **more)

    def _path(self, path: str) -> str:
        return path if path.startswith("/s/") else self.prefix + path


@pytest.fixture
def browse(app: Flask) -> Any:
    """`browse(someone)` → their browser."""
    return lambda who, course_slug="notebooks-101": Browser(app, who, course_slug)


@contextmanager
def counted(runtime: Runtime) -> Iterator[list[str]]:
    """The statements that are executed meanwhile."""
    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    event.listen(runtime.db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(runtime.db.engine, "before_cursor_execute", note)

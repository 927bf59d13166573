"""Fixtures for every test: settings, plugins, runtime, app, client. COURSEBRIDGE_TEST_DATABASE chooses the database.

A test package that needs other plugins overrides the fixture `plugins`; nothing else has to change.
"""

import gc
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.orm import Session

from config.settings import Settings, load_settings
from grading import releasing_apart
from lti_tool.app.factory import GARBAGE, build_app
from lti_tool.app.process import make_router
from lti_tool.contract import Plugin, load_plugins
from lti_tool.kernel.runtime import Runtime, make_runtime
from tests import quickening
from tests.databases import empty_database, with_tables
from tests.fakes.contents import stub_contents_plugin
from tests.servers import running_postgresql

BASE_URL = "https://localhost"
quickening.quicken()

LOCAL = ("127.0.0.1", "::1", "localhost")
ONE_DATABASE = (
    *("browser", "functional/demo", "functional/engine", "functional/exchange", "functional/hub"),
    *("functional/files/test_in_browser.py", "functional/singleuser"),
)
"""Folders whose tests do not depend on the tool's database: they run once, like unit tests without one."""
WITH_BROWSER = (
    *("browser", "functional/hub", "functional/singleuser", "functional/demo/test_in_chromium.py"),
    "functional/files/test_in_browser.py",
)
"""Where a test that waited for a browser in vain is run once more; the summary names it (`RERUN`)."""
SECOND_CHANCE = (r"Timeout \(>", r"Timeout \d+ms exceeded", r"Locator expected", r"Page expected")
"""No answer for five minutes, or not in time: the machine is slow, or Playwright has lost a frame of another site."""
BROWSER_PATIENCE_MS = 30_000
LONG = ("durability", "browser", "functional/hub", "functional/singleuser", "functional/courses/test_import.py")
"""Where few tests take long each."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs once, and begin with what takes long: two processes then end at about the same time."""
    items.sort(key=lambda item: _place_in(LONG, item.path))
    for item in items:
        is_unit = _place_in(("unit",), item.path) == 0
        is_plain = is_unit and "database_url" not in getattr(item, "fixturenames", ())
        if is_plain or _place_in(ONE_DATABASE, item.path) < len(ONE_DATABASE):
            item.add_marker(pytest.mark.one_database)
        if _place_in(WITH_BROWSER, item.path) < len(WITH_BROWSER):
            item.add_marker(pytest.mark.flaky(reruns=1, only_rerun=[*SECOND_CHANCE]))


@cache
def _place_in(folders: tuple[str, ...], path: Path) -> int:
    """The number of the first that holds the file; as many as there are when none does."""
    tests = Path(__file__).parent
    return next((at for at, folder in enumerate(folders) if path.is_relative_to(tests / folder)), len(folders))


def pytest_collection_finish() -> None:
    """What is imported by now and is to be kept to itself, to be patient, or to be left alone."""
    # JupyterHub's models listen to every SQLAlchemy session of the process, which only tests share with the tool
    if orm := sys.modules.get("jupyterhub.orm"):
        event.remove(Session, "persistent_to_deleted", orm._notify_deleted_relationships)
    if playwright := sys.modules.get("playwright.sync_api"):
        playwright.expect.set_options(timeout=BROWSER_PATIENCE_MS)  # 5 s are few on a busy machine
    gc.collect()  # as the web application does: modules stay, and more garbage comes together
    gc.freeze()
    gc.set_threshold(GARBAGE)


@pytest.fixture(autouse=True)
def no_outside_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches beyond this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in LOCAL:
            raise OSError(f"A test tried to reach {address[0]}.")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def no_outer_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer's shell sets does not reach the tests."""
    for name in [name for name in os.environ if name.startswith("COURSEBRIDGE_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def keys_are_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making a signing key takes 100 ms."""
    quickening.use_ready_keys(monkeypatch)


@pytest.fixture(autouse=True)
def releases_are_made_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of its own loads nbgrader for each release, three seconds that the tests' process has spent already."""
    if request.node.get_closest_marker("releases_apart") is None:
        monkeypatch.setattr(releasing_apart, "_in_its_own_process", releasing_apart._install)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """URL of a PostgreSQL server with `{database}` left open."""
    with running_postgresql() as url:
        yield url


@pytest.fixture
def plugins() -> list[Plugin]:
    """What is loaded: LTI and a stub with one course to place."""
    return [*load_plugins(["lti_tool.lti"]), stub_contents_plugin()]


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a database of this test alone, empty."""
    with empty_database(request, tmp_path) as url:
        yield url


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings that reach a platform on this machine."""
    return make_settings(tmp_path, database_url)


@pytest.fixture
def runtime(settings: Settings, plugins: list[Plugin], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """A runtime over a database with every table of the loaded plugins."""
    with running(settings, plugins, tmp_path_factory) as made:
        yield made


@pytest.fixture
def app(runtime: Runtime, plugins: list[Plugin]) -> Flask:
    """The web application; its test client speaks https."""
    return make_app(runtime, plugins)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """One browser, so to speak: it keeps cookies and follows nothing by itself."""
    return app.test_client()


def make_settings(folder: Path, database_url: str) -> Settings:
    """Settings for tests, with data below a folder."""
    return load_settings(
        base_url=BASE_URL,
        data_dir=folder / "var",
        secret_key="a secret for tests only, long enough to sign with",
        database={"url": database_url},
        lti={"allow_private_hosts": True},
    )


@contextmanager
def running(settings: Settings, plugins: list[Plugin], factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """A runtime over fresh tables."""
    with with_tables(settings.database.url, factory):
        made = make_runtime(settings)
        quickening.share_statements(made.db)
        made.db.router = make_router(plugins)
        yield made
        made.http.close()
        made.db.close()


def make_app(runtime: Runtime, plugins: list[Plugin]) -> Flask:
    """The web application; its test client speaks https."""
    app = build_app(runtime, plugins)
    app.jinja_env.bytecode_cache = quickening.BYTECODE
    app.config["PREFERRED_URL_SCHEME"] = "https"
    return app

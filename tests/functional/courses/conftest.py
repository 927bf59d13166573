"""The plugin over the real engine: a course folder made by code, imported, and browsers with sessions."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from config.settings import DEFAULT_PLUGINS
from lti_tool.contract import Plugin, load_plugins
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.courses.importer import Imported, import_course
from tests.conftest import BASE_URL, make_settings, running
from tests.databases import empty_database
from tests.factories.course_folders import write_folder
from tests.factories.grading import Place, Someone, make_person, make_place, sign_in

SLUG = "trees"
Import = Callable[..., Imported]


@pytest.fixture
def plugins() -> list[Plugin]:
    """What runs by default."""
    return load_plugins(DEFAULT_PLUGINS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound course folder."""
    return write_folder(tmp_path / "trees")


@pytest.fixture
def run_import(runtime: Runtime, folder: Path) -> Import:
    """`run_import(changes)`: change files of the folder, then import it."""

    def run(changes: Mapping[str, bytes | str | None] | None = None, **options: Any) -> Imported:
        for name, body in (changes or {}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if body is None:
                (folder / name).unlink()
            else:
                (folder / name).write_bytes(body if isinstance(body, bytes) else body.encode())
        return import_course(runtime, folder, **options)

    return run


@pytest.fixture
def place(runtime: Runtime) -> Place:
    """An LMS course."""
    with runtime.db.transaction() as tx:
        return make_place(tx, slug=SLUG)


@pytest.fixture
def elsewhere(
    request: pytest.FixtureRequest, tmp_path: Path, plugins: list[Plugin], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runtime]:
    """Another installation, with an empty database."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    with empty_database(request, folder) as url, running(make_settings(folder, url), plugins, tmp_path_factory) as made:
        yield made


class Browser:
    """A signed-in browser in the frame of an activity."""

    def __init__(self, app: Flask, who: Someone, course_slug: str) -> None:
        self.client: FlaskClient = app.test_client()
        self.prefix = sign_in(app, who, course_slug)

    def get(self, path: str, **more: Any) -> Any:
        return self.client.get(path if path.startswith("/s/") else self.prefix + path, base_url=BASE_URL, **more)

    def post(self, path: str, **more: Any) -> Any:
        return self.client.post(self.prefix + path, base_url=BASE_URL, **more)


@pytest.fixture
def someone(runtime: Runtime, place: Place) -> Callable[[Role], Someone]:
    """`someone(role)` → a person."""

    def make(role: Role = Role.LEARNER) -> Someone:
        with runtime.db.transaction() as tx:
            return make_person(tx, place, role.value, role)

    return make


@pytest.fixture
def browse(app: Flask, someone: Callable[[Role], Someone]) -> Callable[..., Browser]:
    """`browse(role or person, course)` → their browser."""

    def make(who: Role | Someone = Role.LEARNER, course_slug: str = SLUG) -> Browser:
        return Browser(app, someone(who) if isinstance(who, Role) else who, course_slug)

    return make

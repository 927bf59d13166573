"""One tool for all tests of a module: what makes them quick. Everybody who looks is somebody new."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from config.settings import DEFAULT_PLUGINS
from lti_tool.contract import Plugin, load_plugins
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.courses.importer import import_course
from tests.conftest import make_app, make_settings, running
from tests.databases import empty_database
from tests.factories.course_folders import write_folder
from tests.factories.grading import Place, Someone, make_place
from tests.functional.courses.conftest import SLUG
from tests.functional.courses.teaching import Teacher


@pytest.fixture(scope="module")
def plugins() -> list[Plugin]:
    """What runs by default."""
    return load_plugins(DEFAULT_PLUGINS)


@pytest.fixture(scope="module")
def runtime(
    request: pytest.FixtureRequest, plugins: list[Plugin], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runtime]:
    """The tool, without a course."""
    data = tmp_path_factory.mktemp("tool")
    with empty_database(request, data) as url, running(make_settings(data, url), plugins, tmp_path_factory) as made:
        yield made


@pytest.fixture(scope="module")
def app(runtime: Runtime, plugins: list[Plugin]) -> Flask:
    """Its pages."""
    return make_app(runtime, plugins)


@pytest.fixture(scope="module")
def place(runtime: Runtime) -> Place:
    """An LMS course."""
    with runtime.db.transaction() as tx:
        return make_place(tx, slug=SLUG)


@pytest.fixture(scope="module")
def trees(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The sound course folder, imported."""
    import_course(runtime, write_folder(tmp_path_factory.mktemp("trees")))


@pytest.fixture
def ada(app: Flask, someone: Callable[..., Someone]) -> Teacher:
    """A teacher of the course."""
    return Teacher(app, someone(Role.TEACHER), SLUG)


@pytest.fixture
def learner(app: Flask, someone: Callable[..., Someone]) -> Teacher:
    """A learner of it."""
    return Teacher(app, someone(Role.LEARNER), SLUG)

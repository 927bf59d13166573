"""One tool and one campus of each kind for all these tests: nearly all must leave no trace, and are checked for it."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from lti_tool.contract import Plugin, load_plugins
from lti_tool.demo.model import Activity, Tool
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel.runtime import Runtime
from tests.conftest import BASE_URL, make_app, make_settings, running
from tests.databases import empty_database
from tests.fakes.contents import stub_contents_plugin
from tests.fakes.launching import Launcher, register_campus
from tests.lti_conformance.refusals import Refusals
from tests.quickening import use_ready_keys


@pytest.fixture(scope="session", autouse=True)
def keys_are_ready() -> Iterator[None]:
    """One tool for all these tests: its second key is another one than its first, whichever test makes it."""
    with pytest.MonkeyPatch.context() as patch:
        use_ready_keys(patch)
        yield


@pytest.fixture(scope="session")
def shared_plugins() -> list[Plugin]:
    return [*load_plugins(["lti_tool.lti"]), stub_contents_plugin()]


@pytest.fixture(scope="session")
def shared_runtime(
    request: pytest.FixtureRequest, shared_plugins: list[Plugin], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runtime]:
    folder = tmp_path_factory.mktemp("conformance")
    with (
        empty_database(request, folder) as url,
        running(make_settings(folder, url), shared_plugins, tmp_path_factory) as runtime,
    ):
        yield runtime


@pytest.fixture(scope="session")
def shared_app(shared_runtime: Runtime, shared_plugins: list[Plugin]) -> Flask:
    return make_app(shared_runtime, shared_plugins)


@pytest.fixture(scope="session")
def campuses(shared_runtime: Runtime) -> Iterator[dict[str, tuple[CampusServer, Tool]]]:
    with CampusServer("moodle") as moodle, CampusServer("canvas") as canvas:
        canvas.rotate_keys(keep_old=False)  # test campuses begin with one and the same key
        found = {}
        for name, campus in (("moodle", moodle), ("canvas", canvas)):
            tool = campus.add_tool(BASE_URL, deployment_id="1")
            register_campus(shared_runtime, campus, tool)
            found[name] = (campus, tool)
        yield found


@pytest.fixture
def runtime(shared_runtime: Runtime) -> Runtime:
    return shared_runtime


@pytest.fixture(params=["moodle"])
def campus(request: pytest.FixtureRequest, campuses: dict[str, tuple[CampusServer, Tool]]) -> CampusServer:
    return campuses[request.param][0]


@pytest.fixture
def client(shared_app: Flask) -> FlaskClient:
    return shared_app.test_client()


@pytest.fixture
def quiz(campus: CampusServer) -> Activity:
    return campus.add_activity("First quiz", custom={"coursebridge_item": "courses/demo/quiz-1"}, points=10)


@pytest.fixture
def launcher(client: FlaskClient, campus: CampusServer) -> Launcher:
    return Launcher(client, campus)


@pytest.fixture
def refused(runtime: Runtime) -> Refusals:
    return Refusals(runtime)


@pytest.fixture
def other_browser(shared_app: Flask, campus: CampusServer) -> Launcher:
    return Launcher(shared_app.test_client(), campus)

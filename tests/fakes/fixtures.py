"""Fixtures of the tests that launch from a campus."""

import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from lti_tool.demo.model import Activity, Tool
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel.runtime import Runtime
from tests.conftest import BASE_URL
from tests.fakes.launching import Launcher, register_campus


@pytest.fixture(params=["moodle"])
def campus(request: pytest.FixtureRequest) -> Iterator[CampusServer]:
    """A strict LMS on a port of its own; tests that concern both kinds parametrise it."""
    with CampusServer(request.param) as server:
        yield server


@pytest.fixture
def served(app: Flask) -> Iterator[str]:
    """Base URL of the tool on a port: platforms read its keys there."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def tool(campus: CampusServer, served: str) -> Tool:
    """The tool as the campus knows it."""
    return campus.add_tool(BASE_URL, jwks_url=f"{served}/lti/jwks")


@pytest.fixture
def registration_id(runtime: Runtime, campus: CampusServer, tool: Tool) -> int:
    """The campus as the tool knows it."""
    return register_campus(runtime, campus, tool)


@pytest.fixture
def quiz(campus: CampusServer, registration_id: int) -> Activity:
    """An activity that shows the stub course's quiz, with a column."""
    return campus.add_activity("First quiz", custom={"coursebridge_item": "courses/demo/quiz-1"}, points=10)


@pytest.fixture
def launcher(client: FlaskClient, campus: CampusServer, registration_id: int) -> Launcher:
    """A browser."""
    return Launcher(client, campus)

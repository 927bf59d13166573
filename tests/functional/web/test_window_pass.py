"""A form that posts into a new window, where the frame's cookie is not sent."""

import re

import pytest
from flask import Blueprint, Flask, Response, render_template_string
from flask.testing import FlaskClient

from lti_tool.contract import Plugin
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.web.session import BROWSER_COOKIE, SignedIn, current_session, session_path, start_session

PAGE = (
    "{% import 'components.html' as ui %}"
    "{{ ui.post_button('Open', url_for('window.opened'), new_window=true) }}{{ ui.post_button('Save', '/x') }}"
)


@pytest.fixture
def plugins() -> list[Plugin]:
    blueprint = Blueprint("window", __name__)

    @blueprint.get("/page")
    def page() -> str:
        current_session()
        return render_template_string(PAGE)

    @blueprint.route("/opened", methods=["GET", "POST"])
    def opened() -> Response:
        return Response(current_session().display_name)

    @blueprint.post("/other")
    def other() -> Response:
        return Response(current_session().display_name)

    return [Plugin(name="window", summary="For tests", blueprints=(blueprint,))]


@pytest.fixture
def prefix(app: Flask, runtime: Runtime) -> str:
    """A session bound to a browser whose cookie is `frame`."""
    ada = SignedIn(1, 1, 1, 1, "demo", Role.LEARNER, "Ada", "u-1", "Course", "LMS", "", "", "en")
    with app.app_context(), runtime.db.transaction() as tx:
        return session_path(start_session(tx, ada, "frame"), "")


@pytest.fixture
def window_pass(client: FlaskClient, prefix: str) -> str:
    client.set_cookie(BROWSER_COOKIE, "frame", domain="localhost", secure=True)
    page = client.get(f"{prefix}/page", base_url="https://localhost").text
    client.delete_cookie(BROWSER_COOKIE, domain="localhost")
    found = re.findall(r'name="window_pass" value="([^"]+)"', page)
    assert len(found) == 1
    return str(found[0])


def test_the_pass_opens_its_own_address_without_the_cookie(client: FlaskClient, prefix: str, window_pass: str) -> None:
    answer = client.post(f"{prefix}/opened", data={"window_pass": window_pass}, base_url="https://localhost")
    assert (answer.status_code, answer.text) == (200, "Ada")


def test_without_pass_or_cookie_the_session_does_not_open(client: FlaskClient, prefix: str, window_pass: str) -> None:
    assert client.post(f"{prefix}/opened", base_url="https://localhost").status_code == 401
    assert client.get(f"{prefix}/opened?window_pass={window_pass}", base_url="https://localhost").status_code == 401


def test_the_pass_opens_no_other_address_and_no_other_session(
    app: Flask, runtime: Runtime, client: FlaskClient, prefix: str, window_pass: str
) -> None:
    data = {"window_pass": window_pass}
    assert client.post(f"{prefix}/other", data=data, base_url="https://localhost").status_code == 401
    ben = SignedIn(2, 1, 1, 1, "demo", Role.LEARNER, "Ben", "u-2", "Course", "LMS", "", "", "en")
    with app.app_context(), runtime.db.transaction() as tx:
        other = session_path(start_session(tx, ben, "another"), "")
    assert client.post(f"{other}/opened", data=data, base_url="https://localhost").status_code == 401
    forged = {"window_pass": window_pass[:-3] + "abc"}
    assert client.post(f"{prefix}/opened", data=forged, base_url="https://localhost").status_code == 401

"""What every answer says to browsers and caches, and what no address may do."""

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from lti_tool.demo.model import Activity
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel import clock
from lti_tool.kernel.runtime import Runtime
from lti_tool.web.assets import list_assets
from tests.conftest import BASE_URL
from tests.factories.grading import KEY, NAME, SLUG, Someone
from tests.fakes.hub import FakeHub
from tests.fakes.launching import FRAME, Launcher
from tests.functional.grading.test_api import API, QUIZ, handing_in

OWN = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "document"}


class TestHeaders:
    @pytest.mark.parametrize("path", ["/healthz", "/no/such/page", "/lti/jwks", "/api/v1/courses", "/lti/login"])
    def test_https_is_remembered(self, client: FlaskClient, path: str) -> None:
        assert client.get(path, base_url=BASE_URL).headers["Strict-Transport-Security"] == "max-age=31536000"

    def test_redirect_with_a_session_in_it_is_kept_by_no_cache(self, browse: Any, teacher: Someone) -> None:
        browser = browse(teacher)
        answer = browser.get(f"/grading/{SLUG}/{NAME}")
        assert answer.status_code == 303 and browser.prefix in answer.headers["Location"]
        assert answer.headers["Cache-Control"] == "no-store"

    def test_missing_static_file_is_not_kept_for_a_year(self, client: FlaskClient) -> None:
        assert client.get("/static/of-the-next-release.css").headers["Cache-Control"] == "no-store"
        hashed = list_assets()["app.css"].hashed_name
        assert "immutable" in client.get(f"/static/{hashed}").headers["Cache-Control"]


class TestWindow:
    """A link into a session must not be something that a stranger can have somebody open."""

    @pytest.fixture
    def code(self, launcher: Launcher, campus: CampusServer, registration_id: int) -> str:
        """Of Ada, who would like Ben to work in her name."""
        empty: Activity = campus.add_activity("Empty")
        page = launcher.client.get(launcher.open("ada", empty), headers=FRAME).text
        found = re.search(r'action="([^"]*/lti/window\?[^"]*)"', page)
        assert found
        answer = launcher.client.post(found[1].replace("&amp;", "&"), headers=OWN)
        return answer.headers["Location"]

    @pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
    def test_link_from_elsewhere_does_not_open_it(self, code: str, app: Flask, site: str) -> None:
        answer = app.test_client().get(code, headers={"Sec-Fetch-Site": site})
        assert answer.status_code == 403
        assert "Set-Cookie" not in answer.headers

    def test_new_window_lives_no_longer_than_the_session(self, code: str, app: Flask, runtime: Runtime) -> None:
        window = app.test_client()
        with clock.frozen(clock.now()):
            clock.advance(30)
            path = window.get(code, headers=OWN).headers["Location"]
            clock.advance(runtime.settings.web.session_hours * 3600 - 29)
            assert window.get(path, headers=OWN).status_code == 401


class TestOddInput:
    """A refusal is a 4xx."""

    @pytest.fixture
    def token(self, hub: FakeHub, learner: Someone) -> dict[str, str]:
        return {"Authorization": f"Bearer {hub.token_of(learner.hub_name)}"}

    def test_nul_in_an_address(self, client: FlaskClient, token: dict[str, str], browse: Any, learner: Someone) -> None:
        assert client.get(f"{API}/courses/{KEY}/assignments/a%00b/release", headers=token).status_code == 404
        assert browse(learner).get(f"/grading/{SLUG}/a%00b").status_code == 404

    def test_body_nested_too_deeply(self, client: FlaskClient, token: dict[str, str]) -> None:
        body = '{"files": ' + "[" * 200_000
        answer = client.post(f"{QUIZ}/submissions", data=body, headers=token, content_type="application/json")
        assert answer.status_code == 422

    @pytest.mark.parametrize("request_id", ["nul\0inside", "lone\ud800surrogate", "line\nbreaks", "x" * 65, "short"])
    def test_odd_request_id(self, client: FlaskClient, token: dict[str, str], request_id: str) -> None:
        answer = client.post(f"{QUIZ}/submissions", json=handing_in(request_id), headers=token)
        assert answer.status_code == 422

    @pytest.mark.parametrize(
        "name", ["../up.py", "/etc/passwd", "a\0b", "a\\b", "a//b", "invoice\u202efdp.exe", "\u2066x"]
    )
    def test_name_that_misleads_or_leaves_its_folder(
        self, client: FlaskClient, token: dict[str, str], name: str
    ) -> None:
        body = handing_in()
        body["files"].append({"path": name, "content_b64": ""})
        assert client.post(f"{QUIZ}/submissions", json=body, headers=token).status_code == 422

    def test_nul_in_marks_changed(self, client: FlaskClient, hub: FakeHub, teacher: Someone) -> None:
        headers = {"Authorization": f"Bearer {hub.token_of(teacher.hub_name)}"}
        body = {"assignment": "a\0", "learner": None}
        assert client.post(f"{API}/courses/{KEY}/marks-changed", json=body, headers=headers).status_code == 422

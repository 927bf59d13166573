"""The happy path against lti1p3platform, a platform that shares no code with our own demo LMS."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from flask.testing import FlaskClient
from lti1p3platform.ltiplatform import LTI1P3PlatformConfAbstract
from lti1p3platform.message_launch import LTIAdvantageMessageLaunchAbstract
from lti1p3platform.oidc_login import OIDCLoginAbstract
from lti1p3platform.registration import Registration
from lti1p3platform.score import ActivityProgress, GradeProgress
from sqlalchemy import select
from werkzeug.test import TestResponse

from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.ags import send_score
from lti_tool.lti.keys import list_published_keys
from lti_tool.lti.models import Link, User
from lti_tool.lti.models import Registration as Row
from lti_tool.lti.registrations import PlatformFacts, add_registration
from lti_tool.lti.scores import Score
from lti_tool.lti.tokens import get_token
from tests.fakes.launching import FRAME, query_of
from tests.functional.lti.test_deep_linking import field, form_action

MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership#"
QUIZ = "courses/demo/quiz-1"
SCORE_SCOPE = "https://purl.imsglobal.org/spec/lti-ags/scope/score"


class Platform(LTI1P3PlatformConfAbstract):
    """Configuration as that library wants it."""

    def init_platform_config(self, **kwargs: Any) -> None:
        private = rsa.generate_private_key(65537, 2048)
        registration = Registration()
        registration.set_platform_private_key(
            private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode()
        )
        registration.set_platform_public_key(
            private.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )
        registration.set_client_id("independent").set_deployment_id("one")
        registration.set_launch_url("https://localhost/lti/launch")
        registration.set_deeplink_launch_url("https://localhost/lti/launch")
        registration.set_oidc_login_url("https://localhost/lti/login")
        self._registration = registration
        self.scores: list[dict[str, Any]] = []

    def get_registration_by_params(self, **kwargs: Any) -> Registration:
        assert self._registration
        return self._registration


class Login(OIDCLoginAbstract):
    def set_lti_message_hint(self, **kwargs: Any) -> None:
        self._lti_message_hint = "link-1"

    def get_redirect(self, url: str) -> str:
        return url


class Launch(LTIAdvantageMessageLaunchAbstract):
    def render_launch_form(self, launch_data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        return launch_data


class Request:
    def __init__(self, data: dict[str, str]) -> None:
        self.get_data = data
        self.form_data: dict[str, str] = {}


@pytest.fixture
def platform() -> Iterator[Platform]:
    made = Platform()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(made.get_jwks())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if self.path == "/token":
                self._answer(made.get_access_token(query_of("?" + body)))
                return
            assert self.path == "/items/1/scores"
            assert self.headers["Content-Type"] == "application/vnd.ims.lis.v1.score+json"
            assert made.validate_token(self.headers["Authorization"].removeprefix("Bearer "), [SCORE_SCOPE])
            made.scores.append(json.loads(body))
            self._answer({})

        def _answer(self, document: Any) -> None:
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    made.get_registration().set_iss(f"http://127.0.0.1:{server.server_port}")
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def row(platform: Platform, runtime: Runtime) -> Row:
    base = platform.get_registration().get_iss() or ""
    facts = PlatformFacts("Independent", base, "independent", base + "/auth", base + "/token", base + "/jwks", ("one",))
    with runtime.db.transaction() as tx:
        return add_registration(tx, facts, allow_http=True)


def send(platform: Platform, client: FlaskClient, role: str, describe: Callable[[Launch], object]) -> TestResponse:
    """A login and a launch of Ida's, made by that library; what `describe` sets says of what."""
    login = Login(Request({}), platform)
    login.set_lti_message_hint()
    parts = urlsplit(login.initiate_login("user-7"))
    asked = query_of(client.get(f"{parts.path}?{parts.query}", headers=FRAME).headers["Location"])
    launch = Launch(Request(asked), platform)
    launch.set_user_data("user-7", [MEMBERSHIP + role], full_name="Independent Ida")
    launch.set_launch_context_claim("course-1", [], "Course", "C1")
    describe(launch)
    form = launch.lti_launch()
    assert form["launch_url"] == "https://localhost/lti/launch"
    answer = client.post("/lti/launch", data={"id_token": form["id_token"], "state": form["state"]}, headers=FRAME)
    assert answer.status_code == 303, answer.text
    return client.get(answer.headers["Location"])


def describe_quiz(launch: Launch) -> None:
    base = launch._platform_config.get_registration().get_iss() or ""
    launch.set_resource_link_claim("link-1", title="Quiz")
    launch.set_custom_parameters_claim({"coursebridge_item": QUIZ})
    launch.set_ags(base + "/items", base + "/items/1")


def test_learner_launches(platform: Platform, row: Row, client: FlaskClient) -> None:
    page = send(platform, client, "Learner", describe_quiz)

    assert page.text == f"{QUIZ}\nIndependent Ida\nlearner\n"


def test_teacher_picks_a_quiz(platform: Platform, row: Row, runtime: Runtime, client: FlaskClient) -> None:
    platform.get_registration().set_tool_key_set({"keys": list_published_keys(runtime)})
    back = (platform.get_registration().get_iss() or "") + "/picked"

    picker = send(platform, client, "Instructor", lambda launch: launch.set_dl(back))
    answer = client.post(picker.request.path, data={"item": [QUIZ]})

    assert form_action(answer.text) == back
    (item,) = platform.validate_deeplinking_resp({"JWT": field(answer.text, "JWT")})
    assert item["custom"] == {"coursebridge_item": QUIZ}
    assert item["lineItem"]["scoreMaximum"] == 13


def test_score_arrives(platform: Platform, row: Row, runtime: Runtime, client: FlaskClient) -> None:
    platform.get_registration().set_tool_key_set({"keys": list_published_keys(runtime)})
    send(platform, client, "Learner", describe_quiz)
    with runtime.db.reading() as tx:
        user_id = tx.scalars(select(User.id).where(User.registration_id == row.id)).one()
        link_id = tx.scalars(select(Link.id).where(Link.registration_id == row.id)).one()

    given = Score(
        Decimal("7.5"), Decimal(13), "Submitted", "FullyGraded", datetime(2026, 3, 1, tzinfo=UTC), "", True, None
    )
    send_score(runtime, link_id, user_id, given, after=None)

    (score,) = platform.scores
    assert (score["userId"], score["scoreGiven"], score["scoreMaximum"]) == ("user-7", 7.5, 13)
    assert ActivityProgress(score["activityProgress"]) and GradeProgress(score["gradingProgress"])


def test_platform_gives_a_token_for_our_assertion(platform: Platform, row: Row, runtime: Runtime) -> None:
    platform.get_registration().set_tool_key_set({"keys": list_published_keys(runtime)})
    token = get_token(runtime, row, [SCORE_SCOPE])
    assert platform.validate_token(token, [SCORE_SCOPE])
    assert get_token(runtime, row, [SCORE_SCOPE]) == token

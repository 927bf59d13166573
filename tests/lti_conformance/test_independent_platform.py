"""The happy path against lti1p3platform, a platform that shares no code with our own demo LMS."""

import json
import threading
from collections.abc import Iterator
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

from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.keys import list_published_keys
from lti_tool.lti.models import Registration as Row
from lti_tool.lti.registrations import PlatformFacts, add_registration
from lti_tool.lti.tokens import get_token
from tests.fakes.launching import FRAME, query_of

LEARNER = "http://purl.imsglobal.org/vocab/lis/v2/membership#Learner"


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
        registration.set_oidc_login_url("https://localhost/lti/login")
        self._registration = registration

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
            self._answer(made.get_access_token(query_of("?" + body)))

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


def test_learner_launches(platform: Platform, row: Row, client: FlaskClient) -> None:
    login = Login(Request({}), platform)
    login.set_lti_message_hint()
    parts = urlsplit(login.initiate_login("user-7"))
    asked = query_of(client.get(f"{parts.path}?{parts.query}", headers=FRAME).headers["Location"])
    launch = Launch(Request(asked), platform)
    launch.set_user_data("user-7", [LEARNER], full_name="Independent Ida")
    launch.set_resource_link_claim("link-1", title="Quiz")
    launch.set_launch_context_claim("course-1", [], "Course", "C1")
    launch.set_custom_parameters_claim({"coursebridge_item": "courses/demo/quiz-1"})
    form = launch.lti_launch()
    assert form["launch_url"] == "https://localhost/lti/launch"
    answer = client.post("/lti/launch", data={"id_token": form["id_token"], "state": form["state"]}, headers=FRAME)
    assert answer.status_code == 303, answer.text
    page = client.get(answer.headers["Location"])
    assert page.text == "courses/demo/quiz-1\nIndependent Ida\nlearner\n"


def test_platform_gives_a_token_for_our_assertion(platform: Platform, row: Row, runtime: Runtime) -> None:
    platform.get_registration().set_tool_key_set({"keys": list_published_keys(runtime)})
    scope = "https://purl.imsglobal.org/spec/lti-ags/scope/score"
    token = get_token(runtime, row, [scope])
    assert platform.validate_token(token, [scope])
    assert get_token(runtime, row, [scope]) == token

"""A campus of each kind, and a small but real tool beside it that publishes keys over HTTP."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from lti_tool.demo.model import Activity, Tool
from lti_tool.demo.profiles import SERVICE_SCOPES
from lti_tool.demo.testing import CampusServer

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_KEY = RSAKey.generate_key(2048, auto_kid=True)


class SmallTool:
    """The least a tool can be: a key set on a port, and something that signs with it."""

    def __init__(self) -> None:
        self.key = _KEY
        self.jwks_status = 200
        tool = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                public = {**tool.key.as_dict(private=False), "alg": "RS256", "use": "sig"}
                body = json.dumps({"keys": [public]}).encode()
                self.send_response(tool.jwks_status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join(5)
        self.server.server_close()

    def sign(
        self, claims: dict[str, Any], *, kid: str | None = "", alg: str = "RS256", key: RSAKey | None = None
    ) -> str:
        header = {"alg": alg, "kid": self.key.kid if kid == "" else kid}
        if kid is None:
            del header["kid"]
        return jwt.encode(header, claims, key or self.key, algorithms=[alg])


class Installed:
    """A campus with the small tool registered and one graded activity, and the tool's side of the services."""

    def __init__(self, campus: CampusServer, small: SmallTool) -> None:
        self.campus = campus
        self.small = small
        self.tool: Tool = campus.add_tool(small.url)
        self.activity: Activity = campus.add_activity("Quiz 1", points=10, resource_id="quiz-1", tag="grade")
        self.http = httpx.Client(trust_env=False, timeout=120)
        self._token = ""

    def assertion(self, **changes: Any) -> dict[str, Any]:
        now = self.campus.clock.now()
        claims = {
            "iss": self.tool.client_id,
            "sub": self.tool.client_id,
            "aud": self.campus.token_url,
            "iat": int(now) - 1,
            "exp": int(now) + 60,
            "jti": uuid.uuid4().hex,
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def ask_token(
        self, assertion: str | None = None, scope: str = " ".join(SERVICE_SCOPES), **form: str
    ) -> httpx.Response:
        fields = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion or self.small.sign(self.assertion()),
            "scope": scope,
            **form,
        }
        return self.http.post(self.campus.token_url, data=fields)

    def bearer(self, scope: str = " ".join(SERVICE_SCOPES)) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.ask_token(scope=scope).json()['access_token']}"}

    @property
    def item_url(self) -> str:
        return self.campus.campus.line_item_url(self.tool, self.campus.line_items(self.activity)[0])

    @property
    def items_url(self) -> str:
        return self.campus.campus.line_items_url(self.tool)

    def under_item(self, tail: str) -> str:
        path, mark, query = self.item_url.partition("?")
        return f"{path}/{tail}{mark}{query}"

    def score(
        self, user: str = "ada", *, media: str = "application/vnd.ims.lis.v1.score+json", **changes: Any
    ) -> httpx.Response:
        person = self.campus.campus.store.find_person(user)
        body = {
            "userId": person.sub if person else user,
            "timestamp": "2030-01-01T10:00:00.000+00:00",
            "scoreGiven": 8,
            "scoreMaximum": 10,
            "activityProgress": "Completed",
            "gradingProgress": "FullyGraded",
            **changes,
        }
        body = {name: value for name, value in body.items() if value is not None}
        if not self._token:
            self._token = self.bearer()["Authorization"]
        headers = {"Authorization": self._token, "Content-Type": media}
        return self.http.post(self.under_item("scores"), content=json.dumps(body), headers=headers)

    def final(self, user: str = "ada") -> float | None:
        grade = self.campus.grade(user, self.activity)
        return grade.final if grade else None


def _installed(profile: str) -> Iterator[Installed]:
    small = SmallTool()
    with CampusServer(profile) as campus:
        installed = Installed(campus, small)
        yield installed
        installed.http.close()
    small.close()


@pytest.fixture
def moodle() -> Iterator[Installed]:
    yield from _installed("moodle")


@pytest.fixture
def canvas() -> Iterator[Installed]:
    yield from _installed("canvas")


@pytest.fixture(params=["moodle", "canvas"])
def either(request: pytest.FixtureRequest) -> Iterator[Installed]:
    yield from _installed(request.param)

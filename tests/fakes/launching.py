"""A browser between a campus (the strict demo LMS) and the tool: the steps of a launch, one by one."""

import html
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from lti_tool.demo.model import Activity, Tool
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.registrations import PlatformFacts, add_registration
from lti_tool.web.session import BROWSER_COOKIE

FRAME = {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}

OWN_PAGE = {"Origin": "https://localhost", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "iframe"}


def register_campus(runtime: Runtime, campus: CampusServer, tool: Tool, **changes: Any) -> int:
    """Make the campus known to the tool; returns the registration's id."""
    facts: dict[str, Any] = {
        "name": "Campus",
        "issuer": campus.issuer,
        "client_id": tool.client_id,
        "auth_url": campus.auth_url,
        "token_url": campus.token_url,
        "jwks_url": campus.jwks_url,
        "deployment_ids": (tool.deployment_id,),
        **changes,
    }
    with runtime.db.transaction() as tx:
        return add_registration(tx, PlatformFacts(**facts), allow_http=True).id


class Launcher:
    """One browser (a test client with its cookies) at one campus."""

    def __init__(self, client: FlaskClient, campus: CampusServer) -> None:
        self.client = client
        self.campus = campus

    def login(self, username: str, activity: Activity | None, *, tool: Tool | None = None, **options: Any) -> str:
        """Begin; returns the authentication URL that the tool sends the browser to."""
        form = self.campus.start_launch(username, activity, tool=tool, **options)
        return self.begin(form.fields)

    def begin(self, fields: Mapping[str, Any]) -> str:
        """The login of these parameters, up to the authentication URL, in a browser that runs no scripts."""
        answer = self.client.post("/lti/login", data=dict(fields), headers=FRAME)
        if answer.status_code == 200:  # the platform's storage does not answer
            answer = self.client.get(script_data(answer.text)["silent-url"], headers=FRAME)
        if answer.headers.get("Location", "").startswith("/lti/login"):
            answer = self.client.get(answer.headers["Location"], headers=FRAME)
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]

    def launch(
        self,
        username: str,
        activity: Activity | None,
        *,
        tool: Tool | None = None,
        headers: Mapping[str, str] = FRAME,
        **options: Any,
    ) -> TestResponse:
        """The whole honest way; returns the answer to the launch."""
        form = self.campus.authorize(username, self.login(username, activity, tool=tool, **options))
        return self.client.post("/lti/launch", data=dict(form.fields), headers=headers)

    def open(self, username: str, activity: Activity | None, **options: Any) -> str:
        """Launch and return the path of the page it ends on."""
        answer = self.launch(username, activity, **options)
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]

    def open_stored(self, username: str, activity: Activity | None) -> str:
        """The same in a frame that keeps no cookie, at a platform whose storage answers."""
        form = {**self.campus.start_launch(username, activity).fields, "lti_storage_target": "_parent"}
        told = script_data(self.client.post("/lti/login", data=form, headers=FRAME).text)
        self.client.delete_cookie(BROWSER_COOKIE)
        fields = dict(self.campus.authorize(username, told["stored-url"]).fields)
        stored = {"stored": told["secret"]}
        answer = self.client.post("/lti/launch", data={**fields, **stored}, headers=OWN_PAGE)
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]

    def launch_changed(
        self,
        username: str,
        activity: Activity | None,
        *,
        auth_url: str = "",
        form: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] = FRAME,
        **changes: Any,
    ) -> TestResponse:
        """A launch whose token is changed as `CampusServer.mint_id_token` allows, and its form as `form` says."""
        url = auth_url or self.login(username, activity)
        fields = dict(self.campus.mint_launch(username, activity, url, **changes).fields)
        merged = {**fields, **(form or {})}
        return self.client.post("/lti/launch", data={k: v for k, v in merged.items() if v is not None}, headers=headers)


def script_data(page: str) -> dict[str, str]:
    """What the page that speaks with the platform's storage says to its script."""
    part = re.search('<div[^>]* id="storage"[^>]*>', page)
    assert part
    return {name: html.unescape(value) for name, value in re.findall(r'data-([\w-]+)="([^"]*)"', part[0])}


def query_of(url: str) -> dict[str, str]:
    """The parameters of a URL."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))

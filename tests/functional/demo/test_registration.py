"""Dynamic registration as each platform does it."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from lti_tool.demo.profiles import LINE_ITEM_SCOPE, SCORE_SCOPE
from lti_tool.demo.registration import TOOL_CONFIGURATION
from tests.functional.demo.conftest import Installed


def document(**changes: Any) -> dict[str, Any]:
    tool = {
        "domain": "localhost:8400",
        "target_link_uri": "http://localhost:8400/lti/launch",
        "claims": ["sub"],
        "messages": [{"type": "LtiDeepLinkingRequest", "target_link_uri": "http://localhost:8400/lti/select"}],
        "custom_parameters": {"a": "b"},
        **changes.pop("tool", {}),
    }
    return {
        "application_type": "web",
        "grant_types": ["client_credentials", "implicit"],
        "response_types": ["id_token"],
        "redirect_uris": ["http://localhost:8400/lti/launch"],
        "initiate_login_uri": "http://localhost:8400/lti/login",
        "client_name": "Coursebridge",
        "jwks_uri": "http://localhost:8400/lti/jwks",
        "token_endpoint_auth_method": "private_key_jwt",
        "scope": f"{LINE_ITEM_SCOPE} {SCORE_SCOPE}",
        TOOL_CONFIGURATION: tool,
        **changes,
    }


def fresh(site: Installed) -> tuple[str, dict[str, str]]:
    """The configuration URL and the header that goes with it."""
    query = dict(parse_qsl(urlsplit(site.campus.registration_url("http://localhost:8400/lti/register/x?a=b")).query))
    assert query["a"] == "b"
    return query["openid_configuration"], {"Authorization": f"Bearer {query['registration_token']}"}


def register(site: Installed, **changes: Any) -> httpx.Response:
    _, headers = fresh(site)
    return site.http.post(site.campus.campus.url("/register"), json=document(**changes), headers=headers)


def test_tool_registers_itself(either: Installed) -> None:
    url, headers = fresh(either)
    config = either.http.get(url, headers=headers).json()
    assert config["issuer"] == either.campus.issuer
    assert config["authorization_endpoint"] == either.campus.auth_url
    answer = either.http.post(config["registration_endpoint"], json=document(), headers=headers)
    assert answer.status_code == 200
    body = answer.json()
    tool = either.campus.campus.store.find_tool_by_client(body["client_id"])
    assert tool is not None
    assert (tool.deep_link_url, tool.custom) == ("http://localhost:8400/lti/select", {"a": "b"})
    assert tool.scopes == (LINE_ITEM_SCOPE, SCORE_SCOPE)
    assert body["redirect_uris"] == list(tool.redirect_uris)


def test_moodle_tool_is_pending_and_knows_its_deployment(moodle: Installed, canvas: Installed) -> None:
    for site, state, has_deployment in ((moodle, "pending", True), (canvas, "active", False)):
        body = register(site).json()
        tool = site.campus.campus.store.find_tool_by_client(body["client_id"])
        assert tool is not None
        assert tool.state == state
        assert ("deployment_id" in body[TOOL_CONFIGURATION]) is has_deployment


def test_registration_token_is_needed_once_and_for_an_hour(either: Installed) -> None:
    register_url = either.campus.campus.url("/register")
    assert either.http.post(register_url, json=document()).status_code == 401
    _, headers = fresh(either)
    codes = [either.http.post(register_url, json=document(), headers=headers).status_code for _ in range(2)]
    assert codes == [200, 401]
    _, headers = fresh(either)
    either.campus.clock.advance(3601)
    assert either.http.post(register_url, json=document(), headers=headers).status_code == 401


def test_canvas_wants_the_token_to_read_the_configuration(moodle: Installed, canvas: Installed) -> None:
    assert moodle.http.get(fresh(moodle)[0]).status_code == 200
    assert canvas.http.get(fresh(canvas)[0]).status_code == 401


def test_unknown_scope_is_422_on_canvas_and_dropped_on_moodle(moodle: Installed, canvas: Installed) -> None:
    scope = f"{SCORE_SCOPE} https://example.org/scope"
    assert canvas_status(canvas, scope) == 422
    assert register(moodle, scope=scope).json()["scope"] == SCORE_SCOPE


def canvas_status(site: Installed, scope: str) -> int:
    return register(site, scope=scope).status_code


@pytest.mark.parametrize(
    "changes",
    [
        {"application_type": "native"},
        {"grant_types": ["client_credentials"]},
        {"response_types": []},
        {"redirect_uris": []},
        {"redirect_uris": "http://localhost:8400/lti/launch"},
        {"initiate_login_uri": ""},
        {"client_name": None},
        {"jwks_uri": None},
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"scope": None},
        {TOOL_CONFIGURATION: None},
        {"tool": {"domain": "localhost"}},
        {"tool": {"target_link_uri": None}},
        {"tool": {"messages": "all"}},
    ],
    ids=lambda c: "-".join(str(v)[:30] for v in c.values()),
)
def test_document_is_checked(either: Installed, changes: dict[str, Any]) -> None:
    answer = register(either, **changes)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_client_metadata"


def test_shared_issuer_serves_several_clients() -> None:
    from lti_tool.demo.testing import CampusServer

    with CampusServer("canvas", issuer="https://canvas.instructure.com") as campus:
        one, two = (campus.add_tool("http://localhost:8400", client_id=c) for c in ("one", "two"))
        forms = [campus.start_launch("ada", campus.add_activity(tool=tool)) for tool in (one, two)]
    assert {form.fields["iss"] for form in forms} == {"https://canvas.instructure.com"}
    assert [form.fields["client_id"] for form in forms] == ["one", "two"]
    assert one.deployment_id != two.deployment_id

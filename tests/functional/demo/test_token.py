"""The token endpoint and what a token opens."""

from __future__ import annotations

import pytest
from joserfc.jwk import RSAKey

from lti_tool.demo.profiles import LINE_ITEM_SCOPE, MEMBERS_SCOPE, SCORE_SCOPE
from tests.functional.demo.conftest import Installed


def test_token_lives_an_hour(either: Installed) -> None:
    answer = either.ask_token(scope=SCORE_SCOPE).json()
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("Bearer", 3600, SCORE_SCOPE)
    headers = {"Authorization": f"Bearer {either.ask_token().json()['access_token']}"}
    url = either.campus.campus.memberships_url
    assert either.http.get(url, headers=headers).status_code == 200
    either.campus.clock.advance(3601)
    assert either.http.get(url, headers=headers).status_code == 401


def test_only_forms_are_read(either: Installed) -> None:
    answer = either.http.post(either.campus.token_url, json={"grant_type": "client_credentials"})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "form", [{"grant_type": "password"}, {"client_assertion_type": "x"}, {"client_assertion": "a.b"}]
)
def test_form_is_checked(either: Installed, form: dict[str, str]) -> None:
    assert either.ask_token(**form).status_code == 400


def test_kid_is_required_and_known(either: Installed) -> None:
    for kid in (None, "unknown"):
        answer = either.ask_token(either.small.sign(either.assertion(), kid=kid))
        assert answer.status_code == 400
        assert "kid" in answer.json()["error_description"]


def test_signature_must_be_rs256_of_the_tool(either: Installed) -> None:
    foreign = either.small.sign(either.assertion(), key=RSAKey.generate_key(2048))
    other_alg = either.small.sign(either.assertion(), alg="RS512")
    for assertion in (foreign, other_alg):
        assert either.ask_token(assertion).json()["error"] == "invalid_client"


def test_unknown_or_pending_client_gets_none(either: Installed) -> None:
    either.campus.add_tool(either.small.url, client_id="waiting", state="pending")
    for sub in ("nobody", "waiting"):
        assert either.ask_token(either.small.sign(either.assertion(sub=sub))).status_code == 400


@pytest.mark.parametrize("name", ["exp", "iat"])
def test_times_are_required(either: Installed, name: str) -> None:
    assert either.ask_token(either.small.sign(either.assertion(**{name: None}))).status_code == 400


def test_expired_assertion_is_refused(either: Installed) -> None:
    assertion = either.assertion(exp=int(either.campus.clock.now()) - 5)
    assert either.ask_token(either.small.sign(assertion)).status_code == 400


def test_moodle_has_no_patience_with_a_clock_ahead(moodle: Installed, canvas: Installed) -> None:
    def ahead(site: Installed, seconds: int) -> str:
        return site.small.sign(site.assertion(iat=int(site.campus.clock.now()) + seconds))

    refused = moodle.ask_token(ahead(moodle, 5))
    assert refused.status_code == 400
    assert "Cannot handle token with iat prior to" in refused.json()["error_description"]
    assert canvas.ask_token(ahead(canvas, 5)).status_code == 200
    assert canvas.ask_token(ahead(canvas, 120)).status_code == 400


@pytest.mark.parametrize("change", [{"aud": "https://else.example"}, {"iss": "else"}, {"jti": None}])
def test_only_canvas_checks_aud_iss_and_jti(
    moodle: Installed, canvas: Installed, change: dict[str, str | None]
) -> None:
    assert canvas.ask_token(canvas.small.sign(canvas.assertion(**change))).status_code == 400
    assert moodle.ask_token(moodle.small.sign(moodle.assertion(**change))).status_code == 200


def test_canvas_takes_an_assertion_once(moodle: Installed, canvas: Installed) -> None:
    assertion = canvas.small.sign(canvas.assertion())
    assert [canvas.ask_token(assertion).status_code for _ in range(2)] == [200, 400]
    assertion = moodle.small.sign(moodle.assertion())
    assert [moodle.ask_token(assertion).status_code for _ in range(2)] == [200, 200]


def test_moodle_intersects_scopes_and_canvas_refuses(moodle: Installed, canvas: Installed) -> None:
    wanted = f"{SCORE_SCOPE} https://example.org/scope/other"
    assert moodle.ask_token(scope=wanted).json()["scope"] == SCORE_SCOPE
    assert moodle.ask_token(scope="https://example.org/scope/other").json()["error"] == "invalid_scope"
    assert canvas.ask_token(scope=wanted).json()["error"] == "invalid_scope"


def test_call_without_the_scope_is_401(either: Installed) -> None:
    headers = either.bearer(MEMBERS_SCOPE)
    accept = {"Accept": "application/vnd.ims.lis.v2.lineitemcontainer+json"}
    assert either.http.get(either.items_url, headers={**headers, **accept}).status_code == 401
    assert either.http.get(either.items_url, headers=accept).status_code == 401
    assert either.http.get(either.items_url, headers={**either.bearer(LINE_ITEM_SCOPE), **accept}).status_code == 200


def test_unreadable_key_set_is_html_on_moodle_and_json_on_canvas(moodle: Installed, canvas: Installed) -> None:
    moodle.small.jwks_status = canvas.small.jwks_status = 500
    page = moodle.ask_token()
    assert (page.status_code, page.headers["content-type"].partition(";")[0]) == (404, "text/html")
    assert canvas.ask_token().json()["error"] == "invalid_client"

"""How a launch starts and what the authentication endpoint insists on."""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.parse import urlencode

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from lti_tool.demo import claims
from lti_tool.demo.model import CampusError, FormPost
from tests.functional.demo.conftest import Installed

MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership"


def auth_url(site: Installed, start: FormPost, **changes: str | None) -> str:
    params: dict[str, str | None] = {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": site.tool.client_id,
        "redirect_uri": site.tool.redirect_uris[0],
        "login_hint": start.fields["login_hint"],
        "lti_message_hint": start.fields["lti_message_hint"],
        "nonce": "n-1",
        "state": "s-1",
        **changes,
    }
    return f"{site.campus.auth_url}?{urlencode({k: v for k, v in params.items() if v is not None})}"


def launched(site: Installed, user: str = "ada", **changes: str | None) -> FormPost:
    return site.campus.authorize(user, auth_url(site, site.campus.start_launch(user, site.activity), **changes))


def read(site: Installed, form: FormPost) -> dict[str, Any]:
    keys = KeySet.import_key_set(site.http.get(site.campus.jwks_url).json())
    return jwt.decode(form.fields["id_token"], keys, algorithms=["RS256"]).claims


def test_moodle_starts_with_a_json_hint_and_no_storage(moodle: Installed) -> None:
    form = moodle.campus.start_launch("ada", moodle.activity)
    assert form.method == "POST"
    assert set(form.fields) == {
        "iss", "target_link_uri", "login_hint", "lti_message_hint", "client_id", "lti_deployment_id",
    }  # fmt: skip
    assert json.loads(form.fields["lti_message_hint"])["cmid"] == moodle.activity.id
    assert form.fields["login_hint"].isdecimal()


def test_canvas_starts_by_post_or_get_and_offers_storage(canvas: Installed) -> None:
    form = canvas.campus.start_launch("ada", canvas.activity, method="GET")
    assert form.method == "GET"
    assert form.fields["lti_storage_target"] == "post_message_forwarding"
    assert form.fields["deployment_id"] == form.fields["lti_deployment_id"]
    assert canvas.campus.authorize("ada", auth_url(canvas, form)).fields["lti_storage_target"]


def test_moodle_never_starts_by_get(moodle: Installed) -> None:
    with pytest.raises(CampusError):
        moodle.campus.start_launch("ada", moodle.activity, method="GET")


def test_launch_is_signed_and_names_the_link(either: Installed) -> None:
    form = launched(either)
    assert form.url == either.tool.redirect_uris[0]
    assert form.fields["state"] == "s-1"
    body = read(either, form)
    assert body["iss"] == either.campus.base_url
    assert body["nonce"] == "n-1"
    assert body[claims.RESOURCE_LINK]["id"] == either.activity.resource_link_id
    assert body[claims.AGS_ENDPOINT]["lineitem"] == either.item_url


def test_moodle_claims_are_as_observed(moodle: Installed) -> None:
    body = read(moodle, launched(moodle))
    assert body["exp"] == body["iat"] + 60
    assert body["aud"] == moodle.tool.client_id
    assert body["sub"].isdecimal()
    assert isinstance(body[claims.DEPLOYMENT_ID], str)
    assert body[claims.CONTEXT]["type"] == ["CourseSection"]
    assert body[claims.ROLES] == [f"{MEMBERSHIP}#Learner"]
    assert body[claims.CUSTOM]["context_memberships_url"] == moodle.campus.campus.memberships_url
    assert body[claims.AGS_ENDPOINT]["lineitem"].endswith(f"?type_id={moodle.tool.id}")
    assert body[claims.LIS]["course_section_sourcedid"] == ""
    assert "azp" not in body


def test_moodle_roles(moodle: Installed) -> None:
    roles = {u: read(moodle, launched(moodle, u))[claims.ROLES] for u in ("tess", "amir", "root")}
    assert roles["tess"] == roles["amir"] == [f"{MEMBERSHIP}#Instructor"]
    assert roles["root"][0].endswith("institution/person#Administrator")
    assert len(roles["root"]) == 3


def test_canvas_claims_are_as_observed(canvas: Installed) -> None:
    bodies = {u: read(canvas, launched(canvas, u)) for u in ("ada", "amir", "olga", "test")}
    assert str(uuid.UUID(bodies["ada"]["sub"])) == bodies["ada"]["sub"]
    assert f"{MEMBERSHIP}#Instructor" in bodies["amir"][claims.ROLES]
    assert any(r.endswith("membership/Instructor#TeachingAssistant") for r in bodies["amir"][claims.ROLES])
    assert f"{MEMBERSHIP}#Mentor" in bodies["olga"][claims.ROLES]
    assert bodies["olga"][claims.ROLE_SCOPE_MENTOR] == [bodies["ada"]["sub"]]
    assert f"{MEMBERSHIP}#Learner" in bodies["test"][claims.ROLES]
    assert any(r.endswith("system/person#TestUser") for r in bodies["test"][claims.ROLES])
    assert "context_memberships_url" not in bodies["ada"][claims.CUSTOM]
    assert bodies["ada"]["azp"] == canvas.tool.client_id


def test_redirect_uri_is_exact_and_a_wrong_one_gets_nothing(either: Installed) -> None:
    for wrong in ("https://evil.example/x", f"{either.tool.redirect_uris[0]}/", ""):
        with pytest.raises(CampusError, match="redirect_uri"):
            launched(either, redirect_uri=wrong)


def test_only_canvas_lets_the_redirect_uri_grow_a_query(moodle: Installed, canvas: Installed) -> None:
    with pytest.raises(CampusError):
        launched(moodle, redirect_uri=f"{moodle.tool.redirect_uris[0]}?x=y")
    uri = f"{canvas.tool.redirect_uris[0]}?x=y"
    assert launched(canvas, redirect_uri=uri).url == uri


def test_moodle_hint_is_single_use_and_the_page_stays_with_moodle(moodle: Installed) -> None:
    url = auth_url(moodle, moodle.campus.start_launch("ada", moodle.activity))
    moodle.campus.authorize("ada", url)
    with pytest.raises(CampusError, match="used before"):
        moodle.campus.authorize("ada", url)
    with moodle.campus.browser("ada") as browser:
        page = browser.get(url)
        assert page.status_code == 400
        assert "Invalid request" in page.text


def test_canvas_tells_the_tool_that_a_launch_is_over(canvas: Installed) -> None:
    url = auth_url(canvas, canvas.campus.start_launch("ada", canvas.activity))
    canvas.campus.authorize("ada", url)
    form = canvas.campus.authorize("ada", url)
    assert form.fields["error"] == "launch_no_longer_valid"
    assert form.fields["state"] == "s-1"
    assert "id_token" not in form.fields


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("scope", "openid profile", "invalid_scope"),
        ("response_type", "code", "unsupported_response_type"),
        ("response_mode", "query", "invalid_request"),
        ("prompt", "login", "invalid_request"),
        ("nonce", None, "invalid_request"),
        ("login_hint", "999", "login_required"),
    ],
)
def test_each_parameter_is_checked(either: Installed, name: str, value: str | None, error: str) -> None:
    form = launched(either, **{name: value})
    assert form.fields["error"] == error
    assert "id_token" not in form.fields


def test_prompt_may_be_left_out_on_moodle_only(moodle: Installed, canvas: Installed) -> None:
    assert "id_token" in launched(moodle, prompt=None).fields
    assert launched(canvas, prompt=None).fields["error"] == "invalid_request"


def test_another_person_or_nobody_cannot_use_the_launch(either: Installed) -> None:
    for other in ("ben", None):
        start = either.campus.start_launch("ada", either.activity)
        assert either.campus.authorize(other, auth_url(either, start)).fields["error"] == "login_required"


def test_another_client_cannot_use_the_launch(either: Installed) -> None:
    either.campus.add_tool(either.small.url, client_id="other")
    assert launched(either, client_id="other").fields["error"] == "unauthorized_client"


def test_a_pending_tool_is_not_launched(either: Installed) -> None:
    waiting = either.campus.add_tool(either.small.url, client_id="new", state="pending")
    with pytest.raises(CampusError, match="administrator"):
        either.campus.start_launch("ada", either.campus.add_activity(tool=waiting))


def test_only_teachers_start_deep_linking(either: Installed) -> None:
    with pytest.raises(CampusError, match="teacher"):
        either.campus.start_launch("amir")
    assert either.campus.start_launch("tess").fields["target_link_uri"] == either.tool.deep_link_url


def test_cross_site_post_is_sent_again_by_get(either: Installed) -> None:
    answer = either.http.post(either.campus.auth_url, data={"scope": "openid", "state": "<s>"})
    assert answer.status_code == 200
    assert 'method="get"' in answer.text
    assert "&lt;s&gt;" in answer.text


def test_launch_page_and_auth_page_work_in_a_browser(either: Installed) -> None:
    with either.campus.browser("ada") as browser:
        page = browser.get(f"/launch/{either.activity.id}")
        assert either.tool.login_url in page.text
        url = auth_url(either, either.campus.start_launch("ada", either.activity))
        assert 'name="id_token"' in browser.get(url).text
        same_site = "SameSite=None" if either.campus.profile.storage_target else "SameSite=Lax"
        assert same_site in browser.get("/login/ada").headers["set-cookie"]


def test_names_only_by_privacy(either: Installed) -> None:
    shy = either.campus.add_tool(either.small.url, client_id="shy", shares_name=False, shares_email=False)
    activity = either.campus.add_activity(tool=shy)
    start = either.campus.start_launch("ada", activity)
    body = read(either, either.campus.authorize("ada", auth_url(either, start, client_id="shy")))
    assert not {"name", "email", "given_name"} & set(body)


def test_plain_link_has_neither_column_nor_claim(either: Installed) -> None:
    plain = either.campus.add_activity("A lesson")
    start = either.campus.start_launch("ada", plain)
    body = read(either, either.campus.authorize("ada", auth_url(either, start)))
    assert "lineitem" not in body[claims.AGS_ENDPOINT]
    assert body[claims.AGS_ENDPOINT]["lineitems"] == either.items_url
    assert either.campus.line_items(plain) == []


def test_moodle_tool_parameters_win_and_variables_are_filled(moodle: Installed) -> None:
    tool = moodle.campus.add_tool(moodle.small.url, client_id="c2", custom={"a": "tool", "who": "$User.username"})
    custom = {"a": "item", "b": "x\nc=split", "unknown": "$Moodle.nothing"}
    activity = moodle.campus.add_activity(custom=custom, tool=tool)
    start = moodle.campus.start_launch("ada", activity)
    body = read(moodle, moodle.campus.authorize("ada", auth_url(moodle, start, client_id="c2")))
    found = body[claims.CUSTOM]
    assert (found["a"], found["b"], found["c"], found["who"]) == ("tool", "x", "split", "ada")
    assert found["unknown"] == "$Moodle.nothing"


def test_canvas_fills_its_own_variables(canvas: Installed) -> None:
    custom = {"sees": "$com.instructure.User.observees", "roles": "$Canvas.membership.roles"}
    activity = canvas.campus.add_activity(custom=custom)
    start = canvas.campus.start_launch("olga", activity)
    body = read(canvas, canvas.campus.authorize("olga", auth_url(canvas, start)))
    assert body[claims.CUSTOM] == {"sees": canvas.campus.person("ada").sub, "roles": "ObserverEnrollment"}


def test_rotated_key_signs_and_old_one_stays_unless_dropped(either: Installed) -> None:
    old = launched(either)
    kid = either.campus.rotate_keys()
    assert jwt.decode(old.fields["id_token"], KeySet.import_key_set(_keys(either))).claims["nonce"]
    assert kid in {k["kid"] for k in _keys(either)["keys"]}
    either.campus.rotate_keys(keep_old=False)
    assert len(_keys(either)["keys"]) == 1
    assert "d" not in _keys(either)["keys"][0]
    assert read(either, launched(either))["nonce"] == "n-1"


def _keys(site: Installed) -> Any:
    return site.http.get(site.campus.jwks_url).json()

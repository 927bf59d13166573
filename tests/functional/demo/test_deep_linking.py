"""What a tool may bring back from Select content."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from lti_tool.demo import claims
from tests.functional.demo.conftest import Installed

LINK = {"type": "ltiResourceLink", "title": "Quiz 2", "url": "http://localhost:9/lti/launch"}


class Picking:
    """One deep linking launch, ready to be answered."""

    def __init__(self, site: Installed) -> None:
        self.site = site
        start = site.campus.start_launch("tess")
        params = {
            "scope": "openid",
            "response_type": "id_token",
            "response_mode": "form_post",
            "prompt": "none",
            "client_id": site.tool.client_id,
            "redirect_uri": site.tool.redirect_uris[0],
            "login_hint": start.fields["login_hint"],
            "lti_message_hint": start.fields["lti_message_hint"],
            "nonce": "n",
        }
        form = site.campus.authorize("tess", f"{site.campus.auth_url}?{urlencode(params)}")
        self.request = jwt.decode(form.fields["id_token"], site.campus.campus.keys.current).claims
        self.settings = self.request[claims.DEEP_LINKING_SETTINGS]

    def answer(
        self, *items: dict[str, Any], kid: str | None = "", key: RSAKey | None = None, **changes: Any
    ) -> httpx.Response:
        now = int(self.site.campus.clock.now())
        body = {
            "iss": self.site.tool.client_id,
            "aud": self.site.campus.issuer,
            "iat": now - 1,
            "exp": now + 60,
            "nonce": uuid.uuid4().hex,
            claims.MESSAGE_TYPE: "LtiDeepLinkingResponse",
            claims.VERSION: "1.3.0",
            claims.DEPLOYMENT_ID: self.site.tool.deployment_id,
            claims.DATA: self.settings.get("data"),
            claims.CONTENT_ITEMS: list(items),
            **changes,
        }
        token = self.site.small.sign({k: v for k, v in body.items() if v is not None}, kid=kid, key=key)
        return self.site.http.post(self.settings["deep_link_return_url"], data={"JWT": token})


@pytest.fixture
def picking(either: Installed) -> Iterator[Picking]:
    yield Picking(either)


def titles(picking: Picking) -> list[str]:
    return [a.title for a in picking.site.campus.activities()]


def test_item_with_line_item_makes_activity_and_column(picking: Picking) -> None:
    line_item = {"scoreMaximum": 20, "label": "Points", "resourceId": "quiz-2", "tag": "grade"}
    answer = picking.answer({**LINK, "custom": {"a": "b"}, "lineItem": line_item})
    assert answer.status_code == 200
    made = picking.site.campus.activities()[-1]
    item = picking.site.campus.line_items(made)[0]
    assert (made.title, made.url, made.custom) == ("Quiz 2", LINK["url"], {"a": "b"})
    assert (item.score_maximum, item.resource_id, item.tag) == (20, "quiz-2", "grade")
    assert item.label == ("Quiz 2" if picking.site.campus.profile.name == "moodle" else "Points")


def test_item_without_line_item_has_no_column(picking: Picking) -> None:
    picking.answer(LINK)
    assert picking.site.campus.line_items(picking.site.campus.activities()[-1]) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "else"},
        {"aud": "else"},
        {"aud": ["http://else", "http://another"]},
        {"nonce": None},
        {"exp": 1},
        {"exp": None},
        {"iat": None},
        {"iat": 4102444800},
        {claims.MESSAGE_TYPE: "LtiResourceLinkRequest"},
        {claims.VERSION: "1.1"},
        {claims.DEPLOYMENT_ID: "999"},
        {claims.DATA: "something else"},
        {claims.CONTENT_ITEMS: "none"},
        {"kid": None},
        {"kid": "unknown"},
        {"key": RSAKey.generate_key(2048)},
        {"https://purl.imsglobal.org/spec/lti-dl/claim/errormsg": "The tool is closed"},
    ],
    ids=lambda c: "-".join(f"{k.rpartition('/')[2]}" for k in c),
)
def test_response_is_verified(picking: Picking, changes: dict[str, Any]) -> None:
    answer = picking.answer(LINK, **changes)
    assert answer.status_code == 400
    assert "Not added" in answer.text
    assert titles(picking) == ["Quiz 1"]


def test_data_is_wanted_back_when_sent(canvas: Installed) -> None:
    assert "data of the response" in Picking(canvas).answer(LINK, **{claims.DATA: None}).text


def test_response_counts_once(picking: Picking) -> None:
    assert picking.answer(LINK).status_code == 200
    assert "finished before" in picking.answer(LINK).text
    assert titles(picking) == ["Quiz 1", "Quiz 2"]


def test_nonce_of_a_response_counts_once(either: Installed) -> None:
    assert Picking(either).answer(LINK, nonce="same").status_code == 200
    assert "nonce" in Picking(either).answer(LINK, nonce="same").text


def test_error_leaves_the_picker_usable(picking: Picking) -> None:
    assert picking.answer({**LINK, "type": "file"}).status_code == 400
    assert picking.answer(LINK).status_code == 200


def test_empty_selection_adds_nothing(picking: Picking) -> None:
    answer = picking.answer()
    assert answer.status_code == 200
    assert "Nothing selected" in answer.text
    assert titles(picking) == ["Quiz 1"]


def test_html_of_the_tool_is_shown_as_text(picking: Picking) -> None:
    bad = "https://purl.imsglobal.org/spec/lti-dl/claim/errormsg"
    assert "<script>alert" not in picking.answer(**{bad: "<script>alert(1)</script>"}).text


@pytest.mark.parametrize("points", [12.5, 1000, 0, -1, "10", True])
def test_moodle_wants_a_whole_maximum_up_to_100(moodle: Installed, points: Any) -> None:
    answer = Picking(moodle).answer({**LINK, "lineItem": {"scoreMaximum": points}})
    assert answer.status_code == 400
    assert "maximum grade" in answer.text


def test_canvas_takes_any_positive_maximum(canvas: Installed) -> None:
    assert Picking(canvas).answer({**LINK, "lineItem": {"scoreMaximum": 1000.5}}).status_code == 200


def test_moodle_takes_several_and_drops_bad_ones_silently(moodle: Installed) -> None:
    picking = Picking(moodle)
    bad = {**LINK, "title": "Bad", "lineItem": {"scoreMaximum": 1000}}
    assert picking.answer(LINK, bad, {**LINK, "title": "Quiz 3"}).status_code == 200
    assert titles(picking) == ["Quiz 1", "Quiz 2", "Quiz 3"]


def test_canvas_takes_one(canvas: Installed) -> None:
    picking = Picking(canvas)
    assert picking.settings["accept_multiple"] is False
    assert picking.answer(LINK, LINK).status_code == 400
    assert titles(picking) == ["Quiz 1"]


@pytest.mark.parametrize(
    "wrong", [{"title": "x" * 256}, {"title": 5}, {"custom": {"a": 1}}, {"custom": []}, {"lineItem": 3}]
)
def test_item_fields_are_checked(picking: Picking, wrong: dict[str, Any]) -> None:
    assert picking.answer({**LINK, **wrong}).status_code == 400


def test_moodle_deep_linking_lacks_the_roster_until_the_tool_is_used(moodle: Installed) -> None:
    assert claims.NAMES_AND_ROLES in Picking(moodle).request
    moodle.campus.campus.store.delete_activity(moodle.activity.id)
    assert claims.NAMES_AND_ROLES not in Picking(moodle).request


def test_settings_carry_data_on_canvas_only(picking: Picking) -> None:
    assert ("data" in picking.settings) is (picking.site.campus.profile.name == "canvas")
    assert picking.settings["accept_types"] == ["ltiResourceLink"]

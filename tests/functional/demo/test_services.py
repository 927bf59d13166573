"""Line items and the roster."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from lti_tool.demo import claims
from tests.functional.demo.conftest import Installed

ITEM = "application/vnd.ims.lis.v2.lineitem+json"
CONTAINER = "application/vnd.ims.lis.v2.lineitemcontainer+json"


def call(site: Installed, method: str, url: str, body: Any = None, **headers: str) -> httpx.Response:
    defaults = {"Accept": CONTAINER if method == "GET" else ITEM, "Content-Type": ITEM}
    content = None if body is None else json.dumps(body)
    return site.http.request(method, url, content=content, headers={**site.bearer(), **defaults, **headers})


def add(site: Installed, **fields: Any) -> httpx.Response:
    return call(site, "POST", site.items_url, {"label": "Extra", "scoreMaximum": 5, **fields})


def test_line_item_lives_a_full_life(either: Installed) -> None:
    made = add(either, tag="t", resourceId="r")
    assert made.status_code == 201
    url = made.json()["id"]
    shown = call(either, "GET", url, Accept=ITEM).json()
    assert (shown["label"], shown["scoreMaximum"], shown["tag"], shown["resourceId"]) == ("Extra", 5, "t", "r")
    changed = call(either, "PUT", url, {**shown, "label": "New"}).json()
    assert (changed["label"], changed["tag"]) == ("New", "t")
    assert call(either, "DELETE", url).status_code == 204
    assert call(either, "GET", url, Accept=ITEM).status_code == 404


def test_column_for_a_plain_link_is_made_with_its_link_id(either: Installed) -> None:
    plain = either.campus.add_activity("A lesson")
    made = add(either, resourceLinkId=plain.resource_link_id)
    assert made.json()["resourceLinkId"] == plain.resource_link_id
    assert len(either.campus.line_items(plain)) == 1
    assert add(either, resourceLinkId="no-such-link").status_code == 404


@pytest.mark.parametrize("wrong", [{"label": ""}, {"scoreMaximum": 0}, {"scoreMaximum": "5"}, {"tag": 1}])
def test_line_item_fields_are_checked(either: Installed, wrong: dict[str, Any]) -> None:
    assert add(either, **wrong).status_code == 400


def test_filters(either: Installed) -> None:
    add(either, tag="other", resourceId="x")
    mark = "&" if "?" in either.items_url else "?"
    for query, label in (("tag=other", "Extra"), ("resource_id=quiz-1", "Quiz 1"), ("resource_link_id=1", "Quiz 1")):
        rows = call(either, "GET", f"{either.items_url}{mark}{query}").json()
        assert [row["label"] for row in rows] == [label]


def test_another_tools_line_item_is_not_there(either: Installed) -> None:
    other = either.campus.add_tool(either.small.url, client_id="other")
    foreign = either.campus.add_activity("Foreign", points=5, tool=other)
    url = either.campus.campus.line_item_url(other, either.campus.line_items(foreign)[0])
    assert call(either, "GET", url, Accept=ITEM).status_code == 404
    assert [row["label"] for row in call(either, "GET", either.items_url).json()] == ["Quiz 1"]


@pytest.mark.parametrize("accept", ["*/*", "application/json", f"{CONTAINER}, */*"])
def test_moodle_wants_the_exact_accept(moodle: Installed, canvas: Installed, accept: str) -> None:
    assert call(moodle, "GET", moodle.items_url, Accept=accept).status_code == 400
    assert call(canvas, "GET", canvas.items_url, Accept=accept).status_code == 200


def test_moodle_wants_the_exact_content_type(moodle: Installed, canvas: Installed) -> None:
    body = {"label": "Extra", "scoreMaximum": 5}
    answers = [call(s, "POST", s.items_url, body, **{"Content-Type": "application/json"}) for s in (moodle, canvas)]
    assert [a.status_code for a in answers] == [400, 201]


def test_moodle_service_urls_carry_the_type(moodle: Installed) -> None:
    assert moodle.items_url.endswith(f"/lineitems?type_id={moodle.tool.id}")
    assert moodle.item_url.endswith(f"/lineitem?type_id={moodle.tool.id}")


def test_moodle_put_clears_what_is_left_out(moodle: Installed) -> None:
    body = {"label": "Quiz 1", "scoreMaximum": 10}
    changed = call(moodle, "PUT", moodle.item_url, body).json()
    assert (changed["tag"], changed["resourceId"]) == ("", "")
    assert "resourceLinkId" not in changed
    assert moodle.campus.line_items(moodle.activity) == []


def test_canvas_put_renames_the_activity(canvas: Installed) -> None:
    call(canvas, "PUT", canvas.item_url, {"label": "Renamed", "scoreMaximum": 20})
    assert canvas.campus.activities()[0].title == "Renamed"
    assert canvas.campus.line_items(canvas.activity)[0].score_maximum == 20


def test_moodle_echoes_dates_and_forgets_them(moodle: Installed, canvas: Installed) -> None:
    for site, kept in ((moodle, False), (canvas, True)):
        made = add(site, startDateTime="2030-01-01T00:00:00Z").json()
        assert made["startDateTime"]
        assert ("startDateTime" in call(site, "GET", made["id"], Accept=ITEM).json()) is kept


def test_own_column_is_deleted_on_moodle_only(moodle: Installed, canvas: Installed) -> None:
    assert call(moodle, "DELETE", moodle.item_url).status_code == 204
    assert call(canvas, "DELETE", canvas.item_url).status_code == 401


def test_two_columns_on_a_link_hide_the_claim_on_moodle(moodle: Installed) -> None:
    add(moodle, resourceLinkId=moodle.activity.resource_link_id)
    endpoint = claims.service_claims(moodle.campus.campus, moodle.tool, moodle.activity)[claims.AGS_ENDPOINT]
    assert "lineitem" not in endpoint


def test_moodle_pages_line_items_with_a_strange_link(moodle: Installed) -> None:
    add(moodle)
    assert "link" not in call(moodle, "GET", moodle.items_url).headers
    answer = call(moodle, "GET", f"{moodle.items_url}&limit=1")
    raw = dict(answer.headers.raw)[b"Link"].decode()
    assert raw.endswith("; rel=\u201cnext\u201d")
    assert "&amp;" in raw
    following = raw[1 : raw.index(">")].replace("&amp;", "&")
    assert [row["label"] for row in call(moodle, "GET", following).json()] == ["Extra"]


def test_canvas_pages_line_items_by_ten(canvas: Installed) -> None:
    for number in range(11):
        add(canvas, label=f"Extra {number}")
    first = call(canvas, "GET", canvas.items_url)
    second = call(canvas, "GET", first.links["next"]["url"])
    assert (len(first.json()), len(second.json())) == (10, 2)
    assert "next" not in second.links


def members(site: Installed, query: str = "") -> httpx.Response:
    return site.http.get(f"{site.campus.campus.memberships_url}{query}", headers=site.bearer())


def test_roster_has_everyone_enrolled(either: Installed) -> None:
    body = members(either).json()
    assert [m["given_name"] for m in body["members"]] == ["Tess", "Amir", "Ada", "Ben", "Chi", "Olga", "Test"]
    assert {m["status"] for m in body["members"]} == {"Active"}
    assert body["context"]["title"] == "Notebooks 101"


def test_moodle_roster_has_short_roles_and_pages_only_on_limit(moodle: Installed) -> None:
    body = members(moodle).json()
    assert [m["roles"] for m in body["members"]][:3] == [["Instructor"], ["Learner"], ["Learner"]]
    first = members(moodle, "?limit=2&role=Learner")
    assert len(first.json()["members"]) == 2
    assert "role=" not in first.links["next"]["url"]
    uri = "http://purl.imsglobal.org/vocab/lis/v2/membership%23Instructor"
    assert [m["given_name"] for m in members(moodle, f"?role={uri}").json()["members"]] == ["Tess"]


def test_canvas_roster_has_full_roles_and_fifty_a_page(canvas: Installed) -> None:
    for number in range(60):
        canvas.campus.add_person(f"more{number}", f"Person {number}")
    first = members(canvas, "?limit=1000")
    second = canvas.http.get(first.links["next"]["url"], headers=canvas.bearer())
    assert (len(first.json()["members"]), len(second.json()["members"])) == (50, 17)
    assert members(canvas, "?role=Learner").json()["members"] == []
    uri = "http://purl.imsglobal.org/vocab/lis/v2/membership%23Mentor"
    assert [m["given_name"] for m in members(canvas, f"?role={uri}").json()["members"]] == ["Olga"]


def test_neither_kind_tells_differences_or_lists_the_suspended(either: Installed) -> None:
    either.campus.change_person("ada", suspended=True)
    answer = members(either)
    assert "Ada" not in [m["given_name"] for m in answer.json()["members"]] and "differences" not in answer.links
    assert members(either, "?since=0").status_code == 404


def test_campus_that_tells_differences_ends_with_their_address(either: Installed) -> None:
    either.campus.campus.tells_differences = True
    url = members(either).links["differences"]["url"]
    either.campus.change_person("ada", suspended=True)
    either.campus.remove_person("ben")
    either.campus.add_person("dia", "Dia Diaz")
    answer = either.http.get(url, headers=either.bearer())
    said = {m["given_name"]: m["status"] for m in answer.json()["members"]}
    assert said == {"Ada": "Inactive", "Ben": "Deleted", "Dia": "Active"}
    assert either.http.get(answer.links["differences"]["url"], headers=either.bearer()).json()["members"] == []


def test_canvas_link_to_the_next_page_says_per_page(canvas: Installed) -> None:
    first = members(canvas, "?limit=3")
    assert "per_page=3" in first.links["next"]["url"] and "limit" not in first.links["next"]["url"]
    assert len(canvas.http.get(first.links["next"]["url"], headers=canvas.bearer()).json()["members"]) == 3


def test_roster_of_a_link_brings_its_message(either: Installed) -> None:
    body = members(either, f"?rlid={either.activity.resource_link_id}").json()
    assert body["members"][0]["message"]
    assert members(either, "?rlid=none").status_code == 400

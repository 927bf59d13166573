"""The only way into the Hub is a ticket of the tool."""

import sqlite3

import pytest

from tests.fakes.hub_tool import HubTool
from tests.fakes.running_hub import RunningHub, Visitor
from tests.functional.hub.conftest import ADA, BOB, KEY


def test_ticket_signs_in_under_the_tools_name(hub: RunningHub, tool: HubTool) -> None:
    visitor = Visitor(hub)
    answer = visitor.arrive(tool.ticket(BOB, ""))
    assert answer.status_code == 200
    assert "Your notebook servers" in answer.text
    assert str(answer.url) == f"{hub.url}/hub/home"


def test_used_ticket_is_refused(hub: RunningHub, tool: HubTool) -> None:
    ticket = tool.ticket(BOB, "")
    Visitor(hub).arrive(ticket)
    answer = Visitor(hub).arrive(ticket)
    assert answer.status_code == 410
    assert "open it again" in answer.text


def test_expired_ticket_is_refused(hub: RunningHub, tool: HubTool) -> None:
    ticket = tool.ticket(BOB, "")
    tool.expired.add(ticket)
    assert Visitor(hub).arrive(ticket).status_code == 410


def test_without_a_ticket_the_page_says_how_to_get_in(hub: RunningHub) -> None:
    answer = hub.get("/hub/coursebridge/ticket")
    assert answer.status_code == 400
    assert "Open this from your course" in answer.text
    assert "<form" not in answer.text


def test_a_stranger_ends_on_the_calm_page_and_not_in_a_loop(hub: RunningHub) -> None:
    for path in ("/", "/hub/home", f"/hub/open?course={KEY}&assignment=quiz-1", f"/user/{ADA}/lab", "/hub/spawn"):
        answer = hub.get(path)
        assert answer.status_code in {200, 403}, path
        assert "course" in answer.text, path
        assert 'password"' not in answer.text


def test_password_login_does_not_exist(hub: RunningHub) -> None:
    answer = hub.post("/hub/login", data={"username": ADA, "password": "x"})
    assert answer.status_code in {403, 405}
    body = {"auth": {"username": ADA, "visit": {"name": ADA, "courses": []}}}
    assert hub.post(f"/hub/api/users/{ADA}/tokens", json=body).status_code == 403


def test_ticket_is_not_fetched_in_advance(hub: RunningHub, tool: HubTool) -> None:
    ticket = tool.ticket(BOB, "")
    address = f"/hub/coursebridge/ticket?ticket={ticket}"
    assert hub.get(address, headers={"Sec-Purpose": "prefetch"}).status_code == 503
    assert ticket in tool.tickets


def test_tool_that_is_down_is_said_and_keeps_the_ticket(hub: RunningHub, tool: HubTool) -> None:
    ticket = tool.ticket(BOB, "")
    tool.is_down = True
    try:
        answer = Visitor(hub).arrive(ticket)
    finally:
        tool.is_down = False
    assert answer.status_code == 503
    assert "does not answer" in answer.text
    assert Visitor(hub).arrive(ticket).status_code == 200


def test_another_persons_ticket_asks_and_then_replaces_the_login(hub: RunningHub, tool: HubTool) -> None:
    visitor = Visitor(hub)
    visitor.arrive(tool.ticket(ADA, ""))
    session = visitor.http.cookies.get("jupyterhub-session-id")
    asked = visitor.arrive(tool.ticket(BOB, ""))
    assert "You are going in as Bob B." in asked.text
    assert "Moodle demo" in asked.text
    assert "Somebody else is signed in" in asked.text
    assert ADA in visitor.http.get("/hub/home").text  # nothing has changed yet
    visitor.go_in()
    assert BOB in visitor.last.text
    assert visitor.http.cookies.get("jupyterhub-session-id") != session


def test_ones_own_next_ticket_asks_nothing(hub: RunningHub, tool: HubTool) -> None:
    visitor = Visitor(hub)
    visitor.arrive(tool.ticket(BOB, ""))
    assert visitor.arrive(tool.ticket(BOB, "")).url.path == "/hub/home"
    assert visitor.go(f"/hub/coursebridge/ticket?ticket={tool.ticket(BOB, '')}").url.path == "/hub/home"


def test_link_with_somebodys_ticket_signs_nobody_in_unasked(hub: RunningHub, tool: HubTool) -> None:
    visitor = Visitor(hub)
    asked = visitor.go(f"/hub/coursebridge/ticket?ticket={tool.ticket(ADA, '')}")
    assert "You are going in as Ada L." in asked.text
    assert "ticket" not in str(asked.url)
    assert "course" in visitor.http.get("/hub/home").text  # the page that says how to get in
    assert ADA not in visitor.http.get("/hub/home").text
    visitor.last = asked
    assert ADA in visitor.go_in().text


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "the hub", "a server"])
def test_post_from_another_page_signs_nobody_in_unasked(hub: RunningHub, tool: HubTool, origin: str) -> None:
    known = {"the hub": hub.url, "a server": hub.address(f"/user/{ADA}/").partition("/user/")[0]}
    visitor = Visitor(hub)
    visitor.last = visitor.post_ticket(tool.ticket(ADA, ""), known.get(origin, origin))
    assert "You are going in as Ada L." in visitor.last.text
    assert ADA not in visitor.http.get("/hub/home").text


def test_arrival_is_of_the_browser_that_brought_the_ticket(hub: RunningHub, tool: HubTool) -> None:
    """Whoever has no browser can write any `Origin`; what they get must not work in another's browser."""
    evil, visitor = Visitor(hub), Visitor(hub)
    evil.http.follow_redirects = False
    away = evil.post_ticket(tool.ticket(ADA, ""), tool.url).headers["Location"]
    assert visitor.http.get(away).status_code == 410
    assert visitor.http.post(away, headers={"Origin": hub.url}).status_code == 410
    assert evil.http.get(away).headers["Location"] == "/hub/home"
    assert evil.http.get(away).status_code == 410  # each signs in once


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
def test_the_answer_counts_from_the_page_that_asked_alone(hub: RunningHub, tool: HubTool, origin: str) -> None:
    visitor = Visitor(hub)
    asked = visitor.go(f"/hub/coursebridge/ticket?ticket={tool.ticket(ADA, '')}")
    assert visitor.http.post(str(asked.url), headers={"Origin": origin}).status_code == 403
    assert "frame-ancestors 'none'" in asked.headers["Content-Security-Policy"]


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
@pytest.mark.parametrize("server", ["", f"/grade-{KEY}"])
def test_a_visit_that_another_site_made_ends_at_a_button(
    hub: RunningHub, tool: HubTool, site: str, server: str
) -> None:
    name = tool.add_person("u-" + "n5" * 13, "Never Started", notebooks_101="teacher")
    visitor = Visitor(hub)
    visitor.arrive(tool.ticket(name, ""))
    address = f"{hub.url}/hub/spawn/{name}{server}"
    asked = visitor.http.get(address, headers={"Sec-Fetch-Site": site})
    assert "is not running" in asked.text
    assert "Start it" in asked.text
    assert "Start notebooks" in visitor.http.get("/hub/home").text


def test_two_windows_that_open_at_once_do_not_mix(hub: RunningHub, tool: HubTool) -> None:
    visitor = Visitor(hub)
    visitor.http.follow_redirects = False
    away = [visitor.post_ticket(tool.ticket(BOB, ""), tool.url).headers["Location"] for _ in range(2)]
    assert [visitor.http.get(each).headers["Location"] for each in away] == ["/hub/home", "/hub/home"]


def test_next_never_leaves_our_places(hub: RunningHub, tool: HubTool) -> None:
    for evil in (
        "//evil.example/open?",
        "https://evil.example/",
        "/open?\\evil",
        "/../evil",
        "/hub/admin",
        "/open?a\r\nX: y",
    ):
        visitor = Visitor(hub)
        visitor.http.follow_redirects = False
        door = visitor.post_ticket(tool.ticket(BOB, evil), tool.url)
        answer = visitor.http.get(door.headers["Location"])
        assert (door.status_code, answer.status_code) == (303, 303)
        assert answer.headers["Location"] in {"/hub/home", "/hub/open?\\evil"}, evil
        for each in (door, answer):
            assert each.headers["Referrer-Policy"] == "same-origin"
            assert each.headers["Cache-Control"] == "no-store"


def test_no_ticket_is_in_the_logs(hub: RunningHub, tool: HubTool) -> None:
    ticket = tool.ticket(BOB, "")
    Visitor(hub).arrive(ticket)
    Visitor(hub).go(f"/hub/coursebridge/ticket?ticket={ticket}")
    assert "/hub/coursebridge/ticket" in hub.log()
    assert "ticket-" not in hub.log()


def test_nobody_is_an_administrator(hub: RunningHub, tool: HubTool) -> None:
    visitor = Visitor(hub)
    visitor.arrive(tool.ticket(BOB, ""))
    assert visitor.go("/hub/admin").status_code == 403
    assert visitor.http.get("/hub/api/users").status_code == 403
    assert visitor.send("POST", "/hub/", f"api/users/{BOB}/tokens", {}).status_code in {403, 404}
    with sqlite3.connect(hub.data_dir / "hub" / "jupyterhub.sqlite") as database:
        assert database.execute("select count(*) from users where admin").fetchone() == (0,)
        groups = {name for (name,) in database.execute("select name from groups")}
    database.close()
    assert f"course:{KEY}:learner" in groups

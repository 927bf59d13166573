"""The only way into the Hub is a ticket of the tool."""

import sqlite3

import httpx

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
    answer = httpx.get(f"{hub.url}/hub/coursebridge/ticket")
    assert answer.status_code == 400
    assert "Open this from your course" in answer.text
    assert "<form" not in answer.text


def test_a_stranger_ends_on_the_calm_page_and_not_in_a_loop(hub: RunningHub) -> None:
    for path in ("/", "/hub/home", f"/hub/open?course={KEY}&assignment=quiz-1", f"/user/{ADA}/lab", "/hub/spawn"):
        answer = httpx.get(hub.url + path, follow_redirects=True)
        assert answer.status_code in {200, 403}, path
        assert "course" in answer.text, path
        assert 'password"' not in answer.text


def test_password_login_does_not_exist(hub: RunningHub) -> None:
    answer = httpx.post(f"{hub.url}/hub/login", data={"username": ADA, "password": "x"})
    assert answer.status_code in {403, 405}
    body = {"auth": {"username": ADA, "visit": {"name": ADA, "courses": []}}}
    assert httpx.post(f"{hub.url}/hub/api/users/{ADA}/tokens", json=body).status_code == 403


def test_ticket_is_not_fetched_in_advance(hub: RunningHub, tool: HubTool) -> None:
    ticket = tool.ticket(BOB, "")
    address = f"{hub.url}/hub/coursebridge/ticket?ticket={ticket}"
    assert httpx.get(address, headers={"Sec-Purpose": "prefetch"}).status_code == 503
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


def test_another_persons_ticket_replaces_the_login(hub: RunningHub, tool: HubTool) -> None:
    visitor = Visitor(hub)
    visitor.arrive(tool.ticket(ADA, ""))
    session = visitor.http.cookies.get("jupyterhub-session-id")
    visitor.arrive(tool.ticket(BOB, ""))
    assert BOB in visitor.last.text
    assert visitor.http.cookies.get("jupyterhub-session-id") != session


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
        answer = visitor.http.get(f"/hub/coursebridge/ticket?ticket={tool.ticket(BOB, evil)}")
        assert answer.status_code == 302
        assert answer.headers["Location"] in {"/hub/home", "/hub/open?\\evil"}, evil
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"


def test_no_ticket_is_in_the_logs(hub: RunningHub, tool: HubTool) -> None:
    ticket = tool.ticket(BOB, "")
    Visitor(hub).arrive(ticket)
    Visitor(hub).arrive(ticket)
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

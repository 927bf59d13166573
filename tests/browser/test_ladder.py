"""Launches in a browser that keeps no cookies in the LMS's frame: every rung of the ladder, and storages that lie."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, Playwright, expect
from sqlalchemy import select
from werkzeug.serving import make_server

from config.settings import load_settings
from lti_tool.contract import load_plugins
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel.runtime import Runtime
from lti_tool.web.session import SessionRow
from tests.browser.visitor import Cookies, open_browser
from tests.conftest import make_app, running
from tests.databases import empty_database
from tests.fakes.contents import stub_contents_plugin
from tests.fakes.launching import register_campus
from tests.servers import free_port

pytestmark = pytest.mark.one_database

ANSWERS = {
    "never answers": "",
    "answers another value": "reply({ value: asked.value || 'x'.repeat(43) }, event);",
    "refuses": "reply({ error: { code: 'storage_exhaustion' } }, event);",
    "answers another question": "reply({ message_id: 'other', value: kept }, event);",
    "answers from another origin": """
        const frame = document.createElement("iframe");
        frame.sandbox = "allow-scripts";
        const said = { subject: asked.subject + ".response", message_id: asked.message_id, value: kept };
        frame.srcdoc = "<script>top.frames.tool.postMessage(" + JSON.stringify(said) + ", '*')</" + "script>";
        document.body.append(frame);""",
    "forgets": "reply({ value: asked.value || null }, event);",
}
"""Storages of the LMS's page that keep a launch off the first rung."""
SCRIPT = "text/javascript"
TURNS = "reply({ value: asked.value || ++asks === 1 ? kept : 'x'.repeat(43) }, event);"
"""One that gives the secret back at the login, and another at the launch."""
STORAGE = """
    let kept = null, asks = 0;
    const reply = (said, event) => event.source.postMessage(
      { subject: event.data.subject + ".response", message_id: event.data.message_id, key: event.data.key, ...said },
      event.origin);
    addEventListener("message", (event) => {
      const asked = event.data;
      if (!["lti.put_data", "lti.get_data"].includes(asked.subject)) return;
      if (asked.value) kept = asked.value;
      %s
    });"""


@dataclass
class Site:
    """A tool on `localhost` and LMSes on `127.0.0.1`: two sites."""

    tool: str
    campuses: dict[str, CampusServer]
    runtime: Runtime

    def rung(self) -> str:
        """What proved the browser of the last launch."""
        with self.runtime.db.reading() as tx:
            row = tx.scalars(select(SessionRow).order_by(SessionRow.created_at.desc()).limit(1)).one()
        rung: str = row.facts["launched"]["rung"]
        return rung


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, port = tmp_path_factory.mktemp("ladder"), free_port()
    plugins = [*load_plugins(["lti_tool.lti"]), stub_contents_plugin()]
    with empty_database(request, folder) as url, CampusServer("moodle") as moodle, CampusServer("canvas") as canvas:
        settings = load_settings(
            base_url=f"http://localhost:{port}",
            data_dir=folder / "var",
            secret_key="a secret for tests only, long enough to sign with",
            database={"url": url},
            lti={"allow_private_hosts": True},
        )
        with running(settings, plugins, tmp_path_factory) as runtime, serving(make_app(runtime, plugins), port):
            found = Site(settings.root_url, {"moodle": moodle, "canvas": canvas}, runtime)
            for campus in (moodle, canvas):
                register_campus(runtime, campus, campus.add_tool(found.tool, deployment_id="1"))
                campus.add_activity("First quiz", custom={"coursebridge_item": "courses/demo/quiz-1"})
            yield found


@contextmanager
def serving(app: Flask, port: int) -> Iterator[None]:
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield
    server.shutdown()
    thread.join()


@pytest.fixture
def open_activity(site: Site, playwright: Playwright, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Opens the activity in a browser with these cookies; `storage` replaces what the LMS's storage answers."""
    with ExitStack() as stack:

        def make(profile: str, cookies: Cookies, storage: str | None = None) -> Page:
            lms = site.campuses[profile].base_url
            opened = open_browser(playwright, tmp_path / "browser", site.tool, lms, cookies, (960, 780))
            page = stack.enter_context(opened).pages[0]
            if storage is not None:
                script = STORAGE % storage
                page.route("**/static/storage.js", lambda route: route.fulfill(body=script, content_type=SCRIPT))
            page.goto(f"{lms}/login/ada?next=/activities/1")
            return page

        yield make


def expect_quiz(page: Page, *, framed: bool = True) -> None:
    body = page.frame_locator("iframe[name=tool]").locator("body") if framed else page.locator("body")
    expect(body).to_contain_text("Ada Lopez")


def test_first_rung_needs_no_cookie_at_all(site: Site, open_activity: Callable[..., Page]) -> None:
    page = open_activity("canvas", Cookies.NONE)
    expect_quiz(page)
    assert site.rung() == "storage"
    assert page.context.cookies(site.tool) == []
    left = page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('lti|'))")
    assert left == [], "the secret is gone once it was used"


def test_second_rung_where_the_lms_keeps_nothing(site: Site, open_activity: Callable[..., Page]) -> None:
    expect_quiz(open_activity("moodle", Cookies.ONLY_PARTITIONED))
    assert site.rung() == "cookie"


def test_second_rung_where_the_storage_never_answers(site: Site, open_activity: Callable[..., Page]) -> None:
    """As in Canvas's mobile apps."""
    began = time.monotonic()
    page = open_activity("canvas", Cookies.ONLY_PARTITIONED, ANSWERS["never answers"])
    expect_quiz(page)
    assert time.monotonic() - began < 10
    assert site.rung() == "cookie"


def test_browser_that_has_the_cookie_is_not_asked_again(site: Site, open_activity: Callable[..., Page]) -> None:
    page = open_activity("canvas", Cookies.ONLY_PARTITIONED)
    expect_quiz(page)
    assert site.rung() == "storage"
    page.reload()
    expect_quiz(page)
    assert site.rung() == "cookie"


@pytest.mark.parametrize("storage", ["none", *ANSWERS])
def test_third_rung_is_one_click(site: Site, open_activity: Callable[..., Page], storage: str) -> None:
    profile = "moodle" if storage == "none" else "canvas"
    page = open_activity(profile, Cookies.NONE, ANSWERS.get(storage))
    link = page.frame_locator("iframe[name=tool]").get_by_role("link", name="Open in a new window")
    with page.expect_popup() as opened:
        link.click()
    expect_quiz(opened.value, framed=False)
    assert site.rung() == "window"


def test_storage_that_turns_at_the_launch_lets_nobody_in(site: Site, open_activity: Callable[..., Page]) -> None:
    page = open_activity("canvas", Cookies.NONE, TURNS)
    tool = page.frame_locator("iframe[name=tool]")
    expect(tool.get_by_role("heading", name="Not for your role")).to_be_visible()
    expect(tool.locator("body")).to_contain_text("allow cookies for this site")

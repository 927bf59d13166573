"""The frames in a real browser: cookies, picker, registration and message storage across two sites."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from lti_tool.demo import claims
from lti_tool.demo.keys import decode_segment
from tests.functional.demo.conftest import Installed

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium: apt-get install chromium")

LAUNCHED = """<!doctype html><title>Tool</title><p id=who>{who}</p><p id=stored></p><script>
const box = window.parent.frames["post_message_forwarding"];
if (box) {{
  addEventListener("message", (event) => {{
    if (event.data.subject === "lti.put_data.response")
      box.postMessage({{subject: "lti.get_data", key: "state", message_id: "2"}}, "{platform}");
    if (event.data.subject === "lti.get_data.response") stored.textContent = "kept " + event.data.value;
  }});
  onload = () => box.postMessage({{subject: "lti.put_data", key: "state", value: "s1", message_id: "1"}}, "{platform}");
}}
</script>"""
CLOSE = "<script>(opener || parent).postMessage({subject: 'org.imsglobal.lti.close'}, '*')</script>"


class FramedTool:
    """Answers logins and launches as a tool on another site (localhost, not 127.0.0.1) does."""

    def __init__(self, site: Installed) -> None:
        self.site = site
        handler = _handler(self)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://localhost:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def auth_url(self, form: dict[str, str]) -> str:
        params = {
            "scope": "openid",
            "response_type": "id_token",
            "response_mode": "form_post",
            "prompt": "none",
            "client_id": form["client_id"],
            "redirect_uri": f"{self.url}/lti/launch",
            "login_hint": form["login_hint"],
            "lti_message_hint": form["lti_message_hint"],
            "nonce": "n",
            "state": "s",
        }
        return f"{self.site.campus.auth_url}?{urlencode(params)}"

    def page(self, form: dict[str, str]) -> str:
        if "error" in form:
            return f"<p id=who>{form['error']}</p>"
        body = decode_segment(form["id_token"], 1)
        if body[claims.MESSAGE_TYPE] == claims.DEEP_LAUNCH:
            return self.selection(body)
        return LAUNCHED.format(who=body["name"], platform=self.site.campus.base_url)

    def selection(self, body: dict[str, Any]) -> str:
        settings = body[claims.DEEP_LINKING_SETTINGS]
        now = int(self.site.campus.clock.now())
        answer = {
            "iss": body["aud"],
            "aud": body["iss"],
            "iat": now - 1,
            "exp": now + 60,
            "nonce": uuid.uuid4().hex,
            claims.MESSAGE_TYPE: claims.DEEP_RESPONSE,
            claims.VERSION: "1.3.0",
            claims.DEPLOYMENT_ID: body[claims.DEPLOYMENT_ID],
            claims.CONTENT_ITEMS: [
                {"type": "ltiResourceLink", "title": "Picked quiz", "lineItem": {"scoreMaximum": 5}}
            ],
        }
        if "data" in settings:
            answer[claims.DATA] = settings["data"]
        token = self.site.small.sign(answer)
        url = settings["deep_link_return_url"]
        return f'<form method=post action="{url}"><input name=JWT value="{token}"><button>Use quiz</button></form>'


def _handler(tool: FramedTool) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(raw).items()}
            if self.path == "/lti/login":
                self.send_response(303)
                self.send_header("Location", tool.auth_url(form))
                self.end_headers()
                return
            self.answer(tool.page(form))

        def do_GET(self) -> None:
            self.answer(CLOSE)

        def answer(self, page: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def framed(either: Installed) -> Iterator[FramedTool]:
    tool = FramedTool(either)
    launch_url = f"{tool.url}/lti/launch"
    here = {"login_url": f"{tool.url}/lti/login", "target_link_uri": launch_url, "deep_link_url": launch_url}
    either.campus.campus.store.save_tool(replace(either.tool, redirect_uris=(launch_url,), **here))
    yield tool
    tool.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


def test_frame_launches_across_sites_and_the_platform_keeps_data(framed: FramedTool, page: Page) -> None:
    site = framed.site
    page.goto(f"{site.campus.base_url}/login/ada?next=/activities/{site.activity.id}")
    tool = page.frame_locator("iframe[name=tool]")
    expect(tool.locator("#who")).to_have_text("Ada Lopez")
    if site.campus.profile.storage_target:
        expect(tool.locator("#stored")).to_have_text("kept s1")
    page.wait_for_load_state()  # the style sheet sizes the frame
    box = page.locator("iframe[name=tool]").bounding_box()
    assert box is not None
    assert (box["width"], box["height"]) == (885, 653)


def test_new_window_launches_too(framed: FramedTool, page: Page) -> None:
    site = framed.site
    page.goto(f"{site.campus.base_url}/login/ada?next=/activities/{site.activity.id}")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Open in a new window").click()
    expect(opened.value.locator("#who")).to_have_text("Ada Lopez")


def test_selected_content_comes_back_to_the_course_page(framed: FramedTool, page: Page) -> None:
    site = framed.site
    page.goto(f"{site.campus.base_url}/login/tess")
    page.get_by_role("link", name="Select content").click()
    page.wait_for_load_state()  # the style sheet sizes the frame
    box = page.locator("iframe[name=tool]").bounding_box()
    assert box is not None
    assert (box["width"], box["height"]) == (770, 578)
    page.frame_locator("iframe[name=tool]").get_by_role("button", name="Use quiz").click()
    expect(page.get_by_role("link", name="Picked quiz")).to_be_visible()
    assert page.url == f"{site.campus.base_url}/course"


def test_registration_page_goes_on_when_the_tool_says_it_is_done(framed: FramedTool, page: Page) -> None:
    page.goto(f"{framed.site.campus.base_url}/login/tess?next=/admin")
    page.get_by_label("Registration URL of the tool").fill(f"{framed.url}/lti/register/x")
    page.get_by_role("button", name="Register tool").click()
    expect(page.get_by_role("heading", name="Register by URL")).to_be_visible()


@pytest.mark.parametrize("width", [320, 1280])
def test_no_page_scrolls_sideways(framed: FramedTool, page: Page, width: int) -> None:
    framed.site.score(comment="A comment that is rather long and speaks of receipts")
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{framed.site.campus.base_url}/login/tess")
    for path in ("/", "/course", "/activities/1", "/grades", "/people", "/admin", "/admin/faults"):
        page.goto(f"{framed.site.campus.base_url}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path

"""The sample pages in a browser of their own, for the tests that look at them."""

import shutil
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.browser.preview import make_preview
from tests.browser.visitor import QUIET
from tests.factories.pages import PAGES

MOODLE, PICKER, PHONE, DESK = (885, 650), (770, 578), (320, 640), (1280, 800)
GOES_ON = "storage"
"""The page of a moment: its script leaves it at once (test_ladder.py watches it)."""
WHOLE_PAGES = sorted(
    name for name, (template, _role, _context) in PAGES.items() if "/_" not in template and name != GOES_ON
)


class _Silent(WSGIRequestHandler):
    def log(self, *_said: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = make_server("127.0.0.1", 0, make_preview(), threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        yield browser
        browser.close()


def open_page(browser: Browser, address: str, size: tuple[int, int], *, script: bool = True, **options: Any) -> Page:
    """A page whose scripts, if any, raise nothing."""
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, java_script_enabled=script, **options)
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto(address)
    return page

"""The page of files in a real browser: an upload that is broken off by a reload and goes on."""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from lti_tool.kernel.runtime import Runtime
from plugins.files import public
from tests.functional.files.conftest import SLUG
from tests.functional.files.web_process import WebProcess
from tests.functional.grading.conftest import Browser

pytestmark = pytest.mark.one_database
CONTENT = b"name,height\n" + b"oak,30\n" * 300_000
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        opened = browser.new_page(viewport={"width": 885, "height": 650}, locale="en-GB")
        opened.set_default_timeout(30_000)
        yield opened
        browser.close()


@pytest.fixture
def web(runtime: Runtime) -> Iterator[WebProcess]:
    process = WebProcess(runtime.settings, COURSEBRIDGE_FILES__CHUNK_BYTES="65536")
    process.start()
    yield process
    process.kill()


def slow_down(page: Page, bytes_per_s: int) -> None:
    """As a bad line does; -1 lifts it."""
    session = page.context.new_cdp_session(page)
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_s}
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", limits)


def test_an_upload_goes_on_after_a_reload_in_the_middle(
    runtime: Runtime, teacher: Browser, web: WebProcess, page: Page, tmp_path: Path, work: Callable[[], None]
) -> None:
    path = tmp_path / "Trees of the city.csv"
    path.write_bytes(CONTENT)
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"{web.url}{teacher.prefix}/files/{SLUG}")
    expect(page.get_by_text("No files yet")).to_be_visible()

    slow_down(page, 200_000)
    page.get_by_label("Add files").set_input_files(path)
    line = page.locator("[data-lines] li")
    expect(line.locator("[data-say]")).to_contain_text("of 2.1 MB")
    while line.locator("progress").evaluate("bar => bar.value") < 20:
        page.wait_for_timeout(50)
    page.reload()
    unfinished = page.locator("[data-unfinished]")
    expect(unfinished).to_contain_text("Trees of the city.csv")
    arrived = int(unfinished.locator("progress").get_attribute("value") or 0)

    slow_down(page, -1)
    sent: list[int] = []
    page.on("request", lambda asked: sent.append(1) if asked.method == "PATCH" else None)
    page.get_by_label("Add files").set_input_files(path)
    expect(page.get_by_text("Being checked", exact=True)).to_be_visible()
    work()
    expect(page.get_by_text("Ready", exact=True)).to_be_visible()

    with runtime.db.reading() as tx:
        (file,) = public.list_files(tx, SLUG)
    assert arrived >= 10
    assert len(sent) < 33 * (100 - arrived) / 100 + 2, "what had arrived was not sent again"
    assert file.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert problems == []

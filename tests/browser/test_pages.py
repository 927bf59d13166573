"""Every page, visited once: its first load is light, it is no wider than its frame, and axe finds nothing."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Response

from tests.browser.sheet import DESK, MOODLE, PHONE, PICKER, WHOLE_PAGES, browser, open_page, site

__all__ = ["browser", "site"]

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
ALL_RULES: dict[str, Any] = {}
COLOURS: dict[str, Any] = {"runOnly": ["color-contrast", "link-in-text-block"]}
PARTS = 12
"""A test each: all pages at once take minutes on a busy machine."""
MOST_SCRIPTS, MOST_IN_ALL = 45_000, 100_000
"""Bytes, compressed."""
ASK_AXE = """async (options) => (await axe.run(document, {...options, iframes: false, resultTypes: ["violations"]}))
    .violations.map((found) => `${found.id}: ${found.nodes.map((node) => node.target.join(" ")).slice(0, 3)}`)"""


def ask_axe(page: Page, options: dict[str, Any]) -> list[str]:
    """What axe has against the page as it is now: rule and elements."""
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=AXE)
    found: list[str] = page.evaluate(ASK_AXE, options)
    return found


def weigh(got: list[Response]) -> list[str]:
    """What is too heavy in the answers of a first load, the page before what it asked for."""
    sent = {answer.url: answer.request.sizes()["responseBodySize"] for answer in got[1:]}
    scripts = sum(size for url, size in sent.items() if url.endswith(".js"))
    in_all = sum(sent.values()) + len(gzip.compress(got[0].body()))
    said = [f"{url} is empty, or its weight is not known" for url, size in sent.items() if size <= 0]
    if not 0 < scripts <= MOST_SCRIPTS:
        said.append(f"scripts of {scripts} bytes")
    if not scripts < in_all <= MOST_IN_ALL:
        said.append(f"{in_all} bytes in all")
    return said


def measure(page: Page, sizes: list[tuple[int, int]]) -> list[str]:
    """The frames that are too narrow for the page, which stays in the last one."""
    said = []
    for width, height in sizes:
        page.set_viewport_size({"width": width, "height": height})
        if page.evaluate("document.documentElement.scrollWidth") > width:
            said.append(f"wider than {width}")
    return said


@pytest.mark.parametrize("part", range(PARTS))
def test_a_page_is_light_and_fits_and_axe_finds_nothing(site: str, browser: Browser, part: int) -> None:
    page = open_page(browser, "about:blank", DESK)
    page.add_init_script(path=AXE)
    cache = page.context.new_cdp_session(page)
    got: list[Response] = []
    page.on("response", lambda answer: got.append(answer))
    found = {}
    for name in WHOLE_PAGES[part::PARTS]:
        page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        cache.send("Network.clearBrowserCache")
        page.goto("about:blank")  # the page before asks for nothing more
        got.clear()
        page.goto(f"{site}/{name}")
        page.evaluate("document.fonts.ready")
        said = weigh(got) + [f"desk: {one}" for one in ask_axe(page, ALL_RULES)]
        said += measure(page, [MOODLE, PICKER, PHONE])
        said += [f"phone: {one}" for one in ask_axe(page, ALL_RULES)]
        page.emulate_media(color_scheme="dark", reduced_motion="reduce")  # colours do not depend on the width
        said += [f"dark: {one}" for one in ask_axe(page, COLOURS)]
        if said:
            found[name] = said
    page.context.close()

    assert found == {}


def test_what_is_wrong_with_a_page_is_seen(site: str, browser: Browser) -> None:
    page = open_page(browser, f"{site}/design", PHONE)
    page.evaluate("document.body.innerHTML = '<img src=x><pre style=\"width: 500px\">wide</pre>'")

    assert measure(page, [PHONE]) == ["wider than 320"]
    assert any(said.startswith("image-alt: img") for said in ask_axe(page, ALL_RULES))


def test_axe_finds_nothing_in_an_open_dialog_and_menu(site: str, browser: Browser) -> None:
    page = open_page(browser, f"{site}/design", PHONE, reduced_motion="reduce")
    page.locator("details.menu > summary").click()
    in_menu = ask_axe(page, ALL_RULES)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Add a lesson").click()

    assert in_menu == []
    assert ask_axe(page, ALL_RULES) == []

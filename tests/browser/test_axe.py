"""axe finds nothing on any page, on a phone and on a desk, nor in dark colours."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.sheet import DESK, PHONE, WHOLE_PAGES, browser, open_page, site

__all__ = ["browser", "site"]

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
ALL_RULES: dict[str, Any] = {}
COLOURS: dict[str, Any] = {"runOnly": ["color-contrast", "link-in-text-block"]}
PARTS = 6
"""A test each: all pages at once take minutes on a busy machine."""
ASK_AXE = """async (options) => (await axe.run(document, {...options, iframes: false, resultTypes: ["violations"]}))
    .violations.map((found) => `${found.id}: ${found.nodes.map((node) => node.target.join(" ")).slice(0, 3)}`)"""


def ask_axe(page: Page, options: dict[str, Any]) -> list[str]:
    """What axe has against the page as it is now: rule and elements."""
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=AXE)
    found: list[str] = page.evaluate(ASK_AXE, options)
    return found


@pytest.mark.parametrize("part", range(PARTS))
def test_axe_finds_nothing(site: str, browser: Browser, part: int) -> None:
    page = open_page(browser, site, PHONE, reduced_motion="reduce")
    found = {}
    for name in WHOLE_PAGES[part::PARTS]:
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        page.goto(f"{site}/{name}")
        said = [f"phone: {one}" for one in ask_axe(page, ALL_RULES)]
        page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
        said += [f"desk: {one}" for one in ask_axe(page, ALL_RULES)]
        page.emulate_media(color_scheme="dark")  # colours do not depend on the width
        said += [f"dark: {one}" for one in ask_axe(page, COLOURS)]
        if said:
            found[name] = said
    page.context.close()

    assert found == {}


def test_axe_finds_nothing_in_an_open_dialog_and_menu(site: str, browser: Browser) -> None:
    page = open_page(browser, f"{site}/design", PHONE, reduced_motion="reduce")
    page.locator("details.menu > summary").click()
    in_menu = ask_axe(page, ALL_RULES)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Add a lesson").click()

    assert in_menu == []
    assert ask_axe(page, ALL_RULES) == []

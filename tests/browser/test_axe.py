"""axe finds nothing on any page, on a phone and on a desk, light and dark; no first load is heavy."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Response

from tests.browser.sheet import DESK, PHONE, WHOLE_PAGES, browser, open_page, site

__all__ = ["browser", "site"]

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
ALL_RULES: dict[str, Any] = {}
COLOURS: dict[str, Any] = {"runOnly": ["color-contrast", "link-in-text-block"]}
ASK_AXE = """async (options) => (await axe.run(document, {...options, iframes: false, resultTypes: ["violations"]}))
    .violations.map((found) => `${found.id}: ${found.nodes.map((node) => node.target.join(" ")).slice(0, 3)}`)"""


def ask_axe(page: Page, options: dict[str, Any]) -> list[str]:
    """What axe has against the page as it is now: rule and elements."""
    page.add_script_tag(path=AXE)
    found: list[str] = page.evaluate(ASK_AXE, options)
    return found


@pytest.mark.parametrize(
    ("size", "scheme", "rules"),
    [(PHONE, "light", ALL_RULES), (DESK, "light", ALL_RULES), (PHONE, "dark", COLOURS), (DESK, "dark", COLOURS)],
    ids=["phone-light", "desk-light", "phone-dark", "desk-dark"],
)
def test_axe_finds_nothing(
    site: str, browser: Browser, size: tuple[int, int], scheme: str, rules: dict[str, Any]
) -> None:
    page = open_page(browser, site, size, color_scheme=scheme, reduced_motion="reduce")
    found = {}
    for name in WHOLE_PAGES:
        page.goto(f"{site}/{name}")
        if said := ask_axe(page, rules):
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


@pytest.mark.parametrize("name", WHOLE_PAGES)
def test_first_load_stays_small(site: str, browser: Browser, name: str) -> None:
    page = open_page(browser, "about:blank", PHONE)
    got: list[Response] = []
    page.on("response", lambda answer: got.append(answer))
    page.goto(f"{site}/{name}")
    page.evaluate("document.fonts.ready")
    sent = {answer.url: answer.request.sizes()["responseBodySize"] for answer in got if answer.url != f"{site}/{name}"}
    markup = len(gzip.compress(got[0].body()))
    page.context.close()

    scripts = sum(size for url, size in sent.items() if url.endswith(".js"))
    assert all(size > 0 for size in sent.values())
    assert 0 < scripts <= 45_000
    assert scripts < sum(sent.values()) + markup <= 100_000

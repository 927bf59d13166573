"""No first load is heavy."""

import gzip

import pytest
from playwright.sync_api import Browser, Response

from tests.browser.sheet import PHONE, WHOLE_PAGES, browser, open_page, site

__all__ = ["browser", "site"]


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

"""The pages in a real browser: they show the main action at once, and stay live."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.sheet import MOODLE, PHONE, PICKER, browser, open_page, site

__all__ = ["browser", "site"]

COUNT_SENT = """
    window.sent = 0;
    document.addEventListener("submit", (event) => {
        if (!event.defaultPrevented) window.sent += 1;
        event.preventDefault();
    });
"""


@pytest.mark.parametrize(
    ("name", "button", "size"),
    [
        ("quiz", "Open in JupyterHub", MOODLE),
        ("quiz", "Submit attempt 3", MOODLE),
        ("quiz", "Open in JupyterHub", PHONE),
        ("submissions", "Mark by hand", MOODLE),
        ("by-hand", "Mark question by question", MOODLE),
        ("by-hand-answer", "Save and go on", MOODLE),
        ("pick", "Add to course", PICKER),
        ("pick", "Add to course", PHONE),
        ("cookie-window", "Open in a new window", PHONE),
    ],
)
def test_main_action_shows_without_scrolling(
    site: str, browser: Browser, name: str, button: str, size: tuple[int, int]
) -> None:
    page = open_page(browser, f"{site}/{name}", size)

    main = page.locator("main")
    action = main.get_by_role("button", name=button).or_(main.get_by_role("link", name=button))
    expect(action).to_be_in_viewport(ratio=1)


def test_status_of_an_attempt_arrives_by_itself_and_is_announced(site: str, browser: Browser) -> None:
    page = open_page(browser, f"{site}/quiz-running", MOODLE)

    expect(page.locator("#attempt-status").get_by_text("Marked")).to_be_visible()
    expect(page.locator("#live")).to_have_text("Attempt 3: marked, 8.5 of 10 points")
    expect(page.get_by_role("link", name="See feedback")).to_be_visible()


def test_lost_connection_is_said_and_taken_back(site: str, browser: Browser) -> None:
    page = open_page(browser, f"{site}/quiz-running", MOODLE)
    page.route("**/status-done", lambda route: route.abort())

    expect(page.get_by_text("No connection")).to_be_visible()
    page.unroute("**/status-done")
    expect(page.locator("#attempt-status").get_by_text("Marked")).to_be_visible()


def come_back(page: Page) -> None:
    page.wait_for_timeout(2000)  # the page does not ask twice within two seconds
    page.evaluate("window.dispatchEvent(new Event('focus'))")


def test_quiz_page_shows_what_happened_in_another_window(site: str, browser: Browser) -> None:
    page = open_page(browser, f"{site}/quiz", MOODLE)
    button = page.get_by_role("button", name="Open in JupyterHub")
    button.focus()
    page.route("**/quiz", lambda route: route.fulfill(body=route.fetch().text().replace('version="1"', 'version="2"')))
    come_back(page)

    expect(page.locator("#quiz")).to_have_attribute("data-version", "2")
    expect(button).to_be_focused()


def test_quiz_page_without_news_stays_as_it_is(site: str, browser: Browser) -> None:
    page = open_page(browser, f"{site}/quiz", MOODLE)
    page.evaluate("document.querySelector('#quiz').dataset.mine = 'kept'")
    with page.expect_response("**/quiz"):
        come_back(page)
    page.wait_for_timeout(300)

    expect(page.locator("#quiz")).to_have_attribute("data-mine", "kept")


def test_a_second_click_sends_nothing(site: str, browser: Browser) -> None:
    page = open_page(browser, f"{site}/quiz", MOODLE)
    page.evaluate(COUNT_SENT)
    button = page.get_by_role("button", name="Submit attempt 3")
    button.click()
    button.click(force=True)

    assert page.evaluate("window.sent") == 1


def test_times_are_shown_in_the_readers_zone(site: str, browser: Browser) -> None:
    page = browser.new_context(timezone_id="Asia/Tokyo", locale="en-GB").new_page()
    page.goto(f"{site}/quiz")

    expect(page.locator("dl time").first).to_have_text("Tue, 1 Dec 2026, 07:59 GMT+9")


def test_picker_counts_what_is_chosen(site: str, browser: Browser) -> None:
    page = open_page(browser, f"{site}/pick-many", PICKER)
    page.get_by_role("checkbox").nth(0).check()

    expect(page.get_by_text("2 chosen")).to_be_visible()


def test_quiz_page_works_without_scripts(site: str, browser: Browser) -> None:
    page = open_page(browser, f"{site}/quiz", MOODLE, script=False)

    expect(page.get_by_role("button", name="Submit attempt 3")).to_be_enabled()
    expect(page.get_by_text("30 Nov 2026, 22:59 UTC")).to_be_visible()
    expect(page.get_by_role("button", name="Copy receipt")).to_be_hidden()
    page.get_by_text("Upload a notebook file instead").click()
    expect(page.get_by_label("Notebook file")).to_be_visible()

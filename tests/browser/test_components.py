"""Components with keyboard, without JavaScript, in a small frame, and with text twice as large."""

import shutil

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.sheet import MOODLE, PHONE, WHOLE_PAGES, browser, open_page, site
from tests.browser.visitor import QUIET

__all__ = ["browser", "site"]


def test_dialog_takes_the_focus_fits_the_frame_and_gives_the_focus_back(site: str, browser: Browser) -> None:
    page = open_page(browser, f"{site}/design", (320, 400))
    opener = page.get_by_role("button", name="Add a lesson")
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Add a lesson")
    expect(dialog).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.querySelector('dialog').contains(document.activeElement)")
    page.keyboard.press("Escape")

    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_dialog_is_a_link_without_javascript(site: str, browser: Browser) -> None:
    page = open_page(browser, f"{site}/design", MOODLE, script=False)

    expect(page.get_by_text("Add a lesson").first).to_have_attribute("href", "#main")


def test_tabs_are_moved_through_by_arrow_keys(site: str, browser: Browser) -> None:
    page = open_page(browser, f"{site}/design", MOODLE)
    about, teacher = page.get_by_role("tab", name="About"), page.get_by_role("tab", name="Teacher")
    about.focus()
    page.keyboard.press("ArrowRight")

    expect(teacher).to_be_focused()
    expect(teacher).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("tabpanel")).to_have_text("Grace Hopper teaches it.")
    page.goto(f"{site}/design#sample-teacher")
    page.reload()
    expect(page.get_by_role("tab", name="Teacher")).to_have_attribute("aria-selected", "true")


def test_tabs_are_sections_one_below_the_other_without_javascript(site: str, browser: Browser) -> None:
    page = open_page(browser, f"{site}/design", MOODLE, script=False)

    expect(page.get_by_text("What the course is about")).to_be_visible()
    expect(page.get_by_text("Grace Hopper teaches it.")).to_be_visible()


def test_toast_is_announced_dismissed_and_kept_when_it_is_a_problem(site: str, browser: Browser) -> None:
    page = open_page(browser, f"{site}/quiz", MOODLE)
    page.clock.install()
    page.evaluate("coursebridge.toast('Saved at 14:03', 'good'); coursebridge.toast('Not saved', 'bad')")
    region = page.locator("#toasts[role=status]")
    expect(region).to_contain_text("Saved at 14:03")
    page.clock.run_for(7000)
    expect(region).not_to_contain_text("Saved at 14:03")
    expect(region).to_contain_text("Not saved")
    region.get_by_role("button", name="Dismiss").click()

    expect(region).to_be_empty()


def test_stars_are_chosen_by_keyboard(site: str, browser: Browser) -> None:
    page = open_page(browser, f"{site}/design", MOODLE)
    page.get_by_role("radio", name="4 stars").focus()
    page.keyboard.press("ArrowRight")

    expect(page.get_by_role("radio", name="5 stars, excellent")).to_be_checked()


def test_refused_form_begins_at_its_error_summary_which_leads_to_the_field(site: str, browser: Browser) -> None:
    page = open_page(browser, f"{site}/design", MOODLE)
    expect(page.get_by_role("alert", name="Not saved yet")).to_be_focused()
    page.get_by_role("link", name="Take the space out of the web address").click()

    expect(page.get_by_label("Web address")).to_be_focused()


def test_changed_filter_shows_at_once_and_waits_for_a_button_without_javascript(site: str, browser: Browser) -> None:
    page = open_page(browser, f"{site}/design", MOODLE)
    page.get_by_label("Language").select_option("en")
    page.wait_for_url("**q=data&level=beginner&language=en*")
    plain = open_page(browser, f"{site}/design", MOODLE, script=False)

    expect(plain.get_by_role("button", name="Show")).to_be_visible()


def test_brand_of_the_platform_colours_the_main_button(site: str, browser: Browser) -> None:
    page = open_page(browser, f"{site}/quiz", MOODLE, color_scheme="light")
    page.add_style_tag(url=f"{site}/brand/1/00ff00.css")

    expect(page.get_by_role("button", name="Open in JupyterHub")).to_have_css("background-color", "rgb(2, 128, 2)")


def test_nothing_overflows_with_text_of_double_size(site: str, browser: Browser) -> None:
    large = browser.browser_type.launch(
        executable_path=shutil.which("chromium"), args=[*QUIET, "--blink-settings=defaultFontSize=32"]
    )
    page = open_page(large, site, PHONE)
    too_wide = []
    for name in WHOLE_PAGES:
        page.goto(f"{site}/{name}")
        for direction in ("ltr", "rtl"):
            page.evaluate("(direction) => { document.documentElement.dir = direction; }", direction)
            if page.evaluate("document.documentElement.scrollWidth") > PHONE[0]:
                too_wide.append(f"{name} {direction}")
    large.close()

    assert too_wide == []


def test_lesson_and_feedback_are_printed_without_what_only_works_on_a_screen(site: str, browser: Browser) -> None:
    page = open_page(browser, f"{site}/feedback", MOODLE)
    page.emulate_media(media="print")
    expect(page.get_by_role("heading", name="Feedback on attempt 2")).to_be_visible()
    expect(page.locator("header.top")).to_be_hidden()
    expect(page.locator("iframe")).to_be_hidden()
    page.goto(f"{site}/lesson")

    expect(page.get_by_role("navigation", name="Previous and next")).to_be_hidden()
    expect(page.get_by_text("A table is a list of rows.")).to_be_visible()


def test_nothing_moves_for_people_who_asked_for_less(site: str, browser: Browser) -> None:
    page = open_page(browser, f"{site}/design", MOODLE, reduced_motion="reduce")
    moving = "[...document.querySelectorAll('*')].filter((el) => getComputedStyle(el).animationName !== 'none').length"

    assert page.evaluate(moving) == 0
    expect(page.locator(".skeleton > span").first).to_have_css("opacity", "1")


def test_choice_and_current_page_show_in_forced_colours(site: str, browser: Browser) -> None:
    page = open_page(browser, f"{site}/design", MOODLE, forced_colors="active")

    expect(page.locator(".page-list a[aria-current]")).to_have_css("outline-style", "solid")
    expect(page.locator(".choice:has(:checked)").first).to_have_css("outline-style", "solid")
    expect(page.locator(".notice").first).to_have_css("border-top-style", "solid")


@pytest.mark.parametrize("width", [885, 320])
def test_menu_opens_within_the_frame(site: str, browser: Browser, width: int) -> None:
    page = open_page(browser, f"{site}/design", (width, 650))
    page.locator("details.menu > summary").click()
    box = page.locator(".menu-body").bounding_box()

    assert box and box["x"] >= 0 and box["x"] + box["width"] <= width

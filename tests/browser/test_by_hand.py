"""Marking by hand with the keyboard alone, in a real browser."""

import shutil
from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Locator, Page, Playwright, expect

from grading.engine.hand_marks import CellRef, HandMarks
from lti_tool.kernel.runtime import Runtime
from tests.browser.serving import serving
from tests.browser.visitor import QUIET
from tests.factories.grading import NAME, SLUG, Someone, sign_in
from tests.fakes.grading_fixtures import learner, lms, other, place, teacher
from tests.fakes.written_quiz import WrittenQuiz, plugins, released, written

__all__ = ["learner", "lms", "other", "place", "plugins", "released", "teacher", "written"]


@pytest.fixture
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
    yield browser
    browser.close()


@pytest.fixture
def page(app: Flask, browser: Browser, teacher: Someone) -> Iterator[Page]:
    """The first page of marking, as the teacher's session has it."""
    with serving(app) as site:
        page = browser.new_page(viewport={"width": 885, "height": 650})
        page.on("pageerror", lambda error: pytest.fail(str(error)))
        page.goto(f"{site}{sign_in(app, teacher)}/grading/{SLUG}/{NAME}/by-hand")
        yield page
        page.close()


def test_all_answers_are_marked_without_a_mouse(
    written: WrittenQuiz, runtime: Runtime, learner: Someone, other: Someone, page: Page
) -> None:
    def whose(name: str) -> Locator:
        return page.get_by_role("main").get_by_role("link", name=name)

    for who in (learner, other):
        written.hand_in(who)
    page.reload()
    page.get_by_role("link", name="Mark question by question").focus()
    page.keyboard.press("Enter")
    points = page.get_by_label("Points of 3")
    expect(whose("Ada L.")).to_be_visible()

    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_be_in_viewport(ratio=1)
    page.keyboard.press("j")
    expect(keys).to_be_visible()
    page.keyboard.press("Escape")

    page.get_by_text("Make a rubric").focus()
    page.keyboard.press("Enter")
    page.get_by_label("New item 1", exact=True).fill("Says what is neutral")
    page.get_by_label("Points of new item 1").fill("2.5")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Rubric saved")).to_be_visible()

    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("1")
    expect(points).to_have_value("2.5")
    page.keyboard.press("c")
    page.keyboard.type("1 more j")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    expect(whose("Grace H.")).to_be_visible()
    expect(page.get_by_role("status").get_by_text("Saved")).to_be_visible()

    page.keyboard.press("k")
    expect(whose("Ada L.")).to_be_visible()
    expect(page.get_by_label("Comment for the learner")).to_have_value("1 more j")
    page.keyboard.press("ArrowRight")
    expect(whose("Grace H.")).to_be_visible()
    page.keyboard.press("p")
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Points of 4")).to_be_visible()

    marks = HandMarks(runtime.settings.gradebook_url(SLUG, learner.place.placement_id), NAME)
    given = [marks.find(who.hub_name, CellRef(NAME, "why"), "why") for who in (learner, other)]
    assert [(float(each.manual_score or 0), each.comment) for each in given if each] == [(2.5, "1 more j"), (3.0, None)]

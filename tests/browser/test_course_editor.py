"""The editor of courses in a real browser: preview, keeping what is typed, pasting, dragging, and the keyboard."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect, sync_playwright

from config.settings import DEFAULT_PLUGINS
from lti_tool.contract import load_plugins
from lti_tool.kernel.permissions import Role
from plugins.courses.importer import import_course
from tests.browser.serving import serving
from tests.browser.visitor import QUIET
from tests.conftest import make_app, make_settings, running
from tests.databases import empty_database
from tests.factories.course_folders import TOML, write_folder
from tests.factories.grading import make_person, make_place, sign_in

EDIT = "/courses/trees/edit/"
HEAD = TOML[: TOML.index('[[module.item]]\ntype = "quiz"')]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAAAAABX3VL4AAAADklEQVR4nGNsYGBiYAAAApIAhPd8o1gAAAAASUVORK5CYII="
"""Four grey pixels."""
PASTE = """
    const area = document.querySelector("#markdown"), data = new DataTransfer();
    const bytes = Uint8Array.from(atob(PNG), (c) => c.charCodeAt(0));
    data.items.add(new File([bytes], "shot.png", { type: "image/png" }));
    area.focus();
    area.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
""".replace("PNG", repr(PNG))


@pytest.fixture(scope="module")
def sessions(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Addresses of a teacher's and a learner's session."""
    data, plugins = tmp_path_factory.mktemp("editor"), load_plugins(DEFAULT_PLUGINS)
    with empty_database(request, data) as url, running(make_settings(data, url), plugins, tmp_path_factory) as runtime:
        files = dict.fromkeys(("source/quiz-1/quiz-1.ipynb", "source/quiz-1/data.csv"))
        text = {"lessons/sowing.md": "See [watering](watering)."}
        import_course(runtime, write_folder(data / "trees", {"course.toml": HEAD, **files, **text}))
        with runtime.db.transaction() as tx:
            place = make_place(tx)
            teacher, learner = make_person(tx, place, "Ada", Role.TEACHER), make_person(tx, place, "Lin")
        app = make_app(runtime, plugins)
        with serving(app) as origin:
            yield f"{origin}{sign_in(app, teacher, 'trees')}", f"{origin}{sign_in(app, learner, 'trees')}"


@pytest.fixture
def session(sessions: tuple[str, str]) -> str:
    """Address of the teacher's session."""
    return sessions[0]


@pytest.fixture
def page(session: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        opened = browser.new_page(viewport={"width": 885, "height": 650}, timezone_id="Asia/Tokyo")
        opened.on("pageerror", lambda error: pytest.fail(str(error)))
        yield opened
        browser.close()


def test_what_is_typed_is_previewed_kept_and_published(session: str, page: Page) -> None:
    page.goto(f"{session}{EDIT}items/sowing")
    page.get_by_label("Text").fill("Now $x^2$ and [watering](watering).")
    expect(page.locator("#markdown-preview math")).to_be_visible()
    expect(page.get_by_text("not saved yet")).to_be_visible()

    page.reload()
    expect(page.get_by_label("Text")).to_have_value("Now $x^2$ and [watering](watering).")
    page.get_by_role("button", name="Publish changes").click()
    page.goto(f"{session}/courses/trees/sowing")
    expect(page.locator("article math")).to_be_visible()


def test_what_is_typed_before_the_scripts_are_there_is_previewed_and_kept(session: str, page: Page) -> None:
    held: list[Route] = []
    is_typed = False

    def hold(route: Route) -> None:
        if is_typed:
            route.continue_()
        else:
            held.append(route)

    page.route("**/*.js*", hold)
    page.goto(f"{session}{EDIT}items/watering", wait_until="commit")
    page.locator("#markdown").fill("Typed early: $y^3$.")
    assert not page.evaluate("'htmx' in window")
    is_typed = True
    for route in held:
        route.continue_()
    expect(page.locator("#markdown-preview math")).to_be_visible()
    expect(page.get_by_text("not saved yet")).to_be_visible()


def test_a_pasted_picture_becomes_a_line_of_text(session: str, page: Page) -> None:
    page.goto(f"{session}{EDIT}items/watering")
    page.evaluate(PASTE)
    expect(page.get_by_label("Text")).to_have_value(re.compile(r"!\[shot\]\(\.\./media/shot(-\d+)?\.png\)"))


def test_what_is_typed_while_the_tool_is_away_is_kept_once_it_is_back(session: str, page: Page) -> None:
    page.goto(f"{session}{EDIT}items/watering")
    page.route("**/items/watering/*", lambda route: route.fulfill(status=503, body="<html>Back in a minute</html>"))
    page.get_by_label("Text").fill("Typed in the meantime.")
    state = page.locator("[data-kept-at]")
    expect(state).to_contain_text("is not kept now. It is tried again by itself.")
    for width in (320, 885):
        page.set_viewport_size({"width": width, "height": 650})
        expect(state).to_be_in_viewport()
    page.evaluate(PASTE)
    expect(page.get_by_text("The picture was not uploaded: no connection.")).to_be_visible()
    expect(page.get_by_label("Text")).to_have_value("Typed in the meantime.")

    page.unroute("**/items/watering/*")
    expect(state).to_contain_text("not saved yet")
    page.reload()
    expect(page.get_by_label("Text")).to_have_value("Typed in the meantime.")


def test_what_is_typed_when_the_session_is_over_is_not_said_to_be_kept_later(session: str, page: Page) -> None:
    page.goto(f"{session}{EDIT}items/watering")
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=401, body="<html>The session is over</html>")

    page.route("**/items/watering/unsaved", refuse)
    page.get_by_label("Text").fill("Typed too late.")
    expect(page.locator("[data-kept-at]")).to_contain_text("Copy your text, then open the activity again")
    page.wait_for_timeout(6000)
    assert len(asked) == 1, "nobody asks again"


def test_times_are_the_writers_own(session: str, page: Page) -> None:
    page.goto(f"{session}{EDIT}modules/seeds")
    page.get_by_label("Opens").fill("2030-01-02T09:00")
    page.get_by_role("button", name="Save module").click()
    page.goto(f"{session}{EDIT}modules/seeds")
    expect(page.get_by_label("Opens")).to_have_value("2030-01-02T09:00")
    page.goto(f"{session}{EDIT}")
    expect(page.locator("time").first).to_have_attribute("datetime", "2030-01-02T00:00:00+00:00")


def test_items_are_moved_by_dragging_and_by_keyboard(session: str, page: Page, tmp_path: Path) -> None:
    page.goto(f"{session}{EDIT}")
    items = page.locator("[data-item]")
    first = items.nth(0).get_attribute("data-item")
    with page.expect_navigation():
        items.nth(0).drag_to(items.nth(1), target_position={"x": 20, "y": 45})
    expect(items.nth(1)).to_have_attribute("data-item", first or "")

    page.locator(f"[data-item={first}]").get_by_role("button", name="up").focus()
    page.keyboard.press("Enter")
    expect(items.nth(0)).to_have_attribute("data-item", first or "")


def test_another_order_is_looked_at_before_it_is_saved_and_learners_see(sessions: tuple[str, str], page: Page) -> None:
    def order(of: Page) -> list[str]:
        return of.locator(".module li").all_inner_texts()

    def titles(of: Page) -> list[str]:
        return of.locator(".module li > .grow > :first-child").all_inner_texts()

    session, learner = sessions
    page.goto(f"{learner}/courses/trees/")
    seen = titles(page)
    assert len(seen) == 2, seen
    page.goto(f"{session}/courses/trees/edit/preview/")
    saved = order(page)
    page.goto(f"{session}{EDIT}")
    page.get_by_role("link", name="Try another order").click()
    items = page.locator("[data-item]")
    first = items.nth(0).get_attribute("data-item")
    items.nth(0).drag_to(items.nth(1), target_position={"x": 20, "y": 45})
    expect(items.nth(1)).to_have_attribute("data-item", first or "")
    expect(page.get_by_role("status").filter(has_text="Moved, not saved yet")).to_be_visible()
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Preview changes").click()
    expect(opened.value.get_by_text("Nothing of this is saved")).to_be_visible()
    assert order(opened.value) == saved[::-1]
    opened.value.close()
    expect(items.nth(1)).to_have_attribute("data-item", first or "")

    page.locator(f"[data-item={first}]").get_by_role("button", name="up").focus()
    page.keyboard.press("Enter")
    expect(items.nth(0)).to_have_attribute("data-item", first or "")
    page.locator(f"[data-item={first}]").get_by_role("button", name="down").click()
    expect(items.nth(1)).to_have_attribute("data-item", first or "")
    browser = page.context.browser
    assert browser is not None
    watching = browser.new_page()
    watching.goto(f"{learner}/courses/trees/")
    assert titles(watching) == seen
    page.get_by_role("button", name="Save this order").click()
    expect(page.locator("[data-item]").nth(1)).to_have_attribute("data-item", first or "")
    watching.reload()
    assert titles(watching) == seen[::-1] != seen
    page.goto(f"{session}/courses/trees/edit/preview/")
    assert order(page) == saved[::-1]


def test_settings_are_looked_at_before_they_are_saved(session: str, page: Page) -> None:
    page.goto(f"{session}{EDIT}settings")
    page.get_by_label("Title").fill("Old trees")
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Preview changes").click()
    expect(opened.value.get_by_role("heading", name="Old trees")).to_be_visible()
    expect(page.get_by_label("Title")).to_have_value("Old trees")
    page.goto(f"{session}{EDIT}settings")
    expect(page.get_by_label("Title")).to_have_value("Trees")

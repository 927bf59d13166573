"""Progress in a real browser: read, leave, come back on another device, work offline, with and without storage."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, render_template_string
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from lti_tool.contract import Plugin, load_plugins
from lti_tool.kernel.runtime import Runtime
from plugins.progress.public import CourseProgress, ItemState, Learner, publish_outline, read_course
from plugins.progress.ranges import SLOT_S
from tests.browser.serving import serving
from tests.browser.visitor import QUIET
from tests.factories.grading import SLUG, Someone, make_person, make_place, sign_in
from tests.factories.progress import outline, ref

WATCH = """(detail) => document.dispatchEvent(new CustomEvent("coursebridge:watch", {detail}))"""
NO_STORAGE = (
    """Object.defineProperty(window, "localStorage", {get() { throw new DOMException("no", "SecurityError"); }});"""
)
ITEM = """
{% extends "base.html" %}{% block title %}{{ item }}{% endblock %}
{% block main %}<h1>{{ item }}</h1>{% set tracker = progress_tracker("courses/%s/%s" % (slug, item)) %}
{% include "progress/_tracker.html" %}{% endblock %}
"""


@pytest.fixture
def plugins() -> list[Plugin]:
    """Progress, and pages of items to track."""
    blueprint = Blueprint("reader", __name__, url_prefix="/courses")

    @blueprint.get("/<slug>/<item>")
    def show(slug: str, item: str) -> str:
        return render_template_string(ITEM, slug=slug, item=item)

    reader = Plugin(name="reader", summary="Shows items.", blueprints=(blueprint,))
    return [*load_plugins(["lti_tool.lti", "grading", "plugins.progress"]), reader]


@pytest.fixture
def site(app: Flask) -> Iterator[str]:
    with serving(app) as origin:
        yield origin


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def ada(runtime: Runtime) -> Someone:
    with runtime.db.transaction() as tx:
        publish_outline(tx, SLUG, outline())
        return make_person(tx, make_place(tx))


Device = Callable[..., BrowserContext]


@pytest.fixture
def device(browser: Browser) -> Iterator[Device]:
    """`device()` → a browser of its own."""
    made: list[BrowserContext] = []

    def make(script: str = "") -> BrowserContext:
        context = browser.new_context(viewport={"width": 885, "height": 650})
        if script:
            context.add_init_script(script)
        made.append(context)
        return context

    yield make
    for context in made:
        context.close()


def open_page(app: Flask, site: str, context: BrowserContext, who: Someone, path: str) -> Page:
    """A page in a session of its own, as after a launch. Its scripts raise nothing."""
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto(f"{site}{sign_in(app, who)}{path}")
    return page


def wait_for(runtime: Runtime, who: Someone, is_there: Callable[[CourseProgress], Any]) -> CourseProgress:
    """The progress as soon as it is so."""
    for _ in range(1200):
        with runtime.db.reading() as tx:
            found = read_course(tx, Learner(who.place.placement_id, who.user_id), SLUG)
        if is_there(found):
            return found
        time.sleep(0.1)
    raise AssertionError(found)


def test_reads_leaves_and_goes_on_elsewhere(
    runtime: Runtime, app: Flask, site: str, device: Device, ada: Someone, tmp_path: Path
) -> None:
    began = time.monotonic()
    lesson = open_page(app, site, device(), ada, f"/courses/{SLUG}/trees")
    expect(lesson.locator("[data-progress]")).to_contain_text("Progress saved at")
    lesson.mouse.move(20, 20)
    lesson.wait_for_timeout(3500)
    lesson.close(run_before_unload=False)
    there_s = time.monotonic() - began
    found = wait_for(runtime, ada, lambda found: found.seconds > 0)
    assert found.items[ref("trees")].state is ItemState.DONE
    assert found.seconds <= there_s + SLOT_S

    film = open_page(app, site, device(), ada, f"/courses/{SLUG}/film")
    film.evaluate(WATCH, {"from": 0, "to": 42.5, "position": 42.5, "duration": 100})
    film.close()  # at once: only the beacon can bring it
    wait_for(runtime, ada, lambda found: found.items[ref("film")].resume_s == 42.5)

    phone = open_page(app, site, device(), ada, f"/progress/{SLUG}")
    phone.get_by_role("link", name="Continue: Film (0:42)").click()
    expect(phone.get_by_role("heading", name="film")).to_be_visible()


def test_offline_saves_wait_in_the_browser_for_the_next_session(
    runtime: Runtime, app: Flask, site: str, device: Device, ada: Someone
) -> None:
    laptop = device()
    film = open_page(app, site, laptop, ada, f"/courses/{SLUG}/film")
    laptop.set_offline(True)
    film.evaluate(WATCH, {"from": 0, "to": 30, "position": 30, "duration": 100, "flush": True})
    film.evaluate(WATCH, {"from": 30, "to": 60, "position": 60, "duration": 100})
    expect(film.locator("[data-progress]")).to_contain_text("Offline")
    film.close()
    laptop.set_offline(False)
    open_page(app, site, laptop, ada, f"/courses/{SLUG}/trees")

    found = wait_for(runtime, ada, lambda found: found.items[ref("film")].state is ItemState.STARTED)
    assert (found.items[ref("film")].percent, found.items[ref("film")].resume_s) == (60, 60)


def test_a_page_that_stays_open_sends_what_waits_as_soon_as_there_is_a_line(
    runtime: Runtime, app: Flask, site: str, device: Device, ada: Someone
) -> None:
    laptop = device()
    film = open_page(app, site, laptop, ada, f"/courses/{SLUG}/film")
    laptop.set_offline(True)
    for start in (0, 20, 10):
        film.evaluate(WATCH, {"from": start, "to": start + 10, "position": start + 10, "duration": 100, "flush": True})
    expect(film.locator("[data-progress]")).to_contain_text("Offline")
    laptop.set_offline(False)
    expect(film.locator("[data-progress]")).to_contain_text("Progress saved at")

    found = wait_for(runtime, ada, lambda found: found.items[ref("film")].percent == 30)
    assert found.items[ref("film")].watched == ((0, 30),)
    assert found.items[ref("film")].resume_s == 20
    assert (
        film.evaluate("Object.keys(localStorage).filter((key) => localStorage[key].includes('courses/')).length") == 0
    )


def test_saves_of_two_people_on_one_computer_do_not_mix(
    runtime: Runtime, app: Flask, site: str, device: Device, ada: Someone
) -> None:
    with runtime.db.transaction() as tx:
        bob = make_person(tx, ada.place, "Bob")
    shared = device()
    film = open_page(app, site, shared, ada, f"/courses/{SLUG}/film")
    shared.set_offline(True)
    film.evaluate(WATCH, {"from": 0, "to": 30, "position": 30, "duration": 100})
    film.close()
    shared.set_offline(False)
    lesson = open_page(app, site, shared, bob, f"/courses/{SLUG}/trees")
    expect(lesson.locator("[data-progress]")).to_contain_text("Progress saved at")

    found = wait_for(runtime, bob, lambda found: found.percent == 25)
    assert found.items[ref("film")].state is ItemState.NEW
    open_page(app, site, shared, ada, f"/courses/{SLUG}/trees")
    wait_for(runtime, ada, lambda found: found.items[ref("film")].percent == 30)


def test_frame_without_storage_loses_nothing_that_the_beacon_can_bring(
    runtime: Runtime, app: Flask, site: str, device: Device, ada: Someone
) -> None:
    film = open_page(app, site, device(NO_STORAGE), ada, f"/courses/{SLUG}/film")
    film.evaluate(WATCH, {"from": 0, "to": 30, "position": 30, "duration": 100})
    film.close()

    wait_for(runtime, ada, lambda found: found.items[ref("film")].percent == 30)


def test_end_of_the_session_keeps_what_is_not_saved(
    runtime: Runtime, app: Flask, site: str, device: Device, ada: Someone
) -> None:
    laptop = device()
    film = open_page(app, site, laptop, ada, f"/courses/{SLUG}/film")
    film.route("**/progress/saves", lambda route: route.fulfill(status=401))
    film.evaluate(WATCH, {"from": 0, "to": 30, "position": 30, "duration": 100, "flush": True})
    expect(film.locator("[data-progress]")).to_contain_text("The session is over")
    film.close()
    open_page(app, site, laptop, ada, f"/courses/{SLUG}/trees")

    wait_for(runtime, ada, lambda found: found.items[ref("film")].percent == 30)

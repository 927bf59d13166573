"""A course from the first line to the first review: a teacher writes it, a learner takes it on two devices."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from config.settings import DEFAULT_PLUGINS
from lti_tool.contract import load_plugins
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.courses.importer import import_course
from plugins.files import public as files
from plugins.progress import public as progress
from tests.browser.serving import serving
from tests.browser.test_player import now, wait_until
from tests.browser.visitor import PATIENCE_MS, keep_picture, lone_browser
from tests.conftest import make_app, make_settings, running
from tests.databases import empty_database
from tests.factories.grading import Someone, make_person, make_place, sign_in, work
from tests.factories.videos import make_video

SLUG = "trees"
HOME, EDIT = f"/courses/{SLUG}/", f"/courses/{SLUG}/edit/"
LAPTOP, PHONE = (885, 650), (320, 640)
LENGTH_S = 10
COURSE = """\
slug = "trees"
title = "Trees"
summary = "From seed to wood."

[[module]]
title = "Seeds"

[[module.item]]
type = "lesson"
slug = "sowing"
title = "Sowing"
file = "lessons/sowing.md"
"""
LESSON = "Roots hold $h^2$ of earth.\n\nBegin with [sowing](sowing)."


@dataclass
class Site:
    """The tool with a course of one lesson, a film that was uploaded to it, a teacher and a learner."""

    runtime: Runtime
    app: Flask
    origin: str
    teacher: Someone
    learner: Someone

    def reached(self) -> progress.CourseProgress:
        """How far the learner is."""
        with self.runtime.db.reading() as tx:
            learner = progress.Learner(self.learner.place.placement_id, self.learner.user_id)
            return progress.read_course(tx, learner, SLUG)


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    plugins = load_plugins(DEFAULT_PLUGINS)
    (tmp_path / "trees" / "lessons").mkdir(parents=True)
    (tmp_path / "trees" / "course.toml").write_text(COURSE)
    (tmp_path / "trees" / "lessons" / "sowing.md").write_text("Put it into the ground.")
    film = make_video(LENGTH_S, codec="libx264", kind="mp4")
    with (
        empty_database(request, tmp_path) as url,
        running(make_settings(tmp_path, url), plugins, tmp_path_factory) as runtime,
    ):
        import_course(runtime, tmp_path / "trees")
        with runtime.db.transaction() as tx:
            files.store_bytes(tx, runtime, course_slug=SLUG, owner_id=None, name="Growing.mp4", content=film)
            place = make_place(tx, slug=SLUG)
            teacher, learner = make_person(tx, place, "Grace", Role.TEACHER), make_person(tx, place, "Ada")
        work(runtime)
        app = make_app(runtime, plugins)
        with serving(app) as origin:
            yield Site(runtime, app, origin, teacher, learner)


@pytest.fixture
def browser() -> Iterator[Browser]:
    with lone_browser() as browser:
        yield browser


Visit = Callable[..., Page]


@pytest.fixture
def visit(site: Site, browser: Browser) -> Iterator[Visit]:
    """`visit(person, path, size)` → a page in a browser of its own. Its scripts raise nothing."""
    errors: list[str] = []

    def make(who: Someone, path: str, size: tuple[int, int] = LAPTOP) -> Page:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce")
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{site.origin}{sign_in(site.app, who, SLUG)}{path}")
        return page

    yield make
    assert errors == []


def test_a_course_is_written_taken_on_two_devices_and_reviewed(site: Site, visit: Visit) -> None:
    write_and_publish(visit(site.teacher, EDIT), visit(site.learner, HOME))
    watch_the_beginning(site, visit(site.learner, HOME))
    phone = visit(site.learner, HOME, PHONE)
    watch_the_rest(site, phone)
    read_what_is_left(site, phone)
    review(phone)

    catalogue = visit(site.teacher, "/courses/")
    expect(catalogue.get_by_role("main")).to_contain_text("1 review")
    keep_picture(catalogue, "course-teacher-05", "catalogue")


def write_and_publish(teacher: Page, learner: Page) -> None:
    """A lesson is written, previewed, published; a film is added; both change their places."""
    add_item(teacher, "Lesson", "Roots")
    teacher.get_by_label("Text").fill(LESSON)
    expect(teacher.locator("#markdown-preview math")).to_be_visible()
    keep_picture(teacher, "course-teacher-01", "lesson")
    teacher.get_by_role("button", name="Save draft").click()
    expect(teacher.get_by_text("Saved.", exact=True)).to_be_visible()
    teacher.get_by_role("link", name="Preview").click()
    expect(teacher.get_by_text("Preview: how learners see")).to_be_visible()
    expect(teacher.locator("article math")).to_be_visible()
    keep_picture(teacher, "course-teacher-02", "preview")
    learner.reload()
    expect(learner.get_by_role("link", name="Sowing", exact=True)).to_be_visible()
    expect(learner.get_by_role("link", name="Roots")).to_have_count(0)  # a draft

    teacher.get_by_role("link", name="Back to editing").click()
    teacher.get_by_role("button", name="Publish", exact=True).click()
    expect(teacher.locator("#item-roots")).to_contain_text("Published")
    add_item(teacher, "Video", "Growing")
    teacher.get_by_label("Uploaded video").select_option(label="Growing")
    keep_picture(teacher, "course-teacher-03", "video")
    teacher.get_by_role("button", name="Publish", exact=True).click()
    expect(teacher.locator("#item-growing")).to_contain_text("Published")
    order = teacher.locator("[data-item]")
    assert [each.get_attribute("data-item") for each in order.all()] == ["sowing", "roots", "growing"]
    for _ in range(2):
        teacher.locator("[data-item=growing]").get_by_role("button", name="up").click()
        expect(order.nth(2)).not_to_have_attribute("data-item", "growing")
    expect(order.nth(0)).to_have_attribute("data-item", "growing")
    keep_picture(teacher, "course-teacher-04", "outline")
    learner.reload()
    entries = learner.locator(".module li").filter(has=learner.get_by_role("link"))
    for number, title in enumerate(("Growing", "Sowing", "Roots")):
        expect(entries.nth(number)).to_contain_text(title)


def add_item(teacher: Page, kind: str, title: str) -> None:
    teacher.get_by_text("Add to “Seeds”").click()
    teacher.get_by_label("Kind").select_option(label=kind)
    teacher.get_by_label("Title", exact=True).fill(title)
    teacher.get_by_role("button", name="Add", exact=True).click()
    expect(teacher.get_by_role("heading", name=title, exact=True)).to_be_visible()
    teacher.wait_for_load_state()  # of scripts too


def watch_the_beginning(site: Site, laptop: Page) -> None:
    """The film is begun, and left in the middle by closing the window: only the beacon can bring that."""
    keep_picture(laptop, "course-learner-01", "course")
    laptop.get_by_role("link", name="Start: Growing").click()
    wait_until(laptop, "v.readyState >= 1")
    laptop.get_by_role("button", name="Play (k)").click()
    wait_until(laptop, "v.currentTime > 3")
    left_at = now(laptop)
    laptop.close()  # with pagehide, and without a click on anything
    wait_for(site, lambda found: (found.items[f"courses/{SLUG}/growing"].resume_s or 0) >= left_at - 0.5)
    assert site.reached().items[f"courses/{SLUG}/growing"].state is progress.ItemState.STARTED
    laptop.context.close()


def watch_the_rest(site: Site, phone: Page) -> None:
    """Another device offers to go on there, and what was watched on both is the whole film."""
    stood = site.reached().items[f"courses/{SLUG}/growing"].resume_s or 0
    keep_picture(phone, "course-learner-02", "course on the phone")
    phone.get_by_role("link", name="Continue: Growing").click()
    wait_until(phone, "v.readyState >= 1")
    offer = phone.get_by_role("button", name=f"Continue at 0:0{int(stood)}")
    expect(offer).to_be_in_viewport(ratio=1)
    keep_picture(phone, "course-learner-03", "go on")
    offer.click()
    wait_until(phone, f"!v.paused && v.currentTime >= {stood - 0.2}")
    wait_until(phone, "v.ended")
    wait_for(site, lambda found: found.items[f"courses/{SLUG}/growing"].state is progress.ItemState.DONE)
    keep_picture(phone, "course-learner-04", "watched")


def read_what_is_left(site: Site, phone: Page) -> None:
    """A course that is not done says how far it is, and at the end that it is done."""
    phone.goto(phone.url.rpartition("/")[0] + "/")
    expect(phone.get_by_role("main")).to_contain_text("33 % done")
    for slug in ("sowing", "roots"):
        phone.get_by_role("link", name=re.compile("^Continue: ")).click()
        wait_for(site, partial(_is_done, slug))
        phone.goto(phone.url.rpartition("/")[0] + "/")
    expect(phone.get_by_role("main")).to_contain_text("100 % done")
    keep_picture(phone, "course-learner-05", "done")


def review(phone: Page) -> None:
    """Who has done the course may say how it was; the course shows the rating with its count."""
    phone.get_by_role("link", name="No reviews yet").click()
    phone.get_by_role("link", name="Write a review").click()
    phone.get_by_label("4 stars, good").check(force=True)
    phone.get_by_label("What should others know?").fill("Short, and I know now what roots do.")
    keep_picture(phone, "course-learner-06", "review")
    phone.get_by_role("button", name="Save review").click()
    expect(phone.get_by_text("Short, and I know now").first).to_be_visible()
    keep_picture(phone, "course-learner-07", "reviews")
    phone.get_by_role("link", name="Course", exact=True).click()
    expect(phone.get_by_role("link", name="1 review")).to_be_visible()
    expect(phone.get_by_role("img", name="4.0 of 5 stars")).to_be_visible()
    keep_picture(phone, "course-learner-08", "rated")


def _is_done(slug: str, found: progress.CourseProgress) -> bool:
    return found.items[f"courses/{SLUG}/{slug}"].state is progress.ItemState.DONE


def wait_for(site: Site, is_so: Callable[[progress.CourseProgress], bool]) -> None:
    """Until the learner's progress is so, on the server."""
    for _ in range(4 * PATIENCE_MS // 100):
        if is_so(site.reached()):
            return
        time.sleep(0.1)
    pytest.fail(f"It did not become true of {site.reached()}")

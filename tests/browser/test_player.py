"""The player in a real browser: watch, leave, come back; captions, transcript, keyboard; no JavaScript; a phone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from lti_tool.contract import Plugin, load_plugins
from lti_tool.kernel.runtime import Runtime
from plugins.files import public as files
from plugins.progress import public as progress
from plugins.video import captions
from plugins.video import public as video
from tests.browser.serving import serving
from tests.browser.visitor import PATIENCE_MS, lone_browser
from tests.conftest import make_app, make_settings, running
from tests.factories.grading import SLUG, Place, Someone, make_person, make_place, sign_in, work
from tests.factories.videos import VTT, make_video
from tests.fakes.film.plugin import ref_of

MOODLE, PHONE = (885, 650), (320, 640)
GERMAN = "WEBVTT\n\n00:01.000 --> 00:03.000\nWillkommen bei den Bäumen\n\n00:04.000 --> 00:06.000\nErst die Wurzeln\n"
YOUTUBE = "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ?rel=0"


@dataclass
class Cinema:
    """A running tool with a video of 20 s and a song elsewhere."""

    runtime: Runtime
    app: Flask
    origin: str
    film: int
    song: int

    place: Place

    def someone(self) -> Someone:
        with self.runtime.db.transaction() as tx:
            return make_person(tx, self.place)

    def address(self, who: Someone, number: int = 0) -> str:
        return f"{self.origin}{sign_in(self.app, who)}/film/{SLUG}/{number or self.film}"


@pytest.fixture(scope="module")
def cinema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cinema]:
    folder = tmp_path_factory.mktemp("cinema")
    names = ("plugins.files", "plugins.progress", "plugins.video", "tests.fakes.film")
    plugins: list[Plugin] = load_plugins(["lti_tool.lti", "grading", *names])
    settings = make_settings(folder, f"sqlite:///{folder / 'var' / 'coursebridge.sqlite3'}")
    with running(settings, plugins, tmp_path_factory) as runtime:
        app = make_app(runtime, plugins)
        film, song = _publish(runtime)
        with runtime.db.transaction() as tx:
            place = make_place(tx)
        with serving(app) as origin:
            yield Cinema(runtime, app, origin, film, song, place)


def _publish(runtime: Runtime) -> tuple[int, int]:
    with runtime.db.transaction() as tx:
        file = files.store_bytes(
            tx, runtime, course_slug=SLUG, owner_id=None, name="Trees.webm", content=make_video(20)
        )
        film = video.add_file(tx, SLUG, file.id, "Trees").id
        song = video.add_link(tx, SLUG, "https://youtu.be/dQw4w9WgXcQ", "A song").id
        items = [progress.ItemDef(ref_of(SLUG), "video")]
        progress.publish_outline(tx, SLUG, progress.OutlineDef([progress.ModuleDef("m", "M", items)]))
    work(runtime)
    with runtime.db.transaction() as tx:
        captions.add_captions(tx, film, VTT, "en", "", is_default=True)
        captions.add_captions(tx, film, GERMAN.encode(), "de", "", is_default=False)
    return film, song


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with lone_browser() as browser:
        yield browser


@pytest.fixture
def visit(cinema: Cinema, browser: Browser) -> Iterator[Callable[..., Page]]:
    """`visit(person)` → the page of the film in a browser of its own."""
    contexts = []
    errors: list[str] = []

    def make(
        who: Someone, *, number: int = 0, size: tuple[int, int] = MOODLE, script: bool = True, **more: Any
    ) -> Page:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, java_script_enabled=script, **more
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(cinema.address(who, number))
        if script and not number:
            wait_until(page, "v.readyState >= 1")
        return page

    yield make
    for context in contexts:
        context.close()
    assert errors == []


def now(page: Page) -> float:
    return float(page.evaluate("document.querySelector('video').currentTime"))


def wait_until(page: Page, condition: str) -> None:
    """Until there is a video `v` and the expression over it is true; a page on its way has none yet. The page's policy
    forbids `wait_for_function`."""
    for _ in range(PATIENCE_MS // 50):
        if page.evaluate(
            f"(() => {{ const v = document.querySelector('video'); return v !== null && {condition}; }})()"
        ):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"It did not become true that {condition}; the video is at {now(page)}.")


def test_who_comes_back_on_another_device_goes_on_where_they_were(cinema: Cinema, visit: Any) -> None:
    ada = cinema.someone()
    page = visit(ada)
    expect(page.get_by_role("button", name="Continue at")).to_have_count(0)
    page.get_by_role("button", name="Play (k)").click()
    wait_until(page, "v.currentTime > 3")
    page.keyboard.press("k")
    expect(page.get_by_text("Progress saved at")).to_be_visible()
    stood = now(page)

    again = visit(ada, size=PHONE)
    button = again.get_by_role("button", name=f"Continue at 0:0{int(stood)}")
    expect(button).to_be_in_viewport(ratio=1)
    button.click()
    wait_until(again, f"!v.paused && v.currentTime >= {stood - 0.2}")
    expect(button).to_be_hidden()
    with cinema.runtime.db.reading() as tx:
        learner = progress.Learner(ada.place.placement_id, ada.user_id)
        item = progress.read_course(tx, learner, SLUG).items[ref_of(SLUG)]
    ((start, end),) = item.watched
    assert (start, end) == (pytest.approx(0, abs=0.3), pytest.approx(stood, abs=0.5))


def test_only_what_was_watched_counts(cinema: Cinema, visit: Any) -> None:
    ada = cinema.someone()
    page = visit(ada)
    page.locator("video").focus()
    page.keyboard.press("End")
    wait_until(page, "!v.seeking && v.currentTime > 19")
    page.keyboard.press("Home")
    wait_until(page, "!v.seeking && v.currentTime === 0")
    page.keyboard.press("l")
    wait_until(page, "!v.seeking && v.currentTime === 10")
    page.keyboard.press(" ")
    wait_until(page, "v.currentTime > 12")
    page.keyboard.press(" ")
    expect(page.get_by_text("Progress saved at")).to_be_visible()

    with cinema.runtime.db.reading() as tx:
        learner = progress.Learner(ada.place.placement_id, ada.user_id)
        item = progress.read_course(tx, learner, SLUG).items[ref_of(SLUG)]
    assert [start for start, _end in item.watched] == [pytest.approx(10, abs=0.3)]
    assert item.percent < 25


def test_the_transcript_follows_is_clicked_and_searched(cinema: Cinema, visit: Any) -> None:
    page = visit(cinema.someone())
    lines = page.locator(".cue")
    expect(lines).to_have_count(3)
    page.get_by_role("button", name="0:04 Roots come first").click()
    wait_until(page, "v.currentTime >= 4 && !v.paused")
    expect(lines.nth(1)).to_have_attribute("aria-current", "true")
    expect(page.locator("[data-cues] [aria-current]")).to_have_count(1)
    wait_until(page, "v.currentTime >= 8.1")
    expect(lines.nth(2)).to_have_attribute("aria-current", "true")
    expect(lines.nth(2)).to_contain_text("Grace: Leaves come last")

    page.get_by_label("Search the transcript").fill("COME")
    expect(page.get_by_text("3 places")).to_be_visible()
    page.get_by_label("Search the transcript").fill("roots")
    expect(page.get_by_text("1 place", exact=True)).to_be_visible()
    expect(lines.nth(0)).to_be_hidden()
    expect(page.locator("mark")).to_have_text("Roots")
    page.get_by_label("Search the transcript").fill("")
    lines.nth(0).focus()
    page.keyboard.press("ArrowDown")
    expect(lines.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    wait_until(page, "v.currentTime >= 4 && v.currentTime < 8")


def test_captions_are_switched_and_the_choice_is_kept(cinema: Cinema, visit: Any) -> None:
    ada = cinema.someone()
    page = visit(ada)
    button = page.get_by_role("button", name="Captions (c)")
    showing = "[...document.querySelector('video').textTracks].filter(t => t.mode === 'showing').map(t => t.language)"
    expect(button).to_have_attribute("aria-pressed", "true")
    assert page.evaluate(showing) == ["en"]
    with page.expect_response("**/preferences"):
        page.get_by_label("Language of captions and transcript").select_option("Deutsch")
    expect(page.locator(".cue").first).to_contain_text("Willkommen bei den Bäumen")
    assert page.evaluate(showing) == ["de"]
    assert page.locator("[data-cues]").get_attribute("lang") == "de"

    other = visit(ada)
    assert other.evaluate(showing) == ["de"]
    expect(other.locator(".cue").first).to_contain_text("Willkommen")
    other.locator("video").focus()
    with other.expect_response("**/preferences"):
        other.keyboard.press("c")
    assert other.evaluate(showing) == []
    assert visit(ada).evaluate(showing) == []


def test_the_keyboard_does_everything_while_the_focus_is_in_the_player(cinema: Cinema, visit: Any) -> None:
    ada = cinema.someone()
    page = visit(ada)
    page.locator("video").focus()
    for key, time in (("ArrowRight", 5), ("l", 15), ("j", 5), ("ArrowLeft", 0), ("ArrowLeft", 0)):
        page.keyboard.press(key)
        wait_until(page, f"!v.seeking && v.currentTime === {time}")
    with page.expect_response("**/preferences"):
        page.keyboard.press(">")
    expect(page.get_by_label("Speed")).to_have_value("1.25")
    wait_until(page, "v.playbackRate === 1.25")
    page.keyboard.press("m")
    wait_until(page, "v.muted")
    page.get_by_label("Elsewhere").focus()
    page.keyboard.type("k l j c")
    assert page.evaluate("document.querySelector('video').paused")
    assert now(page) == 0

    wait_until(visit(ada), "v.playbackRate === 1.25")


def test_focus_is_seen_on_every_control(cinema: Cinema, visit: Any) -> None:
    page = visit(cinema.someone())
    page.locator("video").focus()
    names = []
    for _ in range(12):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            "[document.activeElement.dataset, getComputedStyle(document.activeElement).outlineStyle]"
        )
        if page.evaluate("!document.activeElement.closest('[data-main]')"):
            break
        names += name
        assert outline != "none"
    assert names[:2] == ["seek", "value"]
    assert {"play", "captions", "language", "rate", "full"} <= set(names)


def test_the_player_fits_a_phone(cinema: Cinema, visit: Any) -> None:
    page = visit(cinema.someone(), size=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
    for name in ("Play (k)", "Captions (c)", "Full screen (f)"):
        box = page.get_by_role("button", name=name).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE[0]
        assert min(box["width"], box["height"]) >= 24


def test_without_scripts_the_browsers_own_player_and_the_transcript_are_there(cinema: Cinema, visit: Any) -> None:
    ada = cinema.someone()
    with cinema.runtime.db.transaction() as tx:
        learner = progress.Learner(ada.place.placement_id, ada.user_id)
        progress.record_watch(tx, learner, ref_of(SLUG), [(0, 7)], position_s=7.0, duration_s=20)
    page = visit(ada, script=False)

    expect(page.locator("video[controls]")).to_be_visible()
    expect(page.get_by_text("Roots come first")).to_be_visible()
    expect(page.get_by_text("Last time you were at 0:07.")).to_be_visible()
    expect(page.locator("[data-bar]")).to_be_hidden()
    expect(page.get_by_label("Search the transcript")).to_be_hidden()


def test_a_video_that_does_not_load_says_so_and_is_tried_again(cinema: Cinema, visit: Any) -> None:
    ada = cinema.someone()
    page = visit(ada)
    page.route("**/media/**/file", lambda route: route.abort())
    page.evaluate("document.querySelector('video').load()")
    expect(page.get_by_role("alert")).to_contain_text("The video cannot be loaded.")
    page.unroute("**/media/**/file")
    page.get_by_role("button", name="Try again").click()
    wait_until(page, "v.readyState >= 1")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_another_site_hears_nothing_before_it_is_asked_for(cinema: Cinema, visit: Any) -> None:
    page = visit(cinema.someone(), number=cinema.song)
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(request.url))
    page.reload()
    expect(page.get_by_role("link", name="Watch on YouTube")).to_be_visible()
    assert [url for url in asked if not url.startswith(cinema.origin)] == []
    with page.context.expect_event("request", lambda request: request.url == YOUTUBE):
        page.get_by_role("button", name="Show video").click()
    expect(page.locator("iframe")).to_have_attribute("referrerpolicy", "strict-origin")
    assert [url for url in asked if not url.startswith(cinema.origin)] == [YOUTUBE]


def test_moving_is_still_for_who_wants_it_so(cinema: Cinema, visit: Any) -> None:
    page = visit(cinema.someone(), reduced_motion="reduce")
    page.evaluate("window.how = []; Element.prototype.scrollTo = (o) => { window.how.push(o.behavior); }; null")
    page.locator("video").focus()
    page.keyboard.press("ArrowRight")
    wait_until(page, "window.how.length > 0")
    assert set(page.evaluate("window.how")) == {"auto"}

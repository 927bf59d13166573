"""The teacher's pages, and what players fetch."""

import io
import re
from collections.abc import Callable
from typing import Any

import pytest

from lti_tool.kernel import clock
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.files import public as files
from plugins.files.models import FileRow, FileState
from plugins.progress import public as progress
from plugins.video import public as video
from tests.factories.grading import SLUG, Someone, work
from tests.factories.videos import VTT, make_video
from tests.functional.files.conftest import picture
from tests.functional.grading.conftest import Browser, counted

HOME = f"/video/{SLUG}/"
REF = f"courses/{SLUG}/film"
Read = Callable[[int], video.Video]


def page_of(found: video.Video) -> str:
    return f"{HOME}{found.id}/"


def send(browser: Browser, path: str, **form: Any) -> Any:
    return browser.post(path, data=form, content_type="multipart/form-data")


def add_captions(browser: Browser, found: video.Video, content: bytes = VTT, **form: Any) -> Any:
    return send(browser, f"{page_of(found)}captions", file=(io.BytesIO(content), "a.vtt"), **{"language": "en"} | form)


def sources(answer: Any, directive: str) -> list[str]:
    parts = {part.split()[0]: part.split()[1:] for part in answer.headers["Content-Security-Policy"].split(";")}
    return parts.get(directive, [])


def film_address(html: str) -> str:
    found = re.search(r'<video[^>]* src="([^"]+)"', html)
    assert found
    return found[1]


# ---- what players fetch ----


def test_the_file_comes_in_byte_ranges(film: video.Video, teacher: Browser) -> None:
    moved = teacher.get(film_address(teacher.get(page_of(film)).text))
    assert moved.status_code == 302
    answer = teacher.client.get(moved.location, base_url="https://localhost", headers={"Range": "bytes=10-19"})

    assert (answer.status_code, len(answer.data), answer.content_type) == (206, 10, "video/webm")
    assert answer.headers["Content-Range"].startswith("bytes 10-19/")


def test_an_address_opens_one_video_of_this_course_only(film: video.Video, teacher: Browser, browse: Any) -> None:
    address = film_address(teacher.get(page_of(film)).text)
    name = address.rpartition("/")[2]
    assert teacher.get(address.replace(name, "poster-999")).status_code == 404
    assert teacher.get(address.replace("/file", "x/file")).status_code == 400
    assert teacher.get(address.replace(SLUG, "other")).status_code == 403


def test_an_address_opens_no_captions_of_another_course(
    runtime: Runtime, film: video.Video, teacher: Browser, app: Any, someone: Any
) -> None:
    add_captions(teacher, film)
    address = film_address(teacher.get(page_of(film)).text).removeprefix(teacher.prefix)
    captions = address.replace("/file", "/en.x.vtt")
    assert teacher.get(captions).status_code == 200
    other = Browser(app, someone(Role.TEACHER), "other")
    assert other.get(captions.replace(SLUG, "other")).status_code == 404


def test_captions_are_served_as_webvtt(film: video.Video, teacher: Browser) -> None:
    add_captions(teacher, film)
    found = re.search(
        r'<track [^>]*src="([^"]+)" srclang="en" label="English" default', teacher.get(page_of(film)).text
    )
    assert found
    answer = teacher.get(found[1])

    assert answer.content_type == "text/vtt; charset=utf-8"
    assert answer.text.startswith("WEBVTT\n\n00:00:01.000 --> 00:00:03.000\nWelcome to trees\n")


def test_a_page_may_load_what_its_video_needs_and_no_other_page_may(film: video.Video, teacher: Browser) -> None:
    shown, listed = teacher.get(page_of(film)), teacher.get(HOME)
    assert (sources(shown, "media-src"), sources(listed, "media-src")) == (["'self'"], ["'self'"])
    teacher.post(f"{HOME}links", data={"url": "https://youtu.be/dQw4w9WgXcQ"})
    linked = teacher.post(f"{HOME}links", data={"url": "https://media.example.edu/a.mp4"}).location
    assert sources(teacher.get(linked), "media-src") == ["'self'", "https://media.example.edu"]
    song = teacher.get(f"{HOME}{film.id + 1}/")
    assert sources(song, "frame-src") == ["'self'", "https://www.youtube-nocookie.com"]
    assert 'data-embed="https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ?rel=0"' in song.text
    assert "<iframe" not in song.text
    assert sources(teacher.get(page_of(film)), "frame-src") == ["'self'"]


# ---- preferences ----


def test_how_a_person_likes_to_watch_is_kept(film: video.Video, teacher: Browser) -> None:
    add_captions(teacher, film)
    for chosen in ({"speed": "1.5"}, {"captions": "off"}, {"transcript": "closed"}):
        assert teacher.post(f"{HOME}preferences", data=chosen).status_code == 204
    html = teacher.get(page_of(film)).text

    assert 'data-speed="1.5"' in html
    assert not re.search(r"<track [^>]*default", html)
    assert not re.search(r"<details class=\"transcript\"[^>]* open", html)


@pytest.mark.parametrize("chosen", [{"speed": "16"}, {"speed": "x"}, {"captions": "<b>"}, {"captions": ""}])
def test_other_preferences_are_refused(chosen: dict[str, str], teacher: Browser) -> None:
    assert teacher.post(f"{HOME}preferences", data=chosen).status_code == 400


def test_personal_data_is_given_out_and_forgotten(runtime: Runtime, plugins: Any, someone: Any, browse: Any) -> None:
    ada = someone()
    browse(ada).post(f"{HOME}preferences", data={"speed": "2"})
    plugin = next(one for one in plugins if one.name == "video")
    with runtime.db.transaction() as tx:
        assert plugin.export_personal_data(tx, ada.user_id) == {"speed": 2.0, "captions": "", "transcript": "open"}
        plugin.erase_personal_data(tx, ada.user_id)
        assert plugin.export_personal_data(tx, ada.user_id) == {}


# ---- captions ----


def test_captions_in_two_languages_have_one_default(film: video.Video, teacher: Browser, read: Read) -> None:
    add_captions(teacher, film)
    assert add_captions(teacher, film, language="", other="PT_br", default="1").status_code == 303
    assert [(one.language, one.label, one.is_default) for one in read(film.id).captions] == [
        ("pt-BR", "Português (Brasil)", True),
        ("en", "English", False),
    ]
    teacher.post(f"{page_of(film)}captions/en/default")
    teacher.post(f"{page_of(film)}captions/en/delete")
    assert [(one.language, one.is_default) for one in read(film.id).captions] == [("pt-BR", True)]


def test_a_file_in_the_same_language_replaces_the_captions(film: video.Video, teacher: Browser, read: Read) -> None:
    add_captions(teacher, film)
    add_captions(teacher, film, b"1\n00:00:01,000 --> 00:00:02,000\nNew\n")
    (only,) = read(film.id).captions
    assert only.cues == 1


@pytest.mark.parametrize(
    ("content", "form", "said"),
    [
        (b"WEBVTT\n\n00:01 --> 00:02\nx", {}, "Line 3 is wrong."),
        (VTT, {"language": "", "other": "klingon!"}, "Name the language by its tag"),
    ],
)
def test_captions_that_are_wrong_are_explained(
    content: bytes, form: dict[str, str], said: str, film: video.Video, teacher: Browser
) -> None:
    answer = add_captions(teacher, film, content, **form)
    assert answer.status_code == 422
    assert said in answer.text


def test_the_transcript_is_text_and_no_markup(film: video.Video, teacher: Browser) -> None:
    add_captions(teacher, film, b"00:01.000 --> 00:02.000\n<v Ada>1 &lt; 2 &lt;script&gt;\n")
    assert "Ada: 1 &lt; 2 &lt;script&gt;" in teacher.get(page_of(film)).text


# ---- poster ----


def test_a_teacher_chooses_the_frame(film: video.Video, teacher: Browser, read: Read, runtime: Runtime) -> None:
    assert send(teacher, f"{page_of(film)}poster", kind="second", second="0:15.5").status_code == 303
    work(runtime)
    found = read(film.id)
    assert (found.poster_second, found.state) == (15.5, "ready")
    assert found.poster_file_id != film.poster_file_id
    with runtime.db.reading() as tx:
        assert files.find_file(tx, film.poster_file_id or 0) is None


def test_a_picture_of_the_teachers_own_stays(film: video.Video, teacher: Browser, read: Read, runtime: Runtime) -> None:
    send(teacher, f"{page_of(film)}poster", kind="upload", picture=(io.BytesIO(picture()), "p.png"))
    chosen = read(film.id).poster_file_id
    teacher.post(f"{page_of(film)}again")
    work(runtime)
    assert chosen == read(film.id).poster_file_id != film.poster_file_id


@pytest.mark.parametrize("second", ["1:00", "soon", "-1", "1:2:3:4", "nan", ""])
def test_a_frame_that_is_not_there_is_refused(second: str, film: video.Video, teacher: Browser) -> None:
    assert send(teacher, f"{page_of(film)}poster", kind="second", second=second).status_code == 422


def test_a_poster_is_a_picture(film: video.Video, teacher: Browser, read: Read) -> None:
    answer = send(teacher, f"{page_of(film)}poster", kind="upload", picture=(io.BytesIO(b"text"), "p.png"))
    assert answer.status_code == 422
    assert read(film.id).poster_file_id == film.poster_file_id


# ---- links ----


def test_a_linked_video_can_be_deleted_unless_it_is_used(teacher: Browser, runtime: Runtime) -> None:
    added = teacher.post(f"{HOME}links", data={"url": "https://vimeo.com/76979871", "title": "A tree"})
    path = added.location.partition("/video")[2]
    video_id = int(path.rstrip("/").rpartition("/")[2])
    with runtime.db.transaction() as tx:
        video.set_uses(tx, SLUG, {REF: video.get_video(tx, SLUG, video_id).slug})
    assert teacher.post(f"/video{path}delete").status_code == 409
    with runtime.db.transaction() as tx:
        video.set_uses(tx, SLUG, {})
    assert teacher.post(f"/video{path}delete").status_code == 303
    assert teacher.get(f"/video{path}").status_code == 404


def test_an_address_that_is_none_is_explained(teacher: Browser) -> None:
    answer = teacher.post(f"{HOME}links", data={"url": "ftp://example.edu/a.mp4"})
    assert answer.status_code == 422
    assert "begins with https://" in answer.text
    assert "ftp://example.edu/a.mp4" in answer.text


def test_an_uploaded_video_goes_away_with_its_file_only(film: video.Video, teacher: Browser) -> None:
    assert teacher.post(f"{page_of(film)}delete").status_code == 409


# ---- what the class has watched ----


def watch(runtime: Runtime, who: Someone, *ranges: tuple[float, float]) -> None:
    with runtime.db.transaction() as tx:
        learner = progress.Learner(who.place.placement_id, who.user_id)
        progress.record_watch(tx, learner, REF, ranges, position_s=ranges[-1][1], duration_s=20)


def publish_film(runtime: Runtime, film: video.Video) -> None:
    with runtime.db.transaction() as tx:
        item = progress.ItemDef(REF, "video")
        progress.publish_outline(tx, SLUG, progress.OutlineDef([progress.ModuleDef("one", "One", [item])]))
        video.set_uses(tx, SLUG, {REF: film.slug})


def test_the_teacher_sees_what_the_class_has_watched(
    film: video.Video, teacher: Browser, someone: Any, runtime: Runtime
) -> None:
    publish_film(runtime, film)
    assert "Nobody in this LMS course has watched it yet" in teacher.get(page_of(film)).text
    watch(runtime, someone(), (0, 20))
    watch(runtime, someone(), (0, 5), (10, 15))
    html = teacher.get(page_of(film)).text

    assert re.findall(r'<td class="end num">(\d)</td>', html) == ["2", "1", "2", "1"]
    assert "75 %" in html


@pytest.mark.parametrize("path", ["list", "video"])
def test_pages_take_few_queries(path: str, film: video.Video, teacher: Browser, someone: Any, runtime: Runtime) -> None:
    publish_film(runtime, film)
    watch(runtime, someone(), (0, 20))
    add_captions(teacher, film)
    with counted(runtime) as statements:
        assert teacher.get(HOME if path == "list" else page_of(film)).status_code == 200
    assert len(statements) <= 6, statements


# ---- who may ----


@pytest.mark.parametrize("role", [Role.LEARNER, Role.OBSERVER, Role.TEST_STUDENT])
def test_only_staff_sees_the_teachers_pages(role: Role, film: video.Video, browse: Any) -> None:
    browser = browse(role)
    assert browser.get(HOME).status_code == 403
    assert browser.get(page_of(film)).status_code == 403
    assert browser.post(f"{page_of(film)}captions/en/delete").status_code == 403


def test_a_video_of_another_course_is_not_found(film: video.Video, runtime: Runtime, teacher: Browser) -> None:
    with runtime.db.transaction() as tx:
        other = video.add_link(tx, "other", "https://vimeo.com/76979871")
    assert teacher.get(f"{HOME}{other.id}/").status_code == 404


def test_a_video_in_the_making_says_so_and_refreshes(runtime: Runtime, teacher: Browser) -> None:
    with runtime.db.transaction() as tx:
        file = files.store_bytes(tx, runtime, course_slug=SLUG, owner_id=None, name="a.webm", content=make_video(1))
        found = video.add_file(tx, SLUG, file.id, "A")
    assert "Being prepared" in teacher.get(page_of(found)).text
    assert "HX-Refresh" not in teacher.get(f"{page_of(found)}status").headers
    work(runtime)
    assert teacher.get(f"{page_of(found)}status").headers["HX-Refresh"] == "true"


def test_an_upload_is_listed_while_it_is_checked_and_when_it_is_refused(runtime: Runtime, teacher: Browser) -> None:
    with runtime.db.transaction() as tx:
        for name, state, refusal in (("a.mp4", FileState.SCANNING, ""), ("b.mov", FileState.REFUSED, "type")):
            row = FileRow(course_slug=SLUG, owner_id=None, name=name, size=5, key=name, created_at=clock.now())
            row.state, row.refusal = state, refusal
            tx.add(row)
        tx.add(FileRow(course_slug=SLUG, owner_id=None, name="c.pdf", size=5, key="c", created_at=clock.now()))
    page, part = teacher.get(HOME).text, teacher.get(HOME, headers={"HX-Request": "true"}).text

    assert part.lstrip().startswith("<div") and part.strip() in page.replace("\r", "")
    assert "Being checked" in part and "not accepted here" in part and "c.pdf" not in part
    assert f'hx-get="{teacher.prefix}{HOME}"' in part and "No videos yet" not in part

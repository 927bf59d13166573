"""The editor in a browser without JavaScript: every form does what it says, and learners see none of it."""

import html
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from lti_tool.kernel import clock
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.courses.exporter import export_course
from plugins.courses.guarding import KEPT_S
from plugins.courses.importer import import_course
from plugins.courses.models import Course
from plugins.progress.courses import read_outlines
from plugins.video import service as video_service
from plugins.video.models import VideoRow, VideoState
from tests.factories import notebooks as make
from tests.factories.course_folders import PNG
from tests.functional.courses.conftest import SLUG, Browser
from tests.functional.courses.teaching import EDIT, HOME, Teacher, new_item
from tests.functional.grading.conftest import counted

Browse = Callable[..., Browser]

pytestmark = pytest.mark.usefixtures("trees")


@pytest.fixture
def ben(app: Flask, someone: Any) -> Teacher:
    return Teacher(app, someone(Role.TEACHER), SLUG)


PAGES = (
    "",
    "settings",
    "people",
    "people/ways",
    "modules/seeds",
    "items/sowing",
    "items/first-quiz",
    "history/item/sowing",
    "history/course",
    "history/outline",
    "compare/item/sowing?old=1&new=1",
    "preview/",
    "preview/sowing",
)


@pytest.mark.parametrize("path", PAGES)
def test_teachers_see_the_editor_with_few_queries_and_learners_do_not(
    runtime: Runtime, ada: Teacher, learner: Teacher, path: str
) -> None:
    with counted(runtime) as statements:
        answer = ada.get(EDIT + path)
    assert answer.status_code == 200, answer.text
    assert len(statements) <= 6, statements
    assert learner.get(EDIT + path).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "items",
        "modules",
        "settings",
        "state/draft",
        "items/sowing",
        "items/sowing/publish",
        "items/sowing/remove",
        "people/ways",
        "order",
        "items/sowing/upload",
        "items/sowing/unsaved",
        "move/item/sowing/up",
        "restore/item/sowing",
    ],
)
def test_learners_change_nothing(learner: Teacher, path: str) -> None:
    data = {"module": "seeds", "kind": "lesson", "title": "X", "places": "3", "base": "1", "number": "1"}
    data |= {"language": "en", "admission": "lms", "level": ""}
    answer = learner.post(EDIT + path, {**data, "file": (io.BytesIO(PNG), "a.png")}, content_type="multipart/form-data")
    assert answer.status_code == 403
    assert "Sowing" in learner.get(HOME).text


def test_a_lesson_is_written_previewed_published_and_read(ada: Teacher, learner: Teacher) -> None:
    path = new_item(ada, "Bark")
    form = ada.form(path)
    text = "Bark is $x^2$ thick.\n\n```python\nprint(1)\n```\n\n<script>alert(1)</script>\n\n[Sow](sowing)"
    answer = ada.post(path, form | {"markdown": text, "minutes": "12", "required": "1", "do": "save"})
    assert answer.status_code == 303

    assert learner.get(f"{HOME}bark").status_code == 404
    preview = ada.get(f"{EDIT}preview/bark").text
    assert "<msup>" in preview and "alert(1)" not in preview and "Preview:" in preview
    assert f"{EDIT}preview/sowing" in preview

    assert ada.post(f"{path}/publish").status_code == 303
    page = learner.get(f"{HOME}bark").text
    assert "<msup>" in page and f'href="{learner.prefix}{HOME}sowing"' in page
    assert "Bark" in learner.get(HOME).text and "12 min" in learner.get(HOME).text


def test_learners_go_on_seeing_what_was_published(ada: Teacher, learner: Teacher) -> None:
    path = new_item(ada, "Leaf")
    ada.post(path, ada.form(path) | {"markdown": "Green.", "do": "publish"})
    ada.post(path, ada.form(path) | {"markdown": "Brown.", "do": "save"})

    assert "Green." in learner.get(f"{HOME}leaf").text
    assert "Brown." in ada.get(f"{EDIT}preview/leaf").text
    assert "Changed" in ada.get(EDIT).text


def test_two_teachers_at_once_lose_nothing(ada: Teacher, ben: Teacher) -> None:
    path = new_item(ada, "Root")
    hers, his = ada.form(path), ben.form(path)
    assert ada.post(path, hers | {"markdown": "Deep <b>roots</b>.", "do": "save"}).status_code == 303

    refused = ben.post(path, his | {"markdown": "Flat roots.", "do": "save"})
    assert refused.status_code == 409
    assert "Two people edited this" in refused.text
    assert "<del>Deep</del>" in refused.text or "Deep &lt;b&gt;" in refused.text
    assert "Flat roots.</textarea>" in refused.text
    assert "Flat roots." in ben.get(path).text  # kept for him
    assert "Flat roots." not in ada.get(path).text

    again = {**his, "markdown": "Flat and deep roots.", "do": "save"}
    again["base"] = re.findall(r'name="base" value="(\d+)"', refused.text)[0]
    assert ben.post(path, again).status_code == 303
    history = ada.get(path.replace("items/", "history/item/")).text
    assert history.count("<tr>") == 4  # head, new, hers, his


def test_what_is_typed_is_kept_until_it_is_saved_or_discarded(ada: Teacher, ben: Teacher) -> None:
    path = new_item(ada, "Twig")
    answer = ada.post(f"{path}/unsaved", ada.form(path) | {"markdown": "Half a sent"})
    assert answer.status_code == 200 and answer.json["saved_at"]

    assert "Half a sent" in ada.get(path).text and "not saved yet" in ada.get(path).text
    assert "Half a sent" not in ben.get(path).text
    ada.post(f"{path}/discard")
    assert "Half a sent" not in ada.get(path).text


def test_an_old_revision_is_compared_and_restored(ada: Teacher) -> None:
    path = new_item(ada, "Seedling")
    for text in ("One.\n", "One.\n\n<img onerror=x> Two.\n"):
        ada.post(path, ada.form(path) | {"markdown": text, "do": "save"})
    where = path.replace("/edit/items/", "/edit/%s/item/")

    page = ada.get(where.replace("%s", "compare") + "?old=2&new=3").text
    assert "&lt;img onerror=x&gt; Two." in page and "<img onerror" not in page
    assert ada.post(where.replace("%s", "restore"), {"number": "2"}).status_code == 303
    assert "One.\n</textarea>" in ada.get(path).text


def test_what_is_wrong_is_said_and_what_was_typed_stays(ada: Teacher) -> None:
    path = new_item(ada, "Bud")
    sent = ada.form(path) | {"title": " ", "minutes": "many", "release": "soon", "markdown": "Kept text", "do": "save"}
    answer = ada.post(path, sent)

    assert answer.status_code == 422
    for words in ("Title is empty; fill it in", "must be a whole number", "is not a date", "Kept text</textarea>"):
        assert words in answer.text, words


def test_a_link_that_leads_nowhere_is_told_before_publishing(ada: Teacher, learner: Teacher) -> None:
    path = new_item(ada, "Stem")
    answer = ada.post(path, ada.form(path) | {"markdown": "[x](nowhere)", "do": "publish"})

    assert answer.status_code == 422 and "leads nowhere" in answer.text
    assert learner.get(f"{HOME}stem").status_code == 404
    drawn = ada.post(f"{path}/render", {"markdown": "[x](nowhere)"}, headers={"HX-Request": "true"}).text
    assert "Before it can be published" in drawn and "<html" not in drawn
    assert "<textarea" in ada.post(f"{path}/render", ada.form(path) | {"markdown": "**b**"}).text


def test_a_pasted_picture_is_shown_in_the_lesson(ada: Teacher, learner: Teacher) -> None:
    path = new_item(ada, "Fruit")
    given = {"file": (io.BytesIO(PNG), "my photo (1).PNG")}
    answer = ada.post(f"{path}/upload", given, content_type="multipart/form-data")
    assert answer.json == {"path": "my-photo-1.png", "markdown": "![my-photo-1](../media/my-photo-1.png)"}
    ada.post(path, ada.form(path) | {"markdown": answer.json["markdown"], "do": "publish"})
    assert f'src="{learner.prefix}{HOME}media/my-photo-1.png"' in learner.get(f"{HOME}fruit").text
    assert learner.get(f"{HOME}media/my-photo-1.png").data == PNG

    for name in ("page.html", "x.js", "noname"):
        refused = ada.post(f"{path}/upload", {"file": (io.BytesIO(b"x"), name)}, content_type="multipart/form-data")
        assert refused.status_code == 400 and "not taken" in refused.json["error"]


def test_a_notebook_is_uploaded_and_read_without_its_scripts(ada: Teacher, learner: Teacher) -> None:
    path = new_item(ada, "Reading", "notebook")
    cells = [
        make.text("# Weather\n\n$y$ <script>alert(1)</script>"),
        make.code("print('<b>')") | {"execution_count": 7},
    ]
    corner = "<table><tr><th></th><th scope='col'>mm</th></tr></table>"
    cells[1]["outputs"] = [{"output_type": "display_data", "data": {"text/html": corner}, "metadata": {}}]
    given = {"upload": (io.BytesIO(make.notebook(*cells)), "weather.ipynb"), "do": "publish"}
    answer = ada.post(path, ada.form(path) | given, content_type="multipart/form-data")
    assert answer.status_code == 303, answer.text

    page = learner.get(f"{HOME}reading").text
    assert "<mi>y</mi>" in page and "alert(1)" not in page and "&lt;b&gt;" in page
    assert "weather.ipynb" in page
    assert "<td></td><th scope=" in page and "Code, cell 7" in page
    broken = {"upload": (io.BytesIO(b"{}"), "broken.ipynb")}
    assert ada.post(path, ada.form(path) | broken, content_type="multipart/form-data").status_code == 400


@pytest.mark.parametrize(
    ("name", "content", "status", "said"),
    [
        ("oak.exe", b"MZ", 400, "Files of this type are not taken here"),
        ("oak.csv", b"", 400, "This file is empty"),
        ("oak.csv", b"acorns\n", 413, "There is no room for this file in the course."),
        ("oak.pdf", PNG, 422, "This file is something else than its name says"),
    ],
)
def test_a_file_that_is_refused_leads_back_to_the_form_with_what_was_written(
    runtime: Runtime, ada: Teacher, monkeypatch: Any, name: str, content: bytes, status: int, said: str
) -> None:
    monkeypatch.setattr(runtime.settings.files, "quota_bytes", 5)
    path = new_item(ada, "Oaks", "file")
    sent = ada.form(path) | {"summary": "Where they stand.", "upload": (io.BytesIO(content), name), "do": "publish"}
    answer = ada.post(path, sent, content_type="multipart/form-data")

    assert answer.status_code == status
    page = html.unescape(answer.text)
    assert "Where they stand.</textarea>" in page
    (field,) = re.findall(r'<div class="field drop".*?</div>', page, re.S)
    assert said in field and 'aria-invalid="true"' in field
    assert "Nothing here yet" in ada.get(f"{EDIT}preview/{path.rpartition('/')[2]}").text


def test_a_form_that_is_too_large_to_be_read_leads_back_to_what_was_kept(
    app: Flask, ada: Teacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = new_item(ada, "Elms", "file")
    kept = ada.post(f"{path}/unsaved", ada.form(path) | {"summary": "Kept every second."})
    assert kept.status_code == 200
    monkeypatch.setitem(app.config, "MAX_CONTENT_LENGTH", 20_000)
    sent = ada.form(path) | {"upload": (io.BytesIO(b"a" * 30_000), "elms.csv")}
    answer = ada.post(path, sent, content_type="multipart/form-data")

    assert answer.status_code == 413
    assert "Kept every second.</textarea>" in answer.text and "This file is larger than 10 MB" in answer.text


def test_a_link_opens_in_a_window_of_its_own(ada: Teacher, learner: Teacher) -> None:
    path = new_item(ada, "Forest", "link")
    wrong = ada.post(path, ada.form(path) | {"url": "javascript:alert(1)", "do": "save"})
    assert wrong.status_code == 422 and "begins with https://" in wrong.text
    ada.post(path, ada.form(path) | {"url": "https://example.org/forest", "do": "publish"})

    page = learner.get(f"{HOME}forest").text
    assert re.search(r'href="https://example.org/forest" target="_blank" rel="noopener', page)


def test_items_move_by_buttons_and_by_dragging(ada: Teacher) -> None:
    made = [new_item(ada, title).rpartition("/")[2] for title in ("Aa", "Bb")]
    assert ada.post(f"{EDIT}move/item/{made[1]}/up").status_code == 303
    page = ada.get(EDIT).text
    assert page.index('id="item-bb"') < page.index('id="item-aa"')

    entries = re.findall(r'data-module="([^"]+)"|data-item="([^"]+)"', page)
    order = [f"module/{module}" if module else f"item/{item}" for module, item in entries]
    order.insert(1, order.pop(order.index("item/aa")))
    base = re.findall(r'data-base="(\d+)"', page)[0]
    assert ada.post(f"{EDIT}order", {"base": base, "entry": order}).status_code == 303
    refused = ada.post(f"{EDIT}order", {"base": base, "entry": order[:-1]})
    assert refused.status_code == 409 and "This is how it is now" in refused.text
    assert ada.get(EDIT).text.index('id="item-aa"') < ada.get(EDIT).text.index('id="item-sowing"')


def test_an_order_is_restored_from_its_history(ada: Teacher) -> None:
    page = ada.get(EDIT).text
    assert page.index('id="item-sowing"') < page.index('id="item-watering"')
    history = ada.get(f"{EDIT}history/outline").text
    number = max(int(found) for found in re.findall(r'name="new" value="(\d+)"', history))
    ada.post(f"{EDIT}move/item/watering/up")

    history = ada.get(f"{EDIT}history/outline").text
    assert "Restore" in history and f'name="number" value="{number}"' in history
    assert ada.post(f"{EDIT}restore/outline", {"number": str(number)}).status_code == 303

    page = ada.get(EDIT).text
    assert page.index('id="item-sowing"') < page.index('id="item-watering"')


def test_codes_are_not_made_while_only_members_get_in(ada: Teacher) -> None:
    form = {"title": "Trees", "language": "en", "level": "", "base": "1"}
    page = ada.get(f"{EDIT}people/ways").text
    assert "codes let nobody in" in page and "Change who gets in" in page and "Make a code" not in page
    assert ada.post(f"{EDIT}people/ways", {"places": "5"}).status_code == 403

    base = ada.form(f"{EDIT}settings")["base"]
    assert ada.post(f"{EDIT}settings", form | {"admission": "invitation", "base": base}).status_code == 303
    assert "Make a code" in ada.get(f"{EDIT}people/ways").text
    assert "New code" in ada.post(f"{EDIT}people/ways", {"places": "5"}).text
    base = ada.form(f"{EDIT}settings")["base"]
    assert ada.post(f"{EDIT}settings", form | {"admission": "lms", "base": base}).status_code == 303


def test_what_is_closed_says_why_and_until_when(ada: Teacher, learner: Teacher, browse: Browse) -> None:
    path = new_item(ada, "Later")
    ada.post(
        path,
        ada.form(path) | {"markdown": "Secret.", "release": "2099-05-01T12:00", "do": "publish", "tz": "Europe/Berlin"},
    )
    other = new_item(ada, "After quiz")
    ada.post(other, ada.form(other) | {"markdown": "Secret.", "after": "second-quiz", "do": "publish"})

    observer = browse(Role.OBSERVER)
    assert observer.get(f"{HOME}later").status_code == 403
    assert "Secret." in observer.get(f"{HOME}after-quiz").text
    for slug, status in (("later", 403), ("after-quiz", 403), ("sowing", 303)):
        assert learner.post(f"/progress/{SLUG}/mark", {"item": slug, "done": "yes"}).status_code == status

    page = learner.get(HOME).text
    assert 'datetime="2099-05-01T10:00:00+00:00"' in page and "Opens after: Second quiz" in page
    for slug in ("later", "after-quiz"):
        closed = learner.get(f"{HOME}{slug}")
        assert closed.status_code == 403 and "Not open yet" in closed.text and "Secret." not in closed.text
        assert "Secret." in ada.get(f"{EDIT}preview/{slug}").text
        assert "Secret." in ada.get(f"{HOME}{slug}").text


def test_the_files_of_what_is_closed_are_closed_too(ada: Teacher, learner: Teacher) -> None:
    path = new_item(ada, "Answers", "file")
    given = {"upload": (io.BytesIO(b"42"), "answers.csv")}
    ada.post(path, ada.form(path) | given, content_type="multipart/form-data")
    lesson = new_item(ada, "Locked")
    picture = {"file": (io.BytesIO(PNG), "locked.png")}
    ada.post(f"{lesson}/upload", picture, content_type="multipart/form-data")
    text = {"markdown": "![Locked](../media/locked.png)", "release": "2099-05-01T12:00", "do": "publish"}
    ada.post(lesson, ada.form(lesson) | text)
    for name in ("answers.csv", "locked.png"):
        assert learner.get(f"{HOME}media/{name}").status_code == 404
        assert ada.get(f"{HOME}media/{name}").status_code == 200

    ada.post(f"{path}/publish")
    ada.post(lesson, ada.form(lesson) | {"release": "", "do": "publish"})
    for name in ("answers.csv", "locked.png"):
        assert learner.get(f"{HOME}media/{name}").status_code == 200
    ada.post(f"{EDIT}state/draft")
    assert learner.get(f"{HOME}media/answers.csv").status_code == 404
    ada.post(f"{EDIT}state/published")


def test_numbers_that_no_row_has_are_not_there(ada: Teacher) -> None:
    most = "9" * 30
    for path in (
        f"{EDIT}compare/item/sowing?old=1&new={most}",
        f"/reviews/{SLUG}/{most}/report",
        f"/files/{SLUG}/{most}",
    ):
        assert ada.get(path).status_code == 404
    assert ada.post(f"{EDIT}restore/item/sowing", {"number": most}).status_code == 404
    assert ada.post(f"{EDIT}items/sowing/unsaved", ada.form(f"{EDIT}items/sowing") | {"base": most}).status_code == 200
    ada.post(f"{EDIT}items/sowing/discard")


def test_a_hidden_course_is_for_teachers_only(ada: Teacher, learner: Teacher) -> None:
    ada.post(f"{EDIT}state/draft")
    assert learner.get(HOME).status_code == 404
    assert "This course is a draft" in ada.get(HOME).text
    ada.post(f"{EDIT}state/published")
    assert learner.get(HOME).status_code == 200


def test_settings_are_checked_and_saved(ada: Teacher) -> None:
    form = {"title": "Trees", "language": "en", "level": "", "admission": "lms"}
    form["base"] = ada.form(f"{EDIT}settings")["base"]
    wrong = ada.post(f"{EDIT}settings", form | {"title": "", "price": "a lot", "currency": "EUR"})
    assert wrong.status_code == 422
    assert "Title is empty" in wrong.text and "must be a number such as 19.99" in wrong.text

    said = {"price": "19,99", "currency": "eur", "tags": "wood, wood ,bark", "description": "# Hi\r\n\r\n**bold**"}
    assert ada.post(f"{EDIT}settings", form | said).status_code == 303
    page = ada.get(HOME).text
    assert "€19.99" in page and "<strong>bold</strong>" in page and "bark" in page


def test_uploads_path_is_not_for_reading_the_disk(ada: Teacher, tmp_path: Path) -> None:
    path = new_item(ada, "Disk")
    given = {"file": (io.BytesIO(PNG), "../../../etc/x.png")}
    assert ada.post(f"{path}/upload", given, content_type="multipart/form-data").json["path"] == "x.png"


def test_a_video_elsewhere_is_played_in_the_page(runtime: Runtime, ada: Teacher, learner: Teacher) -> None:
    path = new_item(ada, "Film", "video")
    sent = ada.form(path) | {"url": "https://www.youtube.com/watch?v=dQw4w9WgXcQ", "do": "publish"}
    assert ada.post(path, sent).status_code == 303

    with counted(runtime) as statements:
        page = learner.get(f"{HOME}film")
    assert page.status_code == 200, page.text
    assert "dQw4w9WgXcQ" in page.text and "/static/video." in page.text
    assert len(statements) <= 6, statements
    preview = ada.get(f"{EDIT}preview/film").text
    assert "dQw4w9WgXcQ" in preview and "/static/video." in preview


def test_an_uploaded_video_is_chosen_and_survives_export_and_import(
    runtime: Runtime, ada: Teacher, learner: Teacher, tmp_path: Path
) -> None:
    with runtime.db.transaction() as tx:
        ours, theirs = (
            VideoRow(
                course_slug=slug, slug=f"in-{slug}", file_id=number, title=f"Growing {slug}", state=VideoState.READY
            )
            for slug, number in ((SLUG, 901), ("other", 902))
        )
        for row in (ours, theirs):
            row.duration_ms, row.created_at = 20_000, clock.now()
            tx.add(row)
        tx.flush()
        number, chosen, foreign = ours.id, f"video:{ours.slug}", f"video:{theirs.slug}"
    path = new_item(ada, "Growing", "video")
    page = ada.get(path).text
    assert f"Growing {SLUG}" in page and "Growing other" not in page and "Upload a video" in page

    refused = ada.post(path, ada.form(path) | {"video": foreign, "do": "publish"})
    assert refused.status_code == 422 and "no such uploaded video" in refused.text
    assert ada.post(path, ada.form(path) | {"video": "video:X", "url": ""}).status_code == 422
    assert ada.post(path, ada.form(path) | {"video": chosen, "do": "publish"}).status_code == 303
    assert f'<option value="{chosen}" selected' in ada.get(path).text
    shown = learner.get(f"{HOME}growing").text
    assert "/static/video." in shown and f'href="{chosen}"' not in shown
    with runtime.db.reading() as tx:
        assert video_service.list_uses(tx, number) == [f"courses/{SLUG}/growing"]
        platform = tx.scalars(select(Course.registration_id).where(Course.slug == SLUG)).one()
        (outline,) = read_outlines(tx, [SLUG]).values()
        kinds = {item.ref: item.kind for module in outline.modules for item in module.items}
        assert kinds[f"courses/{SLUG}/growing"] == "video"  # what was watched counts

    export_course(runtime, SLUG, tmp_path / "out")
    assert f'url = "{chosen}"' in (tmp_path / "out" / "course.toml").read_text()
    import_course(runtime, tmp_path / "out", registration_id=platform)
    assert "/static/video." in learner.get(f"{HOME}growing").text
    # taking it out gives the video free
    assert ada.post(f"{EDIT}items/growing/remove").status_code == 303
    with runtime.db.reading() as tx:
        assert video_service.list_uses(tx, number) == []


def test_the_course_page_shows_the_rating_and_the_way_to_the_catalogue(learner: Teacher) -> None:
    page = learner.get(HOME).text
    assert f"/reviews/{SLUG}" in page and "No reviews yet" in page
    assert f'href="{learner.prefix}/courses/"' in page


def test_a_closed_quiz_is_closed_at_its_own_address_too(ada: Teacher, learner: Teacher) -> None:
    path = f"{EDIT}items/first-quiz"
    with clock.frozen(clock.now()):
        assert learner.get(f"/grading/{SLUG}/quiz-1").status_code == 200
        ada.post(path, ada.form(path) | {"release": "2099-05-01T12:00", "do": "publish"})
        clock.advance(KEPT_S)
        for method, action in ((learner.get, ""), (learner.post, "/open"), (learner.post, "/submit")):
            answer = method(f"/grading/{SLUG}/quiz-1{action}")
            assert answer.status_code == 303 and answer.headers["Location"].endswith(f"{HOME}first-quiz")
        assert "Not open yet" in learner.get(f"{HOME}first-quiz").text
        ada.post(path, ada.form(path) | {"release": "", "do": "publish"})
        clock.advance(KEPT_S)
        assert learner.get(f"/grading/{SLUG}/quiz-1").status_code == 200

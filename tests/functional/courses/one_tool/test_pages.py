"""The pages of a course within a session: who sees what, and what a browser is told about files."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.courses.importer import import_course
from tests.conftest import BASE_URL
from tests.factories.course_folders import PNG, TOML, WATERING, write_folder
from tests.factories.grading import Place, Someone, make_place
from tests.functional.courses.conftest import SLUG, Browser, Import
from tests.functional.courses.teaching import give_result, lines_of
from tests.functional.grading.conftest import counted

HOME = f"/courses/{SLUG}/"
Browse = Callable[..., Browser]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound course folder."""
    return write_folder(tmp_path_factory.mktemp("folder") / "trees")


@pytest.fixture(scope="module", autouse=True)
def imported(runtime: Runtime, folder: Path) -> None:
    """The course is there."""
    import_course(runtime, folder)


@pytest.fixture(scope="module")
def place(runtime: Runtime) -> Place:
    """An LMS course."""
    with runtime.db.transaction() as tx:
        return make_place(tx, slug=SLUG)


# ---- who may open what ----

PATHS = ("", "sowing", "first-quiz", "media/seed.png", "nothing", "media/nothing")


@pytest.mark.parametrize("path", PATHS)
def test_without_a_session_nothing_opens(client: FlaskClient, path: str) -> None:
    assert client.get(HOME + path, base_url=BASE_URL).status_code == 401
    assert client.get(f"/s/not-a-token{HOME}{path}", base_url=BASE_URL).status_code == 401


@pytest.mark.parametrize("role", [Role.LEARNER, Role.TEACHER])
@pytest.mark.parametrize("path", PATHS)
def test_a_session_of_another_course_opens_nothing(browse: Browse, role: Role, path: str) -> None:
    answer = browse(role, "other").get(HOME + path)

    assert answer.status_code == 403
    assert "another course" in answer.text


def test_what_is_not_in_the_course_is_not_found(browse: Browse) -> None:
    browser = browse()

    for path in ("nothing", "media/nothing", "media/../course.toml", "media/%2e%2e/secret"):
        assert browser.get(HOME + path).status_code == 404
    assert "no longer in the course" in browser.get(f"{HOME}nothing").text


# ---- the course page ----


def test_learner_sees_the_outline_and_where_to_begin(browse: Browse) -> None:
    page = browse().get(HOME).text

    assert lines_of(page) == ["Sowing", "Watering", "First quiz 4 points", "Second quiz 6 points"]
    assert "Start: Sowing" in page
    assert "0 % done" in page
    assert "From seed to wood." in page and "How it starts." in page


def test_learner_sees_their_own_results_and_nobody_elses(
    runtime: Runtime, browse: Browse, someone: Callable[..., Someone]
) -> None:
    ada, ben = someone(), someone()
    give_result(runtime, ada, "2.5")

    hers, his = browse(ada).get(HOME).text, browse(ben).get(HOME).text

    assert lines_of(hers) == ["Sowing", "Watering", "First quiz, done 2.5 of 4", "Second quiz Next 6 points"]
    assert "25 % done" in hers and "Continue: Second quiz" in hers
    assert "First quiz 4 points" in lines_of(his)


def test_a_result_that_can_still_change_says_so(
    runtime: Runtime, browse: Browse, someone: Callable[..., Someone]
) -> None:
    ada = someone()
    give_result(runtime, ada, "2", manual=True)

    assert "First quiz Next 2 of 4 so far" in lines_of(browse(ada).get(HOME).text)


def test_after_the_last_quiz_the_way_leads_back_to_what_is_left(
    runtime: Runtime, browse: Browse, someone: Callable[..., Someone]
) -> None:
    ada = someone()
    give_result(runtime, ada, "6", assignment="quiz-2")
    assert "Continue: Sowing" in browse(ada).get(HOME).text

    give_result(runtime, ada, "4")
    page = browse(ada).get(HOME).text
    assert "Continue: Sowing" in page


@pytest.mark.parametrize("role", [Role.TEACHER, Role.ASSISTANT])
def test_staff_see_points_and_no_progress(browse: Browse, role: Role) -> None:
    page = browse(role).get(HOME).text

    assert lines_of(page) == ["Sowing", "Watering", "First quiz 4 points", "Second quiz 6 points"]
    assert "% done" not in page and "Start:" not in page
    links = re.findall(r'<li><a href="[^"]+"(?: aria-current="page")?>(\w+)</a></li>', page)
    assert links[:2] == ["Course", "Submissions"]


def test_an_observer_reads_lessons_and_is_not_sent_to_quizzes(browse: Browse) -> None:
    page = browse(Role.OBSERVER).get(HOME).text

    assert f"{HOME}sowing" in page
    assert f"/grading/{SLUG}/quiz-1" not in page


# ---- lessons ----


def test_a_lesson_shows_its_text_with_links_that_stay_in_the_session(browse: Browse) -> None:
    browser = browse()
    page = browser.get(f"{HOME}sowing").text

    here = f"{browser.prefix}{HOME}"
    assert page.count("<h1>") == 1
    assert f'href="{here}watering#h-how-much"' in page
    assert f'href="{here}first-quiz"' in page
    assert f'src="{here}media/seed.png"' in page
    assert 'href="https://example.org/" ' in page or 'href="https://example.org/"' in page
    assert 'target="_blank"' in page
    assert "Lesson 1 of 4" in page
    assert 'id="h-how-much"' in browser.get(f"{HOME}watering").text


def test_every_link_of_the_pages_opens(browse: Browse) -> None:
    browser = browse()
    for start in (HOME, f"{HOME}sowing", f"{HOME}watering"):
        for path in re.findall(r'(?:href|src)="(/s/[^"#]+)', browser.get(start).text):
            assert browser.get(path).status_code in (200, 303), path


def test_a_quiz_leads_to_its_page_with_title_summary_and_points(browse: Browse) -> None:
    browser = browse()
    answer = browser.get(f"{HOME}first-quiz")

    assert (answer.status_code, answer.headers["Location"]) == (303, f"{browser.prefix}/grading/{SLUG}/quiz-1")
    page = browser.get(answer.headers["Location"]).text
    assert "<h1>First quiz</h1>" in page
    assert "Two small sums." in page
    assert "4 points" in page
    assert "3 of 3" in page
    assert "2026" in page


def test_a_quiz_page_leads_back_to_the_course_and_on(browse: Browse) -> None:
    browser = browse()
    page = browser.get(f"/grading/{SLUG}/quiz-1").text
    outline = re.findall(rf'href="{browser.prefix}(/(?:courses|grading)/{SLUG}/[^"#]+)', browser.get(HOME).text)
    at = outline.index(f"/grading/{SLUG}/quiz-1")

    assert f'<a href="{browser.prefix}{HOME}">' in page
    assert re.search(rf'href="{browser.prefix}{outline[at - 1]}" rel="prev"', page)
    assert re.search(rf'href="{browser.prefix}{outline[at + 1]}" rel="next"', page)


def test_the_page_of_a_removed_quiz_still_opens_and_is_closed(browse: Browse, run_import: Import) -> None:
    run_import({"course.toml": TOML[: TOML.index('[[module]]\ntitle = "Wood"')]})

    page = browse().get(f"/grading/{SLUG}/quiz-2")
    assert page.status_code == 200
    assert "This quiz is closed" in page.text
    assert lines_of(browse().get(HOME).text) == ["Sowing", "Watering", "First quiz 4 points"]
    run_import({"course.toml": TOML})


def test_a_lesson_with_a_script_has_none_on_its_page(browse: Browse, run_import: Import) -> None:
    run_import({"lessons/watering.md": "# W\n\n## How much\n\n<script>alert(1)</script><b onclick='x()'>Bold</b>"})
    page = browse().get(f"{HOME}watering")

    assert "<b>Bold</b>" in page.text
    assert "alert(1)" not in page.text and "onclick" not in page.text
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    run_import({"lessons/watering.md": WATERING})


# ---- media ----


@pytest.mark.parametrize(
    ("name", "content_type", "is_saved"),
    [
        ("seed.png", "image/png", False),
        ("tree.svg", "image/svg+xml", False),
        ("rain.csv", "text/csv; charset=utf-8", True),
        ("page.html", "application/octet-stream", True),
    ],
)
def test_a_file_comes_with_its_type_and_can_run_nothing(
    browse: Browse, name: str, content_type: str, is_saved: bool
) -> None:
    answer = browse().get(f"{HOME}media/{name}")

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, content_type)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers.get("Content-Disposition", "").startswith("attachment") is is_saved


def test_what_could_run_is_saved_as_bytes(browse: Browse, run_import: Import) -> None:
    names = [f"x.{suffix}" for suffix in ("js", "mjs", "xml", "xhtml", "htm", "HTML", "svgz", "mht", "swf", "css", "")]
    run_import({f"media/{name}": "<script>alert(1)</script>" for name in [*names, "x"]})
    browser = browse()

    for name in [*names, "x"]:
        answer = browser.get(f"{HOME}media/{name}")
        assert answer.headers["Content-Type"] == "application/octet-stream", name
        assert answer.headers["Content-Disposition"].startswith("attachment"), name


def test_a_file_that_has_not_changed_is_not_sent_again(runtime: Runtime, browse: Browse, run_import: Import) -> None:
    browser = browse()
    first = browser.get(f"{HOME}media/seed.png")
    assert first.data == PNG

    with counted(runtime) as statements:
        again = browser.get(f"{HOME}media/seed.png", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert len(statements) <= 3

    run_import({"media/seed.png": PNG + b"new"})
    changed = browser.get(f"{HOME}media/seed.png", headers={"If-None-Match": first.headers["ETag"]})
    assert (changed.status_code, changed.data) == (200, PNG + b"new")
    run_import({"media/seed.png": PNG})


def test_a_file_with_an_odd_name_is_found_and_saved_under_it(browse: Browse, run_import: Import) -> None:
    run_import({'media/a b/größe "1".csv': "1"})
    answer = browse().get(f"{HOME}media/a%20b/gr%C3%B6%C3%9Fe%20%221%22.csv")

    assert answer.status_code == 200
    assert "\n" not in answer.headers["Content-Disposition"]


# ---- queries ----


@pytest.mark.parametrize("path", [HOME, f"{HOME}sowing", f"{HOME}media/seed.png", f"/grading/{SLUG}/quiz-1"])
def test_pages_take_few_queries(runtime: Runtime, browse: Browse, someone: Callable[..., Someone], path: str) -> None:
    ada = someone()
    give_result(runtime, ada, "2")
    browser: Any = browse(ada)
    browser.get(f"/grading/{SLUG}/quiz-1")  # what closes quizzes is kept for seconds

    with counted(runtime) as statements:
        assert browser.get(path).status_code == 200
    assert len(statements) <= 6, statements

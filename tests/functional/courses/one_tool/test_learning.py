"""What learners have to do in a course, how it counts, and what lets them go on: over HTTP, with all plugins."""

import io
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from lti_tool.kernel import clock
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.courses.importer import import_course
from plugins.progress.merging import Learner
from plugins.progress.saves import learner_key
from tests.factories import notebooks as make
from tests.factories.grading import Place, Someone, make_context, make_person
from tests.functional.courses.conftest import SLUG, Browser
from tests.functional.courses.teaching import EDIT, HOME, Teacher, give_result, lines_of, new_item
from tests.functional.grading.conftest import counted

pytestmark = pytest.mark.usefixtures("trees")


@pytest.fixture
def grace(app: Flask, someone: Any) -> Teacher:
    return Teacher(app, someone(Role.TEACHER), SLUG)


@pytest.fixture(scope="module")
def more_items(app: Flask, runtime: Runtime, place: Place) -> None:
    """A video that our player shows, and a notebook to read."""
    with runtime.db.transaction() as tx:
        somebody = make_person(tx, place, "Grace", Role.TEACHER)
    teacher = Teacher(app, somebody, SLUG)
    path = new_item(teacher, "Film page", "video")
    teacher.post(path, teacher.form(path) | {"url": "https://video.example/film.mp4", "do": "publish"})
    path = new_item(teacher, "Reading", "notebook")
    given = {"upload": (io.BytesIO(make.notebook(make.text("# Weather"))), "weather.ipynb"), "do": "publish"}
    answer = teacher.post(path, teacher.form(path) | given, content_type="multipart/form-data")
    assert answer.status_code == 303


class Student(Browser):
    """A learner's browser that says what its pages' script would."""

    def __init__(self, app: Flask, who: Someone, slug: str = SLUG) -> None:
        super().__init__(app, who, slug)
        self.who, self.slug = who, slug
        signer = app.extensions["coursebridge.runtime"].signer
        self.key = learner_key(signer, Learner(who.place.placement_id, who.user_id))
        self.number = 0

    def see(self, slug: str) -> None:
        """Open an item and stay for three seconds."""
        assert self.get(f"/courses/{self.slug}/{slug}").status_code == 200
        self.number += 1
        now = int(clock.now().timestamp() * 1000)
        save = {"id": f"save-{self.number:04}", "ref": f"courses/{self.slug}/{slug}", "at": now, "seen": True}
        answer = self.post("/progress/saves", json={"who": self.key, "saves": [save]})
        assert answer.json["saved"] == [save["id"]], answer.text


@pytest.fixture
def ada(app: Flask, someone: Any) -> Student:
    return Student(app, someone())


# ---- videos that nobody can measure ----

FILMS = """\
slug = "films"
title = "Films"

[[module]]
title = "Films"
""" + "".join(
    f'[[module.item]]\ntype = "video"\nslug = "film-{number}"\ntitle = "Film {number}"\n{said}\n'
    for number, said in enumerate(
        [
            'url = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"',
            'url = "https://vimeo.com/123456789"',
            'url = "https://video.example/film"',
            'file = "media/film.mp4"',
        ],
        1,
    )
)


def test_a_course_of_videos_that_nobody_can_measure_is_finished(
    runtime: Runtime, app: Flask, place: Place, tmp_path: Path
) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "film.mp4").write_bytes(b"0" * 100)
    (tmp_path / "course.toml").write_text(FILMS)
    import_course(runtime, tmp_path)
    with runtime.db.transaction() as tx:
        somebody = make_person(tx, make_context(tx, place, "films"))
    ada = Student(app, somebody, "films")

    for number in range(1, 4):
        ada.see(f"film-{number}")
    before = ada.get("/progress/films").text
    ada.see("film-4")
    after = ada.get("/progress/films").text

    assert "3 of 4 links" in before and "75 %" in before
    assert "4 of 4 links" in after and "100 %" in after
    assert "100 % done" in ada.get("/courses/films/").text


def test_the_editor_says_of_which_videos_watching_is_known(grace: Teacher) -> None:
    path = new_item(grace, "Film", "video")
    assert "a video on YouTube, Vimeo or elsewhere is done when it was opened" in grace.get(path).text


# ---- the pass mark of a quiz ----


def set_pass_mark(grace: Teacher, mark: str) -> Any:
    path = f"{EDIT}items/first-quiz"
    return grace.post(path, grace.form(path) | {"pass": mark, "required": "1", "do": "publish"})


def test_a_quiz_is_done_from_its_pass_mark_on(
    runtime: Runtime, app: Flask, someone: Any, grace: Teacher, ada: Student
) -> None:
    path = new_item(grace, "Beyond", "lesson")
    beyond = f"{HOME}{path.rpartition('/')[2]}"
    grace.post(path, grace.form(path) | {"markdown": "Beyond.", "after": "first-quiz", "do": "publish"})
    assert set_pass_mark(grace, "60").status_code == 303
    assert 'value="60"' in grace.get(f"{EDIT}items/first-quiz").text

    give_result(runtime, ada.who, "0")
    failed, closed = ada.get(HOME).text, ada.get(beyond).status_code
    assert "0 of 2 quizzes passed" in ada.get(f"/progress/{SLUG}").text
    assert "0 of 4, 60 % needed" in failed and "First quiz, done" not in lines_of(failed)
    assert closed == 403

    ben = Student(app, someone())
    give_result(runtime, ben.who, "2.4")
    assert "1 of 2 quizzes passed" in ben.get(f"/progress/{SLUG}").text
    assert "First quiz, done 2.4 of 4" in lines_of(ben.get(HOME).text)
    assert ben.get(beyond).status_code == 200
    set_pass_mark(grace, "")


def test_without_a_pass_mark_a_quiz_is_done_when_it_is_marked(runtime: Runtime, grace: Teacher, ada: Student) -> None:
    assert set_pass_mark(grace, "").status_code == 303
    give_result(runtime, ada.who, "0")

    page = ada.get(f"/progress/{SLUG}").text
    assert "1 of 2 quizzes done" in page and "passed" not in page


@pytest.mark.parametrize("mark", ["0", "101", "most"])
def test_a_pass_mark_is_a_percentage(grace: Teacher, mark: str) -> None:
    answer = set_pass_mark(grace, mark)
    assert answer.status_code == 422 and "Pass mark must be" in answer.text


# ---- queries ----


@pytest.mark.parametrize("path", [f"{HOME}film-page", f"{HOME}reading", f"/progress/{SLUG}"])
def test_pages_of_learners_take_few_queries(
    runtime: Runtime, grace: Teacher, ada: Student, path: str, more_items: None
) -> None:
    ada.see("sowing")
    ada.get(path)  # what closes quizzes is kept for seconds

    with counted(runtime) as statements:
        assert ada.get(path).status_code == 200
    assert len(statements) <= 6, statements


def test_settings_of_progress_take_few_queries(runtime: Runtime, grace: Teacher) -> None:
    with counted(runtime) as statements:
        assert grace.get(f"/progress/{SLUG}/settings").status_code == 200
    assert len(statements) <= 6, statements

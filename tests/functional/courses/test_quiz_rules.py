"""Which attempt counts, lateness and closing dates: from course.toml and the editor to grading, and back out."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from grading.assignments import get_assignment
from grading.models import AssignmentRow, Counts
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.courses.course_file import CourseFolderError, QuizItem, read_course_file
from plugins.courses.exporter import export_course
from plugins.courses.models import Course
from tests.factories.course_folders import TOML, write_folder
from tests.factories.grading import Place, Someone
from tests.functional.courses.conftest import SLUG, Import
from tests.functional.courses.teaching import EDIT, Teacher

PAGE = f"{EDIT}items/first-quiz"
DUE, CLOSES = datetime(2026, 11, 30, 22, 59, tzinfo=UTC), datetime(2026, 12, 5, 22, 59, tzinfo=UTC)
RULES = """counts = "best"
late_per_day = 10
late_at_most = 50
closes = 2026-12-05T23:59:00+01:00
due = 2026"""


@pytest.fixture
def grace(app: Flask, someone: Callable[..., Someone]) -> Teacher:
    """A teacher."""
    return Teacher(app, someone(Role.TEACHER), SLUG)


def rules(runtime: Runtime) -> tuple[object, ...]:
    with runtime.db.reading() as tx:
        row: AssignmentRow = get_assignment(tx, SLUG, "quiz-1")
        return row.counts, row.max_attempts, row.due_at, row.late_per_day, row.late_at_most, row.closes_at


def test_an_import_brings_the_rules_and_the_next_one_takes_them_back(
    runtime: Runtime, run_import: Import, folder: Path
) -> None:
    write_folder(folder, {"course.toml": TOML.replace("due = 2026", RULES)})
    run_import()
    assert rules(runtime) == (Counts.BEST, 3, DUE, 10, 50, CLOSES)

    write_folder(folder, {"course.toml": TOML})
    run_import()
    assert rules(runtime) == (Counts.LAST, 3, DUE, None, None, None)


def test_the_editor_changes_them_and_an_export_has_them(
    runtime: Runtime, run_import: Import, place: Place, grace: Teacher, tmp_path: Path
) -> None:
    run_import(registration_id=place.registration_id)
    said = {"counts": "first", "late_per_day": "25", "late_at_most": "", "closes": "2026-12-05T23:59"}
    answer = grace.post(
        PAGE, grace.form(PAGE) | said | {"tz": "Europe/Berlin", "due": "2026-11-30T23:59", "do": "publish"}
    )

    assert answer.status_code == 303, answer.text
    assert rules(runtime) == (Counts.FIRST, 3, DUE, 25, None, CLOSES)
    export_course(runtime, SLUG, tmp_path / "out")
    quiz = read_course_file(tmp_path / "out" / "course.toml").module[0].item[2]
    assert isinstance(quiz, QuizItem)
    assert (quiz.counts, quiz.late_per_day, quiz.late_at_most, quiz.closes) == (Counts.FIRST, 25, None, CLOSES)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"late_per_day": "10", "due": ""}, "needs a due date: say with due when an attempt is late"),
        ({"late_per_day": "101"}, "must be at most 100"),
        ({"late_per_day": "10%"}, "must be a whole number"),
        ({"late_at_most": "50"}, "needs late_per_day: say what each day costs"),
        ({"late_per_day": "20", "late_at_most": "10"}, "must be at least late_per_day, 20"),
        ({"closes": "2026-11-01T00:00"}, "must not be before due, or nobody could be in time"),
        ({"counts": "worst"}, "must be one of"),
    ],
)
def test_what_makes_no_sense_is_refused_beside_its_field(
    runtime: Runtime, run_import: Import, place: Place, grace: Teacher, said: dict[str, str], message: str
) -> None:
    run_import(registration_id=place.registration_id)
    before = rules(runtime)
    answer = grace.post(PAGE, grace.form(PAGE) | said | {"do": "publish"})

    assert answer.status_code == 422
    assert message in answer.text
    assert rules(runtime) == before


def test_times_of_a_refused_form_come_back_as_the_moments_they_were(
    run_import: Import, place: Place, grace: Teacher
) -> None:
    run_import(registration_id=place.registration_id)
    sent = {"title": "", "due": "2026-11-30T23:59", "tz": "Europe/Berlin"}
    page = grace.post(PAGE, grace.form(PAGE) | sent).text

    found = re.search(r'name="due"[^>]*? value="([^"]*)"', page)
    assert found is not None
    assert found.group(1) == "2026-11-30T22:59"


# ---- what a quiz is marked under ----

CONDITIONS = """time_limit = 300
cell_time_limit = 60
memory_limit = 1536
environment = "requirements.txt"
due = 2026"""


def conditions(runtime: Runtime) -> tuple[object, ...]:
    with runtime.db.reading() as tx:
        row: AssignmentRow = get_assignment(tx, SLUG, "quiz-1")
        return row.time_limit_s, row.cell_limit_s, row.memory_mb, row.requirements, row.kernel


def test_limits_and_packages_come_with_a_folder_and_go_out_with_it(
    runtime: Runtime, run_import: Import, folder: Path, tmp_path: Path
) -> None:
    runtime.settings.quizzes.packages_from = "/wheels"
    write_folder(folder, {"course.toml": TOML.replace("due = 2026", CONDITIONS)})
    (folder / "source" / "quiz-1" / "requirements.txt").write_text("# plots\nLeaves>=1.0\n")
    run_import()
    assert conditions(runtime) == (300, 60, 1536, "leaves>=1.0", "")

    with runtime.db.transaction() as tx:
        tx.scalars(select(Course)).one().toml = ""  # so that an export writes it anew
    export_course(runtime, SLUG, tmp_path / "out")
    quiz = read_course_file(tmp_path / "out" / "course.toml").module[0].item[2]
    assert isinstance(quiz, QuizItem)
    said = (quiz.time_limit, quiz.cell_time_limit, quiz.memory_limit, quiz.environment)
    assert said == (300, 60, 1536, "requirements.txt")
    assert (tmp_path / "out" / "source" / "quiz-1" / "requirements.txt").is_file()

    write_folder(folder, {"course.toml": TOML})
    run_import(overwrite=True)
    assert conditions(runtime) == (None, None, None, "", "")


def test_an_import_tells_all_that_the_operator_does_not_allow(
    runtime: Runtime, run_import: Import, folder: Path
) -> None:
    said = CONDITIONS.replace("300", "9000").replace("1536", "9999")
    write_folder(folder, {"course.toml": TOML.replace("due = 2026", said)})
    with pytest.raises(CourseFolderError) as error:
        run_import()

    lines = error.value.problems
    assert [line for line in lines if line.startswith("course.toml: quiz first-quiz: ")] == lines
    assert [line.split(": ")[2] for line in lines] == ["time_limit", "memory_limit", "environment"]
    assert "quizzes.max_time_s" in lines[0]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"time_limit": "601"}, "may be 600 seconds at most here"),
        ({"time_limit": "20", "cell_time_limit": "30"}, "must be at most time_limit, 20"),
        ({"memory_limit": "64"}, "must be at least 128"),
        ({"memory_limit": "4096"}, "may be 2048 MiB at most here"),
        ({"environment": "requirements.txt"}, "there is no file requirements.txt beside the notebooks"),
        ({"environment": "fortran"}, "fortran is no kernel that is allowed here"),
        ({"environment": "../x"}, "name a file beside the notebooks"),
        ({"environment": "bash"}, "It is written for the kernel &#39;python3&#39;, and the quiz is marked with"),
    ],
)
def test_conditions_that_cannot_be_are_refused_beside_their_field(
    runtime: Runtime, run_import: Import, place: Place, grace: Teacher, said: dict[str, str], message: str
) -> None:
    runtime.settings.quizzes.packages_from, runtime.settings.quizzes.kernels = "/wheels", ["bash"]
    run_import(registration_id=place.registration_id)
    answer = grace.post(PAGE, grace.form(PAGE) | said | {"do": "publish"})

    assert answer.status_code == 422
    assert message in answer.text
    assert conditions(runtime) == (None, None, None, "", "")


def test_the_editor_offers_what_is_there_and_publishes_it(
    runtime: Runtime, run_import: Import, place: Place, grace: Teacher, folder: Path
) -> None:
    runtime.settings.quizzes.packages_from, runtime.settings.quizzes.kernels = "/wheels", ["bash"]
    (folder / "source" / "quiz-1" / "requirements.txt").write_text("leaves")
    run_import(registration_id=place.registration_id)
    page = grace.get(PAGE).text
    assert '<option value="requirements.txt">Packages of requirements.txt</option>' in page
    assert '<option value="bash">Kernel bash</option>' in page

    said = {"time_limit": "240", "memory_limit": "512", "environment": "requirements.txt", "do": "publish"}
    assert grace.post(PAGE, grace.form(PAGE) | said).status_code == 303
    assert conditions(runtime) == (240, None, 512, "leaves", "")

    runtime.settings.quizzes.max_time_s = 200
    answer = grace.post(f"{PAGE}/publish", {})
    assert answer.status_code == 422
    assert "may be 200 seconds at most here" in answer.text

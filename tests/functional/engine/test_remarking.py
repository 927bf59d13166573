"""Marking in two steps gives what marking gives, and the first step changes nothing."""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from grading.engine import gradebook as gradebooks
from grading.engine.connection import reading
from grading.engine.course import CourseRoot
from grading.engine.model import Executed, Given, Release, ReleasedAnew, Scored, Superseded
from grading.engine.nbgrader_parts import api
from grading.remarking_packing import pack_executed, unpack_executed
from tests.factories import notebooks as make
from tests.functional.engine.conftest import LIMITS, QUIZ, RIGHT, SUBMITTED, WRONG, Mark, stored


def snapshot(course: CourseRoot) -> str:
    """Everything in the gradebook."""
    with reading(course.gradebook_url()) as session:
        tables = (api.SubmittedAssignment, api.SubmittedNotebook, api.Grade, api.Comment)
        return repr([session.execute(select(table.__table__)).all() for table in tables])


def files_of(release: Release, answers: dict[str, str]) -> dict[str, bytes]:
    filled = make.fill(release.files["quiz.ipynb"], answers)
    return {**release.files, "quiz.ipynb": json.dumps(filled).encode()}


def execute(course: CourseRoot, release: Release, answers: dict[str, str]) -> Executed:
    executed = course.execute("quiz", files_of(release, answers), limits=LIMITS)
    assert unpack_executed(pack_executed(executed)) == executed
    return executed


def weigh(
    course: CourseRoot,
    learner: str,
    executed: Executed,
    attempt: int = 1,
    given: Mapping[tuple[str, str], Given] | None = None,
) -> Scored:
    return course.weigh("quiz", learner, executed, submitted_at=SUBMITTED, attempt=attempt, given=given or {})


def put(course: CourseRoot, learner: str, executed: Executed, files: Mapping[str, bytes], attempt: int = 1) -> Scored:
    return course.put("quiz", learner, executed, files, submitted_at=SUBMITTED, attempt=attempt, limits=LIMITS)


def mark_by_hand(course: CourseRoot, learner: str, grade_id: str, points: float) -> None:
    with gradebooks.writing(course.gradebook_url()) as gradebook:
        grade = gradebook.find_grade(grade_id, "quiz", "quiz", learner)
        grade.manual_score, grade.needs_manual_grade = points, False


def test_two_steps_end_where_one_does(mark: Mark, course: CourseRoot, release: Release, learner: str) -> None:
    marking = mark(RIGHT | {"why": "Because."})
    whole, before = stored(course, learner), snapshot(course)
    twin = f"{learner}-twin"
    executed = execute(course, release, RIGHT | {"why": "Because."})
    assert snapshot(course) == before
    seen = weigh(course, twin, executed)
    assert snapshot(course) == before
    assert not (course.path / "autograded" / twin).exists()

    files = files_of(release, RIGHT | {"why": "Because."})
    first, again = put(course, twin, executed, files), put(course, twin, executed, files)
    assert replace(first.marks, learner=learner) == replace(seen.marks, learner=learner) == marking.marks
    assert (first.outcome, first.text, again) == (marking.outcome, marking.text, first)
    assert course.read_marks("quiz", twin) == first.marks
    assert stored(course, twin) == whole
    pages = course.render_executed("quiz", executed, files, first)
    assert pages == course.render_feedback("quiz", twin)


def test_a_rehearsal_and_the_deed_keep_marks_given_by_hand(
    mark: Mark, course: CourseRoot, release: Release, learner: str
) -> None:
    mark(WRONG | {"why": "Because."})
    mark_by_hand(course, learner, "why", 2.5)
    mark_by_hand(course, learner, "count-tests", 3)
    executed = execute(course, release, WRONG | {"why": "Because."})
    seen = weigh(course, learner, executed)
    done = put(course, learner, executed, files_of(release, WRONG | {"why": "Because."}))

    assert done == seen
    assert (done.marks.total, done.marks.needs_manual) == (Decimal("5.5"), False)


def test_an_earlier_attempt_is_weighed_with_what_a_person_gave_it_and_never_put(
    mark: Mark, course: CourseRoot, release: Release, learner: str
) -> None:
    mark(WRONG | {"why": "Because."})
    mark(RIGHT, attempt=2)
    mark_by_hand(course, learner, "why", 1)  # the second attempt's, not the first's
    before = snapshot(course)
    executed = execute(course, release, WRONG | {"why": "Because."})
    given = {("quiz", "why"): Given(Decimal(3), None, "Well said.")}
    seen = weigh(course, learner, executed, 1, given)
    with pytest.raises(Superseded):
        put(course, learner, executed, files_of(release, WRONG))

    assert snapshot(course) == before
    assert (seen.marks.total, seen.marks.needs_manual) == (Decimal("4.5"), False)
    assert seen.marks.questions[-1].comment == "Well said."
    page = course.render_executed("quiz", executed, files_of(release, WRONG), seen)["quiz.html"].decode()
    assert "Well said." in page


def test_notebooks_that_cannot_be_read_have_nothing_to_weigh(course: CourseRoot, release: Release) -> None:
    executed = course.execute("quiz", {"quiz.ipynb": b"{"}, limits=LIMITS)
    assert (executed.notebooks, executed.stories[0].outcome) == ({}, "not_a_notebook")
    executed = course.execute("quiz", {"quiz.ipynb": b"x" * 9}, limits=replace(LIMITS, input_bytes=8))
    assert executed.stories[0].outcome == "limit_exceeded"


def test_what_was_run_by_other_tests_is_neither_weighed_nor_put(tmp_path: Path, learner: str) -> None:
    folder = tmp_path / "source" / "quiz"
    folder.mkdir(parents=True)
    (folder / "quiz.ipynb").write_bytes(QUIZ)
    (folder / "data.txt").write_text("one")
    course = CourseRoot(tmp_path)
    release = course.make_release("quiz")
    executed = execute(course, release, RIGHT)
    (folder / "data.txt").write_text("two")
    course.make_release("quiz")
    before = snapshot(course)
    for step in (lambda: weigh(course, learner, executed), lambda: put(course, learner, executed, {})):
        with pytest.raises(ReleasedAnew):
            step()
    assert snapshot(course) == before
    assert weigh(course, learner, execute(course, release, RIGHT)).marks.total == 7


@pytest.mark.parametrize("warm", [True, False])
def test_times_of_cells_are_told_by_grade_id(mark: Mark, warm: bool) -> None:
    slow = RIGHT | {"add": "import time\ntime.sleep(0.2)\n" + RIGHT["add"]}
    times: dict[str, int] = mark(slow).cell_ms
    assert 200 <= times["quiz/add"] < 20_000
    assert all(isinstance(ms, int) and ms > 0 for ms in times.values())
    assert set(times) <= {f"quiz/{name}" for name in ("add", "add-tests", "add-hidden", "count", "count-tests", "")}

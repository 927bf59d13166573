"""What a submission scores, with real kernels in real sandboxes."""

import json
import shutil
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from grading.engine import gradebook as gradebooks
from grading.engine import marking as steps
from grading.engine.connection import open_engine, reading
from grading.engine.course import CourseRoot
from grading.engine.files import replace_tree
from grading.engine.model import Marking, NotReleased, Release
from grading.engine.nbgrader_parts import api
from tests.factories import notebooks as make
from tests.functional.engine.conftest import LIMITS, RIGHT, SUBMITTED, WRONG, Mark, scores, stored


def test_right_answers_score_and_the_written_one_waits_for_a_person(
    mark: Mark, course: CourseRoot, learner: str
) -> None:
    result = mark(RIGHT | {"why": "Because split() then gives nothing."})

    assert result.outcome == "needs_manual"
    assert "One question will be marked by a teacher" in result.text
    assert scores(result) == {"add-tests": 2, "add-hidden": 1, "count-tests": 4, "why": None}
    assert (result.marks.total, result.marks.max_score, result.marks.needs_manual) == (7, 10, True)
    assert [q.title for q in result.marks.questions] == ["Add two numbers"] * 2 + ["Count words", "Explain"]
    assert [q.kind for q in result.marks.questions] == ["auto", "auto", "auto", "manual"]
    assert course.read_marks("quiz", learner) == result.marks
    assert course.list_totals("quiz")[learner].score == 7


def test_wrong_answers_score_what_they_earn(mark: Mark) -> None:
    result = mark(WRONG)

    assert scores(result) == {"add-tests": 0, "add-hidden": 0, "count-tests": 1.5, "why": 0}
    assert result.outcome == "graded"
    assert result.marks.total == Decimal("1.5")
    assert result.marks.questions[-1].comment == "No response."


def test_marking_asks_the_gradebook_few_questions(mark: Mark, course: CourseRoot) -> None:
    mark(RIGHT)
    asked: list[str] = []
    engine = open_engine(course.gradebook_url())

    def note(_connection: Any, _cursor: Any, text: str, *_: Any) -> None:
        asked.append(text)

    event.listen(engine, "before_cursor_execute", note)
    mark(RIGHT | {"why": "Because."}, attempt=2)
    event.remove(engine, "before_cursor_execute", note)

    assert len(asked) <= 25
    assert sum(text.startswith("UPDATE") for text in asked) <= 3  # one statement a table, whatever the number of cells


def test_hidden_tests_count(mark: Mark) -> None:
    assert scores(mark(RIGHT | {"add": "def add(a, b):\n    return abs(a) + abs(b)"}))["add-hidden"] == 0


def test_formgrader_finds_the_submission(mark: Mark, course: CourseRoot, learner: str) -> None:
    result = mark(RIGHT)

    files = stored(course, learner)
    assert set(files) == {"quiz.ipynb", "data.txt", "timestamp.txt", ".coursebridge.json"}
    assert files["quiz.ipynb"] == result.notebooks["quiz.ipynb"]
    assert files["timestamp.txt"] == b"2026-03-01 12:00:00.000000 UTC\n"
    submitted = course.path / "submitted" / learner / "quiz"
    assert {p.name for p in submitted.iterdir()} == {"quiz.ipynb", "data.txt", "timestamp.txt"}
    cells = json.loads(files["quiz.ipynb"])["cells"]
    assert "the quiz" in str(cells[-1]["outputs"])
    assert "BEGIN HIDDEN TESTS" in str(cells)  # for the teacher


def test_deleted_test_is_left_to_a_person(mark: Mark) -> None:
    def delete(notebook: dict[str, Any]) -> None:
        cells = notebook["cells"]
        notebook["cells"] = [c for c in cells if c["metadata"].get("nbgrader", {}).get("grade_id") != "add-tests"]

    first = mark(RIGHT)
    second = mark(RIGHT, delete, attempt=2)

    assert scores(first)["add-tests"] == 2
    assert scores(second)["add-tests"] is None
    assert second.outcome == "needs_manual"


def _cell(notebook: dict[str, Any], grade_id: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == grade_id
    )
    return found


def _rewrite_test(notebook: dict[str, Any]) -> None:
    _cell(notebook, "add-tests")["source"] = "pass"


def _unlock(notebook: dict[str, Any]) -> None:
    _cell(notebook, "add-tests")["metadata"]["nbgrader"] |= {"solution": True, "locked": False, "points": 1000}


def _skip_by_tag(notebook: dict[str, Any]) -> None:
    _cell(notebook, "add-tests")["metadata"]["tags"] = ["skip-execution"]


def _turn_into_text(notebook: dict[str, Any]) -> None:
    cell = _cell(notebook, "add-tests")
    cell["cell_type"] = "markdown"
    del cell["outputs"], cell["execution_count"]


def _copy_before(notebook: dict[str, Any]) -> None:
    fake = json.loads(json.dumps(_cell(notebook, "add-tests")))
    fake["source"], fake["id"] = "pass", "other"
    notebook["cells"].insert(0, fake)


def _spoil_metadata(notebook: dict[str, Any]) -> None:
    _cell(notebook, "add-tests")["metadata"]["nbgrader"] = {"grade_id": "add-tests", "schema_version": 99}
    notebook["cells"].append(make.tests("invented", 500, "pass") | {"id": "invented"})
    notebook["metadata"]["kernelspec"] = {"name": "bash", "language": "bash"}


def test_the_kernel_that_jupyterhub_has_for_a_quiz_changes_nothing(mark: Mark) -> None:
    def name_it(notebook: dict[str, Any]) -> None:
        kernel = {"name": "quiz-trees-1-0a1b2c3d", "display_name": "Python for Quiz 1", "language": "python"}
        notebook["metadata"]["kernelspec"] = kernel

    result, usual = mark(RIGHT, name_it), mark(RIGHT)

    assert scores(result) == scores(usual)
    assert (result.outcome, result.suspicion) == (usual.outcome, None)


@pytest.mark.parametrize(
    "change", [_rewrite_test, _unlock, _skip_by_tag, _turn_into_text, _copy_before, _spoil_metadata]
)
def test_tampering_with_a_test_changes_nothing(mark: Mark, change: Any) -> None:
    result = mark(WRONG, change)

    assert scores(result) == {"add-tests": 0, "add-hidden": 0, "count-tests": 1.5, "why": 0}
    assert result.marks.max_score == 10


def test_teachers_files_take_the_place_of_the_learners(mark: Mark) -> None:
    read = RIGHT | {"add": "def add(a, b):\n    return a + b\nprint(open('data.txt').read(), open('mine.txt').read())"}

    result = mark(read, extra={"data.txt": b"forged", "mine.txt": b"my notes", "data.txt/x": b"", "../up": b""})

    assert b"the quiz my notes" in result.notebooks["quiz.ipynb"]


@pytest.mark.parametrize("warm", [True, False], ids=["warm", "kernel"])
def test_files_beside_the_notebook_can_be_imported(mark: Mark) -> None:
    imports = RIGHT | {"add": "from mine import add\nimport random"}

    result = mark(imports, extra={"mine.py": b"def add(a, b): return a + b", "random.py": b"1 / 0"})

    assert scores(result)["add-tests"] == 2  # the standard library comes first, as in Jupyter


def test_mark_by_hand_stays_and_is_flagged_on_a_second_attempt(mark: Mark, course: CourseRoot, learner: str) -> None:
    mark(RIGHT | {"why": "First."})
    with gradebooks.writing(course.gradebook_url()) as gradebook:
        grade = gradebook.find_grade("why", "quiz", "quiz", learner)
        grade.manual_score, grade.needs_manual_grade = 2.5, False
        gradebook.find_comment("why", "quiz", "quiz", learner).manual_comment = "Good."
    assert course.read_marks("quiz", learner).total == Decimal("9.5")

    again = mark(RIGHT | {"why": "First."})
    assert (again.outcome, again.marks.total) == ("graded", Decimal("9.5"))  # the same attempt: settled

    second = mark(RIGHT | {"why": "Second."}, attempt=2)
    why = second.marks.questions[-1]
    assert (why.manual_score, why.needs_manual, why.comment) == (Decimal("2.5"), True, "Good.")
    assert second.outcome == "needs_manual"


def test_late_submission_follows_nbgraders_penalty(course: CourseRoot, release: Release, learner: str) -> None:
    strict = CourseRoot(course.path, late_penalty="zero")
    files = {"quiz.ipynb": json.dumps(make.fill(release.files["quiz.ipynb"], WRONG)).encode()}
    course.set_due_date("quiz", SUBMITTED - timedelta(hours=1))
    try:
        lenient = course.mark("quiz", learner, files, submitted_at=SUBMITTED, attempt=1, limits=LIMITS)
        result = strict.mark("quiz", learner, files, submitted_at=SUBMITTED, attempt=1, limits=LIMITS)
    finally:
        course.set_due_date("quiz", None)

    assert lenient.marks.late_penalty == 0
    assert result.marks.late_penalty == lenient.marks.total == Decimal("1.5")
    assert result.marks.total == 0
    assert course.list_totals("quiz")[learner].score == 0


def test_assignment_without_release_is_refused(course: CourseRoot, release: Release) -> None:
    with pytest.raises(NotReleased, match="has not been released"):
        course.mark("other", "u-x", {}, submitted_at=SUBMITTED, attempt=1)


@pytest.mark.parametrize("step", ["before_submitted", "before_autograded", "before_marks", "before_commit"])
def test_crash_at_any_point_is_mended_by_marking_again(
    mark: Mark, course: CourseRoot, learner: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    class Crash(RuntimeError):
        pass

    replace, calls = replace_tree, 0

    def failing_replace(folder: Path, files: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == {"before_submitted": 1, "before_autograded": 2}.get(step):
            raise Crash
        replace(folder, files)

    def crash(*_: object, **__: object) -> None:
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(steps, "replace_tree", failing_replace)
        if step == "before_marks":
            patched.setattr(steps, "save_marks", crash)
        if step == "before_commit":
            patched.setattr(gradebooks._HeldSession, "finish", crash)
        with pytest.raises(Crash):
            mark(RIGHT)
    assert course.read_marks("quiz", learner).questions == ()

    result = mark(RIGHT)

    assert scores(result) == {"add-tests": 2, "add-hidden": 1, "count-tests": 4, "why": 0}
    with reading(course.gradebook_url()) as session:
        owned = session.query(api.SubmittedAssignment).filter_by(student_id=learner).count()
    assert owned == 1
    assert [p.name for p in (course.path / "autograded" / learner).iterdir()] == ["quiz"]


def mark_elsewhere(path: str, learner: str, files: dict[str, bytes]) -> Marking:
    """For the test below, in a process of its own."""
    return CourseRoot(Path(path)).mark("quiz", learner, files, submitted_at=SUBMITTED, attempt=1, limits=LIMITS)


def test_workers_mark_one_course_at_once(course: CourseRoot, release: Release) -> None:
    learners = [f"u-parallel-{number}" for number in range(4)]
    files = {"quiz.ipynb": json.dumps(make.fill(release.files["quiz.ipynb"], WRONG)).encode()}

    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(mark_elsewhere, str(course.path), name, files) for name in learners]
        results = [future.result() for future in futures]

    assert [r.marks.total for r in results] == [Decimal("1.5")] * 4


def _stock_scores(root: Path, learner: str) -> dict[str, tuple[float | None, bool]]:
    """The scores of nbgrader's own autograde, unsealed."""
    from nbgrader.apps.api import NbGraderAPI
    from nbgrader.coursedir import CourseDirectory

    course = CourseDirectory(root=str(root), course_id="default_course", db_url=CourseRoot(root).gradebook_url())
    stock = NbGraderAPI(coursedir=course)
    assert stock.autograde("quiz", learner)["success"]
    rows = gradebooks.list_grades(course.db_url, "quiz", learner)
    return {row.grade_id: (None if row.auto_score is None else float(row.auto_score), row.needs_manual) for row in rows}


@pytest.mark.filterwarnings("ignore")
def test_scores_are_those_of_stock_nbgrader(
    mark: Mark, course: CourseRoot, learner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    noisy = RIGHT | {
        "add": "import sys\nprint('x' * 2000)\ndef add(a, b):\n    print('!', file=sys.stderr)\n    return a + b"
    }
    for attempt, answers in enumerate([noisy | {"why": "Because."}, WRONG | {"count": "def count(s): oops"}], 1):
        ours = mark(answers, attempt=attempt)
        copy = tmp_path / str(attempt)
        shutil.copytree(course.path, copy, ignore=shutil.ignore_patterns("autograded", "u-parallel*"))
        expected = _stock_scores(copy, learner)
        found = {q.grade_id: (scores(ours)[q.grade_id], q.needs_manual) for q in ours.marks.questions}
        assert found == expected

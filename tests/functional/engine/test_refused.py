"""Submissions that stock nbgrader refuses because of their cells' metadata: they are marked as released, and held."""

import json
from pathlib import Path
from typing import Any

import pytest

from grading.engine.course import CourseRoot
from grading.engine.files import replace_tree
from grading.engine.model import Marking
from tests.factories import parity, parity_more
from tests.functional.engine.conftest import LIMITS, SUBMITTED, scores
from tests.functional.engine.stock import mark_with_nbgrader

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> CourseRoot:
    root = tmp_path_factory.mktemp("refused")
    (root / "source" / "quiz").mkdir(parents=True)
    (root / "source" / "quiz" / "quiz.ipynb").write_bytes(parity.add_case("quiz", "").source)
    found = CourseRoot(root)
    found.make_release("quiz")
    return found


def _submission(course: CourseRoot, change: parity.Change, answer: str = parity.WRONG) -> dict[str, bytes]:
    released = course.read_release("quiz").files
    made = parity.submission(parity.add_case("quiz", answer, change, why="So."), released["quiz.ipynb"])
    return {"quiz.ipynb": made}


def _mark(course: CourseRoot, learner: str, files: dict[str, bytes]) -> Marking:
    return course.mark("quiz", learner, files, submitted_at=SUBMITTED, attempt=1, limits=LIMITS)


def _ask_nbgrader(course: CourseRoot, learner: str, files: dict[str, bytes], tmp_path: Path) -> Any:
    replace_tree(course.path / "submitted" / learner / "quiz", files)
    return mark_with_nbgrader(course, "quiz", learner, tmp_path, LIMITS.cell_s)


@pytest.mark.parametrize("name", parity_more.REFUSED)
def test_what_nbgrader_refuses_is_marked_as_released_and_held(course: CourseRoot, tmp_path: Path, name: str) -> None:
    learner = name.replace(" ", "-").replace("'", "")
    files = _submission(course, parity_more.REFUSED[name])

    theirs, ours = _ask_nbgrader(course, f"stock-{learner}", files, tmp_path), _mark(course, f"u-{learner}", files)

    assert not theirs["success"]
    assert ours.suspicion is not None
    assert ours.suspicion.startswith("In quiz.ipynb the nbgrader metadata of ")
    assert scores(ours) == {"plain": 2, "hidden": 0, "partial": 4, "why": None, "task": None}
    assert ours.marks.max_score == 12


def test_reason_names_the_cells_and_what_nbgrader_says(course: CourseRoot) -> None:
    def change(notebook: dict[str, Any]) -> None:
        parity_more.claiming("plain", solution=True)(notebook)
        parity_more.claiming("hidden", points=None)(notebook)

    suspicion = _mark(course, "u-two", _submission(course, change)).suspicion

    assert suspicion == (
        'In quiz.ipynb the nbgrader metadata of "plain", "hidden" were changed, so that nbgrader itself would not mark '
        "it: its checksums are inconsistent. It was marked with these cells as they were released."
    )


def test_cells_that_were_pasted_twice_are_nobodys_fault(course: CourseRoot, tmp_path: Path) -> None:
    """The last of each counts, and scores what nbgrader gives without the others."""
    files = _submission(course, parity_more.copied)
    once = json.loads(files["quiz.ipynb"])
    once["cells"] = [cell for cell in once["cells"] if not cell["id"].startswith("copy-of-")]

    assert not _ask_nbgrader(course, "stock-twice", files, tmp_path)["success"]
    assert _ask_nbgrader(course, "stock-once", {"quiz.ipynb": json.dumps(once).encode()}, tmp_path)["success"]
    ours = _mark(course, "u-twice", files)

    assert ours.suspicion is None
    theirs = {q.grade_id: q.auto_score for q in course.read_marks("quiz", "stock-once").questions}
    assert {q.grade_id: q.auto_score for q in ours.marks.questions} == theirs


@pytest.mark.parametrize("version", [1, 2])
def test_metadata_of_an_earlier_nbgrader_are_no_reason(course: CourseRoot, version: int) -> None:
    def change(notebook: dict[str, Any]) -> None:
        for cell in notebook["cells"]:
            if "nbgrader" in cell["metadata"]:
                cell["metadata"]["nbgrader"]["schema_version"] = version
                if not cell["metadata"]["nbgrader"]["task"]:
                    del cell["metadata"]["nbgrader"]["task"]

    ours = _mark(course, f"u-version-{version}", _submission(course, change))

    assert ours.suspicion is None
    assert scores(ours)["plain"] == 2

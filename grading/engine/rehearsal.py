"""Two attempts at a quiz that nobody has made: its own solution, and the learners' version as they get it.

Both are marked as every attempt is, sealed off, in a folder that is thrown away.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from grading.engine.course import CourseRoot
from grading.engine.files import read_tree
from grading.engine.hidden import plain
from grading.engine.installing import structure_url_of
from grading.engine.leaks import meta_of, read_cells
from grading.engine.model import Marking, MarkLimits
from grading.engine.trials import Tried, TriedQuestion

LONGEST_WHY = 300
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
"""So that it is never late."""


def try_quiz(root: Path, assignment: str, limits: MarkLimits) -> Tried:
    """Mark both attempts in the folder of a release that was just made, with its structure as gradebook.

    Raises: SandboxUnavailable, SandboxBroken: nothing can be marked on this machine.
    """
    course = CourseRoot(root, structure_url_of(root))
    solved = _mark(course, assignment, "solution", read_tree(root / "source" / assignment), limits)
    empty = _mark(course, assignment, "empty", read_tree(root / "release" / assignment), limits)
    reasons = _find_reasons(solved.notebooks)
    scores = {(each.notebook, each.grade_id): each.auto_score for each in empty.marks.questions} if empty.marks else {}
    questions = tuple(
        TriedQuestion(
            notebook=each.notebook,
            grade_id=each.grade_id,
            title=each.title,
            kind=each.kind,
            max_points=each.max_score,
            solved=each.auto_score if each.kind == "auto" else None,
            empty=scores.get((each.notebook, each.grade_id)) if each.kind == "auto" else None,
            why=reasons.get((each.notebook, each.grade_id), ""),
        )
        for each in (solved.marks.questions if solved.marks else ())
    )
    return Tried(questions, solved.outcome, solved.text, empty.outcome, empty.text)


def _mark(course: CourseRoot, assignment: str, who: str, files: Mapping[str, bytes], limits: MarkLimits) -> Marking:
    return course.mark(assignment, who, files, submitted_at=_LONG_AGO, attempt=1, limits=limits)


def _find_reasons(notebooks: Mapping[str, bytes]) -> dict[tuple[str, str], str]:
    """The error of each graded cell that has one, by notebook and grade id."""
    found = {}
    for name, body in notebooks.items():
        for cell in read_cells(body):
            error = next((each for each in cell.get("outputs", []) if each.get("output_type") == "error"), None)
            if error is not None and meta_of(cell).get("grade"):
                said = f"{error.get('ename', '')}: {error.get('evalue', '')}".strip(": ")
                found[name.removesuffix(".ipynb"), str(meta_of(cell)["grade_id"])] = plain(said)[:LONGEST_WHY]
    return found

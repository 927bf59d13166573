"""Published quizzes."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select, update

from grading.conditions import Conditions
from grading.engine.model import Release
from grading.environments import want_for
from grading.filesets import load_files, pack_files, store_files
from grading.messages import SettleResults
from grading.models import AssignmentRow, Counts, CourseRow
from grading.requirements import read_requirements
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from lti_tool.kernel.types import as_points


@dataclass(frozen=True)
class Rules:
    """What holds for everybody who does a quiz."""

    max_attempts: int | None = None
    """None: any number."""
    counts: Counts = Counts.LAST
    due_at: datetime | None = None
    late_per_day: int | None = None
    """Percent of the points for each day begun; None: lateness costs nothing."""
    late_at_most: int | None = None
    """Percent; None: all of it."""
    closes_at: datetime | None = None
    """After this nothing is accepted."""
    conditions: Conditions = field(default_factory=Conditions)
    """What it is marked under. `find_condition_problems` has found none."""


def publish_course(tx: Tx, slug: str, title: str, structure_sha256: str = "") -> None:
    """Make a course known, or give it another title, with the checksum of what its gradebooks follow."""
    row = tx.get(CourseRow, slug)
    if row is None:
        row = CourseRow(slug=slug)
        tx.add(row)
    row.title, row.structure_sha256 = title, structure_sha256
    tx.flush()


def publish_assignment(
    tx: Tx,
    course_slug: str,
    name: str,
    *,
    title: str,
    item_ref: str,
    release: Release,
    rules: Rules,
    summary: str = "",
) -> int:
    """Publish a quiz, or its next version: submissions stay. Returns its id. The course must be published."""
    row = find_assignment(tx, course_slug, name)
    if row is None:
        row = AssignmentRow(course_slug=course_slug, name=name)
        tx.add(row)
    row.title, row.summary, row.item_ref = title, summary, item_ref
    row.max_points = as_points(release.max_score)
    _set_rules(tx, row, rules)
    packed = pack_files(release.files)
    with tx.no_autoflush:
        row.release = store_files(tx, packed)
    row.release_sha256 = packed.sha256
    row.notebooks = list(release.notebooks)
    row.questions = [
        {
            "notebook": question.notebook,
            "name": question.grade_id,
            "title": question.title,
            "max_points": str(question.max_score),
        }
        for question in release.questions
    ]
    _set_conditions(tx, row, rules.conditions)
    tx.flush()
    _take_over(tx, row)
    want_for(tx, row)
    return row.id


def describe_assignment(
    tx: Tx,
    course_slug: str,
    name: str,
    *,
    title: str,
    summary: str,
    item_ref: str,
    rules: Rules,
) -> None:
    """Change what is said about a published quiz, and take submissions again if it was withdrawn. Raises: NotFound."""
    row = get_assignment(tx, course_slug, name)
    row.title, row.summary, row.item_ref = title, summary, item_ref
    _set_rules(tx, row, rules)
    _set_conditions(tx, row, rules.conditions)
    tx.flush()
    _take_over(tx, row)
    want_for(tx, row)


def preview_assignment(tx: Tx, course_slug: str, name: str, *, title: str, summary: str, rules: Rules) -> AssignmentRow:
    """A quiz as `describe_assignment` would leave it; the row belongs to no transaction. Raises: NotFound."""
    row = get_assignment(tx, course_slug, name)
    with tx.no_autoflush:
        row.title, row.summary = title, summary
        _fill_rules(row, rules)
        _set_conditions(tx, row, rules.conditions)
        tx.expunge(row)
    return row


def _set_rules(tx: Tx, row: AssignmentRow, rules: Rules) -> None:
    """Have the quiz take submissions by these rules. Results are settled anew if others would count."""
    before = _weighing(row)
    _fill_rules(row, rules)
    if row.id is not None and _weighing(row) != before:
        jobs.enqueue(tx, SettleResults(row.id))


def _fill_rules(row: AssignmentRow, rules: Rules) -> None:
    row.max_attempts, row.counts = rules.max_attempts, rules.counts
    row.due_at, row.closes_at, row.withdrawn_at = rules.due_at, rules.closes_at, None
    row.late_per_day, row.late_at_most = rules.late_per_day, rules.late_at_most


def _set_conditions(tx: Tx, row: AssignmentRow, said: Conditions) -> None:
    """Have it marked under these conditions; its release is stored. What was marked stays as it is."""
    row.time_limit_s, row.cell_limit_s, row.memory_mb = said.time_limit, said.cell_time_limit, said.memory_limit
    row.kernel, row.requirements = said.kernel, ""
    if said.requirements_file:
        with tx.no_autoflush:
            files = load_files(tx, [entry for entry in row.release if entry["path"] == said.requirements_file])
        if not files:
            raise NotFound(
                "requirements_not_found",
                f"The quiz has no file {said.requirements_file}. Upload it, or choose another.",
            )
        row.requirements = read_requirements(files[said.requirements_file])


def _weighing(row: AssignmentRow) -> tuple[object, ...]:
    return row.counts, row.due_at, row.late_per_day, row.late_at_most


def _take_over(tx: Tx, row: AssignmentRow) -> None:
    """One quiz stands at an item, and the LMS has one column for it: the one before gets no more marks into it."""
    others = (AssignmentRow.item_ref == row.item_ref, AssignmentRow.id != row.id)
    tx.execute(update(AssignmentRow).where(*others).values(item_ref=""))


def close_assignment(tx: Tx, course_slug: str, name: str) -> None:
    """Take nothing more for a quiz that is no longer in the course; what was handed in stays. Publishing opens it."""
    row = find_assignment(tx, course_slug, name)
    if row is not None and row.withdrawn_at is None:
        row.withdrawn_at = clock.now()


def find_assignment(tx: Tx, course_slug: str, name: str) -> AssignmentRow | None:
    """The quiz of that name in the course."""
    return tx.scalar(select(AssignmentRow).where(AssignmentRow.course_slug == course_slug, AssignmentRow.name == name))


def get_assignment(tx: Tx, course_slug: str, name: str) -> AssignmentRow:
    """The quiz of that name. Raises: NotFound."""
    row = find_assignment(tx, course_slug, name)
    if row is None:
        raise no_such_quiz()
    return row


def no_such_quiz() -> NotFound:
    """The refusal of a quiz that is not there."""
    return NotFound(
        "assignment_not_found", "There is no such quiz in this course. Go back to the course and open it again."
    )


def list_assignments(tx: Tx, course_slug: str) -> list[AssignmentRow]:
    """The quizzes of a course, in the order they were published first."""
    return list(
        tx.scalars(select(AssignmentRow).where(AssignmentRow.course_slug == course_slug).order_by(AssignmentRow.id))
    )

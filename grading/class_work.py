"""What a whole class has handed in, for nbgrader's commands on a marking server."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import defer

from grading.assignments import no_such_quiz
from grading.filesets import load_files
from grading.messages import SyncMarks
from grading.models import AssignmentRow, ExtensionRow, SubmissionRow
from grading.terms import terms_of
from lti_tool.kernel import jobs
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from lti_tool.lti import public as lti


@dataclass(frozen=True)
class Handed:
    """One attempt of somebody in the class."""

    assignment: str
    row: SubmissionRow
    """Without its files."""
    due_at: datetime | None
    """For this learner, with their extension."""


def list_handed_in(tx: Tx, placement: lti.Placement, assignment: str | None, hub_name: str | None) -> list[Handed]:
    """All attempts of a placement, or those of one quiz or learner: by quiz, learner and number; three queries.

    Raises: NotFound: there is no such quiz.
    """
    quizzes = select(AssignmentRow).where(AssignmentRow.course_slug == placement.course_slug)
    if assignment is not None:
        quizzes = quizzes.where(AssignmentRow.name == assignment)
    rows = {row.id: row for row in tx.scalars(quizzes)}
    if assignment is not None and not rows:
        raise no_such_quiz()
    query = select(SubmissionRow).where(
        SubmissionRow.placement_id == placement.id, SubmissionRow.assignment_id.in_(rows)
    )
    if hub_name is not None:
        query = query.where(SubmissionRow.hub_name == hub_name)
    columns = (SubmissionRow.files, SubmissionRow.marks)
    attempts = tx.scalars(query.options(*(defer(column) for column in columns)).order_by(SubmissionRow.number)).all()
    given = select(ExtensionRow).where(ExtensionRow.placement_id == placement.id, ExtensionRow.assignment_id.in_(rows))
    extensions = {(row.assignment_id, row.user_id): row for row in tx.scalars(given)}
    found = [
        Handed(
            rows[each.assignment_id].name,
            each,
            terms_of(rows[each.assignment_id], extensions.get((each.assignment_id, each.user_id))).due_at,
        )
        for each in attempts
    ]
    return sorted(found, key=lambda each: (each.assignment, each.row.hub_name, each.row.number))


def load_handed_in(tx: Tx, placement_id: int, assignment_id: int, hub_name: str, number: int) -> dict[str, bytes]:
    """The files of one attempt, as they were handed in. Raises: NotFound."""
    query = select(SubmissionRow).where(
        SubmissionRow.placement_id == placement_id,
        SubmissionRow.assignment_id == assignment_id,
        SubmissionRow.hub_name == hub_name,
        SubmissionRow.number == number,
    )
    row = tx.scalar(query)
    if row is None:
        raise NotFound("submission_not_found", "There is no such attempt in your course. List them again.")
    return load_files(tx, row.files)


def renew_feedback(tx: Tx, placement_id: int, assignment: AssignmentRow, hub_names: Collection[str]) -> int:
    """Have the marks and comments of the gradebook brought to these learners now; how many have any.

    Raises: NotFound: one of them has handed in nothing.
    """
    query = select(SubmissionRow.hub_name, SubmissionRow.marked_at).where(
        SubmissionRow.placement_id == placement_id,
        SubmissionRow.assignment_id == assignment.id,
        SubmissionRow.hub_name.in_(hub_names),
    )
    found: dict[str, bool] = {}
    for name, marked_at in tx.execute(query):
        found[name] = found.get(name, False) or marked_at is not None
    if missing := sorted(set(hub_names) - set(found)):
        raise NotFound("learner_not_found", f"{missing[0]} has handed in nothing for this quiz in your course.")
    marked = [name for name, is_marked in found.items() if is_marked]
    for name in sorted(marked):
        jobs.enqueue(tx, SyncMarks(placement_id, assignment.name, name))
    return len(marked)

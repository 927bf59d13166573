"""Results that came from an nbgrader course, on their way to the LMS: only when somebody asks."""

from dataclasses import dataclass

from sqlalchemy import Select, select

from grading.models import AssignmentRow, ResultRow, SubmissionRow
from grading.portable_models import ArrivalRow
from grading.results import tell_lms
from lti_tool.kernel.db import Tx
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti import public as lti


@dataclass(frozen=True)
class Quiet:
    """Results that the LMS has not been told."""

    results: int
    now: int
    """Of people who have opened the quiz there, so that it can be sent at once. Others' follow when they do."""


def count_quiet(tx: Tx, placement_id: int) -> Quiet:
    """How many there are."""
    rows = tx.execute(_quiet(placement_id)).all()
    known = [bool(lti.list_grade_targets(tx, placement_id, row.user_id, quiz.item_ref)) for row, quiz in rows]
    return Quiet(len(rows), sum(known))


def send_quiet(runtime: Runtime, placement_id: int) -> Quiet:
    """Send all of them, and from now on what people bring who come later; safe to repeat."""
    with runtime.db.transaction() as tx:
        found = count_quiet(tx, placement_id)
        arrival = tx.get(ArrivalRow, placement_id)
        if arrival is not None:
            arrival.sends = True
        for row, quiz in tx.execute(_quiet(placement_id)).all():
            row.is_quiet = False
            tx.flush()
            tell_lms(tx, quiz, row, tx.get_one(SubmissionRow, row.submission_id))
    return found


def _quiet(placement_id: int) -> Select[ResultRow, AssignmentRow]:
    query = select(ResultRow, AssignmentRow).join(AssignmentRow, AssignmentRow.id == ResultRow.assignment_id)
    return query.where(ResultRow.placement_id == placement_id, ResultRow.is_quiet).order_by(ResultRow.id)

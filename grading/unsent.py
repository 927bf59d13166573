"""Grades that have not arrived, for the console: across all courses."""

from sqlalchemy import ColumnElement, case, func, select

from grading.models import AssignmentRow, PassbackRow, PassbackState
from grading.passback import send_again
from lti_tool.contract import Unsent
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from lti_tool.lti import public as lti

_UNSENT = PassbackRow.sent_version < PassbackRow.version
_REFUSED = PassbackRow.state == PassbackState.REFUSED


class GradingOutbox:
    """Of quizzes."""

    def count_unsent(self, tx: Tx) -> dict[int, tuple[int, int]]:
        """Waiting and refused, by registration."""
        refused = func.sum(case((_REFUSED, 1), else_=0))
        query = select(PassbackRow.placement_id, func.count(), refused).where(_UNSENT)
        rows = tx.execute(query.group_by(PassbackRow.placement_id))
        return lti.sum_by_platform(tx, [(row[0], row[1], int(row[2])) for row in rows])

    def list_unsent(
        self, tx: Tx, *, registration_id: int | None, refused_only: bool, before_id: int | None, limit: int
    ) -> list[Unsent]:
        """The newest first."""
        which: list[ColumnElement[bool]] = [_UNSENT]
        if refused_only:
            which.append(_REFUSED)
        if before_id is not None:
            which.append(PassbackRow.id < before_id)
        if registration_id is not None:
            which.append(PassbackRow.placement_id.in_(lti.placements_of_platform(registration_id)))
        query = select(PassbackRow, AssignmentRow).join(AssignmentRow, AssignmentRow.id == PassbackRow.assignment_id)
        found = tx.execute(query.where(*which).order_by(PassbackRow.id.desc()).limit(limit))
        rows = [(row[0], row[1]) for row in found]
        people = lti.list_people(tx, {row.user_id for row, _quiz in rows})
        return [_unsent(row, quiz, people.get(row.user_id)) for row, quiz in rows]

    def send_again(self, tx: Tx, unsent_id: int) -> str:
        """Try one more time. Raises: NotFound, Conflict."""
        row = tx.get(PassbackRow, unsent_id, with_for_update=True)
        if row is None:
            raise NotFound("grade_not_found", "There is no such grade any more.")
        send_again(tx, row)
        return f"grade {row.id} of submission {row.submission_id}"


def _unsent(row: PassbackRow, quiz: AssignmentRow, person: lti.Person | None) -> Unsent:
    return Unsent(
        id=row.id,
        registration_id=person.registration_id if person else 0,
        learner=person.display_name if person else "",
        course=quiz.course_slug,
        item=quiz.title,
        value=f"{row.points} of {row.max_points} points",
        since=row.changed_at,
        is_refused=row.state is PassbackState.REFUSED,
        reason=row.text or "",
    )

"""Percentages that have not arrived, for the console: across all courses."""

from sqlalchemy import ColumnElement, case, func, select

from lti_tool.contract import Unsent
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict, NotFound
from lti_tool.lti import public as lti
from plugins.progress.messages import SendProgress
from plugins.progress.models import OutboxRow, SendState

_UNSENT = OutboxRow.sent_version < OutboxRow.version
_REFUSED = OutboxRow.state == SendState.REFUSED


class ProgressOutbox:
    """Of courses as a whole."""

    def count_unsent(self, tx: Tx) -> dict[int, tuple[int, int]]:
        """Waiting and refused, by registration."""
        refused = func.sum(case((_REFUSED, 1), else_=0))
        query = select(OutboxRow.placement_id, func.count(), refused).where(_UNSENT)
        rows = tx.execute(query.group_by(OutboxRow.placement_id))
        return lti.sum_by_platform(tx, [(row[0], row[1], int(row[2])) for row in rows])

    def list_unsent(
        self, tx: Tx, *, registration_id: int | None, refused_only: bool, before_id: int | None, limit: int
    ) -> list[Unsent]:
        """The newest first."""
        which: list[ColumnElement[bool]] = [_UNSENT]
        if refused_only:
            which.append(_REFUSED)
        if before_id is not None:
            which.append(OutboxRow.id < before_id)
        if registration_id is not None:
            which.append(OutboxRow.placement_id.in_(lti.placements_of_platform(registration_id)))
        rows = list(tx.scalars(select(OutboxRow).where(*which).order_by(OutboxRow.id.desc()).limit(limit)))
        people = lti.list_people(tx, {row.user_id for row in rows})
        places = lti.list_placement_slugs(tx, {row.placement_id for row in rows})
        return [_unsent(row, people.get(row.user_id), places.get(row.placement_id, "")) for row in rows]

    def send_again(self, tx: Tx, unsent_id: int) -> str:
        """Try one more time. Raises: NotFound, Conflict."""
        row = tx.get(OutboxRow, unsent_id, with_for_update=True)
        if row is None:
            raise NotFound("grade_not_found", "There is no such grade any more.")
        if row.sent_version >= row.version:
            raise Conflict("already_sent", "The LMS has this grade.")
        row.state, row.changed_at = SendState.PENDING, clock.now()
        jobs.enqueue(tx, SendProgress(row.id))
        return f"progress {row.id}"


def _unsent(row: OutboxRow, person: lti.Person | None, course_slug: str) -> Unsent:
    return Unsent(
        id=row.id,
        registration_id=person.registration_id if person else 0,
        learner=person.display_name if person else "",
        course=course_slug,
        item="Progress in the course",
        value=f"{row.percent} %",
        since=row.changed_at,
        is_refused=row.state is SendState.REFUSED,
        reason=row.text or "",
    )

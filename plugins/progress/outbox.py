"""What the LMS should have: one row for each link and learner, brought up to date with the percentage."""

from datetime import datetime

from sqlalchemy import select

from lti_tool.kernel import clock, jobs
from lti_tool.kernel.db import Tx
from lti_tool.lti import public as lti
from plugins.progress.messages import SendProgress
from plugins.progress.models import OutboxRow, SendState


def want_score(
    tx: Tx,
    placement_id: int,
    user_id: int,
    course_slug: str,
    percent: int,
    done_at: datetime | None,
    *,
    afresh: int | None = None,
) -> None:
    """Write down that the LMS should have this percentage, for each activity that shows the whole course.

    `afresh`: a link whose line item is new, so that what was sent before does not count.
    """
    targets = lti.list_grade_targets(tx, placement_id, user_id, f"courses/{course_slug}")
    links = [target.link_id for target in targets]
    query = select(OutboxRow).where(OutboxRow.user_id == user_id, OutboxRow.link_id.in_(links)).with_for_update()
    rows = {row.link_id: row for row in tx.scalars(query)}
    for link_id in links:
        row = rows.get(link_id)
        if row is None:
            row = OutboxRow(link_id=link_id, user_id=user_id, placement_id=placement_id, version=0, sent_version=0)
            tx.add(row)
        elif (row.percent, row.done_at) == (percent, done_at) and link_id != afresh:
            continue
        row.percent, row.done_at, row.version = percent, done_at, row.version + 1
        row.state, row.text, row.changed_at = SendState.PENDING, None, clock.now()
        tx.flush()
        jobs.enqueue(tx, SendProgress(row.id))

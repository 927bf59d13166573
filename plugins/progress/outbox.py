"""What the LMS should have: the percentage, for each activity that shows the whole course. `lti` delivers it."""

from datetime import datetime
from decimal import Decimal

from lti_tool.kernel.db import Tx
from lti_tool.lti import public as lti

SOURCE = "progress"
"""Marks percentages in the outbox to the LMS."""


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
    """Write down that the LMS should have this percentage. It is no submission: nothing is announced.

    `afresh`: a link that was launched for the first time, or whose line item is new; see `lti.want_scores`.
    """
    ref = f"courses/{course_slug}"
    wanted = lti.Wanted(
        source=SOURCE,
        placement_id=placement_id,
        item_ref=ref,
        points=Decimal(percent),
        max_points=Decimal(100),
        is_final=True,
        activity_progress="Completed" if done_at else "InProgress",
        submitted_at=done_at,
    )
    lti.want_scores(tx, lti.list_grade_targets(tx, placement_id, user_id, ref), wanted, afresh=afresh)

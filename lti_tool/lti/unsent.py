"""Scores that an LMS does not have yet, across all courses: for the people who run the tool."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select

from lti_tool.kernel.audit import Actor, record
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from lti_tool.lti.models import User
from lti_tool.lti.outbox import send_again
from lti_tool.lti.score_models import ScoreRow, ScoreState

UNSENT = frozenset({ScoreState.PENDING, ScoreState.REFUSED})


@dataclass(frozen=True)
class Unsent:
    """A score that waits, or was refused."""

    id: int
    """Of the outbox's row."""
    registration_id: int
    learner: str
    item_ref: str
    points: Decimal
    max_points: Decimal
    since: datetime
    """UTC; when something last happened to it."""
    is_refused: bool
    """Not tried again by itself; else it waits, or is tried again."""
    reason: str


def list_unsent(
    tx: Tx, *, registration_id: int | None, refused_only: bool, before_id: int | None, limit: int
) -> list[Unsent]:
    """The newest first, of one platform or of all; `before_id`: those that follow this one."""
    states = {ScoreState.REFUSED} if refused_only else UNSENT
    query = select(ScoreRow, User.display_name).outerjoin(User, User.id == ScoreRow.user_id)
    query = query.where(ScoreRow.state.in_(states))
    if registration_id is not None:
        query = query.where(ScoreRow.registration_id == registration_id)
    if before_id is not None:
        query = query.where(ScoreRow.id < before_id)
    found = tx.execute(query.order_by(ScoreRow.id.desc()).limit(limit))
    return [_unsent(row, name or "") for row, name in found]


def send_unsent(tx: Tx, score_ids: Collection[int], by: Actor) -> int:
    """Try scores once more, each with its line in the audit log; returns how many. What has arrived is left alone.

    Raises: NotFound: one of them is not there any more.
    """
    rows = list(tx.scalars(select(ScoreRow).where(ScoreRow.id.in_(score_ids)).order_by(ScoreRow.id)))
    if not score_ids or len(rows) < len(set(score_ids)):
        raise NotFound("grade_not_found", "There is no such grade any more.")
    before = {row.id: {"state": row.state.value, "reason": row.text} for row in rows}
    sent = [row for row in rows if send_again(tx, [row.id])]
    for row in sent:
        target = f"grade {row.id} ({row.item_ref})"
        record(tx, by, "delivery.send_again", target, before=before[row.id], after={"state": row.state.value})
    return len(sent)


def _unsent(row: ScoreRow, learner: str) -> Unsent:
    return Unsent(
        id=row.id,
        registration_id=row.registration_id,
        learner=learner,
        item_ref=row.item_ref,
        points=row.points,
        max_points=row.max_points,
        since=row.changed_at,
        is_refused=row.state is ScoreState.REFUSED,
        reason=row.text or "",
    )

"""What progress keeps about a person: to be handed out, and to be removed."""

from typing import Any

from sqlalchemy import delete, select

from lti_tool.kernel.db import Tx
from plugins.progress.models import ItemRow, LearnerRow, TimeRow


def export_personal_data(tx: Tx, user_id: int) -> dict[str, Any]:
    """Courses and items of a person, with times in ISO 8601 and time spent in seconds."""
    learners = tx.scalars(select(LearnerRow).where(LearnerRow.user_id == user_id).order_by(LearnerRow.placement_id))
    items = tx.scalars(select(ItemRow).where(ItemRow.user_id == user_id).order_by(ItemRow.placement_id, ItemRow.ref))
    return {
        "courses": [
            {
                "course": row.course_slug,
                "placement": row.placement_id,
                "percent": row.percent,
                "seconds": row.seconds,
                "started_at": row.started_at.isoformat(),
                "last_at": row.last_at.isoformat(),
                "done_at": row.done_at.isoformat() if row.done_at else None,
            }
            for row in learners
        ],
        "items": [
            {
                "item": row.ref,
                "placement": row.placement_id,
                "state": row.state.value,
                "percent": row.percent,
                "seconds": row.seconds,
                "watched": row.watched,
                "score": row.score,
                "done_at": row.done_at.isoformat() if row.done_at else None,
                "last_at": row.last_at.isoformat(),
            }
            for row in items
        ],
    }


def erase_personal_data(tx: Tx, user_id: int) -> None:
    """Delete everything about a person."""
    for table in (TimeRow, ItemRow, LearnerRow):
        tx.execute(delete(table).where(table.user_id == user_id))

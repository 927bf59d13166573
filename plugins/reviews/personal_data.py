"""What reviews keep about a person, and how it goes."""

from typing import Any

from sqlalchemy import delete, select, update

from lti_tool.kernel.db import Tx, affect
from plugins.reviews.models import AuthorRow, NameShown, ReportRow, ReviewRow, VoteRow


def export_personal_data(tx: Tx, user_id: int) -> dict[str, Any]:
    """Reviews, replies, votes and reports, JSON-ready."""
    reviews = tx.scalars(select(ReviewRow).where(ReviewRow.user_id == user_id).order_by(ReviewRow.id))
    replies = tx.scalars(select(ReviewRow).where(ReviewRow.reply_user_id == user_id).order_by(ReviewRow.id))
    votes = (select(ReviewRow.course_slug, VoteRow.review_id).join(ReviewRow, ReviewRow.id == VoteRow.review_id)).where(
        VoteRow.user_id == user_id
    )
    reports = tx.scalars(select(ReportRow).where(ReportRow.user_id == user_id).order_by(ReportRow.id))
    return {
        "reviews": [_describe(row) for row in reviews],
        "replies": [{"course": row.course_slug, "review": row.id, "text": row.reply} for row in replies],
        "helpful": [{"course": slug, "review": review_id} for slug, review_id in tx.execute(votes)],
        "reports": [{"review": row.review_id, "reason": row.reason.value, "text": row.text} for row in reports],
    }


def erase_personal_data(tx: Tx, user_id: int) -> None:
    """The stars stay, as nobody's; text, votes and who reported or replied go."""
    voted = select(VoteRow.review_id).where(VoteRow.user_id == user_id)
    affect(tx, update(ReviewRow).where(ReviewRow.id.in_(voted)).values(helpful=ReviewRow.helpful - 1))
    tx.execute(delete(VoteRow).where(VoteRow.user_id == user_id))
    affect(tx, update(ReportRow).where(ReportRow.user_id == user_id).values(user_id=None, text=""))
    affect(tx, update(ReviewRow).where(ReviewRow.reply_user_id == user_id).values(reply_user_id=None))
    nobody = {"user_id": None, "text": "", "name_shown": NameShown.NONE, "hidden_reason": ""}
    affect(tx, update(ReviewRow).where(ReviewRow.user_id == user_id).values(**nobody))
    tx.execute(delete(AuthorRow).where(AuthorRow.user_id == user_id))


def _describe(row: ReviewRow) -> dict[str, Any]:
    return {
        "course": row.course_slug,
        "stars": row.stars,
        "text": row.text,
        "name_shown": row.name_shown.value,
        "state": row.state.value,
        "hidden_reason": row.hidden_reason,
        "reply": row.reply,
        "created_at": row.created_at.isoformat(),
        "edited_at": row.edited_at.isoformat() if row.edited_at else None,
    }

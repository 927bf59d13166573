"""What LTI keeps about a person, and how it goes."""

from typing import Any

from sqlalchemy import delete, select

from lti_tool.kernel.db import Tx
from lti_tool.lti.models import Context, Membership, User, Visit
from lti_tool.lti.score_models import DeliveryRow, ScoreRow
from lti_tool.web.session import end_sessions_of


def export_personal_data(tx: Tx, user_id: int) -> dict[str, Any]:
    """Name, identifiers and roles, JSON-ready."""
    row = tx.get(User, user_id)
    if row is None:
        return {}
    roles = select(Context.title, Membership.role).join(Membership, Membership.context_id == Context.id)
    found = tx.execute(roles.where(Membership.user_id == user_id))
    return {
        "display_name": row.display_name,
        "subject": row.sub,
        "hub_name": row.hub_name,
        "courses": [{"title": title, "role": role.value} for title, role in found],
        "scores": [_score(each) for each in tx.scalars(select(ScoreRow).where(ScoreRow.user_id == user_id))],
    }


def erase_personal_data(tx: Tx, user_id: int) -> None:
    """Sign the person out, forget name and identity; the opaque hub name stays for work that must be kept."""
    end_sessions_of(tx, user_id)
    tx.execute(delete(Membership).where(Membership.user_id == user_id))
    scores = select(ScoreRow.id).where(ScoreRow.user_id == user_id)
    tx.execute(delete(DeliveryRow).where(DeliveryRow.score_id.in_(scores)))
    tx.execute(delete(ScoreRow).where(ScoreRow.user_id == user_id))
    tx.execute(delete(Visit).where(Visit.user_id == user_id))
    row = tx.get(User, user_id)
    if row is not None:
        row.display_name, row.sub = "Erased", f"erased:{user_id}"


def _score(row: ScoreRow) -> dict[str, Any]:
    return {
        "item": row.item_ref,
        "points": str(row.points),
        "max_points": str(row.max_points),
        "state": row.state.value,
        "changed_at": row.changed_at.isoformat(),
    }

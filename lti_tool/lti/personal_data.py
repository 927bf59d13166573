"""What LTI keeps about a person, and how it goes."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from lti_tool.kernel.db import Tx
from lti_tool.lti.models import Context, Membership, User, Visit
from lti_tool.web.session import end_sessions_of


def export_personal_data(tx: Tx, user_id: int) -> dict[str, Any]:
    """Name, identifiers and roles, JSON-ready."""
    row = tx.get(User, user_id)
    if row is None:
        return {}
    roles = select(Context.title, Membership).join(Membership, Membership.context_id == Context.id)
    found = tx.execute(roles.where(Membership.user_id == user_id))
    return {
        "display_name": row.display_name,
        "subject": row.sub,
        "hub_name": row.hub_name,
        "courses": [
            {
                "title": title,
                "role": row.role.value,
                "launched_at": _iso(row.launched_at),
                "listed_at": _iso(row.listed_at),
                "left_at": _iso(row.left_at),
            }
            for title, row in found
        ],
    }


def erase_personal_data(tx: Tx, user_id: int) -> None:
    """Sign the person out, forget name and identity; the opaque hub name stays for work that must be kept."""
    end_sessions_of(tx, user_id)
    tx.execute(delete(Membership).where(Membership.user_id == user_id))
    tx.execute(delete(Visit).where(Visit.user_id == user_id))
    row = tx.get(User, user_id)
    if row is not None:
        row.display_name, row.sub = "Erased", f"erased:{user_id}"


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None

"""What LTI keeps about a person, and how it goes."""

from typing import Any

from sqlalchemy import delete, select

from lti_tool.kernel.audit import forget_actor, list_acts_of
from lti_tool.kernel.db import Tx
from lti_tool.lti.models import Context, Membership, User, Visit
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
        "acts": [{"at": act.at.isoformat(), "what": act.action, "on": act.target} for act in list_acts_of(tx, user_id)],
        "courses": [{"title": title, "role": role.value} for title, role in found],
    }


def erase_personal_data(tx: Tx, user_id: int) -> None:
    """Sign the person out, forget name and identity; the opaque hub name stays for work that must be kept."""
    end_sessions_of(tx, user_id)
    forget_actor(tx, user_id)
    tx.execute(delete(Membership).where(Membership.user_id == user_id))
    tx.execute(delete(Visit).where(Visit.user_id == user_id))
    row = tx.get(User, user_id)
    if row is not None:
        row.display_name, row.sub = "Erased", f"erased:{user_id}"

"""What LTI keeps about a person, and how it goes."""

from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, select

from lti_tool.kernel.audit import forget_actor, list_acts_of
from lti_tool.kernel.db import Tx
from lti_tool.lti.identity import NOBODY
from lti_tool.lti.models import Context, Membership, User, Visit
from lti_tool.lti.models_services import Group, GroupMember, LegacyUser, Observing
from lti_tool.lti.score_models import DeliveryRow, ScoreRow
from lti_tool.web.session import end_sessions_of


def export_personal_data(tx: Tx, user_id: int) -> dict[str, Any]:
    """Name, identifiers and roles, JSON-ready."""
    row = tx.get(User, user_id)
    if row is None:
        return {}
    observed = select(Context.title, Observing.sub).join(Observing, Observing.context_id == Context.id)
    legacy = select(LegacyUser.legacy_id).where(LegacyUser.user_id == user_id).order_by(LegacyUser.legacy_id)
    roles = select(Context.title, Membership).join(Membership, Membership.context_id == Context.id)
    found = tx.execute(roles.where(Membership.user_id == user_id))
    return {
        "display_name": row.display_name,
        "subject": row.sub,
        "hub_name": row.hub_name,
        "acts": [{"at": act.at.isoformat(), "what": act.action, "on": act.target} for act in list_acts_of(tx, user_id)],
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
        "groups": [{"name": group.name, "set": group.set_name} for group in tx.scalars(_groups_of(row))],
        "follows": [
            {"course": title, "learner": sub}
            for title, sub in tx.execute(observed.where(Observing.user_id == user_id).order_by(Observing.sub))
        ],
        "lti_1_1_ids": list(tx.scalars(legacy)),
        "scores": [_score(each) for each in tx.scalars(select(ScoreRow).where(ScoreRow.user_id == user_id))],
    }


def erase_personal_data(tx: Tx, user_id: int) -> None:
    """Sign the person out, forget name and identity; the opaque hub name stays for work that must be kept.

    Whoever launches again afterwards is somebody new, under another hub name.
    """
    end_sessions_of(tx, user_id)
    forget_actor(tx, user_id)
    tx.execute(delete(Membership).where(Membership.user_id == user_id))
    scores = select(ScoreRow.id).where(ScoreRow.user_id == user_id)
    tx.execute(delete(DeliveryRow).where(DeliveryRow.score_id.in_(scores)))
    tx.execute(delete(ScoreRow).where(ScoreRow.user_id == user_id))
    tx.execute(delete(Visit).where(Visit.user_id == user_id))
    tx.execute(delete(Observing).where(Observing.user_id == user_id))
    tx.execute(delete(LegacyUser).where(LegacyUser.user_id == user_id))
    row = tx.get(User, user_id)
    if row is not None:
        _forget_sub(tx, row)
    if row is not None:
        row.display_name, row.sub = "Erased", f"{NOBODY}erased:{user_id}"


def _groups_of(row: User) -> Select[Group]:
    return (
        select(Group)
        .join(GroupMember, GroupMember.group_row_id == Group.id)
        .join(Context, Context.id == Group.context_id)
        .where(Context.registration_id == row.registration_id, GroupMember.sub == row.sub)
        .order_by(Group.id)
    )


def _forget_sub(tx: Tx, row: User) -> None:
    """Others name the person by `sub`: as a member of a group, as the learner whom they follow."""
    contexts = select(Context.id).where(Context.registration_id == row.registration_id)
    groups = select(Group.id).where(Group.context_id.in_(contexts))
    tx.execute(delete(GroupMember).where(GroupMember.group_row_id.in_(groups), GroupMember.sub == row.sub))
    tx.execute(delete(Observing).where(Observing.context_id.in_(contexts), Observing.sub == row.sub))


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _score(row: ScoreRow) -> dict[str, Any]:
    return {
        "item": row.item_ref,
        "points": str(row.points),
        "max_points": str(row.max_points),
        "state": row.state.value,
        "changed_at": row.changed_at.isoformat(),
    }

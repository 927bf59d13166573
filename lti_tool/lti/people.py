"""What a launch teaches us: the person, the course, the activity, the role. One statement a row: safe in races."""

import hashlib
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Table, bindparam, select

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx, run
from lti_tool.kernel.jobs import emit
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.prepared import Prepared
from lti_tool.kernel.signing import Signer
from lti_tool.kernel.upsert import upsert
from lti_tool.lti.claims import Claims
from lti_tool.lti.familiar import Stored
from lti_tool.lti.identity import NOBODY, first_name_of, free_hub_name
from lti_tool.lti.members import record_launch
from lti_tool.lti.messages import CourseAssigned, LinkLaunched
from lti_tool.lti.models import Approval, Context, Deployment, Link, Placement, Registration, User, Visit
from lti_tool.lti.roster_state import request_reading

ANONYMOUS = NOBODY
"""Stands for everybody whom a platform does not name."""
_PLACEMENTS = cast(Table, Placement.__table__)
_PLACEMENT = Prepared(
    select(_PLACEMENTS.c.id).where(
        _PLACEMENTS.c.context_id == bindparam("context_id"),
        _PLACEMENTS.c.course_slug == bindparam("course_slug"),
        _PLACEMENTS.c.is_assigned.is_(True),
    )
)
LINK_CONTEXT = "coursebridge:link:"
"""Begins the context id of an activity that stands in no course."""


@dataclass(frozen=True)
class Known:
    """The person as stored."""

    user_id: int
    hub_name: str
    display_name: str


def learn_deployment(tx: Tx, registration: Registration, deployment_id: str, *, approve: bool) -> Deployment | None:
    """The deployment of a launch; a new one is kept, active or (with `approve`) waiting. None: not the platform's.

    The first one does not wait: whoever approved the platform has approved its installation.
    """
    query = select(Deployment).where(
        Deployment.registration_id == registration.id, Deployment.deployment_id == deployment_id
    )
    row = tx.scalar(query)
    if row is None and registration.learns_deployments:
        key = {"registration_id": registration.id, "deployment_id": deployment_id}
        tx.get(Registration, registration.id, with_for_update=True)  # of two first ones that come at once one waits
        others = select(Deployment.id).where(Deployment.registration_id == registration.id).limit(1)
        state = Approval.PENDING if approve and tx.scalar(others) is not None else Approval.ACTIVE
        upsert(tx, Deployment, key, {}, initial={"state": state, "created_at": clock.now()})
        row = tx.scalar(query)
    return row


def record_user(
    tx: Tx, signer: Signer, registration: Registration, claims: Claims, role: Role, stored: Stored | None
) -> Known:
    """Make or refresh the person, unless they are `stored` so. A launch without a name keeps the name that we know.

    All anonymous launches of a platform are one guest, who does nothing that would be theirs.
    """
    if stored and stored.knows_person(role is Role.TEST_STUDENT, claims.name):
        return Known(stored.user_id, stored.row.hub_name, stored.row.display_name)
    sub = claims.sub or ANONYMOUS
    hub_name = free_hub_name(tx, signer, registration, sub)
    key = {"registration_id": registration.id, "sub": sub}
    values: dict[str, Any] = {"is_test": role is Role.TEST_STUDENT}
    initial: dict[str, Any] = {"hub_name": hub_name}
    if not claims.sub:
        initial["display_name"] = "Guest"
    elif claims.name:
        values["display_name"] = claims.name
    else:
        initial["display_name"] = first_name_of(hub_name)
    user_id = upsert(tx, User, key, values, initial)
    name = (claims.sub and claims.name) or tx.scalars(select(User.display_name).where(User.id == user_id)).one()
    return Known(user_id, hub_name, name)


def record_context(
    tx: Tx, deployment: Deployment, claims: Claims, user_id: int, role: Role, stored: Stored | None
) -> int | None:
    """Make or refresh the LMS course and the person's role in it.

    An activity that is launched from outside any course stands for a course of its own: the claim is optional, and
    nobody may then see more than what belongs to this activity. None: no activity either (content is being chosen).
    """
    if claims.context is not None:
        lms_id, title = claims.context.id, claims.context.title
    elif claims.link is not None:
        lms_id = LINK_CONTEXT + hashlib.sha256(claims.link.id.encode()).hexdigest()
        title = claims.link.title
    else:
        return None
    key = {"deployment_row_id": deployment.id, "context_id": lms_id}
    values: dict[str, Any] = {"title": title}
    if claims.memberships_url:
        values["memberships_url"] = claims.memberships_url
    if claims.groups:
        values |= {"groups_url": claims.groups.groups_url, "group_sets_url": claims.groups.sets_url}
    if stored and stored.knows_course(values):
        context_id = stored.context_id
    else:
        context_id = upsert(tx, Context, key, values, initial={"registration_id": deployment.registration_id})
    if stored is None:
        record_launch(tx, user_id, context_id, role)
    if role.is_staff and claims.memberships_url:
        request_reading(tx, context_id)
    return context_id


def record_link(
    tx: Tx, deployment: Deployment, claims: Claims, context_id: int | None, stored: Stored | None
) -> Link | None:
    """Make or refresh the activity. What it shows comes from the launch, or from an earlier choice of a teacher."""
    if claims.link is None:
        return None
    ags = claims.ags
    values = {
        "title": claims.link.title,
        "context_id": context_id,
        "lineitem_url": ags.lineitem if ags else None,
        "lineitem_gone_at": None,
        "lineitems_url": ags.lineitems if ags else None,
        "scopes": list(ags.scopes) if ags else [],
    }
    if stored and stored.row.item_ref and stored.knows_link(values, claims.item_ref):
        return stored.link()
    key = {"deployment_row_id": deployment.id, "resource_link_id": claims.link.id}
    link_id = upsert(tx, Link, key, values, initial={"registration_id": deployment.registration_id})
    link = tx.get_one(Link, link_id)
    if claims.item_ref and claims.item_ref != link.named_ref:
        # what the platform names counts when it is new; a teacher's choice made here afterwards counts until then
        link.item_ref = link.named_ref = claims.item_ref
        link.is_inherited = False
        tx.flush()
    return link


def record_placement(tx: Tx, context_id: int, course_slug: str, stored: Stored | None = None) -> int:
    """Remember that an activity of the LMS course shows this course of ours; returns the placement's id."""
    if stored and (known := stored.find_placement(context_id, course_slug)):
        return known
    key = {"context_id": context_id, "course_slug": course_slug}
    for row in run(tx, _PLACEMENT, key):
        return int(row.id)
    placement_id: int = upsert(tx, Placement, key, {"is_assigned": True})
    emit(tx, CourseAssigned(placement_id))
    return placement_id


def record_visited_course(tx: Tx, context_id: int, course_slug: str) -> int:
    """Remember that people of the LMS course found this course of ours in the catalogue; returns the placement's id."""
    placement_id: int = upsert(tx, Placement, {"context_id": context_id, "course_slug": course_slug}, {})
    return placement_id


def record_visit(
    tx: Tx, user_id: int, link: Link, role: Role, placement_id: int | None, stored: Stored | None = None
) -> None:
    """Remember the launch, and say so when there is something new in it for others."""
    facts = {
        "role": role,
        "lineitem_url": link.lineitem_url,
        "item_ref": link.item_ref,
        "placement_id": placement_id,
    }
    if stored and stored.knows_visit(link.id, facts):
        return
    before = tx.get(Visit, (user_id, link.id))
    if before is not None and all(getattr(before, name) == value for name, value in facts.items()):
        return
    upsert(tx, Visit, {"user_id": user_id, "link_id": link.id}, facts)
    ref = link.item_ref or ""
    emit(tx, LinkLaunched(user_id, link.id, item_ref=ref, role=role.value, placement_id=placement_id))

"""A launch of somebody who was here before: what is stored, read at once, so that only what differs is written.

Nearly every launch is one. The first statement notes the moment of the launch at the membership, if person, course and
role are as before. That holds the row, and with it the person, until the end of the transaction: neither a list of
participants nor an erasure comes between. If it finds nothing, the launch is recorded as any first one is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import Table, bindparam, select, update

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx, run
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.prepared import Prepared
from lti_tool.lti.claims import Claims
from lti_tool.lti.models import Approval, Context, Deployment, Link, Membership, Placement, Registration, User, Visit

_DEPLOYMENTS, _CONTEXTS = cast(Table, Deployment.__table__), cast(Table, Context.__table__)
_USERS, _MEMBERSHIPS = cast(Table, User.__table__), cast(Table, Membership.__table__)
_LINKS, _VISITS = cast(Table, Link.__table__), cast(Table, Visit.__table__)
_PLACEMENTS = cast(Table, Placement.__table__)

_PERSON = (
    select(_USERS.c.id)
    .where(_USERS.c.registration_id == bindparam("registration"), _USERS.c.sub == bindparam("sub"))
    .scalar_subquery()
)
_COURSE = (
    select(_CONTEXTS.c.id)
    .join(_DEPLOYMENTS, _DEPLOYMENTS.c.id == _CONTEXTS.c.deployment_row_id)
    .where(
        _DEPLOYMENTS.c.registration_id == bindparam("registration"),
        _DEPLOYMENTS.c.deployment_id == bindparam("deployment"),
        _DEPLOYMENTS.c.state == Approval.ACTIVE,
        _CONTEXTS.c.context_id == bindparam("context"),
    )
    .scalar_subquery()
)
_NOTE_LAUNCH = Prepared(
    update(_MEMBERSHIPS)
    .where(_MEMBERSHIPS.c.user_id == _PERSON, _MEMBERSHIPS.c.context_id == _COURSE)
    .where(_MEMBERSHIPS.c.role == bindparam("as_role"), _MEMBERSHIPS.c.left_at.is_(None))
    .values(launched_at=bindparam("moment"))
    .returning(_MEMBERSHIPS.c.user_id, _MEMBERSHIPS.c.context_id)
)
_STORED = Prepared(
    select(
        _DEPLOYMENTS.c.id.label("deployment_row_id"),
        _DEPLOYMENTS.c.state,
        _USERS.c.hub_name,
        _USERS.c.display_name,
        _USERS.c.is_test,
        _CONTEXTS.c.title.label("context_title"),
        _CONTEXTS.c.memberships_url,
        _CONTEXTS.c.groups_url,
        _CONTEXTS.c.group_sets_url,
        _LINKS.c.id.label("link_id"),
        _LINKS.c.context_id.label("link_context_id"),
        _LINKS.c.title,
        _LINKS.c.item_ref,
        _LINKS.c.named_ref,
        _LINKS.c.lineitem_url,
        _LINKS.c.lineitems_url,
        _LINKS.c.lineitem_gone_at,
        _LINKS.c.scopes,
        _VISITS.c.user_id.label("visitor_id"),
        _VISITS.c.role.label("visit_role"),
        _VISITS.c.lineitem_url.label("visit_lineitem_url"),
        _VISITS.c.item_ref.label("visit_item_ref"),
        _PLACEMENTS.c.id.label("placement_id"),
        _PLACEMENTS.c.context_id.label("placement_context_id"),
        _PLACEMENTS.c.course_slug.label("placement_course_slug"),
    )
    .select_from(_CONTEXTS)
    .join(_DEPLOYMENTS, _DEPLOYMENTS.c.id == _CONTEXTS.c.deployment_row_id)
    .join(_USERS, _USERS.c.id == bindparam("user_id"))
    .outerjoin(
        _LINKS, (_LINKS.c.deployment_row_id == _DEPLOYMENTS.c.id) & (_LINKS.c.resource_link_id == bindparam("link"))
    )
    .outerjoin(_VISITS, (_VISITS.c.link_id == _LINKS.c.id) & (_VISITS.c.user_id == _USERS.c.id))
    .outerjoin(_PLACEMENTS, (_PLACEMENTS.c.id == _VISITS.c.placement_id) & _PLACEMENTS.c.is_assigned.is_(True))
    .where(_CONTEXTS.c.id == bindparam("context_id"))
)


@dataclass(frozen=True)
class Stored:
    """What is known of the person, the course, the activity and the last visit. The launch is noted already."""

    user_id: int
    context_id: int
    row: Any
    """Columns of `_STORED`."""

    def deployment(self, registration: Registration) -> Deployment:
        """The deployment of the launch, which is active. It belongs to no transaction: only to be read."""
        return _deployment(self.row.deployment_row_id, registration.id, self.row.state)

    def link(self) -> Link:
        """What a visit needs of the activity. It belongs to no transaction: only to be read."""
        return _link(self.row.link_id, self.row.title, self.row.item_ref, self.row.lineitem_url)

    def knows_person(self, is_test: bool, name: str) -> bool:
        """Is the person called so already? No name: as they are called."""
        return bool(self.row.is_test == is_test and name in ("", self.row.display_name))

    def knows_course(self, values: dict[str, Any]) -> bool:
        """Are these columns of the course as they are stored?"""
        return all(
            (self.row.context_title if name == "title" else getattr(self.row, name)) == value
            for name, value in values.items()
        )

    def knows_link(self, values: dict[str, Any], item_ref: str | None) -> bool:
        """Are these columns of the activity as they are stored, and names the platform nothing new?"""
        row = self.row
        return (
            row.link_id is not None
            and item_ref in (None, row.named_ref)
            and all(
                (row.link_context_id if name == "context_id" else getattr(row, name)) == value
                for name, value in values.items()
            )
        )

    def find_placement(self, context_id: int, course_slug: str) -> int | None:
        """The placement, if the last visit was to this course of ours in this course of the LMS."""
        row = self.row
        is_it = (row.placement_context_id, row.placement_course_slug) == (context_id, course_slug)
        return cast(int, row.placement_id) if is_it else None

    def knows_visit(self, link_id: int, facts: Mapping[str, Any]) -> bool:
        """Was the last visit to the activity like this one? `facts` are columns of `Visit`."""
        row = self.row
        before = (row.visit_role, row.visit_lineitem_url, row.visit_item_ref, row.placement_id)
        is_it = row.visitor_id is not None and row.link_id == link_id
        return is_it and before == tuple(facts[name] for name in ("role", "lineitem_url", "item_ref", "placement_id"))


def note_launch(tx: Tx, registration: Registration, claims: Claims, role: Role) -> Stored | None:
    """Note the launch of somebody who is in the course in this role; what is stored then. None: something is new."""
    if not claims.sub or claims.context is None:
        return None
    who = {
        "registration": registration.id,
        "sub": claims.sub,
        "deployment": claims.deployment_id,
        "context": claims.context.id,
        "as_role": role,
        "moment": clock.now(),
    }
    noted = run(tx, _NOTE_LAUNCH, who)
    if not noted:
        return None
    ((user_id, context_id),) = noted
    link = claims.link.id if claims.link else ""
    (row,) = run(tx, _STORED, {"user_id": user_id, "context_id": context_id, "link": link})
    return Stored(user_id, context_id, row)


@lru_cache(maxsize=1000)
def _deployment(deployment_row_id: int, registration_id: int, state: Approval) -> Deployment:
    return Deployment(id=deployment_row_id, registration_id=registration_id, state=state)


@lru_cache(maxsize=1000)
def _link(link_id: int, title: str, item_ref: str, lineitem_url: str | None) -> Link:
    return Link(id=link_id, title=title, item_ref=item_ref, lineitem_url=lineitem_url)

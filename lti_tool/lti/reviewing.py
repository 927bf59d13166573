"""Opening one learner's work: by the Submission Review message, or by the address that a score gave the LMS.

https://www.imsglobal.org/spec/lti-sr/v1p0/. Who may see it is decided here at each launch; the address proves nothing.
"""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

from sqlalchemy import ColumnElement, select

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Forbidden, NotFound
from lti_tool.kernel.permissions import Right, Role, rights_of
from lti_tool.lti.claims import REVIEW, Claims
from lti_tool.lti.login import LAUNCH_PATH
from lti_tool.lti.models import Deployment, Link, Membership, User
from lti_tool.lti.observing import LEARNING
from lti_tool.lti.people import Known


@dataclass(frozen=True)
class Wanted:
    """Whose work a launch is for, as it says."""

    sub: str | None
    """By the message …"""
    hub_name: str | None
    """… or by the address."""
    link_id: int | None
    """The activity, by the address."""


@dataclass(frozen=True)
class Reviewed:
    """The work that a launch opens."""

    link: Link
    user_id: int


@dataclass(frozen=True)
class Viewer:
    """Who opens somebody's work, and in which LMS course."""

    known: Known
    role: Role
    context_id: int | None
    granted: tuple[str, ...] | None
    """What the teacher of that course lets assistants do; None: nobody has said."""

    @property
    def may_mark(self) -> bool:
        """May this person see everybody's work?"""
        return Right.MARK in rights_of(self.role, self.granted)


def review_url(root_url: str, link_id: int, hub_name: str) -> str:
    """The launch that opens a learner's work in an activity, for a score to name."""
    return f"{root_url}{LAUNCH_PATH}?{urlencode({'learner': hub_name, 'activity': link_id})}"


def read_wanted(claims: Claims) -> Wanted | None:
    """Whose work the launch is for; None: it is an ordinary one."""
    if claims.message_type == REVIEW:
        return Wanted(claims.for_user, None, None)
    query = parse_qs(urlsplit(claims.target_link_uri or "").query)
    learner, activity = query.get("learner", [""])[0], query.get("activity", [""])[0]
    if not learner or not (activity.isascii() and activity.isdecimal() and len(activity) <= 10):
        return None
    return Wanted(None, learner, int(activity))


def get_reviewed(tx: Tx, deployment: Deployment, claims: Claims, wanted: Wanted, viewer: Viewer) -> Reviewed:
    """The work, if it is of a learner of the LMS course of this launch and the viewer may see it.

    Raises: Forbidden: neither who marks in that course nor the learner. NotFound: no such learner or activity there.
    """
    named: ColumnElement[bool] = User.hub_name == wanted.hub_name if wanted.hub_name else User.sub == wanted.sub
    learner = tx.scalar(
        select(User.id)
        .join(Membership, Membership.user_id == User.id)
        .where(named, User.registration_id == deployment.registration_id)
        .where(Membership.context_id == viewer.context_id, Membership.role.in_(LEARNING))
    )
    if not viewer.may_mark and learner != viewer.known.user_id:
        message = "Only teachers of the course, assistants whom they let mark, and the learner see a learner's work."
        raise Forbidden("review_refused", message)
    link = _find_link(tx, deployment, claims, wanted, viewer.context_id)
    if learner is None or link is None or not link.item_ref:
        raise NotFound("review_not_found", "This learner has not opened this activity yet, so there is no work to see.")
    return Reviewed(link, learner)


def _find_link(tx: Tx, deployment: Deployment, claims: Claims, wanted: Wanted, context_id: int | None) -> Link | None:
    """By the address, else the resource link, else the line item: always of this LMS course."""
    mine = (Link.deployment_row_id == deployment.id, Link.context_id == context_id)
    if wanted.link_id is not None:
        return tx.scalar(select(Link).where(*mine, Link.id == wanted.link_id))
    if claims.link is not None:
        return tx.scalar(select(Link).where(*mine, Link.resource_link_id == claims.link.id))
    if claims.ags is not None and claims.ags.lineitem:
        return tx.scalar(select(Link).where(*mine, Link.lineitem_url == claims.ags.lineitem).limit(1))
    return None

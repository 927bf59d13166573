"""What grading and the plugins may ask of LTI. Plain values in and out; the network only in `send_score`."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import and_, func, select

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from lti_tool.kernel.permissions import Role
from lti_tool.lti.ags import send_score
from lti_tool.lti.models import Approval, Link, Membership, Placement, Registration, User, Visit
from lti_tool.lti.scores import Score, ScoreRefused, Sent

__all__ = [
    "GradeTarget",
    "Person",
    "Score",
    "ScoreRefused",
    "Sent",
    "count_links",
    "find_person_by_hub_name",
    "find_platform_name",
    "get_person",
    "list_course_roles",
    "list_grade_targets",
    "list_learners",
    "list_people",
    "send_score",
]

LEARNING = (Role.LEARNER, Role.TEST_STUDENT)


@dataclass(frozen=True)
class Person:
    """Somebody who has launched."""

    id: int
    hub_name: str
    display_name: str
    registration_id: int
    sub: str
    is_test: bool
    """A teacher's test student: kept out of statistics, certificates and payments."""


@dataclass(frozen=True)
class GradeTarget:
    """An activity in the LMS that takes a person's grade."""

    link_id: int
    user_id: int
    registration_id: int
    title: str


def find_person_by_hub_name(tx: Tx, hub_name: str) -> Person | None:
    """By the opaque name in JupyterHub and the gradebook. Nobody while their platform is switched off."""
    active = (Registration.id == User.registration_id, Registration.state == Approval.ACTIVE)
    row = tx.scalar(select(User).join(Registration, and_(*active)).where(User.hub_name == hub_name))
    return _person(row) if row else None


def get_person(tx: Tx, user_id: int) -> Person:
    """Raises: NotFound."""
    row = tx.get(User, user_id)
    if row is None:
        raise NotFound("person_not_found", "This person is not known here.")
    return _person(row)


def list_people(tx: Tx, user_ids: Collection[int]) -> dict[int, Person]:
    """Those of the ids that are known, by id."""
    if not user_ids:
        return {}
    return {row.id: _person(row) for row in tx.scalars(select(User).where(User.id.in_(user_ids)))}


def list_course_roles(tx: Tx, user_id: int) -> list[tuple[str, Role]]:
    """(course slug, role) of a person, from their launches; of several roles in a course the one of most rights."""
    query = (
        select(Placement.course_slug, Membership.role)
        .join(Membership, Membership.context_id == Placement.context_id)
        .where(Membership.user_id == user_id)
    )
    best: dict[str, Role] = {}
    for slug, role in tx.execute(query):
        if slug not in best or _RIGHTS.index(role) > _RIGHTS.index(best[slug]):
            best[slug] = role
    return sorted(best.items())


def list_learners(tx: Tx, course_slug: str, context_id: int | None = None) -> list[Person]:
    """People who launched the course as learners, by name; of one LMS course if `context_id` is given."""
    query = (
        select(User)
        .join(Membership, Membership.user_id == User.id)
        .join(Placement, Placement.context_id == Membership.context_id)
        .where(Placement.course_slug == course_slug, Membership.role.in_(LEARNING))
        .order_by(User.display_name, User.id)
        .distinct()
    )
    if context_id is not None:
        query = query.where(Membership.context_id == context_id)
    return [_person(row) for row in tx.scalars(query)]


def list_grade_targets(tx: Tx, user_id: int, item_ref: str) -> list[GradeTarget]:
    """The activities showing this item that the person has launched as a learner."""
    query = (
        select(Link)
        .join(Visit, Visit.link_id == Link.id)
        .where(Visit.user_id == user_id, Visit.role.in_(LEARNING), Link.item_ref == item_ref)
        .order_by(Link.id)
    )
    return [GradeTarget(link.id, user_id, link.registration_id, link.title) for link in tx.scalars(query)]


def count_links(tx: Tx, item_refs: Collection[str]) -> dict[str, int]:
    """How many activities in LMSs show each of these items; those that none shows are left out."""
    query = select(Link.item_ref, func.count()).where(Link.item_ref.in_(item_refs)).group_by(Link.item_ref)
    return {ref: count for ref, count in tx.execute(query) if ref}


def find_platform_name(tx: Tx, registration_id: int) -> str | None:
    """The name of a registered platform."""
    row = tx.get(Registration, registration_id)
    return row.name if row else None


_RIGHTS = [Role.OBSERVER, Role.TEST_STUDENT, Role.LEARNER, Role.ASSISTANT, Role.TEACHER]


def _person(row: User) -> Person:
    return Person(row.id, row.hub_name, row.display_name, row.registration_id, row.sub, row.is_test)

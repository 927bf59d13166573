"""What grading and the plugins may ask of LTI. Plain values; the network only in `list_groups` and `list_contacts`."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, func, select

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from lti_tool.kernel.permissions import Role
from lti_tool.lti.column_updates import Columns, count_columns, follow_item
from lti_tool.lti.comparing import compare
from lti_tool.lti.groups import Group, find_groups, list_groups
from lti_tool.lti.legacy import find_user_by_legacy_id
from lti_tool.lti.models import Approval, Context, Deployment, Link, Membership, Registration, User, Visit
from lti_tool.lti.models import Placement as PlacementRow
from lti_tool.lti.nrps import Contact, list_contacts
from lti_tool.lti.observing import LEARNING, Observed, get_observed
from lti_tool.lti.outbox import (
    Entry,
    GradeTarget,
    Try,
    Wanted,
    count_by_platform,
    count_in_placement,
    list_entries,
    list_tries,
    overrule,
    send_again,
    want_scores,
)
from lti_tool.lti.people import record_visited_course
from lti_tool.lti.reach import Reach, find_reach, list_reach
from lti_tool.lti.roster_state import RosterState, read_roster_state, request_reading
from lti_tool.lti.score_models import Drift, ScoreState

__all__ = [
    "Columns",
    "Contact",
    "Drift",
    "Entry",
    "GradeTarget",
    "Group",
    "MemberState",
    "Observed",
    "Person",
    "Placement",
    "Reach",
    "RosterState",
    "ScoreState",
    "Try",
    "Wanted",
    "compare",
    "count_by_platform",
    "count_columns",
    "count_in_placement",
    "count_links",
    "count_platforms",
    "find_groups",
    "find_person_by_hub_name",
    "find_person_by_legacy_id",
    "find_placement",
    "find_placement_by_key",
    "find_platform_name",
    "find_reach",
    "find_shown_item",
    "follow_item",
    "get_observed",
    "get_person",
    "keep_learners",
    "list_class",
    "list_class_placements",
    "list_contacts",
    "list_entries",
    "list_grade_targets",
    "list_groups",
    "list_learners",
    "list_members",
    "list_people",
    "list_placement_roles",
    "list_placements",
    "list_placements_of",
    "list_reach",
    "list_tries",
    "offers_groups",
    "overrule",
    "place_course",
    "read_roster_state",
    "request_reading",
    "select_names",
    "send_again",
    "uses_course",
    "want_scores",
]

LONGEST_NUMBER = 10
_PLACEMENTS = select(PlacementRow, Context).join(Context).order_by(PlacementRow.id)


@dataclass(frozen=True)
class Person:
    """Somebody who has launched, or whom an LMS's list of participants names."""

    id: int
    hub_name: str
    display_name: str
    registration_id: int
    sub: str
    is_test: bool
    """A teacher's test student: kept out of statistics, certificates and payments."""


@dataclass(frozen=True)
class Placement:
    """A course of ours as one course of the LMS uses it. What learners do there belongs to it and to no other."""

    id: int
    key: str
    """Its name outside the database: `<course slug>-<id>`."""
    context_id: int
    course_slug: str
    registration_id: int
    title: str
    """Of the LMS course; of the activity, where that stands in no course. Empty if the platform did not say."""
    is_assigned: bool
    """An activity of the LMS course shows the course: it is for the whole class."""
    assistant_rights: tuple[str, ...] | None = None
    """What its teacher lets assistants do; None: nobody has said."""


@dataclass(frozen=True)
class MemberState:
    """A person in an LMS course, or one who was there."""

    person: Person
    role: Role
    launched_at: datetime | None
    """Their last launch there; None: never."""
    listed_at: datetime | None
    """When the LMS's list of participants last named them; None: never."""
    left_at: datetime | None
    """None: they are in the course."""

    @property
    def is_learning(self) -> bool:
        """In the course now, as a learner."""
        return self.left_at is None and self.role in LEARNING


def find_person_by_hub_name(tx: Tx, hub_name: str) -> Person | None:
    """By the opaque name in JupyterHub and the gradebook. Nobody while their platform is switched off."""
    active = (Registration.id == User.registration_id, Registration.state == Approval.ACTIVE)
    row = tx.scalar(select(User).join(Registration, and_(*active)).where(User.hub_name == hub_name))
    return _person(row) if row else None


def find_person_by_legacy_id(tx: Tx, registration_id: int, consumer_key: str, legacy_id: str) -> Person | None:
    """By `user_id` of LTI 1.1, once the platform has proved it at a launch. None: not (yet)."""
    user_id = find_user_by_legacy_id(tx, registration_id, consumer_key, legacy_id)
    return get_person(tx, user_id) if user_id is not None else None


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


def select_names() -> Select[int, str]:
    """Ids and names of everybody, to join what is shown with whose it is: `.subquery()`, columns `id` and `name`."""
    return select(User.id, User.display_name.label("name"))


def find_placement(tx: Tx, placement_id: int) -> Placement | None:
    """A course as one LMS course uses it."""
    return next(_placements(tx, PlacementRow.id == placement_id), None)


def find_placement_by_key(tx: Tx, key: str) -> Placement | None:
    """The placement that is called so outside the database."""
    number = key.rpartition("-")[2]
    if not number.isascii() or not number.isdecimal() or len(number) > LONGEST_NUMBER:
        return None
    found = find_placement(tx, int(number))
    return found if found is not None and found.key == key else None


def list_placements(tx: Tx, course_slug: str) -> list[Placement]:
    """Everywhere that a course is used, oldest first."""
    return list(_placements(tx, PlacementRow.course_slug == course_slug))


def list_placements_of(tx: Tx, context_id: int) -> list[Placement]:
    """Every course of ours that an LMS course uses, oldest first."""
    return list(_placements(tx, PlacementRow.context_id == context_id))


def list_placement_roles(tx: Tx, user_id: int) -> list[tuple[Placement, Role]]:
    """Where a person is in which course now, oldest first, and their role there. Who has left is nowhere.

    Several LMS courses may use one course of ours: somebody can teach it in one and learn it in another.
    """
    query = (
        select(PlacementRow, Context, Membership.role).select_from(PlacementRow).join(Context).order_by(PlacementRow.id)
    )
    query = query.join(Membership, Membership.context_id == Context.id)
    query = query.join(Deployment, Deployment.id == Context.deployment_row_id)
    query = query.where(Deployment.state == Approval.ACTIVE)
    rows = tx.execute(query.where(Membership.user_id == user_id, Membership.left_at.is_(None)))
    return [(_placement(row, context), role) for row, context, role in rows]


def list_learners(tx: Tx, placement_id: int) -> list[Person]:
    """The learners in the placement's LMS course now, also those who never launched, by name."""
    query = (
        select(User)
        .join(Membership, Membership.user_id == User.id)
        .join(PlacementRow, PlacementRow.context_id == Membership.context_id)
        .where(PlacementRow.id == placement_id, Membership.role.in_(LEARNING), Membership.left_at.is_(None))
        .order_by(User.display_name, User.id)
    )
    return [_person(row) for row in tx.scalars(query)]


def list_members(tx: Tx, context_id: int, user_ids: Collection[int] | None = None) -> list[MemberState]:
    """Who is in an LMS course or was, by name; all, or those of the ids."""
    query = select(User, Membership).join(Membership, Membership.user_id == User.id)
    query = query.where(Membership.context_id == context_id).order_by(User.display_name, User.id)
    if user_ids is not None:
        query = query.where(User.id.in_(user_ids))
    return [_member(user, row) for user, row in tx.execute(query)]


def list_class(
    tx: Tx, registration_id: int, context_id: int | None, others: Select[int]
) -> list[tuple[Person, MemberState | None]]:
    """Learners who are in an LMS course or were, and whoever else of their platform has one of the ids. One query.

    `others`: selects ids of people. None: not from that LMS course.
    """
    mine = Membership.context_id == context_id
    learners = select(Membership.user_id).where(mine, Membership.role.in_(LEARNING))
    query = select(User, Membership).outerjoin(Membership, and_(Membership.user_id == User.id, mine))
    query = query.where(User.registration_id == registration_id, User.id.in_(learners.union(others)))
    found: list[tuple[Person, MemberState | None]] = []
    for user, row in tx.execute(query.order_by(User.display_name, User.id)):
        found.append((_person(user), _member(user, row) if row else None))
    return found


def offers_groups(tx: Tx, placement_id: int) -> bool:
    """Does the LMS tell the groups of the placement's course?"""
    query = select(Context.groups_url).join(PlacementRow, PlacementRow.context_id == Context.id)
    return tx.scalar(query.where(PlacementRow.id == placement_id)) is not None


def list_class_placements(tx: Tx, context_id: int) -> list[Placement]:
    """The courses of ours that activities of an LMS course show, so that they are for its whole class."""
    return list(_placements(tx, and_(PlacementRow.context_id == context_id, PlacementRow.is_assigned)))


def keep_learners(tx: Tx, placement_id: int, user_ids: Collection[int]) -> set[int]:
    """Those of the ids who are learners in the placement's LMS course now; one query."""
    query = (
        select(Membership.user_id)
        .join(PlacementRow, PlacementRow.context_id == Membership.context_id)
        .where(PlacementRow.id == placement_id, Membership.user_id.in_(user_ids))
        .where(Membership.role.in_(LEARNING), Membership.left_at.is_(None))
    )
    return set(tx.scalars(query))


def list_grade_targets(
    tx: Tx, placement_id: int, user_id: int, item_ref: str, launched_by: Collection[int] = ()
) -> list[GradeTarget]:
    """The activities showing this item that the person has launched as a learner, in the placement's LMS course.

    `launched_by`: others who have launched for them, as those who work in a group do for each other.
    """
    visited = select(Visit.link_id).where(Visit.user_id.in_({user_id, *launched_by}), Visit.role.in_(LEARNING))
    query = (
        select(Link)
        .join(PlacementRow, PlacementRow.context_id == Link.context_id)
        .where(PlacementRow.id == placement_id, Link.item_ref == item_ref)
        .where(Link.id.in_(visited))
        .order_by(Link.id)
    )
    return [
        GradeTarget(link.id, user_id, link.registration_id, link.title, link.lineitem_url) for link in tx.scalars(query)
    ]


def find_shown_item(tx: Tx, link_id: int) -> str | None:
    """Reference of the item that an activity of an LMS shows since it was last launched; None: none, or no activity."""
    return tx.scalar(select(Link.item_ref).where(Link.id == link_id))


def count_links(tx: Tx, item_refs: Collection[str]) -> dict[str, int]:
    """How many activities in LMSs show each of these items; those that none shows are left out."""
    query = select(Link.item_ref, func.count()).where(Link.item_ref.in_(item_refs)).group_by(Link.item_ref)
    return {ref: count for ref, count in tx.execute(query) if ref}


def find_platform_name(tx: Tx, registration_id: int) -> str | None:
    """The name of a registered platform."""
    row = tx.get(Registration, registration_id)
    return row.name if row else None


def count_platforms(tx: Tx) -> int:
    """How many platforms are registered, switched off ones too."""
    return tx.scalars(select(func.count(Registration.id))).one()


def uses_course(tx: Tx, context_id: int | None, course_slug: str) -> bool:
    """Does this LMS course use this course of ours already?"""
    mine = (PlacementRow.context_id == context_id, PlacementRow.course_slug == course_slug)
    return tx.scalar(select(PlacementRow.id).where(*mine)) is not None


def place_course(tx: Tx, context_id: int, course_slug: str) -> int:
    """Have people of an LMS course use this course of ours, without any activity there; returns the placement's id."""
    return record_visited_course(tx, context_id, course_slug)


def _placements(tx: Tx, which: ColumnElement[bool]) -> Iterator[Placement]:
    for row, context in tx.execute(_PLACEMENTS.where(which)):
        yield _placement(row, context)


def _placement(row: PlacementRow, context: Context) -> Placement:
    key = f"{row.course_slug}-{row.id}"
    return Placement(
        row.id,
        key,
        row.context_id,
        row.course_slug,
        context.registration_id,
        context.title,
        row.is_assigned,
        None if context.assistant_rights is None else tuple(context.assistant_rights),
    )


def _person(row: User) -> Person:
    return Person(row.id, row.hub_name, row.display_name, row.registration_id, row.sub, row.is_test)


def _member(user: User, row: Membership) -> MemberState:
    return MemberState(_person(user), row.role, row.launched_at, row.listed_at, row.left_at)

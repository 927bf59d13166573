"""What grading and the plugins may ask of LTI. Plain values in and out; the network only in `send_score`."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, func, select

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from lti_tool.kernel.jobs import Wait
from lti_tool.kernel.permissions import Role
from lti_tool.lti.ags import send_score
from lti_tool.lti.models import Approval, Context, Deployment, Link, Membership, Registration, User, Visit
from lti_tool.lti.models import Placement as PlacementRow
from lti_tool.lti.people import record_placement
from lti_tool.lti.scores import Score, ScoreRefused, Sent

__all__ = [
    "GradeTarget",
    "Person",
    "Placement",
    "Score",
    "ScoreRefused",
    "Sent",
    "count_links",
    "count_platforms",
    "find_person_by_hub_name",
    "find_placement",
    "find_placement_by_key",
    "find_platform_name",
    "find_shown_item",
    "get_person",
    "list_grade_targets",
    "list_learners",
    "list_people",
    "list_placement_roles",
    "list_placement_slugs",
    "list_placements",
    "place_course",
    "placements_of_platform",
    "send_score",
    "sum_by_platform",
    "uses_course",
    "wait_for_platform",
]

LEARNING = (Role.LEARNER, Role.TEST_STUDENT)
LONGEST_NUMBER = 10
OFF_S = 300.0
"""Work for a platform that is switched off looks again after so many seconds."""
_PLACEMENTS = select(PlacementRow, Context).join(Context).order_by(PlacementRow.id)


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
    assistant_rights: tuple[str, ...] | None = None
    """What its teacher lets assistants do; None: nobody has said."""


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


def list_placement_roles(tx: Tx, user_id: int) -> list[tuple[Placement, Role]]:
    """Where a person has launched which course, oldest first, and their role there as of the last launch.

    Several LMS courses may use one course of ours: somebody can teach it in one and learn it in another.
    """
    query = (
        select(PlacementRow, Context, Membership.role).select_from(PlacementRow).join(Context).order_by(PlacementRow.id)
    )
    query = query.join(Membership, Membership.context_id == Context.id)
    query = query.join(Deployment, Deployment.id == Context.deployment_row_id)
    query = query.where(Deployment.state == Approval.ACTIVE)
    rows = tx.execute(query.where(Membership.user_id == user_id))
    return [(_placement(row, context), role) for row, context, role in rows]


def list_learners(tx: Tx, placement_id: int) -> list[Person]:
    """People who launched the placement's LMS course as learners, by name."""
    query = (
        select(User)
        .join(Membership, Membership.user_id == User.id)
        .join(PlacementRow, PlacementRow.context_id == Membership.context_id)
        .where(PlacementRow.id == placement_id, Membership.role.in_(LEARNING))
        .order_by(User.display_name, User.id)
    )
    return [_person(row) for row in tx.scalars(query)]


def list_grade_targets(tx: Tx, placement_id: int, user_id: int, item_ref: str) -> list[GradeTarget]:
    """The activities showing this item that the person has launched as a learner, in the placement's LMS course."""
    query = (
        select(Link)
        .join(Visit, Visit.link_id == Link.id)
        .join(PlacementRow, PlacementRow.context_id == Link.context_id)
        .where(PlacementRow.id == placement_id, Link.item_ref == item_ref)
        .where(Visit.user_id == user_id, Visit.role.in_(LEARNING))
        .order_by(Link.id)
    )
    return [GradeTarget(link.id, user_id, link.registration_id, link.title) for link in tx.scalars(query)]


def find_shown_item(tx: Tx, link_id: int) -> str | None:
    """Reference of the item that an activity of an LMS shows since it was last launched; None: none, or no activity."""
    return tx.scalar(select(Link.item_ref).where(Link.id == link_id))


def count_links(tx: Tx, item_refs: Collection[str]) -> dict[str, int]:
    """How many activities in LMSs show each of these items; those that none shows are left out."""
    query = select(Link.item_ref, func.count()).where(Link.item_ref.in_(item_refs)).group_by(Link.item_ref)
    return {ref: count for ref, count in tx.execute(query) if ref}


def placements_of_platform(registration_id: int) -> Select[int]:
    """A query of the ids of every placement of a platform."""
    query = select(PlacementRow.id).join(Context, Context.id == PlacementRow.context_id)
    return query.where(Context.registration_id == registration_id)


def list_placement_slugs(tx: Tx, placement_ids: Collection[int]) -> dict[int, str]:
    """The course of each placement."""
    query = select(PlacementRow.id, PlacementRow.course_slug).where(PlacementRow.id.in_(placement_ids))
    return {row[0]: row[1] for row in tx.execute(query)}


def sum_by_platform(tx: Tx, counts: Sequence[tuple[int, int, int]]) -> dict[int, tuple[int, int]]:
    """From (placement id, all, refused) to (those that wait, refused) by registration."""
    query = select(PlacementRow.id, Context.registration_id).join(Context, Context.id == PlacementRow.context_id)
    ids = [placement_id for placement_id, _all, _refused in counts]
    platforms = {row[0]: row[1] for row in tx.execute(query.where(PlacementRow.id.in_(ids)))}
    found: dict[int, tuple[int, int]] = {}
    for placement_id, number, refused in counts:
        waiting, lost = found.get(platforms.get(placement_id, 0), (0, 0))
        found[platforms.get(placement_id, 0)] = (waiting + number - refused, lost + refused)
    return found


def wait_for_platform(tx: Tx, link_id: int) -> None:
    """Raises: jobs.Wait: the platform of this activity is switched off, so that nothing is sent to it now."""
    query = select(Registration.state).join(Link, Link.registration_id == Registration.id).where(Link.id == link_id)
    if tx.scalar(query) not in (None, Approval.ACTIVE):
        raise Wait("The LMS is switched off for this tool; it is sent when the LMS is switched on again.", OFF_S)


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
    """Have an LMS course use this course of ours, without any activity there; returns the placement's id."""
    return record_placement(tx, context_id, course_slug)


def _placements(tx: Tx, which: ColumnElement[bool]) -> Iterator[Placement]:
    for row, context in tx.execute(_PLACEMENTS.where(which)):
        yield _placement(row, context)


def _placement(row: PlacementRow, context: Context) -> Placement:
    key = f"{row.course_slug}-{row.id}"
    granted = None if context.assistant_rights is None else tuple(context.assistant_rights)
    return Placement(row.id, key, row.context_id, row.course_slug, context.registration_id, context.title, granted)


def _person(row: User) -> Person:
    return Person(row.id, row.hub_name, row.display_name, row.registration_id, row.sub, row.is_test)

"""Sets of groups of a placement: taken over from the LMS or made here, and which quiz is done in which of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, delete, exists, select

from grading.assignments import no_such_quiz
from grading.group_models import GroupMemberRow, GroupRow, GroupSetRow, GroupWorkRow
from grading.messages import FollowGroups
from grading.models import AssignmentRow, SubmissionRow
from lti_tool.kernel import audit, clock, jobs
from lti_tool.kernel.audit import Actor
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict, NotFound
from lti_tool.kernel.jobs import JobRun
from lti_tool.kernel.runtime import Runtime
from lti_tool.kernel.upsert import upsert
from lti_tool.lti import public as lti

FOLLOW_S = 600.0
"""How often the groups of quizzes in work are read again."""


@dataclass(frozen=True)
class GroupSet:
    """A set with its groups that have members."""

    id: int
    name: str
    is_own: bool
    """Was it made here?"""
    read_at: datetime
    groups: Mapping[str, Sequence[int]]
    """Ids of the members by the group's name, in the order of names."""
    group_ids: Mapping[str, int]
    """By the same names."""

    @property
    def user_ids(self) -> frozenset[int]:
        """Of everybody in it."""
        return frozenset(user_id for user_ids in self.groups.values() for user_id in user_ids)


@dataclass(frozen=True)
class GroupWork:
    """How a quiz is done in a placement."""

    row: AssignmentRow
    set_id: int | None
    """None: everybody alone."""
    is_begun: bool
    """Was something handed in? Then it stays as it is."""


def load_group_work(tx: Tx, slug: str, name: str, placement_id: int) -> GroupWork:
    """How a quiz is done; one query. Raises: NotFound."""
    theirs = and_(SubmissionRow.assignment_id == AssignmentRow.id, SubmissionRow.placement_id == placement_id)
    mine = and_(GroupWorkRow.assignment_id == AssignmentRow.id, GroupWorkRow.placement_id == placement_id)
    query = select(AssignmentRow, GroupWorkRow.set_id, exists().where(theirs).label("is_begun"))
    query = query.outerjoin(GroupWorkRow, mine)
    found = tx.execute(query.where(AssignmentRow.course_slug == slug, AssignmentRow.name == name)).first()
    if found is None:
        raise no_such_quiz()
    return GroupWork(*found)


def list_sets(tx: Tx, placement_id: int) -> list[GroupSet]:
    """The sets of a placement by name; one query."""
    query = (
        select(GroupSetRow, GroupRow.id, GroupRow.name, GroupMemberRow.user_id)
        .outerjoin(GroupMemberRow, GroupMemberRow.set_id == GroupSetRow.id)
        .outerjoin(GroupRow, GroupRow.id == GroupMemberRow.group_id)
        .where(GroupSetRow.placement_id == placement_id)
        .order_by(GroupSetRow.name, GroupSetRow.id, GroupRow.name, GroupRow.id, GroupMemberRow.user_id)
    )
    rows: dict[int, GroupSetRow] = {}
    members: dict[int, dict[int, list[int]]] = {}
    names: dict[int, str] = {}
    for row, group_id, name, user_id in tx.execute(query):
        rows[row.id] = row
        groups = members.setdefault(row.id, {})
        if group_id is not None:
            groups.setdefault(group_id, []).append(user_id)
            names[group_id] = name
    return [_group_set(row, members[row.id], names) for row in rows.values()]


def choose_set(tx: Tx, work: GroupWork, placement_id: int, set_id: int | None, by: Actor) -> None:
    """Have a quiz done in the groups of a set, or alone (None).

    Raises: NotFound: no such set here. Conflict: something was handed in already.
    """
    tx.execute(
        select(AssignmentRow.id).where(AssignmentRow.id == work.row.id).with_for_update()
    )  # no hand-in meanwhile
    work = load_group_work(tx, work.row.course_slug, work.row.name, placement_id)
    if work.set_id == set_id:
        return
    if work.is_begun:
        raise Conflict(
            "group_work_begun",
            "Something was handed in for this quiz already, so who hands in for whom cannot be changed any more. "
            "Who is in which group still can: that holds for what is handed in from then on.",
        )
    if set_id is not None:
        _get_set(tx, placement_id, set_id)
        key = {"placement_id": placement_id, "assignment_id": work.row.id}
        upsert(tx, GroupWorkRow, key, {"set_id": set_id})
    else:
        mine = (GroupWorkRow.placement_id == placement_id, GroupWorkRow.assignment_id == work.row.id)
        tx.execute(delete(GroupWorkRow).where(*mine))
    target = f"quiz {work.row.course_slug}/{work.row.name} in placement {placement_id}"
    audit.record(tx, by, "group_work.choose", target, before={"set": work.set_id}, after={"set": set_id})


def save_own_set(tx: Tx, placement_id: int, set_id: int | None, name: str, wanted: Mapping[int, str]) -> int:
    """Make a set, or change one that was made here: a group's name by user id. Returns its id.

    Groups that stand there already are found again by their names. Raises: NotFound.
    """
    if set_id is None:
        row = GroupSetRow(placement_id=placement_id, name=name, lms_set=None, read_at=clock.now())
        tx.add(row)
        tx.flush()
    else:
        row = _get_set(tx, placement_id, set_id)
        if row.lms_set is not None:
            raise _no_such_set()
    row.name, row.read_at = name, clock.now()
    known = {each.name.casefold(): each for each in tx.scalars(select(GroupRow).where(GroupRow.set_id == row.id))}
    for group in wanted.values():
        if group.casefold() not in known:
            known[group.casefold()] = each = GroupRow(set_id=row.id, name=group, lms_group=None)
            tx.add(each)
    tx.flush()
    _set_members(tx, row.id, {user_id: known[group.casefold()].id for user_id, group in wanted.items()})
    return row.id


def read_lms_groups(runtime: Runtime, placement: lti.Placement) -> None:
    """Take over the groups of the LMS as they are now. Not inside a transaction.

    A platform that does not answer leaves everything as it is.
    """
    groups = lti.list_groups(runtime, placement.context_id)
    with runtime.db.transaction() as tx:
        take_over_groups(tx, placement.id, groups)


def take_over_groups(tx: Tx, placement_id: int, groups: Collection[lti.Group]) -> None:
    """Make the sets that came from the LMS like these groups.

    Groups that their members do not see are left out: handing in together would tell of them. Who is in several groups
    of one set is in the first of them by name.
    """
    told: dict[str, list[lti.Group]] = {}
    for group in sorted(groups, key=lambda each: (each.name.casefold(), each.lms_id)):
        if not group.is_hidden:
            told.setdefault(group.set_id, []).append(group)
    query = select(GroupSetRow).where(GroupSetRow.placement_id == placement_id, GroupSetRow.lms_set.is_not(None))
    known = {row.lms_set: row for row in tx.scalars(query.order_by(GroupSetRow.id).with_for_update())}
    for lms_set in [*known, *(each for each in told if each not in known)]:
        members = told.get(lms_set or "", [])
        row = known.get(lms_set)
        if row is None:
            row = GroupSetRow(placement_id=placement_id, name="", lms_set=lms_set, read_at=clock.now())
            tx.add(row)
        row.name, row.read_at = members[0].set_name if members else row.name, clock.now()
        tx.flush()
        _take_over_set(tx, row, members)


def follow_groups(run: JobRun, message: FollowGroups) -> None:
    """Handle `FollowGroups`."""
    with run.runtime.db.reading() as tx:
        placement = lti.find_placement(tx, message.placement_id)
    if placement is not None:
        read_lms_groups(run.runtime, placement)


def follow_all_groups(runtime: Runtime) -> None:
    """Have the groups read again of every placement that has a quiz done in groups of the LMS."""
    query = select(GroupSetRow.placement_id).join(GroupWorkRow, GroupWorkRow.set_id == GroupSetRow.id)
    with runtime.db.transaction() as tx:
        for placement_id in tx.scalars(query.where(GroupSetRow.lms_set.is_not(None)).distinct()).all():
            jobs.enqueue(tx, FollowGroups(placement_id))


def _take_over_set(tx: Tx, row: GroupSetRow, told: Sequence[lti.Group]) -> None:
    known = {each.lms_group: each for each in tx.scalars(select(GroupRow).where(GroupRow.set_id == row.id))}
    for group in told:
        each = known.get(group.lms_id)
        if each is None:
            each = known[group.lms_id] = GroupRow(set_id=row.id, lms_group=group.lms_id)
            tx.add(each)
        each.name = group.name
    tx.flush()
    wanted: dict[int, int] = {}
    for group in told:
        for user_id in group.learner_ids:
            wanted.setdefault(user_id, known[group.lms_id].id)
    _set_members(tx, row.id, wanted)


def _set_members(tx: Tx, set_id: int, wanted: Mapping[int, int]) -> None:
    """Make the members of a set these: group id by user id. What stays is not touched."""
    rows = {row.user_id: row for row in tx.scalars(select(GroupMemberRow).where(GroupMemberRow.set_id == set_id))}
    for user_id, row in rows.items():
        if user_id not in wanted:
            tx.delete(row)
        elif row.group_id != wanted[user_id]:
            row.group_id = wanted[user_id]
    new = (user_id for user_id in wanted if user_id not in rows)
    tx.add_all(GroupMemberRow(set_id=set_id, user_id=user_id, group_id=wanted[user_id]) for user_id in new)
    tx.flush()


def _get_set(tx: Tx, placement_id: int, set_id: int) -> GroupSetRow:
    row = tx.get(GroupSetRow, set_id, with_for_update=True)
    if row is None or row.placement_id != placement_id:
        raise _no_such_set()
    return row


def _no_such_set() -> NotFound:
    return NotFound("group_set_not_found", "There is no such set of groups in your course. Load the page again.")


def _group_set(row: GroupSetRow, members: Mapping[int, list[int]], names: Mapping[int, str]) -> GroupSet:
    groups: dict[str, Sequence[int]] = {}
    ids: dict[str, int] = {}
    for group_id, user_ids in members.items():
        name = names[group_id] if names[group_id] not in groups else f"{names[group_id]} ({group_id})"
        groups[name], ids[name] = user_ids, group_id
    return GroupSet(row.id, row.name, row.lms_set is None, row.read_at, groups, ids)

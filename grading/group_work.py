"""Group work as the rest of grading sees it: which quizzes are done in groups, and for whom a learner hands in.

One submission is the group's. Its marks go to those who were members when it was handed in, whoever joins or leaves
later; a learner in no group hands in alone (docs/adr/0028-group-work.md).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import and_, func, select
from sqlalchemy.orm import aliased

from grading.group_models import GroupMemberRow, GroupRow, GroupWorkRow, ShareRow
from grading.models import AssignmentRow, SubmissionRow
from lti_tool.kernel.db import Tx
from lti_tool.lti import public as lti

PREFIX = "group-"


@dataclass(frozen=True)
class Team:
    """A group as it is now."""

    id: int
    name: str
    user_ids: tuple[int, ...]


@dataclass(frozen=True)
class HandedIn:
    """For whom a group's submission was handed in."""

    name: str
    """Of the group."""
    user_ids: tuple[int, ...]

    def say(self, names: Mapping[int, str]) -> str:
        """The group and those members who have a name here."""
        members = say_members(names, self.user_ids)
        return f"{self.name}: {members}" if members else self.name


@dataclass(frozen=True)
class OwnGroup:
    """The group of a learner for one quiz."""

    name: str
    members: tuple[str, ...]
    used: int
    """Attempts that it has made."""


@dataclass(frozen=True)
class Party:
    """Those for whom a submission is handed in: a group, or one learner."""

    student: str
    """What the gradebook calls them."""
    group_id: int | None
    user_ids: tuple[int, ...]


def student_of(group_id: int) -> str:
    """What nbgrader's gradebook calls a group; no person in the Hub is called so."""
    return f"{PREFIX}{group_id}"


def find_party(tx: Tx, assignment_id: int, placement_id: int, user_id: int, hub_name: str) -> Party:
    """For whom a learner hands in now. In group work one hand-in waits for the other, so no two get one number.

    Until the transaction ends nobody changes how the quiz is done (`choose_set`).
    """
    quiz = select(AssignmentRow.id).where(AssignmentRow.id == assignment_id)
    tx.execute(quiz.with_for_update(read=True, key_share=True))
    work = select(GroupWorkRow.set_id).where(
        GroupWorkRow.placement_id == placement_id, GroupWorkRow.assignment_id == assignment_id
    )
    set_id = tx.scalar(work.with_for_update())
    team = None if set_id is None else _team_in(tx, set_id, user_id)
    if team is None:
        return Party(hub_name, None, (user_id,))
    there = lti.keep_learners(tx, placement_id, team.user_ids) | {user_id}
    return Party(student_of(team.id), team.id, tuple(sorted(there)))


def list_own_groups(tx: Tx, assignment_ids: Collection[int], placement_id: int, user_id: int) -> dict[int, OwnGroup]:
    """The groups of a learner by quiz; one query."""
    names, mine, member = lti.select_names().subquery(), aliased(GroupMemberRow), GroupMemberRow
    used = (
        select(func.coalesce(func.max(SubmissionRow.number), 0))
        .where(SubmissionRow.group_id == GroupRow.id, SubmissionRow.assignment_id == GroupWorkRow.assignment_id)
        .correlate(GroupRow, GroupWorkRow)
        .scalar_subquery()
    )
    query = (
        select(GroupWorkRow.assignment_id, GroupRow.name.label("group"), names.c.name, used.label("used"))
        .join(mine, and_(mine.set_id == GroupWorkRow.set_id, mine.user_id == user_id))
        .join(GroupRow, GroupRow.id == mine.group_id)
        .join(member, member.group_id == GroupRow.id)
        .join(names, names.c.id == member.user_id)
        .where(GroupWorkRow.placement_id == placement_id, GroupWorkRow.assignment_id.in_(assignment_ids))
        .order_by(names.c.name, names.c.id)
    )
    found: dict[int, OwnGroup] = {}
    for assignment_id, group, name, number in tx.execute(query):
        before = found.get(assignment_id, OwnGroup(group, (), number))
        found[assignment_id] = OwnGroup(group, (*before.members, name), number)
    return found


def list_handed_in(tx: Tx, placement_id: int, assignment_id: int | None = None) -> dict[int, HandedIn]:
    """What groups handed in, for one quiz or all, by id of the submission; one query."""
    query = (
        select(ShareRow.submission_id, GroupRow.name, ShareRow.user_id)
        .join(SubmissionRow, SubmissionRow.id == ShareRow.submission_id)
        .join(GroupRow, GroupRow.id == SubmissionRow.group_id)
        .where(SubmissionRow.placement_id == placement_id)
        .order_by(ShareRow.user_id)
    )
    if assignment_id is not None:
        query = query.where(SubmissionRow.assignment_id == assignment_id)
    found: dict[int, HandedIn] = {}
    for submission_id, name, user_id in tx.execute(query):
        before = found.get(submission_id, HandedIn(name, ()))
        found[submission_id] = HandedIn(name, (*before.user_ids, user_id))
    return found


def list_group_names(tx: Tx, placement_id: int) -> dict[str, str]:
    """The names of the groups of a placement by what the gradebook calls them; one query."""
    handed_in = select(SubmissionRow.group_id).where(SubmissionRow.placement_id == placement_id)
    query = select(GroupRow.id, GroupRow.name).where(GroupRow.id.in_(handed_in))
    return {student_of(group_id): name for group_id, name in tx.execute(query)}


def list_group_members(tx: Tx, placement_id: int) -> dict[tuple[str, str], tuple[int, ...]]:
    """Whose the newest marked submission of each group is, by (assignment, what the gradebook calls it); one query."""
    query = (
        select(AssignmentRow.name, SubmissionRow.hub_name, SubmissionRow.id, ShareRow.user_id)
        .join(SubmissionRow, SubmissionRow.assignment_id == AssignmentRow.id)
        .join(ShareRow, ShareRow.submission_id == SubmissionRow.id)
        .where(SubmissionRow.placement_id == placement_id, SubmissionRow.points.is_not(None))
        .order_by(SubmissionRow.number, ShareRow.user_id)
    )
    newest: dict[tuple[str, str], dict[int, list[int]]] = {}
    for assignment, student, submission_id, user_id in tx.execute(query):
        newest.setdefault((assignment, student), {}).setdefault(submission_id, []).append(user_id)
    return {key: tuple(list(found.values())[-1]) for key, found in newest.items()}


def say_members(names: Mapping[int, str], user_ids: Collection[int]) -> str:
    """The names of members in their order, for people."""
    return ", ".join(sorted((names[each] for each in user_ids if each in names), key=str.casefold))


def _team_in(tx: Tx, set_id: int, user_id: int) -> Team | None:
    mine = select(GroupMemberRow.group_id).where(GroupMemberRow.set_id == set_id, GroupMemberRow.user_id == user_id)
    query = select(GroupRow.id, GroupRow.name, GroupMemberRow.user_id)
    query = query.join(GroupMemberRow, GroupMemberRow.group_id == GroupRow.id)
    rows = tx.execute(query.where(GroupRow.id == mine.scalar_subquery()).order_by(GroupMemberRow.user_id)).all()
    return Team(rows[0][0], rows[0][1], tuple(row[2] for row in rows)) if rows else None

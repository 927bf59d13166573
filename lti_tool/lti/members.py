"""Who is in an LMS course, as launches and the list of participants tell: the one place that writes memberships.

A launch is the newest word on its person: what a list says that was asked for before the launch does not count for
them. The list decides about everybody else, with two exceptions. Whoever launched as staff or as a test student and
never stood on a list (an administrator enters courses without being a participant; so does the student view) keeps
their place for the life of a session after the launch. And where the list's role differed from the launch's from the
start, the launch's stays: Moodle asks for other permissions in launches than in lists. A role that changes on
the list changes here.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Insert, or_, select, update

from lti_tool.kernel import clock
from lti_tool.kernel.db import Base, Tx, affect
from lti_tool.kernel.jobs import emit
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.kernel.upsert import insert_into, upsert
from lti_tool.lti.identity import first_name_of, hub_name_of
from lti_tool.lti.messages import MOST_MEMBERS, MembersJoined, MembersLeft, RolesChanged
from lti_tool.lti.models import Membership, Registration, User
from lti_tool.lti.nrps import Listing, Member
from lti_tool.web.session import end_sessions_in

T = TypeVar("T")
AT_ONCE = MOST_MEMBERS


@dataclass
class Outcome:
    """What a list changed: ids of people."""

    joined: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    skipped: int = 0
    """People about whom a launch knows better than this list."""


def record_launch(tx: Tx, user_id: int, context_id: int, role: Role) -> None:
    """Somebody launched: they are in the course, in this role."""
    moment, key = clock.now(), {"user_id": user_id, "context_id": context_id}
    mine = (Membership.user_id == user_id, Membership.context_id == context_id)
    same = update(Membership).where(*mine, Membership.role == role, Membership.left_at.is_(None))
    if affect(tx, same.values(launched_at=moment)):
        return
    before = tx.get(Membership, (user_id, context_id))
    upsert(tx, Membership, key, {"role": role, "launched_at": moment, "left_at": None})
    if before is None or before.left_at is not None:
        emit(tx, MembersJoined(context_id, [user_id]))
    if before is not None and before.role is not role:
        emit(tx, RolesChanged(context_id, [user_id]))


def apply_list(
    tx: Tx,
    runtime: Runtime,
    registration: Registration,
    context_id: int,
    listing: Listing,
    began: datetime,
    *,
    full: bool,
) -> Outcome:
    """Take over a list (`full`) or differences that were asked for at `began`; ends sessions and states events."""
    listed = sorted(listing.members, key=lambda member: member.sub)
    user_ids = _record_people(tx, runtime, registration, [member for member in listed if member.is_active])
    user_ids |= _find_people(tx, registration, [member.sub for member in listed if member.sub not in user_ids])
    work = _Work(tx, context_id, began, {user_ids[each.sub]: each for each in listed if each.sub in user_ids})
    work.join()
    work.follow_roles()
    work.leave([user_id for user_id, member in work.members.items() if not member.is_active])
    if full and listing.is_whole:
        life = timedelta(hours=runtime.settings.web.session_hours)
        work.leave(work.find_absent(visitors_since=began - life))
    _announce(tx, context_id, work.outcome)
    return work.outcome


class _Work:
    """One list against the memberships of one course. Every change asks again whether a launch came between."""

    def __init__(self, tx: Tx, context_id: int, began: datetime, members: dict[int, Member]) -> None:
        self._tx = tx
        self._context_id = context_id
        self._began = began
        self.members = members
        """By the person's number."""
        self.outcome = Outcome()
        query = select(Membership).where(Membership.context_id == context_id).order_by(Membership.user_id)
        self._rows = {row.user_id: row for row in tx.scalars(query)}

    def join(self) -> None:
        """New members get a row; those who had left are back."""
        active = {user_id: member for user_id, member in self.members.items() if member.is_active}
        new = [user_id for user_id in active if user_id not in self._rows]
        rows = [self._row(user_id, active[user_id].role) for user_id in new]
        insert_missing(self._tx, Membership, rows)
        self.outcome.joined += new
        back = [user_id for user_id in active if user_id in self._rows and self._rows[user_id].left_at is not None]
        self.outcome.joined += self._change(back, Membership.left_at.is_not(None), left_at=None)

    def follow_roles(self) -> None:
        """Roles that the list gives otherwise than before, and those of people who never launched."""
        for user_id, member in self.members.items():
            row = self._rows.get(user_id)
            if row is None or not member.is_active:
                continue
            follows = row.launched_at is None or row.listed_role not in (None, member.role)
            if follows and row.role is not member.role:
                self.outcome.changed += self._change([user_id], Membership.role == row.role, role=member.role)
            if row.listed_role is not member.role:
                self._touch([user_id], listed_role=member.role)
        self._touch([user_id for user_id, member in self.members.items() if member.is_active], listed_at=self._began)

    def leave(self, user_ids: list[int]) -> None:
        """These are not in the course any more."""
        there = [each for each in user_ids if each in self._rows and self._rows[each].left_at is None]
        gone = self._change(there, Membership.left_at.is_(None), left_at=clock.now())
        self.outcome.left += gone
        self.outcome.skipped += len(there) - len(gone)

    def find_absent(self, visitors_since: datetime) -> list[int]:
        """Whom a whole list does not name, without unlisted staff and test students who launched since then."""

        def visits(row: Membership) -> bool:
            is_other = row.role.is_staff or row.role is Role.TEST_STUDENT
            recent = row.launched_at is not None and row.launched_at >= visitors_since
            return row.listed_at is None and is_other and recent

        return [user_id for user_id, row in self._rows.items() if user_id not in self.members and not visits(row)]

    def _row(self, user_id: int, role: Role) -> dict[str, Any]:
        key = {"user_id": user_id, "context_id": self._context_id}
        return {**key, "role": role, "listed_role": role, "listed_at": self._began}

    def _change(self, user_ids: Sequence[int], still: ColumnElement[bool], **values: Any) -> list[int]:
        """Change those of whom a list may speak and who are `still` so; returns them."""
        no_newer_launch = or_(Membership.launched_at.is_(None), Membership.launched_at < self._began)
        changed: list[int] = []
        for some in _portions(user_ids):
            mine = (Membership.context_id == self._context_id, Membership.user_id.in_(some), no_newer_launch, still)
            statement = update(Membership).where(*mine).values(**values).returning(Membership.user_id)
            changed += self._tx.scalars(statement.execution_options(synchronize_session=False))
        return sorted(changed)

    def _touch(self, user_ids: Sequence[int], **values: Any) -> None:
        for some in _portions(user_ids):
            mine = (Membership.context_id == self._context_id, Membership.user_id.in_(some))
            affect(self._tx, update(Membership).where(*mine).values(**values))


def insert_missing(tx: Tx, model: type[Base], rows: list[dict[str, Any]]) -> None:
    """Insert the rows whose keys are not there yet; the others stay as they are."""
    dialect = tx.get_bind().dialect.name
    for some in _portions(rows):
        statement: Insert = insert_into(dialect, model).on_conflict_do_nothing()
        tx.execute(statement, list(some))


def _record_people(tx: Tx, runtime: Runtime, registration: Registration, members: list[Member]) -> dict[str, int]:
    """Numbers by `sub`; who is new gets a row, who is called otherwise now is called so here.

    Whoever had their data erased stays unknown until they launch: a list does not undo an erasure.
    """
    known = _find_people(tx, registration, [member.sub for member in members])
    new = [_user_row(runtime, registration, member) for member in members if member.sub not in known]
    insert_missing(tx, User, new)
    known |= _find_people(tx, registration, [row["sub"] for row in new])
    names = {user_id: name for some in _portions(list(known.values())) for user_id, name in _names(tx, some)}
    for member in members:
        user_id = known.get(member.sub)
        if user_id is not None and member.name and names[user_id] != member.name:
            affect(tx, update(User).where(User.id == user_id).values(display_name=member.name))
    return known


def _user_row(runtime: Runtime, registration: Registration, member: Member) -> dict[str, Any]:
    hub_name = hub_name_of(runtime.signer, registration, member.sub)
    return {
        "registration_id": registration.id,
        "sub": member.sub,
        "hub_name": hub_name,
        "display_name": member.name or first_name_of(hub_name),
        "is_test": member.role is Role.TEST_STUDENT,
    }


def _find_people(tx: Tx, registration: Registration, subs: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for some in _portions(subs):
        query = select(User.sub, User.id).where(User.registration_id == registration.id, User.sub.in_(some))
        found |= {row.sub: row.id for row in tx.execute(query)}
    return found


def _names(tx: Tx, user_ids: Collection[int]) -> Iterable[tuple[int, str]]:
    query = select(User.id, User.display_name).where(User.id.in_(user_ids))
    return [(user_id, name) for user_id, name in tx.execute(query)]


def _announce(tx: Tx, context_id: int, outcome: Outcome) -> None:
    for some in _portions([*outcome.left, *outcome.changed]):
        end_sessions_in(tx, context_id, some)
    for event, user_ids in (
        (MembersJoined, outcome.joined),
        (MembersLeft, outcome.left),
        (RolesChanged, outcome.changed),
    ):
        for some in _portions(user_ids):
            emit(tx, event(context_id, list(some)))


def _portions(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), AT_ONCE):
        yield values[start : start + AT_ONCE]

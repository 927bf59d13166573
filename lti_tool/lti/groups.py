"""Course Groups Service 1.0: the groups that a teacher has made in the LMS. https://www.imsglobal.org/spec/lti-gs/v1p0/.

They are read when somebody asks and the last reading is old. What the platform does not give keeps what is known.
"""

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import ExternalError, NotFound
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti import nrps
from lti_tool.lti.login import add_query
from lti_tool.lti.models import ID_LENGTH, Context, Registration, User
from lti_tool.lti.models_services import Group as GroupRow
from lti_tool.lti.models_services import GroupMember
from lti_tool.lti.roles import role_of
from lti_tool.lti.services import PlatformService

log = logging.getLogger(__name__)

SCOPE = "https://purl.imsglobal.org/spec/lti-gs/scope/contextgroup.readonly"
GROUPS_TYPE = "application/vnd.ims.lti-gs.v1.contextgroupcontainer+json"
SETS_TYPE = "application/vnd.ims.lti-gs.v1.contextgroupsetcontainer+json"
FRESH = timedelta(minutes=10)
MOST_GROUPS = 5000


@dataclass(frozen=True)
class Group:
    """A group of an LMS course."""

    id: int
    lms_id: str
    """The platform's own number of it."""
    name: str
    set_id: str
    """The platform's number of the set; empty: none."""
    set_name: str
    """Of the set of groups that it belongs to; empty: none."""
    tag: str
    is_hidden: bool
    """Do its members not see that there is this group?"""
    learner_ids: tuple[int, ...]
    """Of the learners in it who have launched."""
    waiting: int
    """How many learners in it have not launched yet."""


def list_groups(runtime: Runtime, context_id: int) -> list[Group]:
    """The groups of an LMS course, read again if that was long ago. Not inside a transaction.

    A platform without groups, or that does not answer, gives those that are known. Raises: NotFound: no such course.
    """
    with runtime.db.reading() as tx:
        context = tx.get(Context, context_id)
    if context is None:
        raise NotFound("context_not_found", "This course of the LMS is not known here.")
    is_old = context.groups_read_at is None or clock.now() - context.groups_read_at >= FRESH
    if context.groups_url and is_old:
        try:
            read_groups(runtime, context_id)
        except ExternalError as error:
            log.warning("groups_not_read", extra={"context": context_id, "code": error.code})
    with runtime.db.reading() as tx:
        return find_groups(tx, context_id)


def find_groups(tx: Tx, context_id: int) -> list[Group]:
    """The groups as last read, by set and name. Two queries."""
    mine = (
        select(GroupRow)
        .where(GroupRow.context_id == context_id)
        .order_by(GroupRow.set_name, GroupRow.name, GroupRow.id)
    )
    rows = tx.scalars(mine).all()
    registration = select(Context.registration_id).where(Context.id == context_id).scalar_subquery()
    members = (
        select(GroupMember.group_row_id, User.id)
        .outerjoin(User, (User.sub == GroupMember.sub) & (User.registration_id == registration))
        .where(GroupMember.group_row_id.in_([row.id for row in rows]), GroupMember.role == Role.LEARNER)
        .order_by(User.id)
    )
    found: dict[int, list[int | None]] = {}
    for group_row_id, user_id in tx.execute(members):
        found.setdefault(group_row_id, []).append(user_id)
    return [_group(row, found.get(row.id, [])) for row in rows]


def read_groups(runtime: Runtime, context_id: int) -> None:
    """Read groups, sets and who is in them, all pages. Raises: ExternalError: then nothing is changed."""
    with runtime.db.reading() as tx:
        context = tx.get_one(Context, context_id)
        registration = tx.get_one(Registration, context.registration_id)
    service = PlatformService(runtime, registration, [SCOPE])
    groups = _entries(service, context.groups_url or "", GROUPS_TYPE, "groups")
    sets = _entries(service, context.group_sets_url, SETS_TYPE, "sets") if context.group_sets_url else []
    members = _read_members(runtime, registration, context)
    with runtime.db.transaction() as tx:
        _keep(tx, context_id, groups, {_text(each, "id"): _text(each, "name") for each in sets}, members)


def _read_members(runtime: Runtime, registration: Registration, context: Context) -> list[tuple[str, str, Role]]:
    """(group id, sub, role): the roster says it when it is asked with `groups=true`."""
    if not context.memberships_url:
        return []
    service = PlatformService(runtime, registration, [nrps.SCOPE])
    url = add_query(context.memberships_url, {"groups": "true"})
    return [
        (_text(enrolment, "group_id"), _text(member, "user_id"), role_of(_texts(member.get("roles"))))
        for member in _entries(service, url, nrps.MEDIA_TYPE, "members")
        if member.get("status", "Active") == "Active"
        for enrolment in _objects(member.get("group_enrollments"))
    ]


def _keep(
    tx: Tx, context_id: int, groups: list[dict[str, Any]], sets: dict[str, str], members: list[tuple[str, str, Role]]
) -> None:
    tx.get_one(Context, context_id, with_for_update=True).groups_read_at = clock.now()
    rows = {row.group_id: row for row in tx.scalars(select(GroupRow).where(GroupRow.context_id == context_id))}
    said = {_text(each, "id"): each for each in groups[:MOST_GROUPS] if _text(each, "id")}
    tx.execute(delete(GroupMember).where(GroupMember.group_row_id.in_([row.id for row in rows.values()])))
    for group_id in rows.keys() - said.keys():
        tx.delete(rows.pop(group_id))
    for group_id, each in said.items():
        row = rows.get(group_id)
        if row is None:
            row = rows[group_id] = GroupRow(context_id=context_id, group_id=group_id)
            tx.add(row)
        set_id = _text(each, "set_id")
        row.name, row.tag, row.set_id = _text(each, "name") or group_id, _text(each, "tag"), set_id or None
        row.set_name, row.is_hidden = sets.get(set_id, ""), each.get("hidden") in (True, "true")
    tx.flush()
    known = {(group_id, sub): role for group_id, sub, role in members if sub and group_id in rows}
    tx.add_all(GroupMember(group_row_id=rows[group].id, sub=sub, role=role) for (group, sub), role in known.items())
    tx.flush()


def _group(row: GroupRow, learners: list[int | None]) -> Group:
    known = tuple(user_id for user_id in learners if user_id is not None)
    return Group(
        row.id,
        row.group_id,
        row.name,
        row.set_id or "",
        row.set_name,
        row.tag,
        row.is_hidden,
        known,
        len(learners) - len(known),
    )


def _entries(service: PlatformService, url: str, media_type: str, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for response in service.pages(url, media_type):
        try:
            page = json.loads(response.content)[name]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            message = "The LMS answered with something else than its groups."
            raise ExternalError("groups_invalid", message, retryable=True) from error
        found += _objects(page)
    return found


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(entry: dict[str, Any], name: str) -> str:
    value = entry.get(name)
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    return "" if "\0" in text else text[:ID_LENGTH]


def _texts(value: Any) -> Iterable[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []

"""Names and Role Provisioning Services 2.0: who is in a course. https://www.imsglobal.org/spec/lti-nrps/v2p0/."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import httpx

from lti_tool.kernel.errors import ExternalError, NotFound
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import ID_LENGTH, Context, Registration
from lti_tool.lti.roles import role_of
from lti_tool.lti.services import PlatformService, find_link, with_query

SCOPE = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
MEDIA_TYPE = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
ON_PAGE = 200
"""Members asked for at a time. Canvas gives 50 at most; Moodle, unasked, gives everybody in one answer."""
_MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership#"


class Status(StrEnum):
    """What the list says of a person. Who is inactive has no access for the time being."""

    ACTIVE = "Active"
    INACTIVE = "Inactive"
    DELETED = "Deleted"


STATUSES = [status.value for status in Status]


@dataclass(frozen=True)
class Member:
    """A person in the LMS course; the name is empty where the platform keeps it to itself."""

    sub: str
    name: str
    roles: frozenset[str]
    """As given: full URIs, or short names (Moodle)."""
    status: Status
    email: str = ""
    """As the platform tells it at this moment, as is the next; neither is stored."""
    username: str = ""
    """`lis_person_sourcedid`: what the platform's own records call the person."""

    @property
    def role(self) -> Role:
        """The one role that they have here."""
        return role_of(self.roles)

    @property
    def is_active(self) -> bool:
        """Has access to the LMS course."""
        return self.status is Status.ACTIVE


@dataclass(frozen=True)
class Listing:
    """A list that was read to its end."""

    members: tuple[Member, ...]
    """Each person once."""
    differences_url: str | None = None
    """Where the platform will tell what has changed since; None: it does not."""
    is_whole: bool = True
    """False: some entries could not be read, so that nobody's absence means anything."""


@dataclass
class _Reading:
    members: dict[str, Member] = field(default_factory=dict)
    is_whole: bool = True

    def take(self, entries: Iterable[Any]) -> None:
        """One page. Platforms that list a person once for each role or section are understood."""
        for entry in entries:
            member = _member(entry)
            if member is None:
                self.is_whole = False
            elif member.sub in self.members:
                self.members[member.sub] = _joined(self.members[member.sub], member)
            else:
                self.members[member.sub] = member


def list_members(
    runtime: Runtime, context_id: int, *, role: str = "", rlid: str = "", limit: int = ON_PAGE
) -> list[Member]:
    """Everybody in a course, all pages; `role` is a short name (`Learner`), `rlid` a resource link.

    Platforms leave out of the list for a resource link whoever cannot open it (Moodle) or has nothing to hand in there
    (Canvas): it says nothing about who is in the course. Not inside a transaction. Raises: NotFound, ExternalError.
    """
    url, service = _open(runtime, context_id)
    filters = {"role": _MEMBERSHIP + role} if role else {}
    filters |= {"rlid": rlid} if rlid else {}
    listing = _read(service, with_query(url, limit=str(limit), **filters))
    # Moodle's link to the next page loses the filter
    return [member for member in listing.members if not role or _has_role(member, role)]


@dataclass(frozen=True)
class Contact:
    """How a platform's people can be known besides by its ids; empty where it keeps that to itself."""

    sub: str
    email: str
    username: str


def list_contacts(runtime: Runtime, context_id: int) -> list[Contact]:
    """Of everybody who is in a course now. Not inside a transaction. Raises: NotFound, ExternalError."""
    members = read_list(runtime, context_id).members
    return [Contact(member.sub, member.email, member.username) for member in members if member.is_active]


def read_list(runtime: Runtime, context_id: int) -> Listing:
    """The whole list of a course. Not inside a transaction. Raises: NotFound, ExternalError.

    A list without anybody is an error: whoever reads it was let in by somebody who is in the course.
    """
    url, service = _open(runtime, context_id)
    listing = _read(service, with_query(url, limit=str(ON_PAGE)))
    if not any(member.is_active for member in listing.members):
        raise ExternalError("roster_empty", "The LMS says that nobody is in this course.", retryable=False)
    return listing


def read_differences(runtime: Runtime, context_id: int, url: str) -> Listing:
    """Who has changed since the list that named this address was read. Raises: NotFound, ExternalError."""
    _url, service = _open(runtime, context_id)
    return _read(service, url)


def _open(runtime: Runtime, context_id: int) -> tuple[str, PlatformService]:
    with runtime.db.reading() as tx:
        context = tx.get(Context, context_id)
        registration = tx.get(Registration, context.registration_id) if context else None
    if context is None or registration is None or not context.memberships_url:
        raise NotFound("roster_not_found", "The LMS offers no list of participants for this course.")
    return context.memberships_url, PlatformService(runtime, registration, [SCOPE])


def _read(service: PlatformService, url: str) -> Listing:
    reading, differences_url = _Reading(), None
    for response in service.pages(url, MEDIA_TYPE):
        reading.take(_entries(response))
        differences_url = find_link(response, url, "differences") or differences_url
    return Listing(tuple(reading.members.values()), differences_url, reading.is_whole)


def _entries(response: httpx.Response) -> list[Any]:
    try:
        found = json.loads(response.content)["members"]
    except (ValueError, KeyError, TypeError):
        found = None
    if not isinstance(found, list):
        raise ExternalError(
            "roster_invalid", "The LMS answered with something else than its list of participants.", retryable=True
        )
    return found


def _member(entry: Any) -> Member | None:
    """None: it cannot be read."""
    if not isinstance(entry, dict):
        return None
    sub, roles, status = entry.get("user_id"), entry.get("roles"), entry.get("status", Status.ACTIVE.value)
    if not isinstance(sub, str) or not sub.isprintable() or not 0 < len(sub) <= ID_LENGTH or status not in STATUSES:
        return None
    named = [role for role in roles if isinstance(role, str)] if isinstance(roles, list) else []
    more = (_shown(entry.get(part))[:ID_LENGTH] for part in ("email", "lis_person_sourcedid"))
    return Member(sub, _name(entry), frozenset(named), Status(status), *more)


def _name(entry: dict[str, Any]) -> str:
    parts = {part: _shown(entry.get(part)) for part in ("name", "given_name", "family_name")}
    return (parts["name"] or f"{parts['given_name']} {parts['family_name']}".strip())[:ID_LENGTH]


def _shown(value: Any) -> str:
    """Text on one line, without what cannot be stored."""
    text = value.replace("\0", " ") if isinstance(value, str) else ""
    return " ".join(text.encode(errors="replace").decode().split())


def _joined(one: Member, other: Member) -> Member:
    active = one if one.is_active or not other.is_active else other
    return replace(
        active,
        name=one.name or other.name,
        roles=one.roles | other.roles,
        email=one.email or other.email,
        username=one.username or other.username,
    )


def _has_role(member: Member, role: str) -> bool:
    return any(name.rpartition("#")[2] == role for name in member.roles)

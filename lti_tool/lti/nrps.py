"""Names and Role Provisioning Services 2.0: who is in a course. https://www.imsglobal.org/spec/lti-nrps/v2p0/."""

import json
from dataclasses import dataclass
from typing import Any

from lti_tool.kernel.errors import ExternalError, NotFound
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import ID_LENGTH, Context, Registration
from lti_tool.lti.roles import role_of
from lti_tool.lti.services import PlatformService

SCOPE = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
MEDIA_TYPE = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"


@dataclass(frozen=True)
class Member:
    """A person in the LMS course; names are empty where the platform keeps them to itself."""

    sub: str
    name: str
    role: Role
    is_active: bool


def list_members(runtime: Runtime, context_id: int) -> list[Member]:
    """Everybody in a course, all pages. Not inside a transaction. Raises: NotFound, ExternalError."""
    with runtime.db.reading() as tx:
        context = tx.get(Context, context_id)
        registration = tx.get(Registration, context.registration_id) if context else None
    if context is None or registration is None or not context.memberships_url:
        raise NotFound("roster_not_found", "The LMS offers no list of participants for this course.")
    service = PlatformService(runtime, registration, [SCOPE])
    members: list[Member] = []
    for response in service.pages(context.memberships_url, MEDIA_TYPE):
        members += [member for entry in _entries(response.content) if (member := _member(entry))]
    return members


def _entries(body: bytes) -> list[Any]:
    try:
        found = json.loads(body)["members"]
    except (ValueError, KeyError, TypeError):
        found = None
    if not isinstance(found, list):
        raise ExternalError(
            "roster_invalid", "The LMS answered with something else than its list of participants.", retryable=True
        )
    return found


def _member(entry: Any) -> Member | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("user_id"), str):
        return None
    name = entry.get("name") or " ".join(str(entry.get(part) or "") for part in ("given_name", "family_name")).strip()
    roles = [role for role in entry.get("roles") or [] if isinstance(role, str)]
    return Member(entry["user_id"], str(name)[:ID_LENGTH], role_of(roles), entry.get("status", "Active") == "Active")

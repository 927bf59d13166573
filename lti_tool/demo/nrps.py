"""Names and Role Provisioning Services 2.0 (https://www.imsglobal.org/spec/lti-nrps/v2p0/)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from lti_tool.demo import claims, groups
from lti_tool.demo.campus import Campus, the_campus
from lti_tool.demo.model import Activity, CampusError, Person, Tool
from lti_tool.demo.profiles import GROUPS_SCOPE, MEMBERS_SCOPE
from lti_tool.demo.services import answer, next_link, number, page_of, service_error
from lti_tool.demo.token import require_scope

CONTAINER_TYPE = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"

blueprint = Blueprint("nrps", __name__, url_prefix="/services/<course_id>/memberships")
blueprint.register_error_handler(CampusError, service_error)


@blueprint.get("")
def list_members(course_id: str) -> Response:
    """Serve the active people of the course, filtered by role, in pages.

    Canvas's link to the next page says ``per_page`` where the request said ``limit``. A campus that tells differences
    lists inactive people too, and ends with the address of the differences.
    """
    campus = the_campus()
    tool = require_scope(MEMBERS_SCOPE)
    course = campus.store.course
    if course_id != course.id:
        raise CampusError("There is no such course", 404, "not_found")
    activity = _linked_activity(campus, tool)
    version = campus.store.count_person_changes()
    people = [(p, status) for p, status in _people(campus) if _has_role(campus, p)]
    largest = campus.profile.members_page
    size = number("limit", 0) or number("per_page", 0) if largest else number("limit", 0)
    size = min(size or largest, largest) if largest else size
    page, query = page_of(people, size, "page" if largest else "from")
    body = {
        "id": campus.memberships_url,
        "context": {"id": course.id, "label": course.label, "title": course.title},
        "members": [member_json(campus, tool, person, activity, status) for person, status in page],
    }
    response = answer(body, CONTAINER_TYPE)
    if query is not None:
        if campus.profile.next_drops_role:
            query.pop("role", None)
        if largest and query.pop("limit", None):
            query["per_page"] = str(size)
        response.headers["Link"] = next_link(campus.memberships_url, query)
    elif campus.tells_differences:
        response.headers["Link"] = f'<{campus.memberships_url}?since={version}>; rel="differences"'
    return response


def _people(campus: Campus) -> list[tuple[Person, str]]:
    """Return (person, status) of everybody to list."""
    if "since" in request.args:
        if not campus.tells_differences:
            raise CampusError("There are no differences here", 404, "not_found")
        changes = campus.store.list_person_changes(number("since", 0))
        return [(p, "Deleted" if gone or not p.enrolled else _status(p)) for p, gone in changes]
    listed = [p for p in campus.store.list_people() if p.enrolled]
    return [(p, _status(p)) for p in listed if campus.tells_differences or not p.suspended]


def _status(person: Person) -> str:
    return "Inactive" if person.suspended else "Active"


def member_json(
    campus: Campus, tool: Tool, person: Person, activity: Activity | None, status: str = "Active"
) -> dict[str, Any]:
    """Return a member as the service shows them, with what the tool may know."""
    member: dict[str, Any] = {
        "status": status,
        "user_id": person.sub,
        "roles": list(campus.profile.member_roles[person.role]),
    }
    if tool.shares_name:
        member |= {"name": person.name, "given_name": person.given_name, "family_name": person.family_name}
    if tool.shares_email:
        member["email"] = person.email
    if request.args.get("groups") == "true" and GROUPS_SCOPE in tool.scopes:
        member["group_enrollments"] = groups.enrollments_of(campus, person.username)
    if activity:
        message = {
            claims.MESSAGE_TYPE: claims.RESOURCE_LAUNCH,
            claims.RESOURCE_LINK: {"id": activity.resource_link_id, "title": activity.title},
            claims.CUSTOM: claims.custom_claim(campus, tool, person, activity),
        }
        member["message"] = [message]
    return member


def _linked_activity(campus: Campus, tool: Tool) -> Activity | None:
    link = request.args.get("rlid")
    if link is None:
        return None
    for activity in campus.store.list_activities():
        if activity.resource_link_id == link and activity.tool_id == tool.id:
            return activity
    raise CampusError("rlid is no resource link of this tool")


def _has_role(campus: Campus, person: Person) -> bool:
    wanted = request.args.get("role")
    if not wanted:
        return True
    roles = campus.profile.member_roles[person.role]
    short = {role.rpartition("#")[2] for role in roles}
    # a platform that answers short names takes either; the other one full URIs only
    return wanted in roles or (bool(short & set(roles)) and wanted.rpartition("#")[2] in short)

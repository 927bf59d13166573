"""Course Groups Service 1.0 (https://www.imsglobal.org/spec/lti-gs/v1p0/)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from lti_tool.demo.campus import Campus, the_campus
from lti_tool.demo.model import CampusError
from lti_tool.demo.profiles import GROUPS_SCOPE
from lti_tool.demo.services import answer, next_link, number, page_of, require_accept, service_error
from lti_tool.demo.token import require_scope

GROUPS_TYPE = "application/vnd.ims.lti-gs.v1.contextgroupcontainer+json"
SETS_TYPE = "application/vnd.ims.lti-gs.v1.contextgroupsetcontainer+json"
PAGE = 2
"""Groups on a page: few, so that whoever reads one page only is found out."""

blueprint = Blueprint("groups", __name__, url_prefix="/services/<course_id>")
blueprint.register_error_handler(CampusError, service_error)


@blueprint.get("/groups")
def list_groups(course_id: str) -> Response:
    """Serve the groups of the course, or of one person, in pages."""
    campus = _of_course(course_id, GROUPS_TYPE)
    rows = [_group_json(group) for group in campus.store.list_groups() if _has_wanted(campus, group)]
    return _paged(campus.groups_url, "groups", rows, GROUPS_TYPE)


@blueprint.get("/groupsets")
def list_sets(course_id: str) -> Response:
    """Serve the sets of groups, in pages."""
    campus = _of_course(course_id, SETS_TYPE)
    names = {str(group["set_id"]): str(group["set_name"]) for group in campus.store.list_groups() if group["set_id"]}
    rows = [{"id": set_id, "name": name} for set_id, name in names.items()]
    return _paged(campus.group_sets_url, "sets", rows, SETS_TYPE)


def enrollments_of(campus: Campus, username: str) -> list[dict[str, str]]:
    """Return the groups of a person as the roster names them."""
    return [{"group_id": str(group["id"])} for group in campus.store.list_groups() if username in group["members"]]


def _group_json(group: dict[str, Any]) -> dict[str, Any]:
    shown = {"id": group["id"], "name": group["name"], "set_id": group["set_id"], "tag": group["tag"]}
    return {**{name: value for name, value in shown.items() if value}, "hidden": group["hidden"]}


def _has_wanted(campus: Campus, group: dict[str, Any]) -> bool:
    wanted = request.args.get("user_id")
    person = campus.store.find_person_by_sub(wanted) if wanted else None
    return wanted is None or (person is not None and person.username in group["members"])


def _of_course(course_id: str, media_type: str) -> Campus:
    campus = the_campus()
    require_scope(GROUPS_SCOPE)
    require_accept(campus, media_type)
    if course_id != campus.store.course.id:
        raise CampusError("There is no such course", 404, "not_found")
    return campus


def _paged(url: str, name: str, rows: list[dict[str, Any]], media_type: str) -> Response:
    page, query = page_of(rows, number("limit", PAGE), "page")
    response = answer({"id": url, name: page}, media_type)
    if query is not None:
        response.headers["Link"] = next_link(url, query)
    return response

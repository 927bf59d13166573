"""Line items of the Assignment and Grade Services 2.0 (https://www.imsglobal.org/spec/lti-ags/v2p0/)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, make_response, request

from lti_tool.demo.campus import Campus, the_campus
from lti_tool.demo.model import Activity, CampusError, LineItem, Tool
from lti_tool.demo.profiles import LINE_ITEM_READONLY_SCOPE, LINE_ITEM_SCOPE
from lti_tool.demo.services import answer, next_link, number, page_of, read_body, require_accept, service_error
from lti_tool.demo.token import require_scope

ITEM_TYPE = "application/vnd.ims.lis.v2.lineitem+json"
CONTAINER_TYPE = "application/vnd.ims.lis.v2.lineitemcontainer+json"
_KNOWN = {"id", "label", "scoreMaximum", "resourceId", "tag", "resourceLinkId"}

blueprint = Blueprint("ags", __name__, url_prefix="/services/<course_id>/lineitems")
blueprint.register_error_handler(CampusError, service_error)


def line_item_json(campus: Campus, tool: Tool, item: LineItem) -> dict[str, Any]:
    """Return a line item as the service shows it."""
    found: dict[str, Any] = {
        **item.extra,
        "id": campus.line_item_url(tool, item),
        "label": item.label,
        "scoreMaximum": item.score_maximum,
        "resourceId": item.resource_id,
        "tag": item.tag,
    }
    activity = campus.store.find_activity(item.activity_id)
    if activity:
        found["resourceLinkId"] = activity.resource_link_id
    return found


def get_own_item(campus: Campus, tool: Tool, course_id: str, item_id: int) -> LineItem:
    """Return a line item of this tool in this course.

    Raises:
        CampusError: it is not there or belongs to another tool (404).
    """
    item = campus.store.find_line_item(item_id)
    if item is None or item.tool_id != tool.id or course_id != campus.store.course.id:
        raise CampusError("There is no such line item", 404, "not_found")
    return item


@blueprint.get("")
def list_line_items(course_id: str) -> Response:
    """Serve the tool's line items, filtered and in pages."""
    campus = the_campus()
    tool = require_scope(LINE_ITEM_SCOPE, LINE_ITEM_READONLY_SCOPE)
    require_accept(campus, CONTAINER_TYPE)
    if course_id != campus.store.course.id:
        raise CampusError("There is no such course", 404, "not_found")
    rows = [line_item_json(campus, tool, i) for i in campus.store.list_line_items() if i.tool_id == tool.id]
    filters = {"resource_link_id": "resourceLinkId", "resource_id": "resourceId", "tag": "tag"}
    for name, key in filters.items():
        if name in request.args:
            rows = [row for row in rows if row.get(key) == request.args[name]]
    largest = campus.profile.line_items_page
    size = number("limit", largest or 0)
    page, query = page_of(rows, min(size, largest) if largest else size, "page" if largest else "from")
    response = answer(page, CONTAINER_TYPE)
    if query is not None:
        url = campus.line_items_url(tool)
        response.headers["Link"] = next_link(url, query, quoted=campus.profile.quoted_link_header)
    return response


@blueprint.post("")
def add_line_item(course_id: str) -> Response:
    """Make a line item, on its own or on a resource link."""
    campus = the_campus()
    tool = require_scope(LINE_ITEM_SCOPE)
    body = read_body(campus, ITEM_TYPE)
    if course_id != campus.store.course.id:
        raise CampusError("There is no such course", 404, "not_found")
    activity = _linked_activity(campus, tool, body)
    item = campus.store.add_line_item(
        LineItem(
            id=0,
            tool_id=tool.id,
            activity_id=activity.id if activity else None,
            label=_label(body),
            score_maximum=_score_maximum(body),
            resource_id=_text(body, "resourceId"),
            tag=_text(body, "tag"),
            extra=_kept(campus, body, {}),
        )
    )
    return answer({**_extra(body), **line_item_json(campus, tool, item)}, ITEM_TYPE, 201)


@blueprint.get("/<int:item_id>")
@blueprint.get("/<int:item_id>/lineitem")
def show_line_item(course_id: str, item_id: int) -> Response:
    """Serve one line item."""
    campus = the_campus()
    tool = require_scope(LINE_ITEM_SCOPE, LINE_ITEM_READONLY_SCOPE)
    require_accept(campus, ITEM_TYPE)
    return answer(line_item_json(campus, tool, get_own_item(campus, tool, course_id, item_id)), ITEM_TYPE)


@blueprint.put("/<int:item_id>")
@blueprint.put("/<int:item_id>/lineitem")
def replace_line_item(course_id: str, item_id: int) -> Response:
    """Replace a line item: what the body leaves out is cleared."""
    campus = the_campus()
    tool = require_scope(LINE_ITEM_SCOPE)
    body = read_body(campus, ITEM_TYPE)
    item = get_own_item(campus, tool, course_id, item_id)
    activity = _linked_activity(campus, tool, body)
    if activity is None and not campus.profile.put_unlinks:
        activity = campus.store.find_activity(item.activity_id)
    changed = replace(
        item,
        activity_id=activity.id if activity else None,
        label=_label(body),
        score_maximum=_score_maximum(body),
        resource_id=_text(body, "resourceId"),
        tag=_text(body, "tag"),
        extra=_kept(campus, body, item.extra),
    )
    campus.store.save_line_item(changed)
    if activity and not campus.profile.put_unlinks:
        campus.store.save_activity(replace(activity, title=changed.label))
    return answer({**_extra(body), **line_item_json(campus, tool, changed)}, ITEM_TYPE)


@blueprint.delete("/<int:item_id>")
@blueprint.delete("/<int:item_id>/lineitem")
def delete_line_item(course_id: str, item_id: int) -> Response:
    """Delete a line item with its grades."""
    campus = the_campus()
    tool = require_scope(LINE_ITEM_SCOPE)
    item = get_own_item(campus, tool, course_id, item_id)
    if item.own_column and campus.profile.own_column_delete_status != 204:
        message = "The column of an activity cannot be deleted"
        raise CampusError(message, campus.profile.own_column_delete_status, "unauthorized")
    campus.store.delete_line_item(item.id)
    return make_response("", 204)


def _linked_activity(campus: Campus, tool: Tool, body: dict[str, Any]) -> Activity | None:
    link = _text(body, "resourceLinkId")
    if not link:
        return None
    for activity in campus.store.list_activities():
        if activity.resource_link_id == link and activity.tool_id == tool.id:
            return activity
    raise CampusError("There is no such resource link", 404, "not_found")


def _label(body: dict[str, Any]) -> str:
    label = _text(body, "label").strip()
    if not label:
        raise CampusError("label is missing")
    return label


def _score_maximum(body: dict[str, Any]) -> float:
    value = body.get("scoreMaximum")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise CampusError("scoreMaximum must be a number above 0")
    return value


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str):
        raise CampusError(f"{name} must be text")
    return value


def _kept(campus: Campus, body: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the platform keeps beyond the members that each line item has."""
    if campus.profile.stores_extra:
        return _extra(body)
    review = body.get("submissionReview") if campus.profile.submission_review else None
    return {**before, **({"submissionReview": review} if review else {})}


def _extra(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in _KNOWN}

"""Receiving what a teacher selected in the tool (https://www.imsglobal.org/spec/lti-dl/v2p0/)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request

from lti_tool.demo import claims
from lti_tool.demo.campus import Campus, the_campus
from lti_tool.demo.keys import verify_tool_jwt
from lti_tool.demo.model import Activity, CampusError, Launch, LineItem, Tool
from lti_tool.demo.people import signed_in

_LINK = "ltiResourceLink"
_TITLE_MAX = 255

blueprint = Blueprint("deep_linking", __name__)


@blueprint.post("/deep-link/<return_token>")
def receive(return_token: str) -> Response:
    """Take the tool's answer. The URL names the launch, for this cross-site POST brings no cookie."""
    campus = the_campus()
    try:
        launch = campus.store.find_returning_launch(return_token)
        if launch is None or not launch.is_deep_linking or launch.returned:
            raise CampusError("This selection was finished before. Open Select content again.")
        message, added = accept(campus, launch, request.form.get("JWT", ""))
    except CampusError as error:
        page = render_template("picked.html", title="Not added", error=error.message, person=signed_in())
        return make_response(page, error.status)
    title = "Added to the course" if added else "Nothing selected"
    page = render_template("picked.html", title=title, message=message, added=added, person=signed_in())
    return make_response(page)


def accept(campus: Campus, launch: Launch, token: str) -> tuple[str, list[Activity]]:
    """Verify a deep linking response and make its activities.

    Returns the tool's message for the teacher and the new activities.

    Raises:
        CampusError: the response breaks a rule, in words for the teacher.
    """
    tool = campus.get_tool(launch.tool_id)
    body = verify_tool_jwt(
        tool,
        token,
        now=campus.clock.now(),
        leeway_s=campus.profile.assertion_leeway_s,
        timeout_s=campus.config.tool_timeout_s,
    )
    _check_message(campus, tool, launch, body)
    error = body.get("https://purl.imsglobal.org/spec/lti-dl/claim/errormsg")
    if error:
        raise CampusError(str(error))
    items = body.get(claims.CONTENT_ITEMS, [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise CampusError("content_items must be a list of objects.")
    if len(items) > 1 and not campus.profile.accept_multiple:
        raise CampusError("Only one item can be selected here.")
    activities = _create(campus, tool, launch, items)
    return str(body.get("https://purl.imsglobal.org/spec/lti-dl/claim/msg", "")), activities


def _check_message(campus: Campus, tool: Tool, launch: Launch, body: Mapping[str, Any]) -> None:
    audience = body.get("aud")
    if body.get("iss") != tool.client_id:
        raise CampusError("iss of the response must be the client id.")
    if (audience if isinstance(audience, list) else [audience]) != [campus.issuer]:
        raise CampusError("aud of the response must be the issuer of this platform.")
    expected = {
        claims.MESSAGE_TYPE: claims.DEEP_RESPONSE,
        claims.VERSION: "1.3.0",
        claims.DEPLOYMENT_ID: tool.deployment_id,
    }
    for name, value in expected.items():
        if body.get(name) != value:
            raise CampusError(f"{name.rpartition('/')[2]} of the response must be {value}.")
    wanted = claims.deep_link_data(launch.return_token) if campus.profile.deep_link_data else None
    if body.get(claims.DATA) != wanted or (wanted is None and claims.DATA in body):
        raise CampusError("data of the response is not what was sent.")
    nonce = body.get("nonce")
    if not isinstance(nonce, str) or not nonce:
        raise CampusError("nonce of the response is missing.")
    if not campus.store.use_once("nonce", f"{tool.id} {nonce}"):
        raise CampusError("nonce of the response was used before.")


def _create(campus: Campus, tool: Tool, launch: Launch, items: list[dict[str, Any]]) -> list[Activity]:
    added: list[Activity] = []
    with campus.store.transaction():
        for item in items:
            try:
                added.append(create_activity(campus, tool, item))
            except CampusError:
                if len(items) == 1 or not campus.profile.drop_bad_items:
                    raise
        campus.store.mark_returned(launch)
    return added


def create_activity(campus: Campus, tool: Tool, item: Mapping[str, Any]) -> Activity:
    """Make an activity of one content item, and its gradebook column when it brings a line item.

    Raises:
        CampusError: the item breaks a rule, in words for the teacher.
    """
    if item.get("type") != _LINK:
        raise CampusError(f"Items of type {item.get('type')} cannot be added here, only {_LINK}.")
    title = _text(item, "title") or tool.name
    if len(title) > _TITLE_MAX:
        raise CampusError(f"The title is longer than {_TITLE_MAX} characters.")
    line_item = item.get("lineItem")
    points = _points(campus, line_item) if line_item is not None else None
    activity = campus.store.add_activity(
        Activity(
            id=0,
            tool_id=tool.id,
            title=title,
            text=_text(item, "text"),
            url=_text(item, "url"),
            custom=read_custom(item.get("custom", {}), newline_splits=campus.profile.newline_splits_custom),
            resource_link_id="",
        )
    )
    if points is not None and line_item is not None:
        label = title if campus.profile.title_is_label else _text(line_item, "label") or title
        campus.store.add_line_item(
            LineItem(
                id=0,
                tool_id=tool.id,
                activity_id=activity.id,
                label=label,
                score_maximum=points,
                resource_id=_text(line_item, "resourceId"),
                tag=_text(line_item, "tag"),
                own_column=True,
                extra=_extra(campus, item, line_item),
            )
        )
    return activity


def _extra(campus: Campus, item: Mapping[str, Any], line_item: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of dates and of the review of submissions."""
    _check_dates(item)
    kept: dict[str, Any] = {}
    if campus.profile.submission_review and "submissionReview" in line_item:
        kept["submissionReview"] = line_item["submissionReview"]
    if campus.profile.line_item_dates:
        dates = item.get("submission", {})
        kept |= {name: dates[name] for name in ("startDateTime", "endDateTime") if name in dates}
    return kept


def _check_dates(item: Mapping[str, Any]) -> None:
    for name in ("available", "submission"):
        dates = item.get(name, {})
        if not isinstance(dates, dict) or not set(dates) <= {"startDateTime", "endDateTime"}:
            raise CampusError(f"{name} of the item must hold startDateTime and endDateTime.")
        for value in dates.values():
            try:
                moment = datetime.fromisoformat(value)
            except (TypeError, ValueError) as error:
                raise CampusError(f"{name} of the item has no ISO 8601 times.") from error
            if moment.tzinfo is None:
                raise CampusError(f"{name} of the item has times without a zone.")


def _points(campus: Campus, line_item: object) -> float:
    if not isinstance(line_item, dict):
        raise CampusError("lineItem must be an object.")
    points = line_item.get("scoreMaximum")
    if isinstance(points, bool) or not isinstance(points, (int, float)) or not 0 < points < math.inf:
        raise CampusError("The maximum grade must be a number above 0.")
    most = campus.profile.item_points_max
    if most is not None and (points != int(points) or points > most):
        raise CampusError(f"The maximum grade must be a whole number from 1 to {most}; the tool sent {points}.")
    return points


def _text(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name, "")
    if not isinstance(value, str):
        raise CampusError(f"{name} of the item must be text.")
    return value


def read_custom(custom: object, *, newline_splits: bool) -> dict[str, str]:
    """Return custom parameters as the platform keeps them.

    With ``newline_splits`` they pass through one text of ``name=value`` lines, so a newline starts a new parameter.

    Raises:
        CampusError: not an object of text values.
    """
    if not isinstance(custom, dict) or not all(isinstance(v, str) for v in custom.values()):
        raise CampusError("custom of the item must be an object of text values.")
    if not newline_splits:
        return dict(custom)
    lines = "\n".join(f"{name}={value}" for name, value in custom.items()).splitlines()
    pairs = (line.partition("=") for line in lines)
    return {name.strip(): value for name, equals, value in pairs if equals and name.strip()}

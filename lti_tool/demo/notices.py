"""Platform Notification Service 1.0: handlers, and the notices sent to them. https://www.imsglobal.org/spec/lti-pns/v1p0/"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from flask import Blueprint, Response, request

from lti_tool.demo import claims
from lti_tool.demo.campus import Campus, the_campus
from lti_tool.demo.model import CampusError, Course, Tool
from lti_tool.demo.profiles import NOTICE_TYPES, NOTICES_SCOPE
from lti_tool.demo.services import answer, service_error
from lti_tool.demo.token import require_scope

HELLO, CONTEXT_COPY = NOTICE_TYPES
LIFE_S = 3600
_LTI = "https://purl.imsglobal.org/spec/lti/claim"

blueprint = Blueprint("notices", __name__, url_prefix="/services/notice-handlers")
blueprint.register_error_handler(CampusError, service_error)


def handlers_of(campus: Campus, tool: Tool) -> dict[str, str]:
    """Return where each type of notice goes."""
    found = json.loads(campus.store.get_setting(f"notice_handlers_{tool.id}", "{}"))
    return {str(kind): str(url) for kind, url in found.items()}


@blueprint.get("/<int:tool_id>")
def list_handlers(tool_id: int) -> Response:
    """Serve every type with its handler, an empty one where there is none."""
    campus = the_campus()
    tool = _own_tool(tool_id)
    known = handlers_of(campus, tool)
    rows = [{"notice_type": kind, "handler": known.get(kind, "")} for kind in NOTICE_TYPES]
    body = {"client_id": tool.client_id, "deployment_id": tool.deployment_id, "notice_handlers": rows}
    return answer(body, "application/json")


@blueprint.put("/<int:tool_id>")
def put_handler(tool_id: int) -> Response:
    """Set the handler of one type; a first one of the hello notice is greeted at once."""
    campus = the_campus()
    tool = _own_tool(tool_id)
    body = request.get_json(force=True, silent=True) if request.mimetype == "application/json" else None
    kind, handler = (body.get("notice_type"), body.get("handler")) if isinstance(body, dict) else (None, None)
    if kind not in NOTICE_TYPES or not isinstance(handler, str):
        raise CampusError("notice_type or handler is missing or unknown")
    if handler and urlsplit(handler).hostname != urlsplit(tool.target_link_uri).hostname:
        raise CampusError("The handler must be on the domain of the tool")
    known = {**handlers_of(campus, tool), kind: handler}
    campus.store.set_setting(f"notice_handlers_{tool.id}", json.dumps(known))
    if kind == HELLO and handler:
        deliver(campus, tool, HELLO, handler)
    return answer({"notice_type": kind, "handler": handler}, "application/json")


def copy_course(campus: Campus, course: Course) -> None:
    """Put a copy in the course's place and tell the tools that asked to be told."""
    origin = campus.store.course.id
    campus.store.copy_course(course)
    for tool in campus.store.list_tools():
        if handler := handlers_of(campus, tool).get(CONTEXT_COPY):
            deliver(campus, tool, CONTEXT_COPY, handler, origins=[origin])


def notice_claims(campus: Campus, tool: Tool, kind: str, origins: Sequence[str] = ()) -> dict[str, Any]:
    """Return what a notice says; one of a copy speaks of the course as it is now."""
    now, course = int(campus.clock.now()), campus.store.course
    body: dict[str, Any] = {
        "iss": campus.issuer,
        "aud": tool.client_id,
        "iat": now,
        "exp": now + LIFE_S,
        "nonce": secrets.token_urlsafe(16),
        claims.VERSION: "1.3.0",
        claims.DEPLOYMENT_ID: tool.deployment_id,
        f"{_LTI}/notice": {
            "id": secrets.token_urlsafe(16),
            "timestamp": datetime.fromtimestamp(now, UTC).isoformat(),
            "type": kind,
        },
    }
    if campus.profile.sends_azp:
        body["azp"] = tool.client_id
    if kind == CONTEXT_COPY:
        body[claims.CONTEXT] = {"id": course.id, "label": course.label, "title": course.title}
        body[f"{_LTI}/origin_contexts"] = list(origins)
    return body


def deliver(campus: Campus, tool: Tool, kind: str, handler: str, origins: Sequence[str] = ()) -> None:
    """Post a notice while the request goes on; what does not arrive is not sent again."""
    body = {"notices": [{"jwt": campus.keys.sign(notice_claims(campus, tool, kind, origins))}]}

    def post() -> None:
        try:
            httpx.post(handler, json=body, timeout=campus.config.tool_timeout_s, trust_env=False)
        except httpx.HTTPError:
            return

    threading.Thread(target=post, name="notice", daemon=True).start()


def _own_tool(tool_id: int) -> Tool:
    tool = require_scope(NOTICES_SCOPE)
    if tool.id != tool_id:
        raise CampusError("There are no handlers of this tool here", 404, "not_found")
    return tool

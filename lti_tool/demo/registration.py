"""OpenID configuration and dynamic registration (https://www.imsglobal.org/spec/lti-dr/v1p0/)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, jsonify, make_response, request

from lti_tool.demo import claims
from lti_tool.demo.campus import Campus, the_campus
from lti_tool.demo.model import CampusError, Tool
from lti_tool.demo.profiles import supported_scopes
from lti_tool.demo.token import bearer

TOKEN_LIFE_S = 3600
CAN_CHANGE = "registration_can_change"
"""Setting of a campus that lets tools change their registration by themselves; neither Moodle nor Canvas does."""
_ACCESS = "registration_access:"
_DOCUMENT = "registration_document:"
TOOL_CONFIGURATION = "https://purl.imsglobal.org/spec/lti-tool-configuration"
PLATFORM_CONFIGURATION = "https://purl.imsglobal.org/spec/lti-platform-configuration"

_VENDOR = "https://canvas.instructure.com/lti/"
_PLACEMENTS = {
    "ContentArea",
    "RichTextEditor",
    "course_navigation",
    "account_navigation",
    "assignment_selection",
    "link_selection",
    "editor_button",
    "homework_submission",
    "migration_selection",
}
_VENDOR_VALUES: Mapping[str, tuple[object, ...]] = {
    "visibility": ("admins", "members", "public"),
    "display_type": (
        "default",
        "full_width",
        "full_width_in_context",
        "full_width_with_nav",
        "in_nav_context",
        "borderless",
    ),
    "course_navigation/default_enabled": (True, False),
}

blueprint = Blueprint("registration", __name__)


def registration_url(campus: Campus, tool_url: str, updates: str = "") -> str:
    """Return the tool's registration URL with a fresh one-time token; ``updates`` is the client that it changes."""
    token = campus.store.add_registration_token(campus.clock.now() + TOKEN_LIFE_S, updates)
    query = {"openid_configuration": campus.url("/.well-known/openid-configuration"), "registration_token": token}
    return f"{tool_url}{'&' if urlsplit(tool_url).query else '?'}{urlencode(query)}"


@blueprint.get("/.well-known/openid-configuration")
def configuration() -> Response:
    """Serve what a tool needs to register."""
    campus = the_campus()
    guarded = campus.profile.token_reads_configuration
    if guarded and not campus.store.has_registration_token(bearer(), campus.clock.now(), take=False):
        return _problem("The registration token is needed to read this.", 401, "invalid_token")
    names = {
        "product_family_code": campus.profile.name,
        "version": campus.profile.version,
        "messages_supported": [
            {"type": claims.RESOURCE_LAUNCH, "placements": ["ContentArea"]},
            {"type": claims.DEEP_LAUNCH, "placements": ["ContentArea"]},
            *([{"type": claims.REVIEW_LAUNCH}] if campus.profile.submission_review else []),
        ],
        "variables": ["User.id", "Person.name.full", "Person.email.primary", "Context.id", "ResourceLink.id"],
    }
    if campus.profile.vendor_variables:
        names |= {
            "https://canvas.instructure.com/lti/account_name": "Campus",
            "https://canvas.instructure.com/lti/account_lti_guid": "campus-canvas",
        }
    return jsonify(
        {
            "issuer": campus.issuer,
            "authorization_endpoint": campus.auth_url,
            "token_endpoint": campus.token_url,
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS256"],
            "jwks_uri": campus.jwks_url,
            "registration_endpoint": campus.url("/register"),
            "scopes_supported": ["openid", *supported_scopes(campus.profile)],
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public", "pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "claims_supported": ["sub", "iss", "name", "given_name", "family_name", "email"],
            PLATFORM_CONFIGURATION: names,
        }
    )


@blueprint.post("/register")
def register() -> Response:
    """Register a tool that brings a one-time token."""
    campus = the_campus()
    if not campus.store.has_registration_token(bearer(), campus.clock.now(), take=True):
        return _problem("The registration token is missing, used or expired.", 401, "invalid_token")
    known = campus.store.find_tool_by_client(bearer().partition(".")[0])
    try:
        document = _document()
        wanted = read_registration(campus, document)
        tool = _changed(campus, known, wanted) if known else campus.store.add_tool(wanted)
    except CampusError as error:
        return _problem(error.message, error.status, error.code)
    return jsonify(_answer(campus, tool, document))


@blueprint.get("/register/<client_id>")
def show(client_id: str) -> Response:
    """Show a registered tool what is kept of it (RFC 7592)."""
    campus = the_campus()
    known = _find_own(campus, client_id)
    if known is None:
        return _problem("The registration access token is not good.", 401, "invalid_token")
    return jsonify(_answer(campus, known, json.loads(campus.store.get_setting(_DOCUMENT + client_id) or "{}")))


@blueprint.put("/register/<client_id>")
def change(client_id: str) -> Response:
    """Take over what a registered tool says of itself (RFC 7592)."""
    campus = the_campus()
    known = _find_own(campus, client_id)
    if known is None:
        return _problem("The registration access token is not good.", 401, "invalid_token")
    try:
        document = _document()
        if document.get("client_id") != client_id:
            raise _bad("client_id must be the registered one.")
        tool = _changed(campus, known, read_registration(campus, document))
    except CampusError as error:
        return _problem(error.message, error.status, error.code)
    return jsonify(_answer(campus, tool, document))


def _find_own(campus: Campus, client_id: str) -> Tool | None:
    """The registered tool, if it brings the token for its registration."""
    token = campus.store.get_setting(_ACCESS + client_id)
    return campus.store.find_tool_by_client(client_id) if token and bearer() == token else None


def _document() -> dict[str, Any]:
    document = request.get_json(force=True, silent=True) if request.mimetype == "application/json" else None
    if not isinstance(document, dict):
        raise CampusError("The registration must be a JSON object.", code="invalid_client_metadata")
    return document


def _changed(campus: Campus, known: Tool, wanted: Tool) -> Tool:
    """Keep what identifies a tool and whether it is switched on; everything else is as it says now."""
    kept: dict[str, Any] = {
        "id": known.id,
        "client_id": known.client_id,
        "deployment_id": known.deployment_id,
        "state": known.state,
    }
    tool = replace(wanted, **kept)
    campus.store.save_tool(tool)
    return tool


def _problem(message: str, status: int, code: str) -> Response:
    return make_response(jsonify(error=code, error_description=message), status)


def read_registration(campus: Campus, document: Mapping[str, Any]) -> Tool:
    """Return the tool that a registration document describes.

    Raises:
        CampusError: a required part is missing or wrong.
    """
    _check_fixed(document)
    tool_part = document.get(TOOL_CONFIGURATION)
    if not isinstance(tool_part, dict):
        raise _bad(f"{TOOL_CONFIGURATION} is missing.")
    redirect_uris = document.get("redirect_uris")
    if not isinstance(redirect_uris, list) or not redirect_uris or not all(isinstance(u, str) for u in redirect_uris):
        raise _bad("redirect_uris must be a list of URLs.")
    target = _word(tool_part, "target_link_uri")
    if _word(tool_part, "domain") != urlsplit(target).netloc:
        raise _bad("domain must be the host and port of target_link_uri.")
    messages = tool_part.get("messages", [])
    if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
        raise _bad("messages must be a list of objects.")
    if campus.profile.vendor_variables:
        _check_vendor(messages)
    deep: dict[str, Any] = next((m for m in messages if m.get("type") == claims.DEEP_LAUNCH), {})
    custom = tool_part.get("custom_parameters", {})
    return Tool(
        id=0,
        name=_word(document, "client_name"),
        client_id=secrets.token_hex(8),
        deployment_id="",
        login_url=_word(document, "initiate_login_uri"),
        jwks_url=_word(document, "jwks_uri"),
        redirect_uris=tuple(redirect_uris),
        target_link_uri=target,
        deep_link_url=str(deep.get("target_link_uri", "")),
        scopes=_scopes(campus, _word(document, "scope")),
        custom={str(k): str(v) for k, v in custom.items()} if isinstance(custom, dict) else {},
        state=campus.profile.registered_state,
    )


def _check_vendor(messages: list[dict[str, Any]]) -> None:
    """Check what only Canvas knows: its placements and the values of its own keys."""
    for message in messages:
        for place in message.get("placements", []):
            if str(place).removeprefix(_VENDOR) not in _PLACEMENTS:
                raise _bad(f"There is no placement {place}.")
        for name, allowed in _VENDOR_VALUES.items():
            if message.get(_VENDOR + name) not in (None, *allowed):
                raise _bad(f"{name} must be one of {', '.join(map(str, allowed))}.")
        sizes = [message.get(f"{_VENDOR}launch_{side}", 1) for side in ("width", "height")]
        if not all(isinstance(size, int) and size > 0 for size in sizes):
            raise _bad("launch_width and launch_height must be numbers of pixels.")


def _check_fixed(document: Mapping[str, Any]) -> None:
    if document.get("application_type") != "web":
        raise _bad("application_type must be web.")
    if document.get("token_endpoint_auth_method") != "private_key_jwt":
        raise _bad("token_endpoint_auth_method must be private_key_jwt.")
    needed = {"grant_types": {"client_credentials", "implicit"}, "response_types": {"id_token"}}
    for name, values in needed.items():
        found = document.get(name)
        if not isinstance(found, list) or not values <= {v for v in found if isinstance(v, str)}:
            raise _bad(f"{name} must hold {' and '.join(sorted(values))}.")


def _scopes(campus: Campus, text: str) -> tuple[str, ...]:
    asked = [scope for scope in text.split() if scope != "openid"]
    known = supported_scopes(campus.profile)
    unknown = [scope for scope in asked if scope not in known]
    if unknown and campus.profile.unknown_scope_refused:
        raise CampusError(f"Unknown scope {unknown[0]}.", 422, "invalid_scope")
    return tuple(scope for scope in asked if scope in known)


def _word(source: Mapping[str, Any], name: str) -> str:
    value = source.get(name)
    if not isinstance(value, str) or not value:
        raise _bad(f"{name} is missing.")
    return value


def _bad(message: str) -> CampusError:
    return CampusError(message, code="invalid_client_metadata")


def _answer(campus: Campus, tool: Tool, document: Mapping[str, Any]) -> dict[str, Any]:
    found = {**document, "client_id": tool.client_id, "scope": " ".join(tool.scopes)}
    if campus.store.get_setting(CAN_CHANGE):
        token = campus.store.get_setting(_ACCESS + tool.client_id) or secrets.token_urlsafe(24)
        campus.store.set_setting(_ACCESS + tool.client_id, token)
        campus.store.set_setting(_DOCUMENT + tool.client_id, json.dumps(document))
        found |= {
            "registration_client_uri": campus.url(f"/register/{tool.client_id}"),
            "registration_access_token": token,
        }
    part = dict(document[TOOL_CONFIGURATION])
    if campus.profile.answer_has_deployment:
        part["deployment_id"] = tool.deployment_id
    return {**found, TOOL_CONFIGURATION: part}

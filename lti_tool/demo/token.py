"""The token endpoint: client credentials with a signed assertion (private_key_jwt), and the Bearer check.

https://www.imsglobal.org/spec/security/v1p0/#using-json-web-tokens-with-oauth-2-0-client-credentials-grant
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, make_response, render_template, request

from lti_tool.demo.campus import Campus, the_campus
from lti_tool.demo.keys import JwksUnreadableError, decode_segment, verify_tool_jwt
from lti_tool.demo.model import CampusError, Tool

TOKEN_LIFE_S = 3600
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

blueprint = Blueprint("token", __name__)


@blueprint.post("/token")
def token() -> Response:
    """Issue an access token for some of the tool's scopes."""
    campus = the_campus()
    try:
        answer = _issue(campus)
    except JwksUnreadableError as error:
        if campus.profile.jwks_failure_is_html:
            page = render_template("message.html", title="Not found", message=error.message, person=None)
            return make_response(page, 404)
        return make_response(jsonify(error="invalid_client", error_description=error.message), 400)
    except CampusError as error:
        return make_response(jsonify(error=error.code, error_description=error.message), error.status)
    response = jsonify(answer)
    response.headers["Cache-Control"] = "no-store"
    return response


def _issue(campus: Campus) -> dict[str, Any]:
    if request.mimetype != "application/x-www-form-urlencoded":
        raise CampusError("The token request must be a form.")
    form = request.form
    if form.get("grant_type") != "client_credentials":
        raise CampusError("grant_type must be client_credentials.", code="unsupported_grant_type")
    if form.get("client_assertion_type") != _ASSERTION_TYPE:
        raise CampusError(f"client_assertion_type must be {_ASSERTION_TYPE}.")
    assertion = form.get("client_assertion", "")
    tool = campus.store.find_tool_by_client(str(decode_segment(assertion, 1).get("sub", "")))
    if tool is None or not tool.is_active:
        raise CampusError("The sub of the assertion is no client id of an active tool.", code="invalid_client")
    claims = verify_tool_jwt(
        tool,
        assertion,
        now=campus.clock.now(),
        leeway_s=campus.profile.assertion_leeway_s,
        timeout_s=campus.config.tool_timeout_s,
    )
    if campus.profile.strict_assertion:
        _check_assertion(campus, tool, claims)
    scopes = _granted(campus, tool, form.get("scope", ""))
    access = campus.store.add_access_token(tool.id, scopes, campus.clock.now() + TOKEN_LIFE_S)
    return {"access_token": access, "token_type": "Bearer", "expires_in": TOKEN_LIFE_S, "scope": " ".join(scopes)}


def _check_assertion(campus: Campus, tool: Tool, claims: dict[str, Any]) -> None:
    audience = claims.get("aud")
    if campus.token_url not in (audience if isinstance(audience, list) else [audience]):
        raise CampusError(f"aud of the assertion must be {campus.token_url}.", code="invalid_client")
    if claims.get("iss") != tool.client_id:
        raise CampusError("iss of the assertion must be the client id.", code="invalid_client")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not jti:
        raise CampusError("The assertion has no jti.", code="invalid_client")
    if not campus.store.use_once("jti", f"{tool.id} {jti}"):
        raise CampusError("The jti of the assertion was used before.", code="invalid_client")


def _granted(campus: Campus, tool: Tool, wanted: str) -> tuple[str, ...]:
    asked = list(dict.fromkeys(wanted.split()))
    granted = tuple(scope for scope in asked if scope in tool.scopes)
    if not granted or (len(granted) < len(asked) and not campus.profile.intersect_scopes):
        raise CampusError("The scopes asked for are not granted to this tool.", code="invalid_scope")
    return granted


def bearer() -> str:
    """Return the Bearer token of the request, or an empty word."""
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    return value.strip() if kind.lower() == "bearer" else ""


def require_scope(*allowed: str) -> Tool:
    """Return the tool whose access token came with the request and holds one of these scopes.

    Raises:
        CampusError: no token, an unknown or expired one, or one without the scope (401).
    """
    campus = the_campus()
    found = campus.store.find_access_token(bearer())
    if found is None or found[2] <= campus.clock.now():
        raise CampusError("The access token is missing, unknown or expired.", 401, "unauthorized")
    tool_id, scopes, _ = found
    if not set(scopes) & set(allowed):
        raise CampusError("The access token lacks the scope of this service.", 401, "unauthorized")
    return campus.get_tool(tool_id)

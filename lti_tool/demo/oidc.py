"""Starting a launch, and the OIDC authentication endpoint that answers it.

https://www.imsglobal.org/spec/security/v1p0/#step-1-third-party-initiated-login and the steps after it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from flask import Blueprint, Response, jsonify, render_template, request

from lti_tool.demo import claims
from lti_tool.demo.campus import Campus, the_campus
from lti_tool.demo.model import Activity, CampusError, FormPost, Launch, Person, Tool
from lti_tool.demo.people import require_person, signed_in

blueprint = Blueprint("oidc", __name__)


class _RefusedError(CampusError):
    """An error that is told to the tool rather than shown."""


def start_launch(
    campus: Campus,
    person: Person,
    tool: Tool,
    activity: Activity | None,
    *,
    method: str | None = None,
    for_user: str | None = None,
) -> FormPost:
    """Remember a launch and return the login initiation; ``activity`` None starts deep linking.

    ``for_user`` reviews that learner's submission.

    Raises:
        CampusError: the tool is not accepted yet, or the platform does not use this HTTP method.
    """
    profile = campus.profile
    method = method or profile.login_methods[0]
    if method not in profile.login_methods:
        raise CampusError(f"{profile.title} does not start a launch with {method}.")
    if not tool.is_active:
        raise CampusError("This tool waits for an administrator to accept it on the Tools page.", 403)
    if activity is None and not person.may_edit:
        raise CampusError("Only a teacher selects content.", 403)
    if for_user and not (profile.submission_review and activity):
        raise CampusError(f"{profile.title} has no submission review message.")
    launch = Launch(
        id=f"ltilaunch{activity.id if activity else 0}_{secrets.token_hex(8)}",
        person_id=person.id,
        tool_id=tool.id,
        activity_id=activity.id if activity else None,
        return_token=secrets.token_urlsafe(24),
        for_user=for_user,
    )
    campus.store.add_launch(launch)
    hint = json.dumps({"cmid": launch.activity_id or 0, "launchid": launch.id})
    fields = {
        "iss": campus.issuer,
        "target_link_uri": claims.target_link_uri(tool, activity),
        "login_hint": person.sub,
        "lti_message_hint": hint if profile.json_message_hint else launch.id,
        "client_id": tool.client_id,
        "lti_deployment_id": tool.deployment_id,
        **profile.login_extras,
    }
    if profile.storage_target:
        fields["lti_storage_target"] = profile.storage_target
        fields["deployment_id"] = tool.deployment_id
    return FormPost(tool.login_url, fields, method)


def authorize(campus: Campus, person: Person | None, params: Mapping[str, str]) -> FormPost:
    """Answer an authentication request with the form to post to the tool: an id_token, or an error.

    Raises:
        CampusError: the request cannot be trusted, so the platform shows an error page itself.
    """
    launch = _take_launch(campus, params.get("lti_message_hint", ""))
    tool = campus.store.find_tool_by_client(params.get("client_id", ""))
    redirect_uri = params.get("redirect_uri", "")
    if tool is None or not _is_registered(campus, tool, redirect_uri):
        raise CampusError("Invalid request: the client or its redirect_uri is not registered.")
    fields = {"state": params["state"]} if "state" in params else {}
    try:
        current, nonce = _check_request(campus, tool, launch, person, params)
        fields["id_token"] = _id_token(campus, tool, current, nonce)
    except _RefusedError as refusal:
        fields |= {"error": refusal.code, "error_description": refusal.message}
    if campus.profile.storage_target:
        fields["lti_storage_target"] = campus.profile.storage_target
    return FormPost(redirect_uri, fields)


def _take_launch(campus: Campus, hint: str) -> Launch | None:
    if campus.profile.json_message_hint:
        try:
            found = json.loads(hint)
        except ValueError:
            return None
        hint = str(found.get("launchid", "")) if isinstance(found, dict) else ""
    return campus.store.take_launch(hint)


def _is_registered(campus: Campus, tool: Tool, uri: str) -> bool:
    if uri in tool.redirect_uris:
        return True
    if not campus.profile.redirect_query_subset:
        return False
    given = urlsplit(uri)
    for registered in map(urlsplit, tool.redirect_uris):
        same = given[:3] == registered[:3] and given.fragment == registered.fragment
        if same and set(parse_qsl(registered.query)) <= set(parse_qsl(given.query)):
            return True
    return False


def _check_request(
    campus: Campus, tool: Tool, launch: Launch | None, person: Person | None, params: Mapping[str, str]
) -> tuple[Launch, str]:
    """Return the live launch and the nonce."""
    profile = campus.profile
    if launch is None or launch.used:
        if profile.dead_launch_error is None:
            raise CampusError("Invalid request: this launch was used before, or never started.")
        raise _RefusedError("The launch has expired or was already consumed.", code=profile.dead_launch_error)
    if person is None or launch.person_id != person.id or params.get("login_hint") != person.sub:
        raise _RefusedError("The person of this launch is not signed in.", code="login_required")
    if launch.tool_id != tool.id or not tool.is_active:
        raise _RefusedError("This client did not get this launch.", code="unauthorized_client")
    expected = {"scope": "openid", "response_type": "id_token", "response_mode": "form_post"}
    for name, value in expected.items():
        if params.get(name) != value:
            raise _RefusedError(f"{name} must be {value}.", code=_request_error(name))
    prompt = params.get("prompt", "")
    if prompt != "none" and (prompt or profile.prompt_required):
        raise _RefusedError("prompt must be none.", code="invalid_request")
    if not params.get("nonce"):
        raise _RefusedError("nonce is missing.", code="invalid_request")
    return launch, params["nonce"]


def _request_error(name: str) -> str:
    return {"scope": "invalid_scope", "response_type": "unsupported_response_type"}.get(name, "invalid_request")


def _id_token(campus: Campus, tool: Tool, launch: Launch, nonce: str) -> str:
    person = campus.store.find_person_by_id(launch.person_id)
    activity = campus.store.find_activity(launch.activity_id)
    if person is None or (activity is None and not launch.is_deep_linking):
        raise _RefusedError("The activity is gone.", code="launch_no_longer_valid")
    body = claims.launch_claims(campus, tool, person, activity, nonce)
    if launch.is_deep_linking:
        body[claims.DEEP_LINKING_SETTINGS] = claims.deep_linking_settings(campus, launch.return_token)
    learner = campus.store.find_person(launch.for_user) if launch.for_user else None
    if learner:
        body[claims.MESSAGE_TYPE] = claims.REVIEW_LAUNCH
        body[claims.FOR_USER] = {"user_id": learner.sub, "roles": list(campus.profile.launch_roles[learner.role])}
    return campus.keys.sign(body)


@blueprint.get("/jwks")
def jwks() -> Response:
    """Serve the platform's public keys."""
    return jsonify(the_campus().keys.public_jwks())


@blueprint.route("/auth", methods=["GET", "POST"])
def auth() -> str:
    """Answer an authentication request; a cross-site POST comes without our cookie and is sent again by GET."""
    params = request.values.to_dict()
    if request.method == "POST" and signed_in() is None:
        return render_template("autosubmit.html", form=FormPost(request.path, params, "GET"), title="Signing in")
    form = authorize(the_campus(), signed_in(), params)
    return render_template("autosubmit.html", form=form, title="Opening the activity")


@blueprint.get("/launch/<int:activity_id>")
def launch(activity_id: int) -> str:
    """Start the launch of an activity, inside its frame; ``?method=GET`` where the platform may."""
    campus = the_campus()
    person = require_person()
    activity = campus.store.find_activity(activity_id)
    if activity is None:
        raise CampusError("This activity is gone. Go back to the course.", 404)
    form = start_launch(campus, person, campus.get_tool(activity.tool_id), activity, method=request.args.get("method"))
    return render_template("autosubmit.html", form=form, title=activity.title)


@blueprint.get("/select/<int:tool_id>/frame")
def select_frame(tool_id: int) -> str:
    """Start deep linking, inside the picker's frame."""
    campus = the_campus()
    form = start_launch(campus, require_person(), campus.get_tool(tool_id), None)
    return render_template("autosubmit.html", form=form, title="Select content")

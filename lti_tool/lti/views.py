"""Login, launch and the key set: what platforms talk to. And the page of an activity that shows nothing yet."""

from flask import Response, jsonify, request
from flask_babel import gettext as _

from lti_tool.kernel.errors import Forbidden
from lti_tool.lti.blueprint import BLUEPRINT
from lti_tool.lti.browser import keep_browser_secret, new_browser_secret, read_browser_secret
from lti_tool.lti.framing import let_frame, let_frame_origins
from lti_tool.lti.keys import list_published_keys
from lti_tool.lti.ladder import Browser, Step
from lti_tool.lti.launch import read_answer
from lti_tool.lti.login import LoginRequest, authentication_url, find_platform, make_state, parse_login
from lti_tool.lti.models import Registration
from lti_tool.lti.pages_storage import ask_storage, is_storage_due, login_url, store_secret
from lti_tool.lti.registrations import origin_of
from lti_tool.lti.short_way import raise_refusal
from lti_tool.lti.sign_in import enter
from lti_tool.web.render import page
from lti_tool.web.runtime import current_plugins, current_runtime
from lti_tool.web.security import is_own_origin
from lti_tool.web.session import BROWSER_COOKIE, current_session


@BLUEPRINT.route("/lti/login", methods=["GET", "POST"])
def login() -> Response:
    """Begin a launch: send the browser to the platform with a state and a nonce that are tied to this browser."""
    raise_refusal()
    runtime, wanted = current_runtime(), parse_login(request.values.to_dict(flat=False))
    let_frame_origins([origin_of(wanted.issuer)])
    registration, cookie = find_platform(runtime, wanted, let_frame), read_browser_secret()
    if cookie is not None:
        state = make_state(registration, wanted, cookie)
        return see_other(authentication_url(runtime, registration, wanted, state))
    if wanted.step.is_cookie_due:
        return _open_in_window(registration, wanted)
    return _give_cookie(registration, wanted)


def _give_cookie(registration: Registration, wanted: LoginRequest) -> Response:
    """The first step of a browser that does not have our cookie: the platform's storage, else the cookie alone."""
    cookie = new_browser_secret()
    if wanted.storage_target and wanted.step is Step.START and request.headers.get("Sec-Fetch-Dest") != "document":
        response = store_secret(registration, wanted, cookie)
    else:
        response = see_other(login_url(wanted, wanted.step.after_cookie()))
    keep_browser_secret(response, cookie)
    return response


def _open_in_window(registration: Registration, wanted: LoginRequest) -> Response:
    """No cookie came back. In a frame a window of its own helps; where there is one already, only the settings do."""
    if wanted.step.is_in_window or request.headers.get("Sec-Fetch-Dest") == "document":
        raise Forbidden(
            "cookies_blocked",
            "Your browser keeps no cookies for this site, so nobody can be signed in. Allow cookies for this site, "
            "then go back to your course and open the activity again.",
        )
    window_url = login_url(wanted, Step.WINDOW)
    return page("lti/cookie_window.html", platform_name=registration.name, window_url=window_url)


@BLUEPRINT.post("/lti/launch")
def launch() -> Response:
    """Take the platform's answer, sign the person in, and go on to the activity."""
    raise_refusal()
    runtime, form = current_runtime(), request.form.to_dict(flat=False)
    answer = read_answer(runtime, form, let_frame)
    if is_storage_due(answer):
        return ask_storage(answer)
    # what the storage said counts from our own page only: whoever began the login knows the secret, too
    stored = request.form.get("stored") if is_own_origin(request.headers.get("Origin")) else None
    contents = [plugin.contents for plugin in current_plugins() if plugin.contents]
    path = enter(runtime, contents, answer, Browser(request.cookies.get(BROWSER_COOKIE) or None, stored))
    return see_other(request.script_root + path)


@BLUEPRINT.get("/lti/jwks")
def jwks() -> Response:
    """The tool's public keys."""
    response = jsonify(keys=list_published_keys(current_runtime()))
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@BLUEPRINT.get("/lti/empty")
def show_empty() -> Response:
    """What a learner sees while nobody has chosen what the activity shows."""
    current_session()
    return page(
        "errors/error.html",
        title=_("Nothing here yet"),
        message=_("Your teacher has not chosen what this activity shows, or it was removed. Tell your teacher."),
    )


@BLUEPRINT.get("/lti/gone")
def show_gone() -> Response:
    """Where an activity ends whose item was removed, or is another platform's."""
    session = current_session()
    message = _("What this activity showed was removed from the course. Your work and your marks are kept.")
    steps = [_("Tell your teacher, who can remove the activity or put something else in its place.")]
    if session.role.is_staff:
        message = _("This activity points to something that is not here, or not for this LMS. Handed-in work is kept.")
        steps = [
            _("In your LMS, remove the activity, or add it anew by choosing content from this tool."),
            _("If it should be here, ask the people who run this tool: the course may have to be imported again."),
        ]
    return page("errors/error.html", status=404, title=_("No longer here"), message=message, next_steps=steps)


def see_other(location: str) -> Response:
    """Go there with GET; nobody caches it."""
    response = Response(status=303, headers={"Location": location})
    response.headers["Cache-Control"] = "no-store"
    return response

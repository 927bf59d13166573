"""Login, launch and the key set: what platforms talk to. And the page of an activity that shows nothing yet."""

from flask import Response, jsonify, request
from flask_babel import gettext as _

from lti_tool.lti.blueprint import BLUEPRINT
from lti_tool.lti.browser import keep_browser_secret, new_browser_secret, read_browser_secret
from lti_tool.lti.framing import let_frame, let_frame_origins
from lti_tool.lti.keys import list_published_keys
from lti_tool.lti.launch import verify_launch
from lti_tool.lti.login import authentication_url, parse_login
from lti_tool.lti.refusals import noting
from lti_tool.lti.registrations import origin_of
from lti_tool.lti.sign_in import sign_in
from lti_tool.web.render import page
from lti_tool.web.runtime import current_plugins, current_runtime
from lti_tool.web.session import BROWSER_COOKIE, current_session


@BLUEPRINT.route("/lti/login", methods=["GET", "POST"])
def login() -> Response:
    """Begin a launch: send the browser to the platform with a state and a nonce."""
    wanted = parse_login(request.values.to_dict(flat=False))
    known = read_browser_secret()
    secret = known or new_browser_secret()
    let_frame_origins([origin_of(wanted.issuer)])
    url = authentication_url(current_runtime(), wanted, secret, browser_known=known is not None, seen=let_frame)
    response = see_other(url)
    if known is None:
        keep_browser_secret(response, secret)
    return response


@BLUEPRINT.post("/lti/launch")
def launch() -> Response:
    """Take the platform's answer, sign the person in, and go on to the activity."""
    runtime = current_runtime()
    cookie = request.cookies.get(BROWSER_COOKIE)
    found = verify_launch(runtime, request.form.to_dict(flat=False), cookie, dict(request.headers), let_frame)
    contents = [plugin.contents for plugin in current_plugins() if plugin.contents]
    with noting(runtime, found.registration):
        path = sign_in(runtime, contents, found)
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

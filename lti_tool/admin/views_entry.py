"""Into the console and out of it."""

from typing import Any

from flask import Response, request, url_for
from flask_babel import gettext as _
from werkzeug.utils import redirect
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.admin.blueprint import BLUEPRINT
from lti_tool.admin.guard import COOKIE, drop_session, find_current_admin, for_admins, keep_session
from lti_tool.admin.sessions import ENTRY_LIFE, Newcomer, check_link, make_link, require_trusted, sign_in, sign_out
from lti_tool.kernel.errors import Forbidden
from lti_tool.lti.registrations import get_registration
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import TOKEN_KEY, current_session, find_current_session


@BLUEPRINT.app_context_processor
def _console_url() -> dict[str, Any]:
    """`console_url` of base.html, in a course's session of somebody who may open the console."""
    session = find_current_session()
    may = session is not None and session.administers and TOKEN_KEY in request.environ
    return {"console_url": url_for("admin.leave_course") if may else None}


@BLUEPRINT.post("/from-course")
def leave_course() -> AnyResponse:
    """From a page in the LMS, into the new window: a link for an administrator who came by a launch."""
    session = current_session()
    if not session.administers:
        raise Forbidden("role_refused", "The console is for administrators of the LMS.")
    name = f"{session.display_name} ({session.platform_name})"
    with current_runtime().db.transaction() as tx:
        require_trusted(get_registration(tx, session.registration_id))
        token = make_link(tx, Newcomer(name, session.registration_id, session.user_id), ENTRY_LIFE)
    return redirect(f"{request.environ['coursebridge.root']}/admin/enter/{token}", 303)


@BLUEPRINT.get("/enter/<token>")
def enter(token: str) -> AnyResponse:
    """In the new window: use up the link. From our own page only, or somebody else could choose who is signed in."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise Forbidden("foreign_link", "This link opens from the course only. Open the activity in your LMS again.")
    return _sign_in(token)


@BLUEPRINT.get("/sign-in/<token>")
def show_sign_in(token: str) -> Response:
    """The page behind a link of the command line. Looking at it uses nothing up: chat programs look at links."""
    with current_runtime().db.reading() as tx:
        check_link(tx, token)
    return page("admin/sign_in.html", action=url_for("admin.use_link", token=token))


@BLUEPRINT.post("/sign-in/<token>")
def use_link(token: str) -> AnyResponse:
    """Use the link up."""
    return _sign_in(token)


@BLUEPRINT.post("/sign-out")
@for_admins
def leave() -> AnyResponse:
    """End this session."""
    with current_runtime().db.transaction() as tx:
        sign_out(tx, request.cookies.get(COOKIE, ""))
    response = redirect(url_for("admin.show_signed_out"), 303)
    drop_session(response)
    return response


@BLUEPRINT.get("/signed-out")
def show_signed_out() -> Response:
    """After signing out."""
    if find_current_admin() is not None:
        return page("errors/error.html", title=_("Still signed in"), message=_("Open the console at /admin/."))
    message = _("You are signed out of the console. coursebridge admin link makes a link that lets you in again.")
    return page("errors/error.html", title=_("Signed out"), message=message)


def _sign_in(token: str) -> AnyResponse:
    runtime = current_runtime()
    with runtime.db.transaction() as tx:
        session = sign_in(tx, token, runtime.settings.admin.session_minutes)
    response = redirect(url_for("admin.show_overview"), 303)
    keep_session(response, session)
    return response

"""Who gets into the console: a cookie of its own at top level, and for every form a proof that our page sent it.

Nothing of a learner's session counts here, and nothing here is ever framed.
"""

import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flask import Response, g, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.admin.blueprint import BLUEPRINT
from lti_tool.admin.pages import places
from lti_tool.admin.sessions import Admin, find_admin
from lti_tool.kernel.errors import Forbidden, NotFound, Unauthenticated
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.security import POLICY, is_own_origin
from lti_tool.web.session import TOKEN_KEY

COOKIE = "__Host-coursebridge-admin"
FROM_COURSE = frozenset({"admin.leave_course"})
"""Pages that stand in a session of a course: the way from there into the console."""
FOREIGN = "This form was not sent from the console. Open its page there again and repeat it."
P = ParamSpec("P")
R = TypeVar("R")


def keep_session(response: AnyResponse, token: str) -> None:
    """Give the browser the session: at top level only, sent from our own pages only, gone with the browser."""
    response.set_cookie(COOKIE, token, path="/", secure=True, httponly=True, samesite="Strict")


def drop_session(response: AnyResponse) -> None:
    """Take it away again."""
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Strict")


def find_current_admin() -> Admin | None:
    """Who is in the console in this browser, read once."""
    if "coursebridge_admin" not in g:
        token = request.cookies.get(COOKIE)
        with current_runtime().db.reading() as tx:
            g.coursebridge_admin = find_admin(tx, token) if token else None
    found: Admin | None = g.coursebridge_admin
    return found


def current_admin() -> Admin:
    """The same. Raises: Unauthenticated."""
    found = find_current_admin()
    if found is None:
        raise Unauthenticated(
            "admin_session_over",
            "You are not signed in to the console, or the session is over. Make a link with coursebridge admin link, "
            "or open the console from your LMS if it is trusted for that.",
        )
    return found


def form_proof() -> str:
    """What every form of the console carries: made from the session's cookie, which no other site can read."""
    token = request.cookies.get(COOKIE, "")
    return current_runtime().signer.digest("admin-form", token).hex()


def for_admins(view: Callable[P, R]) -> Callable[P, R]:
    """Let administrators in only; a form has to be ours. Raises (when called): Unauthenticated, Forbidden."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        current_admin()
        if request.method == "POST" and not secrets.compare_digest(request.form.get("proof", ""), form_proof()):
            raise Forbidden("foreign_post", FOREIGN)
        return view(*args, **kwargs)

    return guarded


@BLUEPRINT.before_request
def _refuse_others() -> None:
    """Not within a course's session, not in a frame, and no form from elsewhere."""
    if (TOKEN_KEY in request.environ) != (request.endpoint in FROM_COURSE):
        raise NotFound("http_404", "There is no page at this address. Open the console at /admin/.")
    if request.method == "POST":
        site, origin = request.headers.get("Sec-Fetch-Site", "same-origin"), request.headers.get("Origin")
        if site != "same-origin" or (origin is not None and not is_own_origin(origin)):
            raise Forbidden("foreign_post", FOREIGN)
    elif request.headers.get("Sec-Fetch-Dest") in ("iframe", "frame", "object", "embed"):
        raise Forbidden("framed", "The console is not shown inside another page. Open it in a window of its own.")


@BLUEPRINT.after_request
def _forbid_frames(response: Response) -> Response:
    if TOKEN_KEY not in request.environ:
        response.headers["Content-Security-Policy"] = POLICY.format(ancestors="'none'", forms="'self'")
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    return response


@BLUEPRINT.context_processor
def _for_forms() -> dict[str, Any]:
    admin = find_current_admin()
    # an error within the console leaves its reader there
    around = places() if admin and TOKEN_KEY not in request.environ else {}
    return {"proof": {"proof": form_proof()}, "admin": admin, **around}


@BLUEPRINT.errorhandler(Unauthenticated)
def _say_how_to_get_in(error: Unauthenticated) -> Response:
    return page("errors/error.html", status=error.status, title=_("Sign in to the console"), message=error.message)

"""Open in a new window."""

from typing import Any

from flask import Response, request, url_for

from lti_tool.kernel.errors import Forbidden, Unauthenticated
from lti_tool.lti.blueprint import BLUEPRINT
from lti_tool.lti.browser import keep_browser_secret, new_browser_secret, read_browser_secret
from lti_tool.lti.views import see_other
from lti_tool.lti.window import spend_code, write_code, write_pass
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import TOKEN_KEY, find_current_session, session_path, start_session, write_own


@BLUEPRINT.app_context_processor
def _open_url() -> dict[str, Any]:
    """`open_url` of base.html opens this page in a window, `window_of(url)` another page of this session."""
    session = find_current_session()
    if session is None or session.deep_linking is not None or request.method != "GET":
        return {"open_url": None, "window_of": window_of}
    return {"open_url": window_of(request.script_root + request.full_path.rstrip("?")), "window_of": window_of}


def window_of(url: str) -> str:
    """Where to post to, so that `url` of this session opens in a window, where the frame's cookie does not come."""
    path = url.removeprefix(request.script_root)
    # a pass needs no quoting, and an address that is another one each time is not worth keeping
    own = write_own(lambda: write_pass(current_runtime(), request.environ[TOKEN_KEY], path))
    return f"{url_for('lti.open_window')}?window={own}"


@BLUEPRINT.post("/lti/window")
def open_window() -> Response:
    """From the frame, into the new window: trade the page's pass for a one-time code."""
    token = request.environ.get(TOKEN_KEY)
    if token is None:
        raise Unauthenticated("session_over", "Open the activity again from your course.")
    code = write_code(current_runtime(), token, request.args.get("window", ""))
    return see_other(f"{request.environ.get('coursebridge.root', '')}/w/{code}")


@BLUEPRINT.get("/w/<code>")
def enter_window(code: str) -> Response:
    """In the new window: spend the code, keep a first-party cookie, and show the page in a session bound to it."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        # somebody else's link, which would have this browser work in the session of whoever made it
        raise Forbidden(
            "foreign_link", "This link opens from the course only. Open the activity again from your course."
        )
    runtime = current_runtime()
    known = read_browser_secret()
    secret = known or new_browser_secret()
    with runtime.db.transaction() as tx:
        opened = spend_code(tx, runtime, code)
        token = start_session(tx, opened.signed_in, secret)
    response = see_other(request.script_root + session_path(token, opened.path))
    if known is None:
        keep_browser_secret(response, secret)
    return response

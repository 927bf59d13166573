"""The short way of logins and launches, from WSGI to the redirect (docs/adr/0023).

A class opens its activity at once, and of what Flask does around a request a redirect needs nothing. Here the same
functions check and record as in `views`. What needs a page (a browser that is new, the platform's storage) or is odd in
form goes the whole way; a refusal goes there as well, to be told, and is not decided again.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, request
from flask.blueprints import BlueprintSetupState
from werkzeug.urls import iri_to_uri

from lti_tool.lti.blueprint import BLUEPRINT
from lti_tool.lti.browser import is_browser_secret
from lti_tool.lti.framing import let_frame_origins, list_framing_origins, policy_for
from lti_tool.lti.ladder import Browser
from lti_tool.lti.launch import TOKEN_BYTES, read_answer
from lti_tool.lti.login import LAUNCH_PATH, LOGIN_PATH, authentication_url, find_platform, make_state, parse_login
from lti_tool.lti.models import Registration
from lti_tool.lti.pages_storage import ANSWERED, is_storage_due
from lti_tool.lti.registrations import origin_of
from lti_tool.lti.sign_in import enter
from lti_tool.web.runtime import PLUGINS_KEY, RUNTIME_KEY, wrap_app
from lti_tool.web.security import safe_headers
from lti_tool.web.session import BROWSER_COOKIE, TOKEN_KEY
from lti_tool.web.wsgi import read_body, read_cookie

REFUSED = "coursebridge.lti_refused"
FORM = "application/x-www-form-urlencoded"
MOST_BYTES = 2 * TOKEN_BYTES
MOST_FIELDS = 50

Form = Mapping[str, list[str]]


@dataclass
class Seen:
    """Who may frame what the browser is told, and why it goes no further."""

    origins: list[str] = field(default_factory=list)
    error: Exception | None = None

    def platform(self, registration: Registration) -> None:
        """This platform is the one."""
        self.origins = list_framing_origins(registration)


def raise_refusal() -> None:
    """In a view: raises what the short way has met, if it was there."""
    seen: Seen | None = request.environ.get(REFUSED)
    if seen is not None and seen.error is not None:
        let_frame_origins(seen.origins)
        raise seen.error


@BLUEPRINT.record_once
def _open(state: BlueprintSetupState) -> None:
    app = state.app
    assert isinstance(app, Flask)
    wrap_app(app, lambda wsgi: ShortWay(wsgi, app))


class ShortWay:
    """WSGI middleware, within `web.session.SessionPrefix`."""

    def __init__(self, wsgi: WSGIApplication, app: Flask) -> None:
        """`wsgi` takes the whole way."""
        self._wsgi, self._app = wsgi, app
        self._runtime = app.extensions[RUNTIME_KEY]
        self._contents = [plugin.contents for plugin in app.extensions[PLUGINS_KEY] if plugin.contents]
        self._headers = safe_headers(self._runtime.settings)
        self._ways: dict[tuple[str, str], Callable[[WSGIEnvironment, Form, Seen], str | None]] = {
            ("GET", LOGIN_PATH): self._log_in,
            ("POST", LOGIN_PATH): self._log_in,
            ("POST", LAUNCH_PATH): self._launch,
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        take = self._ways.get((environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")))
        form = _read_form(environ) if take and TOKEN_KEY not in environ else None
        if take is None or form is None:
            return self._wsgi(environ, start_response)
        seen, location = Seen(), None
        try:
            location = take(environ, form, seen)
        except Exception as error:
            seen.error = error
            environ[REFUSED] = seen
        if location is None:
            return self._wsgi(environ, start_response)
        if not (location.isascii() and location.isprintable()):
            location = iri_to_uri(location)  # a launch that was let in is not to be tried again
        policy = ("Content-Security-Policy", policy_for(tuple(seen.origins)))
        start_response("303 SEE OTHER", [("Location", location), ("Content-Length", "0"), policy, *self._headers])
        return [b""]

    def _log_in(self, environ: WSGIEnvironment, form: Form, seen: Seen) -> str | None:
        """Where the platform answers; None: this browser has no cookie of ours yet."""
        cookie = read_cookie(environ, BROWSER_COOKIE) or ""
        if not is_browser_secret(cookie):
            return None
        wanted = parse_login(form)
        seen.origins = [origin_of(wanted.issuer)]
        registration = find_platform(self._runtime, wanted, seen.platform)
        state = make_state(registration, wanted, cookie)
        return authentication_url(self._runtime, registration, wanted, state)

    def _launch(self, environ: WSGIEnvironment, form: Form, seen: Seen) -> str | None:
        """Where the activity is; None: a page has to ask the platform's storage, or did."""
        if ANSWERED in form:
            return None
        with self._app.app_context():  # for plugins that are asked for what they placed
            answer = read_answer(self._runtime, form, seen.platform)
            if is_storage_due(answer):
                return None
            path = enter(
                self._runtime, self._contents, answer, Browser(read_cookie(environ, BROWSER_COOKIE) or None, None)
            )
        return str(environ.get("SCRIPT_NAME", "")) + path


def _read_form(environ: WSGIEnvironment) -> Form | None:
    """The parameters, each with all its values; None: their form is unusual. What was read can be read again."""
    text = environ.get("QUERY_STRING", "")
    try:
        if environ["REQUEST_METHOD"] == "POST":
            kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
            body = read_body(environ, MOST_BYTES) if kind == FORM and not text else b""
            if not body:
                return None
            text = body.decode("ascii")
        return parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        return None

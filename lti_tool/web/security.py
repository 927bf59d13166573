"""Headers that every response carries, and the check on where a post comes from."""

from flask import Flask, Response, request

from lti_tool.kernel.errors import Forbidden, NotFound
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import TOKEN_KEY, find_current_session

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action {forms}; base-uri 'none'; frame-ancestors {ancestors}"
)


HSTS = "max-age=31536000"


def install_security(app: Flask) -> None:
    """Add the headers and the checks to an app."""
    app.before_request(_refuse_odd_addresses)
    app.before_request(_refuse_foreign_posts)
    app.after_request(_add_headers)


def _refuse_odd_addresses() -> None:
    """A NUL is in no address of ours, and PostgreSQL takes it in no text."""
    if "\0" in request.path:
        raise NotFound("http_404", "There is no page at this address. Go back to your course and open it again.")


def _refuse_foreign_posts() -> None:
    """A form of a session is only ever posted by our own page (its address is secret; this is the second lock)."""
    if (
        request.method == "POST"
        and TOKEN_KEY in request.environ
        and request.headers.get("Sec-Fetch-Site") == "cross-site"
    ):
        raise Forbidden(
            "foreign_post", "This form was not sent from our page. Open the activity again from your course."
        )


def _add_headers(response: Response) -> Response:
    session = find_current_session()
    origin = session.frame_origin if session else ""
    policy = POLICY.format(
        ancestors=f"'self' {origin}".strip(),
        forms="'self' " + " ".join(filter(None, [origin, current_runtime().settings.hub.url])),
    )
    response.headers.setdefault("Content-Security-Policy", policy.strip())
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
    if current_runtime().settings.base_url.scheme == "https":
        response.headers.setdefault("Strict-Transport-Security", HSTS)
    response.headers.setdefault("Cache-Control", "no-store")  # redirects too: their addresses hold sessions
    return response

"""Headers that every response carries, and the check on where a post comes from."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, g, request

from config.settings import Settings
from lti_tool.kernel.errors import Forbidden, NotFound
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import TOKEN_KEY, find_current_session

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "font-src 'self'; connect-src 'self'; frame-src 'self'; form-action {forms}; base-uri 'none'; "
    "frame-ancestors {ancestors}"
)

EXTENSIBLE = ("frame-src", "media-src")
"""Directives that a view may extend by an origin, for the one page that it answers with."""
MOST_ID = 2**63 - 1
HSTS = "max-age=31536000"
_SAFE = (
    ("Referrer-Policy", "same-origin"),
    ("X-Content-Type-Options", "nosniff"),
    ("Permissions-Policy", "camera=(), microphone=(), geolocation=()"),
    ("Cache-Control", "no-store"),  # redirects too: their addresses hold sessions
)


def install_security(app: Flask) -> None:
    """Add the headers and the checks to an app."""
    app.before_request(_refuse_odd_addresses)
    app.before_request(_refuse_foreign_posts)
    app.after_request(_add_headers)


def is_own_origin(origin: str | None) -> bool:
    """Whether an `Origin` header is the tool's own: the request was made by a page of ours."""
    base = current_runtime().settings.base_url
    usual = {"http": 80, "https": 443}.get(base.scheme)
    return origin == f"{base.scheme}://{base.host}" + (f":{base.port}" if base.port not in (None, usual) else "")


def allow_source(directive: str, source: str) -> None:
    """Let the page that this request answers with load from an origin.

    Raises: ValueError: the directive is not one of `EXTENSIBLE`, or the source is no origin.
    """
    if directive not in EXTENSIBLE or not re.fullmatch(r"https?://[\w.:\[\]-]+", source, re.ASCII):
        raise ValueError(f"{directive} cannot be extended by {source!r}")
    g.setdefault("coursebridge_sources", {}).setdefault(directive, []).append(source)


def is_foreign_post(environ: Mapping[str, Any]) -> bool:
    """Whether a post within a session comes from a page of somebody else. A learner's own server may be same-site."""
    return TOKEN_KEY in environ and environ.get("HTTP_SEC_FETCH_SITE") in ("cross-site", "same-site")


def data_headers(settings: Settings) -> list[tuple[str, str]]:
    """Of an answer that is data for a script of ours, not a page: nobody frames it, nobody keeps it."""
    return [("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"), *safe_headers(settings)]


def safe_headers(settings: Settings) -> list[tuple[str, str]]:
    """What every answer carries beside its policy."""
    secure = [("Strict-Transport-Security", HSTS)] if settings.base_url.scheme == "https" else []
    return [*_SAFE, *secure]


def _refuse_odd_addresses() -> None:
    """A NUL is in no address of ours, and PostgreSQL takes it in no text; no row has so high a number."""
    is_too_high = any(isinstance(value, int) and value > MOST_ID for value in (request.view_args or {}).values())
    if "\0" in request.path or is_too_high:
        raise NotFound("http_404", "There is no page at this address. Go back to your course and open it again.")


def _refuse_foreign_posts() -> None:
    """A form of a session is only ever posted by our own page (its address is secret; this is the second lock)."""
    if request.method == "POST" and is_foreign_post(request.environ):
        raise Forbidden(
            "foreign_post", "This form was not sent from our page. Open the activity again from your course."
        )


@lru_cache(maxsize=1000)
def _policy(frame_origin: str, files_origin: str, hub_url: str) -> str:
    """The policy of a page. Images and players may come from the bucket that files are kept in too, if there is one."""
    policy = POLICY
    for source in ("img-src 'self' data:", "media-src 'self'") if files_origin else ():
        policy = policy.replace(source, f"{source} {files_origin}")
    return policy.format(
        ancestors=f"'self' {frame_origin}".strip(),
        forms=" ".join(["'self'", *filter(None, [frame_origin]), *_hub_sources(hub_url)]),
    )


def _add_headers(response: Response) -> Response:
    session, settings = find_current_session(), current_runtime().settings
    policy = _policy(session.frame_origin if session else "", settings.files.origin, settings.hub.url)
    said = {name.lower() for name, _value in response.headers}
    wanted = [("Content-Security-Policy", _extended(policy)), *safe_headers(settings)]
    response.headers.extend([header for header in wanted if header[0].lower() not in said])
    return response


def _hub_sources(url: str) -> list[str]:
    """Where a form that opens JupyterHub may end.

    Browsers check every redirect, and a server may have a host of its own below the Hub's (docs/adr/0008).
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if "." not in host or host.split(".")[-1].isdecimal() or ":" in host:
        return [url]
    return [url, f"{parts.scheme}://*.{parts.netloc}"]


def _extended(policy: str) -> str:
    """The policy with what `allow_source` was told."""
    sources: dict[str, list[str]] = g.get("coursebridge_sources", {})
    if not sources:
        return policy
    parts = [part.split() for part in policy.split(";")]
    names = {part[0] for part in parts}
    parts += [[directive] for directive in sources if directive not in names]
    return "; ".join(" ".join(dict.fromkeys([*part, *sources.get(part[0], [])])) for part in parts)

"""Rendering pages."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, make_response, render_template, request, url_for
from flask_babel import get_locale
from jinja2 import StrictUndefined

from lti_tool.web.runtime import current_plugins
from lti_tool.web.session import find_current_session, window_pass

STATIC = Path(__file__).parent / "static"


def page(template: str, *, status: int = 200, **context: Any) -> Response:
    """A rendered template as a response that nobody caches."""
    response = make_response(render_template(template, **context), status)
    response.headers["Cache-Control"] = "no-store"
    return response


def is_fragment_request() -> bool:
    """Did htmx ask for a part of the page?"""
    return request.headers.get("HX-Request") == "true"


def install_rendering(app: Flask) -> None:
    """Give every template `session`, `nav` and `asset()`; an unknown variable in a template is an error."""
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals["window_pass"] = window_pass
    app.context_processor(_shared)


def asset(name: str) -> str:
    """The URL of a static file: outside the session's path and with its digest, so that it is cached for a year."""
    root = request.environ.get("coursebridge.root", request.script_root)
    return f"{root}/static/{name}?v={_digest(name)}"


def _shared() -> dict[str, Any]:
    session = find_current_session()
    return {
        "session": session,
        "nav": _nav(session),
        "asset": asset,
        "lang": str(get_locale() or "en"),
    }


def _nav(session: Any) -> list[dict[str, Any]]:
    if session is None or not session.course_slug or session.deep_linking:
        return []
    items = [item for plugin in current_plugins() for item in plugin.nav if session.role in item.roles]
    items.sort(key=lambda item: item.place)
    return [
        {
            "label": item.label,
            "url": url_for(item.endpoint, slug=session.course_slug),
            "current": request.endpoint == item.endpoint,
        }
        for item in items
    ]


@cache
def _digest(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]

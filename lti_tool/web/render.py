"""Rendering pages."""

from collections.abc import Iterable
from typing import Any

from flask import Flask, Response, make_response, render_template, request, url_for
from flask_babel import get_locale
from jinja2 import StrictUndefined

from lti_tool.web.assets import asset
from lti_tool.web.brand import brand_url
from lti_tool.web.runtime import current_plugins
from lti_tool.web.session import find_current_session, window_pass
from lti_tool.web.texts import install_texts


def page(template: str, *, status: int = 200, **context: Any) -> Response:
    """A rendered template as a response that nobody caches."""
    response = make_response(render_template(template, **context), status)
    response.headers["Cache-Control"] = "no-store"
    return response


def is_fragment_request() -> bool:
    """Did htmx ask for a part of the page?"""
    return request.headers.get("HX-Request") == "true"


def install_rendering(app: Flask, languages: Iterable[str]) -> None:
    """Give every template `session`, `nav` and `asset()`; an unknown variable in a template is an error."""
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals["window_pass"] = window_pass
    install_texts(app, languages)
    app.context_processor(_shared)


def _shared() -> dict[str, Any]:
    session, locale = find_current_session(), get_locale()
    return {
        "session": session,
        "nav": _nav(session),
        "asset": asset,
        "brand_css": brand_url(session.brand) if session else None,
        "lang": str(locale or "en"),
        "text_direction": locale.text_direction if locale else "ltr",
    }


def _nav(session: Any) -> list[dict[str, Any]]:
    if session is None or not session.course_slug or session.deep_linking:
        return []
    items = [item for plugin in current_plugins() for item in plugin.nav if session.role in item.roles]
    items = [item for item in items if item.right is None or item.right in session.rights]
    return [
        {
            "label": item.label,
            "url": url_for(item.endpoint, slug=session.course_slug),
            "current": request.endpoint == item.endpoint,
        }
        for item in sorted(items, key=lambda item: item.order)
    ]

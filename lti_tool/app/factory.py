"""Builds the web application."""

import gc
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, has_request_context, request
from flask_babel import Babel
from sqlalchemy import text
from werkzeug.middleware.proxy_fix import ProxyFix

from config.settings import Settings, load_settings
from lti_tool.app.health import list_checks
from lti_tool.app.process import make_process
from lti_tool.app.worker import publish_with
from lti_tool.contract import Plugin
from lti_tool.kernel.logging import configure_logging
from lti_tool.kernel.runtime import Runtime
from lti_tool.web.assets import install_assets
from lti_tool.web.brand import install_brand
from lti_tool.web.design import install_design
from lti_tool.web.errors import install_error_handlers
from lti_tool.web.render import install_rendering
from lti_tool.web.runtime import HEALTH_KEY, PLUGINS_KEY, RUNTIME_KEY, current_runtime, wrap_app
from lti_tool.web.security import install_security
from lti_tool.web.session import SessionPrefix, find_current_session

LOCALES = ["en"]
GARBAGE = 20_000
"""Objects that the collector lets come together before it looks for cycles: every few dozen requests, not in each."""
MOST_PATHS = 5000
"""Paths that a process keeps; then it begins anew."""


class _App(Flask):
    def __init__(self, name: str) -> None:
        super().__init__(name, static_folder=None)
        self._paths: dict[tuple[Any, ...], str] = {}

    def url_for(
        self,
        /,
        endpoint: str,
        *,
        _anchor: str | None = None,
        _method: str | None = None,
        _scheme: str | None = None,
        _external: bool | None = None,
        **values: Any,
    ) -> str:
        """As Flask's, but a path below the session's is built once: many people's pages lead to the same."""
        is_plain = _anchor is None and _method is None and _scheme is None and _external is None
        if not is_plain or endpoint.startswith(".") or not has_request_context():
            return super().url_for(
                endpoint, _anchor=_anchor, _method=_method, _scheme=_scheme, _external=_external, **values
            )
        key = (endpoint, *values, *values.values(), *map(type, values.values()))
        try:
            path = self._paths.get(key)
        except TypeError:  # a list of values
            return super().url_for(endpoint, **values)
        if path is None:
            if len(self._paths) >= MOST_PATHS:
                self._paths.clear()
            path = self._paths[key] = super().url_for(endpoint, **values).removeprefix(request.script_root)
        return request.script_root + path

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No view or hook is a coroutine, so none is asked whether it is, thirty times a launch."""
        return func


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application."""
    settings = settings or load_settings()
    configure_logging(settings.log_level)
    runtime, plugins = make_process(settings)
    publish_with(settings, runtime.db.router)
    app = build_app(runtime, plugins)
    gc.freeze()  # modules, tables and pages stay: the collector need not look at them again and again
    gc.set_threshold(GARBAGE)
    return app


def build_app(runtime: Runtime, plugins: list[Plugin]) -> Flask:
    """The WSGI application over a runtime that exists already."""
    settings = runtime.settings
    app = _App("lti_tool.web")
    app.config["MAX_CONTENT_LENGTH"] = settings.web.max_request_bytes
    app.config["MAX_FORM_MEMORY_SIZE"] = 2_000_000
    app.extensions[RUNTIME_KEY] = runtime
    app.extensions[PLUGINS_KEY] = plugins
    app.extensions[HEALTH_KEY] = list_checks(plugins)
    Babel(app, locale_selector=_locale)
    install_rendering(app, LOCALES)
    install_assets(app)
    install_brand(app)
    install_error_handlers(app)
    install_security(app)
    if settings.web.design_page:
        install_design(app)
    for plugin in plugins:
        for blueprint in plugin.blueprints:
            app.register_blueprint(blueprint)
    app.add_url_rule("/healthz", "healthz", _healthz)
    app.add_url_rule("/readyz", "readyz", _readyz)
    wrap_app(app, SessionPrefix)
    if hops := settings.web.trusted_proxies:
        wrap_app(app, lambda wsgi: ProxyFix(wsgi, x_for=hops, x_proto=hops, x_host=hops, x_prefix=hops))
    return app


def _locale() -> str:
    if not has_request_context():  # a launch that takes the short way: what it asks plugins for is not shown
        return LOCALES[0]
    session = find_current_session()
    wanted = [session.locale.replace("_", "-")] if session and session.locale else []
    found = request.accept_languages.best_match(LOCALES) or "en"
    return next((name for name in LOCALES if any(tag.split("-")[0] == name for tag in wanted)), found)


def _healthz() -> Response:
    """The process answers."""
    return Response("ok\n", content_type="text/plain")


def _readyz() -> Response:
    """The process can do its work: the database answers."""
    with current_runtime().db.reading() as tx:
        tx.execute(text("SELECT 1"))
    return Response("ready\n", content_type="text/plain")

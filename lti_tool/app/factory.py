"""Builds the web application."""

import gc
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, request
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


class _App(Flask):
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
    return app


def build_app(runtime: Runtime, plugins: list[Plugin]) -> Flask:
    """The WSGI application over a runtime that exists already."""
    settings = runtime.settings
    app = _App("lti_tool.web", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.web.max_request_bytes
    app.config["MAX_FORM_MEMORY_SIZE"] = 2_000_000
    app.extensions[RUNTIME_KEY] = runtime
    app.extensions[PLUGINS_KEY] = plugins
    app.extensions[HEALTH_KEY] = list_checks(plugins)
    Babel(app, locale_selector=_locale)
    install_rendering(app)
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

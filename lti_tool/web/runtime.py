"""The runtime of the app that serves this request."""

from collections.abc import Callable
from wsgiref.types import WSGIApplication

from flask import Flask, current_app

from lti_tool.contract import HealthCheck, Plugin
from lti_tool.kernel.runtime import Runtime

RUNTIME_KEY = "coursebridge.runtime"
PLUGINS_KEY = "coursebridge.plugins"
HEALTH_KEY = "coursebridge.health"


def current_runtime() -> Runtime:
    """The runtime that the composition root made."""
    return current_app.extensions[RUNTIME_KEY]  # type: ignore[no-any-return]  # extensions is untyped


def current_plugins() -> list[Plugin]:
    """The loaded plugins, in order."""
    return current_app.extensions[PLUGINS_KEY]  # type: ignore[no-any-return]  # extensions is untyped


def current_checks() -> list[HealthCheck]:
    """What to look at to say how the installation is: of the composition root, then of the plugins."""
    checks: list[HealthCheck] = current_app.extensions[HEALTH_KEY]
    return checks


def wrap_app(app: Flask, wrap: Callable[[WSGIApplication], WSGIApplication]) -> None:
    """Put WSGI middleware around what the app has already."""
    app.wsgi_app = wrap(app.wsgi_app)  # type: ignore[assignment]  # Flask's documented way to add middleware

"""The runtime of the app that serves this request."""

from collections.abc import Callable
from wsgiref.types import WSGIApplication

from flask import Flask, current_app

from lti_tool.contract import Plugin
from lti_tool.kernel.runtime import Runtime

RUNTIME_KEY = "coursebridge.runtime"
PLUGINS_KEY = "coursebridge.plugins"


def current_runtime() -> Runtime:
    """The runtime that the composition root made."""
    return current_app.extensions[RUNTIME_KEY]  # type: ignore[no-any-return]  # extensions is untyped


def current_plugins() -> list[Plugin]:
    """The loaded plugins, in order."""
    return current_app.extensions[PLUGINS_KEY]  # type: ignore[no-any-return]  # extensions is untyped


def wrap_app(app: Flask, wrap: Callable[[WSGIApplication], WSGIApplication]) -> None:
    """Put WSGI middleware around what the app has already."""
    app.wsgi_app = wrap(app.wsgi_app)  # type: ignore[assignment]  # Flask's documented way to add middleware

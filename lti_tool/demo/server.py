"""Puts the campus together and serves it.

Werkzeug's threaded server: it starts at once, keeps HTTP reason phrases (Moodle explains refused scores there) and
lets a fault close the connection. It serves loopback only.
"""

from __future__ import annotations

import secrets
import socket

from flask import Flask, Response, make_response, render_template
from werkzeug.exceptions import HTTPException
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from lti_tool.demo import (
    admin_pages,
    ags,
    deep_linking,
    fault_hooks,
    groups,
    json_api,
    notices,
    nrps,
    oidc,
    pages,
    registration,
    scores,
    token,
)
from lti_tool.demo.campus import Campus, the_campus
from lti_tool.demo.config import CampusConfig
from lti_tool.demo.model import CampusError
from lti_tool.demo.people import signed_in
from lti_tool.demo.seed import seed


class _QuietHandler(WSGIRequestHandler):
    """Says nothing per request."""

    def log(self, type: str, message: str, *args: object) -> None:
        """Drop the line."""


def create_campus(config: CampusConfig) -> Flask:
    """Return the Flask app of one campus; its ``Campus`` is ``app.extensions["campus"]``."""
    campus = Campus(config)
    if config.seed:
        seed(campus.store, campus.profile)
    app = Flask(__name__)
    app.extensions["campus"] = campus
    app.secret_key = _secret(campus)
    app.config.update(
        SESSION_COOKIE_NAME=f"campus_{campus.profile.name}",
        SESSION_COOKIE_SAMESITE=campus.profile.cookie_same_site,
        SESSION_COOKIE_SECURE=campus.profile.cookie_same_site == "None",
        SESSION_COOKIE_HTTPONLY=True,
    )
    fault_hooks.install(app)
    parts = (oidc, token, ags, scores, nrps, groups, notices, deep_linking, registration, pages, admin_pages)
    for part in parts:
        app.register_blueprint(part.blueprint)
    if config.test_api:
        app.register_blueprint(json_api.blueprint)
    app.register_error_handler(CampusError, _show_error)
    app.register_error_handler(HTTPException, _show_http_error)
    app.context_processor(_page_values)
    return app


def _secret(campus: Campus) -> str:
    secret = campus.store.get_setting("secret") or secrets.token_hex(32)
    campus.store.set_setting("secret", secret)
    return secret


def _page_values() -> dict[str, object]:
    campus = the_campus()
    return {"campus": campus, "course": campus.store.course, "me": signed_in()}


def _show_error(error: CampusError) -> Response:
    page = render_template("message.html", title="This does not work", message=error.message)
    return make_response(page, error.status)


def _show_http_error(error: HTTPException) -> Response:
    if error.code is None or error.code < 400:
        return make_response(error.get_response())
    page = render_template("message.html", title=error.name, message="There is nothing here for you to see.")
    return make_response(page, error.code)


def bind(config: CampusConfig, app: Flask) -> BaseWSGIServer:
    """Listen on the configured address; with port 0 the campus learns its port here.

    Raises:
        OSError: the address is in use.
    """
    listener = socket.create_server((config.host, config.port))
    port = listener.getsockname()[1]
    campus = app.extensions["campus"]
    if config.base_url is None:
        campus.base_url = f"http://{config.host}:{port}"
    descriptor = listener.detach()
    server = make_server(config.host, port, app, threaded=True, request_handler=_QuietHandler, fd=descriptor)
    socket.close(descriptor)  # the server works on a duplicate
    return server


def run_campus(config: CampusConfig) -> None:
    """Serve a campus until the process is interrupted."""
    app = create_campus(config)
    server = bind(config, app)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return
    finally:
        app.extensions["campus"].close()
        server.server_close()

"""Acts the faults out on requests to the services."""

from __future__ import annotations

import contextlib
import socket
from urllib.parse import urlsplit

from flask import Flask, Response, g, make_response, request

from lti_tool.demo.campus import Campus, the_campus
from lti_tool.demo.faults import Fault

_ENDPOINTS = {
    "token.token": "token",
    "scores.add_score": "scores",
    "scores.list_results": "results",
    "ags.list_line_items": "lineitems",
    "ags.add_line_item": "lineitems",
    "ags.show_line_item": "lineitems",
    "ags.replace_line_item": "lineitems",
    "ags.delete_line_item": "lineitems",
    "oidc.jwks": "jwks",
    "nrps.list_members": "members",
    "groups.list_groups": "groups",
    "groups.list_sets": "groups",
    "notices.put_handler": "notices",
    "registration.configuration": "configuration",
    "registration.register": "registration",
}


def install(app: Flask) -> None:
    """Make every service request meet the fault that waits for it."""
    app.before_request(_before)
    app.after_request(_after)


def _before() -> Response | None:
    name = _ENDPOINTS.get(request.endpoint or "")
    campus = the_campus()
    fault = campus.faults.take(name, campus.clock.now()) if name else None
    return _act(campus, fault) if fault else None


def _act(campus: Campus, fault: Fault) -> Response | None:
    match fault.kind:
        case "status":
            return make_response("", fault.value)
        case "rate_limit":
            return make_response("Rate Limit Exceeded", 429, {"Retry-After": str(fault.value)})
        case "html":
            return make_response("<!doctype html><title>Maintenance</title><h1>Back soon</h1>", 200)
        case "revoke":
            campus.store.revoke_access_tokens()
        case "slow":
            campus.stopping.wait(fault.value / 1000)
        case "timeout":
            campus.stopping.wait(fault.value / 1000)
            return _hang_up()
        case "drop":
            g.drop_after = True
        case "foreign_next":
            g.foreign_next = True
    return None


def _after(response: Response) -> Response:
    if g.pop("foreign_next", False):  # this very server, by a name that is another origin
        port = urlsplit(request.host_url).port
        response.headers["Link"] = f'<http://localhost:{port}{request.full_path}>; rel="next"'
    return _hang_up() if g.pop("drop_after", False) else response


def _hang_up() -> Response:
    """Close the connection under the answer; without a socket (test client) the answer is an empty 502."""
    connection = request.environ.get("werkzeug.socket")
    if isinstance(connection, socket.socket):
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
    return make_response("", 502)

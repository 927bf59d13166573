"""The one place that turns an error into a page or into problem+json (RFC 9457)."""

import json
import logging
import secrets
from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Flask, Response, current_app, request
from flask_babel import gettext as _
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from lti_tool.kernel.errors import AppError
from lti_tool.kernel.liveness import is_away
from lti_tool.web.render import page
from lti_tool.web.session import do_without_session

log = logging.getLogger(__name__)

RETRY_AFTER_S = 30
WAY_BACK = "coursebridge.way_back"
FindWayBack = Callable[[int, str, str], dict[str, Any] | None]
"""`(status, code, reference)` → the button of an error page that leads out of it (.label .url .fields), or None."""


def install_error_handlers(app: Flask) -> None:
    """Handle AppError, werkzeug's HTTP errors, a database that is away, and anything unforeseen."""
    handlers: dict[type[Exception], Callable[[Any], Response]] = {
        AppError: _app_error,
        HTTPException: _http_error,
        OperationalError: _database_error,
        Exception: _unforeseen,
    }
    for kind, handler in handlers.items():
        app.register_error_handler(kind, partial(_handle, handler))


def tell_way_back(app: Flask, find: FindWayBack) -> None:
    """Have error pages ask this function where the person may go on."""
    app.extensions[WAY_BACK] = find


def _handle(handler: Callable[[Any], Response], error: Exception) -> Response:
    do_without_session()  # first of all: texts are in the language of the session
    return handler(error)


def _app_error(error: AppError) -> Response:
    return answer_error(error.status, error.code, error.message, error)


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400 and error.response is None:
        return Response(status=status)
    messages = {
        404: _("There is no page at this address. Go back to your course and open the activity again."),
        405: _("This address does not answer that kind of request."),
        413: _("That is more than can be accepted. Send a smaller file."),
    }
    return answer_error(status, f"http_{status}", messages.get(status, error.description or error.name), error)


def _database_error(error: OperationalError) -> Response:
    if not is_away(error):
        return _unforeseen(error)
    message = _("This tool cannot reach its data at the moment. Nothing you saved is lost. Try again in a minute.")
    answer = answer_error(503, "database_unavailable", message, error)
    answer.headers["Retry-After"] = str(RETRY_AFTER_S)
    return answer


def _unforeseen(error: Exception) -> Response:
    return answer_error(
        500, "internal", _("Something went wrong on our side. Nothing you saved is lost. Try again in a minute."), error
    )


def answer_error(status: int, code: str, message: str, error: Exception) -> Response:
    """Log the error under a reference, and answer with it as a page or, below `/api/`, as problem+json."""
    reference = secrets.token_hex(4).upper()
    write = log.error if status >= 500 else log.info
    facts = {"code": code, "status": status, "reference": reference, "path": request.path}
    write("request_refused", extra=facts, exc_info=error if status >= 500 else None)
    if request.path.startswith("/api/"):
        body = {
            "type": "about:blank",
            "title": code,
            "status": status,
            "code": code,
            "detail": message,
            "reference": reference,
        }
        return Response(json.dumps(body), status, content_type="application/problem+json")
    find: FindWayBack | None = current_app.extensions.get(WAY_BACK)
    form = find(status, code, reference) if find else None
    title = _title(status)
    return page("errors/error.html", status=status, title=title, message=message, reference=reference, form=form)


def _title(status: int) -> str:
    titles: dict[int, str] = {
        401: _("Open this from your course"),
        403: _("Not for your role"),
        404: _("Not found"),
        410: _("No longer valid"),
    }
    fallback: str = _("Something went wrong") if status >= 500 else _("This did not work")
    return titles.get(status, fallback)

"""What the grade and roster services share: errors in the platform's manner, media types, paging."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import Response, json, make_response, request

from lti_tool.demo.campus import Campus, the_campus
from lti_tool.demo.model import CampusError

_Row = TypeVar("_Row")


def service_error(error: CampusError) -> Response:
    """Return the error as the platform says it: Moodle in the reason phrase, Canvas in JSON."""
    if the_campus().profile.reason_phrase_errors:
        response = make_response("[]", 200)
        response.status = f"{error.status} {error.message.encode('ascii', 'replace').decode()}"
    else:
        body = {"errors": {"type": error.code, "message": error.message}}
        response = make_response(json.dumps(body), error.status)
    response.content_type = "application/json"
    return response


def answer(body: Any, media_type: str, status: int = 200) -> Response:
    """Return JSON under the media type of the service."""
    response = make_response(json.dumps(body), status)
    response.content_type = media_type
    return response


def require_accept(campus: Campus, media_type: str) -> None:
    """Check the Accept header where the platform wants it to be exactly this type.

    Raises:
        CampusError: it is a list, a wildcard or another type (400).
    """
    if campus.profile.exact_media_types and request.headers.get("Accept", "") != media_type:
        raise CampusError(f"Accept must be exactly {media_type}")


def read_body(campus: Campus, media_type: str) -> dict[str, Any]:
    """Return the JSON object of the request.

    Raises:
        CampusError: another media type, or no JSON object (400).
    """
    allowed = {media_type} if campus.profile.exact_media_types else {media_type, "application/json"}
    if request.mimetype not in allowed:
        raise CampusError(f"Content-Type must be {media_type}")
    found = request.get_json(force=True, silent=True)
    if not isinstance(found, dict):
        raise CampusError("The body is not a JSON object")
    return found


def number(name: str, default: int) -> int:
    """Return a positive whole number from the query.

    Raises:
        CampusError: it is something else (400).
    """
    text = request.args.get(name, "")
    if not text:
        return default
    if not text.isdecimal():
        raise CampusError(f"{name} must be a whole number")
    return int(text)


def page_of(rows: Sequence[_Row], size: int | None, start_name: str) -> tuple[list[_Row], dict[str, str] | None]:
    """Return one page and the query of the next one, or None after the last.

    ``start_name`` is ``from`` (rows to skip) or ``page`` (from 1).
    """
    if not size:
        return list(rows), None
    skipped = number("from", 0) if start_name == "from" else (max(number("page", 1), 1) - 1) * size
    query = {k: v for k, v in request.args.items() if k not in {"from", "page"}}
    after = skipped + size
    following = None
    if after < len(rows):
        following = {**query, start_name: str(after if start_name == "from" else after // size + 1)}
    return list(rows[skipped:after]), following


def next_link(url: str, query: dict[str, str], *, quoted: bool = False) -> str:
    """Return a Link header value for the next page; ``quoted`` writes it as Moodle's line items do."""
    target = f"{url.partition('?')[0]}?{urlencode(query)}"
    if quoted:
        # the header is Latin-1 on the wire: the UTF-8 bytes of the curly quotes pass as they are
        return f"<{target.replace('&', '&amp;')}>; rel=\u201cnext\u201d".encode().decode("latin-1")
    return f'<{target}>; rel="next"'

"""Answers with the bytes of a file: whole, one range, or nothing new (RFC 9110, sections 13 and 14).

A slow reader of a long answer holds one of the few threads of the server until it has read it. So a player gets its
ranges in parts (RFC 9110, 15.3.7 lets a server send less than was asked), which are handed over at once, and only some
of the threads may send long answers. nginx (`files.accel_path`) and a bucket have no such limit.
"""

import threading
from collections.abc import Callable, Iterable, Iterator

from flask import Response, current_app, request
from werkzeug.datastructures import ContentRange
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from lti_tool.kernel.errors import AppError, NotFound
from lti_tool.kernel.runtime import Runtime
from lti_tool.web.runtime import current_runtime
from plugins.files import service
from plugins.files.links import Grant
from plugins.files.models import FileState
from plugins.files.service import ROW_KEY
from plugins.files.serving import POLICY, disposition, is_shown, served_type
from plugins.files.stores import links_of, local_storage_of, storage_of

Read = Callable[[int, int], Iterable[bytes]]
"""`read(start, length)`."""
PART = 2_097_152
"""Bytes that are handed to the server at once: what is not longer holds no thread."""
STREAMS = "coursebridge.files_streams"


class Busy(AppError):
    """As many long answers are being sent as may be."""

    status = 503


def send_granted(runtime: Runtime, token: str) -> Response:
    """What a link grants. Raises: Invalid, Gone: the link. NotFound: the file is gone."""
    grant = links_of(runtime).read(token)
    if grant.key.startswith(ROW_KEY):
        return _send_row(runtime, grant)
    storage = local_storage_of(runtime)
    size = storage.size(grant.key)
    accel = runtime.settings.files.accel_path
    if accel:
        return _describe(Response(headers={"X-Accel-Redirect": accel + grant.key}), grant)
    return _send(grant, size, lambda start, length: storage.open(grant.key, start, length))


def _send_row(runtime: Runtime, grant: Grant) -> Response:
    """A small file that was in the database when the link was made; it may have moved since."""
    with runtime.db.reading() as tx:
        file = service.find_file(tx, int(grant.key.removeprefix(ROW_KEY)))
        content = None if file is None else service.read_content(tx, file.id)
    if file is None or file.state is not FileState.READY:
        raise NotFound("file_not_found", "This file is no longer here.")
    if content is not None:
        kept = content
        return _send(grant, len(kept), lambda start, length: (kept[start : start + length],))
    storage, key = storage_of(runtime), file.key
    return _send(grant, storage.size(key), lambda start, length: storage.open(key, start, length))


def _send(grant: Grant, size: int, read: Read) -> Response:
    """Several ranges at once are refused (416): no browser asks for them to save or to show a file."""
    response = _describe(Response(), grant)
    response.set_etag(grant.key.replace("/", "-"))  # a key's content never changes
    response.content_length = size
    try:
        response.make_conditional(request, accept_ranges=True, complete_length=size)
    except RequestedRangeNotSatisfiable:
        refused = _describe(Response(status=416), grant)
        refused.headers["Content-Range"] = f"bytes */{size}"
        return refused
    if response.status_code in (200, 206) and request.method == "GET":
        _fill(response, size, read, is_played=grant.inline)
    return response


def _fill(response: Response, size: int, read: Read, *, is_played: bool) -> None:
    """Raises: Busy."""
    length = response.content_length or 0
    start = response.content_range.start or 0 if response.status_code == 206 else 0
    if response.status_code == 206 and is_played and length > PART:
        length = response.content_length = PART
        response.content_range = ContentRange("bytes", start, start + PART, size)
    if length <= PART:
        response.set_data(b"".join(read(start, length)))
        return
    streams = _streams()
    if not streams.acquire(blocking=False):
        raise Busy("downloads_busy", "Many large files are being downloaded at this moment. Try again in a minute.")
    response.call_on_close(streams.release)
    response.response = _stream(read, start, length)


def _streams() -> threading.BoundedSemaphore:
    """Half of the server's threads, so that there is always one for everybody else."""
    made = threading.BoundedSemaphore(max(1, current_runtime().settings.web.threads // 2))
    found: threading.BoundedSemaphore = current_app.extensions.setdefault(STREAMS, made)
    return found


def _stream(read: Read, start: int, length: int) -> Iterator[bytes]:
    yield from read(start, length)


def _describe(response: Response, grant: Grant) -> Response:
    """The headers that keep a hostile file harmless; the name in RFC 6266's two forms."""
    shown = grant.inline and is_shown(grant.content_type)
    response.headers["Content-Type"] = served_type(grant.content_type)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "private, max-age=3600"
    response.headers["Content-Disposition"] = disposition(grant.filename, inline=shown)
    return response

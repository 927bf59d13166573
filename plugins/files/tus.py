"""Resumable uploads: tus 1.0.0 (https://tus.io/protocols/resumable-upload), for staff of the session's course.

Extensions: creation, creation-with-upload, expiration, checksum, termination.
"""

import base64
import binascii
from collections.abc import Callable
from functools import wraps
from typing import BinaryIO, ParamSpec, cast

from flask import Response, request, url_for
from werkzeug.http import http_date

from lti_tool.kernel.errors import AppError, Conflict, Invalid, TooLarge
from lti_tool.kernel.permissions import Right
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import SignedIn, current_session, right_required
from plugins.files.blueprint import blueprint, staff_course
from plugins.files.models import UploadRow
from plugins.files.receiving import ALGORITHMS, Checksum, Received, receive
from plugins.files.service import remove_upload
from plugins.files.uploads import Wanted, begin, find_file_id, get_upload

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,expiration,checksum,termination"
OFFSET_TYPE = "application/offset+octet-stream"
FILE_ID = "Coursebridge-File"
"""Header of ours: the id of the file that a whole upload has become."""
P = ParamSpec("P")


class WrongVersion(AppError):
    """Core protocol, Tus-Resumable."""

    status = 412


class WrongType(AppError):
    """Core protocol, PATCH."""

    status = 415


def tus_call(view: Callable[P, Response]) -> Callable[P, Response]:
    """Check the version, and answer in the protocol's way: errors are a line of text."""

    @wraps(view)
    def answered(*args: P.args, **kwargs: P.kwargs) -> Response:
        try:
            if request.headers.get("Tus-Resumable") != VERSION:
                raise WrongVersion("tus_version", f"This server speaks tus {VERSION}.")
            response = right_required(Right.EDIT_COURSE)(view)(*args, **kwargs)
        except AppError as error:
            response = Response(error.message, error.status, content_type="text/plain; charset=utf-8")
            response.headers["Coursebridge-Error"] = error.code
        response.headers["Tus-Resumable"] = response.headers["Tus-Version"] = VERSION
        response.headers["Cache-Control"] = "no-store"
        return response

    return answered


@blueprint.route("/uploads", methods=["OPTIONS"], provide_automatic_options=False)
def describe_server() -> Response:
    """What this server can do (Core protocol, OPTIONS)."""
    response = Response(status=204)
    response.headers["Tus-Resumable"] = response.headers["Tus-Version"] = VERSION
    response.headers["Tus-Extension"] = EXTENSIONS
    response.headers["Tus-Max-Size"] = str(current_runtime().settings.files.max_bytes)
    response.headers["Tus-Checksum-Algorithm"] = ",".join(ALGORITHMS)
    return response


@blueprint.post("/uploads")
@tus_call
def create_upload() -> Response:
    """Begin an upload, with its first bytes if they come along (Creation, Creation With Upload)."""
    session = current_session()
    facts = _read_metadata(request.headers.get("Upload-Metadata", ""))
    wanted = Wanted(
        course_slug=staff_course(session),
        owner_id=session.user_id,
        name=facts.get("filename", ""),
        length=_whole_number("Upload-Length"),
        fingerprint=facts.get("fingerprint", ""),
        replaces_id=_digits(facts.get("replaces", "")),
    )
    with current_runtime().db.transaction() as tx:
        upload = begin(tx, current_runtime(), wanted)
    response = Response(status=201)
    response.headers["Location"] = url_for("files.upload", upload_id=upload.id)
    if request.content_type == OFFSET_TYPE:
        _say_position(response, upload, _receive(upload))
    else:
        _say_position(response, upload, None)
    return response


@blueprint.route("/uploads/<upload_id>", methods=["HEAD", "PATCH", "DELETE", "POST"], endpoint="upload")
@tus_call
def serve_upload(upload_id: str) -> Response:
    """One upload: where is it, more of it, away with it."""
    method = request.headers.get("X-HTTP-Method-Override", request.method).upper()
    session = current_session()
    with current_runtime().db.reading() as tx:
        upload = get_upload(tx, upload_id, staff_course(session), session.user_id)
        file_id = find_file_id(tx, upload_id) if upload.position == upload.length else None
    if method == "HEAD":
        response = _say_position(Response(), upload, Received(upload.position, file_id))
        response.headers["Upload-Length"] = str(upload.length)
        return response
    if method == "PATCH":
        return _say_position(Response(status=204), upload, _continue(upload))
    if method == "DELETE":
        return _terminate(session, upload_id)
    return Response(status=405, headers={"Allow": "HEAD, PATCH, DELETE"})


def _continue(upload: UploadRow) -> Received:
    """Core protocol, PATCH."""
    if request.content_type != OFFSET_TYPE:
        raise WrongType("tus_type", f"Send the bytes as {OFFSET_TYPE}.")
    if _whole_number("Upload-Offset") != upload.position:
        raise Conflict("upload_offset", "This upload is not where you think it is. Ask for its offset and go on there.")
    return _receive(upload)


def _receive(upload: UploadRow) -> Received:
    if (request.content_length or 0) > upload.length - upload.position:
        raise TooLarge("upload_too_long", "That is more than the upload was announced with.")
    request.max_content_length = None  # taken in pieces, whatever its length
    return receive(current_runtime(), upload, cast(BinaryIO, request.stream), _checksum())


def _terminate(session: SignedIn, upload_id: str) -> Response:
    """Termination. Raises: Conflict: the file is whole and being checked."""
    with current_runtime().db.transaction() as tx:
        upload = get_upload(tx, upload_id, staff_course(session), session.user_id, lock=True)
        if upload.position == upload.length:
            raise Conflict("upload_whole", "This upload is finished. Delete the file on the course's page of files.")
        remove_upload(tx, upload)
    return Response(status=204)


def _say_position(response: Response, upload: UploadRow, received: Received | None) -> Response:
    response.headers["Upload-Offset"] = str(received.position if received else upload.position)
    response.headers["Upload-Expires"] = http_date(upload.expires_at)
    if received and received.file_id is not None:
        response.headers[FILE_ID] = str(received.file_id)
    return response


def _checksum() -> Checksum | None:
    given = request.headers.get("Upload-Checksum")
    if given is None:
        return None
    algorithm, _space, digest = given.partition(" ")
    if algorithm not in ALGORITHMS:
        raise Invalid("tus_checksum", f"Checksums are {' or '.join(ALGORITHMS)}.")
    try:
        return Checksum(algorithm, base64.b64decode(digest, validate=True))
    except binascii.Error as error:
        raise Invalid("tus_checksum", "The checksum is not Base64.") from error


def _read_metadata(text: str) -> dict[str, str]:
    """Creation, Upload-Metadata: `key base64, key base64`."""
    found = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        key, _space, value = pair.partition(" ")
        try:
            found[key] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise Invalid("tus_metadata", "Upload-Metadata is not Base64 of UTF-8.") from error
    return found


def _whole_number(header: str) -> int:
    found = _digits(request.headers.get(header, ""))
    if found is None:
        raise Invalid("tus_header", f"{header} has to be a whole number.")
    return found


def _digits(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None

"""The teacher's pages of files, the upload of browsers without JavaScript, and downloads."""

from contextlib import closing
from typing import BinaryIO, cast

from flask import redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.kernel.errors import Invalid, TooLarge
from lti_tool.kernel.permissions import Right
from lti_tool.web.render import is_fragment_request, page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import SignedIn, open_course, right_required
from plugins.files import service
from plugins.files.blueprint import blueprint
from plugins.files.downloads import send_granted
from plugins.files.pages import file_context, list_context
from plugins.files.receiving import receive
from plugins.files.uploads import Wanted, begin, get_upload

FORM_ROOM = 100_000
"""Bytes of a form around its file."""


@blueprint.get("/d/<token>/<name>")
def download(token: str, name: str) -> AnyResponse:
    """What a signed link opens; the name is for the eye only."""
    return send_granted(current_runtime(), token)


@blueprint.get("/<slug>")
@right_required(Right.EDIT_COURSE)
def list_course(slug: str) -> AnyResponse:
    """All files of the course, and what is on its way."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        context = list_context(tx, current_runtime(), session, slug)
    return page("files/_list.html" if is_fragment_request() else "files/files.html", **context)


@blueprint.get("/<slug>/<int:file_id>")
@right_required(Right.EDIT_COURSE)
def show_file(slug: str, file_id: int) -> AnyResponse:
    """One file: what it is, where it is used, a newer version, away with it."""
    open_course(slug)
    with current_runtime().db.reading() as tx:
        file = service.describe(service.get_row(tx, slug, file_id))
        context = file_context(tx, current_runtime(), slug, file)
    return page("files/file.html", **context)


@blueprint.post("/<slug>/<int:file_id>/delete")
@right_required(Right.EDIT_COURSE)
def delete(slug: str, file_id: int) -> AnyResponse:
    """Delete a file that nothing shows."""
    open_course(slug)
    with current_runtime().db.transaction() as tx:
        service.delete_file(tx, service.get_row(tx, slug, file_id).id)
    return redirect(url_for("files.list_course", slug=slug), 303)


@blueprint.post("/<slug>")
@right_required(Right.EDIT_COURSE)
def upload_form(slug: str) -> AnyResponse:
    """Files from a plain form, or the first version of one that replaces `?replaces=`."""
    session, limit = open_course(slug), _form_limit()
    request.max_content_length = limit + FORM_ROOM
    replaces_id = request.args.get("replaces", type=int)
    with closing(request):  # the files of the form
        given = [file for file in request.files.getlist("file") if file.filename]
        if not given:
            raise Invalid("file_missing", _("Choose a file first."))
        for file in given[:1] if replaces_id is not None else given:
            _take_form_file(session, slug, file, limit, replaces_id)
    return redirect(url_for("files.list_course", slug=slug), 303)


@blueprint.post("/<slug>/uploads/<upload_id>/discard")
@right_required(Right.EDIT_COURSE)
def discard(slug: str, upload_id: str) -> AnyResponse:
    """Give one's own unfinished upload up."""
    session = open_course(slug)
    with current_runtime().db.transaction() as tx:
        upload = get_upload(tx, upload_id, slug, session.user_id, lock=True)
        if upload.position < upload.length:
            service.remove_upload(tx, upload)
    return redirect(url_for("files.list_course", slug=slug), 303)


def _form_limit() -> int:
    settings = current_runtime().settings
    return min(settings.files.max_form_bytes, settings.web.max_request_bytes - FORM_ROOM)


def _take_form_file(session: SignedIn, slug: str, file: FileStorage, limit: int, replaces_id: int | None) -> None:
    runtime = current_runtime()
    length = file.stream.seek(0, 2)
    file.stream.seek(0)
    if length > limit:
        raise TooLarge("file_too_large", _("Without JavaScript only smaller files can be uploaded. Turn it on."))
    wanted = Wanted(slug, session.user_id, file.filename or "", length, replaces_id=replaces_id)
    with runtime.db.transaction() as tx:
        upload = begin(tx, runtime, wanted)
    receive(runtime, upload, cast(BinaryIO, file.stream))

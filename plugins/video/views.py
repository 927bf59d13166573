"""What players fetch: the file, its poster, its captions; and how a person likes to watch."""

from flask import Blueprint, Response, make_response, redirect, request
from sqlalchemy import select
from sqlalchemy.orm import undefer
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import open_course
from plugins.files import public as files
from plugins.video import preferences
from plugins.video.models import CaptionRow
from plugins.video.player import read_media_token
from plugins.video.service import Video, get_video

blueprint = Blueprint("video", __name__, url_prefix="/video")


@blueprint.get("/<slug>/media/<token>/<name>")
def show_media(slug: str, token: str, name: str) -> AnyResponse:
    """The video, its poster, or captions in one language.

    File and poster are redirects to a signed address, with byte ranges, of the disk or of S3: it expires, this one
    gives a fresh one for as long as the session lasts.
    """
    open_course(slug)
    video_id = read_media_token(current_runtime(), token)
    with current_runtime().db.reading() as tx:
        video = get_video(tx, slug, video_id)
        if name.endswith(".vtt"):
            return _show_captions(tx, video.id, name.partition(".")[0])
        return redirect(_address_of(tx, video, name), 302)


@blueprint.post("/<slug>/preferences")
def keep_preference(slug: str) -> Response:
    """Keep speed, captions and transcript as a person has chosen them."""
    session = open_course(slug)
    names = ("speed", "captions", "transcript")
    with current_runtime().db.transaction() as tx:
        chosen = {name: request.form.get(name) for name in names}
        preferences.keep_preference(tx, session.user_id, **chosen)
    return Response(status=204)


def _address_of(tx: Tx, video: Video, name: str) -> str:
    file_id = {"file": video.file_id, f"poster-{video.poster_file_id}": video.poster_file_id}.get(name)
    file = files.find_file(tx, file_id) if file_id is not None else None
    if file is None:
        raise NotFound("video_media_not_found", "This is no longer here. Load the page again.")
    return files.file_url(current_runtime(), file, inline=True)


def _show_captions(tx: Tx, video_id: int, language: str) -> Response:
    query = select(CaptionRow).where(CaptionRow.video_id == video_id, CaptionRow.language == language)
    row = tx.scalar(query.options(undefer(CaptionRow.text)))
    if row is None:
        raise NotFound("captions_not_found", "There are no captions in this language.")
    response = make_response(row.text)
    response.headers["Content-Type"] = "text/vtt; charset=utf-8"
    response.headers["Cache-Control"] = "private, max-age=3600"
    return response

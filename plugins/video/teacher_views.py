"""The teacher's pages: the videos of a course, and one video with its poster, captions and what was watched."""

from typing import Any

from flask import redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import AppError, TooLarge, Unacceptable
from lti_tool.kernel.permissions import Right
from lti_tool.web.render import is_fragment_request, page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import SignedIn, open_course, right_required
from plugins.files import public as files
from plugins.video import captions, service
from plugins.video.listing import list_context
from plugins.video.models import PosterKind, VideoRow, VideoState
from plugins.video.player import make_player
from plugins.video.reasons import explain
from plugins.video.service import Video
from plugins.video.views import blueprint
from plugins.video.vtt import MAX_BYTES
from plugins.video.watching import Watching, read_watching

MAX_POSTER = 10_000_000
LANGUAGES = ("en", "de", "es", "fr", "it", "pt", "nl", "pl", "sv", "tr", "uk", "ar", "hi", "zh", "ja")


@blueprint.get("/<slug>/")
@right_required(Right.EDIT_COURSE)
def list_videos(slug: str) -> AnyResponse:
    """The videos of a course."""
    open_course(slug)
    if not is_fragment_request():
        return _show_list(slug)
    with current_runtime().db.reading() as tx:
        context = list_context(tx, slug)
    return page("video/_list.html", slug=slug, explain=explain, **context)


@blueprint.post("/<slug>/links")
@right_required(Right.EDIT_COURSE)
def add_link(slug: str) -> AnyResponse:
    """Take up a video that is elsewhere."""
    open_course(slug)
    url = request.form.get("url", "")
    try:
        with current_runtime().db.transaction() as tx:
            video = service.add_link(tx, slug, url, request.form.get("title", ""))
    except Unacceptable as problem:
        return _show_list(slug, url=url, problem=problem)
    return _back(slug, video.id)


@blueprint.get("/<slug>/<int:video_id>/")
@right_required(Right.EDIT_COURSE)
def show_video(slug: str, video_id: int) -> AnyResponse:
    """One video: how it looks, its captions, who has watched what."""
    return _show_video(open_course(slug), slug, video_id)


@blueprint.get("/<slug>/<int:video_id>/status")
@right_required(Right.EDIT_COURSE)
def show_status(slug: str, video_id: int) -> AnyResponse:
    """A fragment: still being prepared, or the page is to be loaded again."""
    open_course(slug)
    with current_runtime().db.reading() as tx:
        video = service.get_video(tx, slug, video_id)
    answer = page("video/_status.html", video=video)
    if video.state is not VideoState.PROCESSING:
        answer.headers["HX-Refresh"] = "true"
    return answer


@blueprint.post("/<slug>/<int:video_id>/title")
@right_required(Right.EDIT_COURSE)
def rename(slug: str, video_id: int) -> AnyResponse:
    """Give it another title."""
    return _change(slug, video_id, "title", lambda tx, row: service.rename(tx, row, request.form.get("title", "")))


@blueprint.post("/<slug>/<int:video_id>/again")
@right_required(Right.EDIT_COURSE)
def try_again(slug: str, video_id: int) -> AnyResponse:
    """Look into it again."""
    return _change(slug, video_id, "again", lambda tx, row: service.probe_again(tx, row))


@blueprint.post("/<slug>/<int:video_id>/poster")
@right_required(Right.EDIT_COURSE)
def choose_poster(slug: str, video_id: int) -> AnyResponse:
    """Another poster: a frame at a time, a picture, or the one that we choose."""
    return _change(slug, video_id, "poster", _choose_poster)


@blueprint.post("/<slug>/<int:video_id>/captions")
@right_required(Right.EDIT_COURSE)
def add_captions(slug: str, video_id: int) -> AnyResponse:
    """Keep uploaded captions."""
    return _change(slug, video_id, "captions", _add_captions)


@blueprint.post("/<slug>/<int:video_id>/captions/<language>/default")
@right_required(Right.EDIT_COURSE)
def choose_captions(slug: str, video_id: int, language: str) -> AnyResponse:
    """These are on for whoever has not chosen."""
    return _change(slug, video_id, "captions", lambda tx, row: captions.set_default(tx, row.id, language))


@blueprint.post("/<slug>/<int:video_id>/captions/<language>/delete")
@right_required(Right.EDIT_COURSE)
def delete_captions(slug: str, video_id: int, language: str) -> AnyResponse:
    """Take captions away."""
    return _change(slug, video_id, "captions", lambda tx, row: captions.remove_captions(tx, row.id, language))


@blueprint.post("/<slug>/<int:video_id>/delete")
@right_required(Right.EDIT_COURSE)
def delete_video(slug: str, video_id: int) -> AnyResponse:
    """Take a linked video away. An uploaded one goes with its file."""
    open_course(slug)
    try:
        with current_runtime().db.transaction() as tx:
            service.remove_link(tx, service.get_row(tx, slug, video_id))
    except AppError as problem:
        return _show_video(open_course(slug), slug, video_id, form="delete", problem=problem)
    return redirect(url_for("video.list_videos", slug=slug), 303)


def _change(slug: str, video_id: int, form: str, change: Any) -> AnyResponse:
    """Do `change(tx, row)` and go back to the page; what cannot be accepted is said at the form."""
    session = open_course(slug)
    try:
        with current_runtime().db.transaction() as tx:
            change(tx, service.get_row(tx, slug, video_id))
    except (Unacceptable, TooLarge) as problem:
        return _show_video(session, slug, video_id, form=form, problem=problem)
    return _back(slug, video_id, form)


def _back(slug: str, video_id: int, form: str | None = None) -> AnyResponse:
    return redirect(url_for("video.show_video", slug=slug, video_id=video_id, _anchor=form), 303)


def _show_list(slug: str, *, url: str = "", problem: AppError | None = None) -> AnyResponse:
    with current_runtime().db.reading() as tx:
        context = list_context(tx, slug)
    return page(
        "video/list.html",
        status=problem.status if problem else 200,
        slug=slug,
        url=url,
        box=files.upload_box(current_runtime(), slug),
        problem=problem,
        explain=explain,
        **context,
    )


def _show_video(
    session: SignedIn, slug: str, video_id: int, *, form: str = "", problem: AppError | None = None
) -> AnyResponse:
    runtime = current_runtime()
    with runtime.db.reading() as tx:
        video = service.get_video(tx, slug, video_id)
        player = make_player(tx, runtime, video, user_id=session.user_id, is_staff=True)
        uses = service.list_uses(tx, video.id)
        watching = _read_watching(tx, session, video, uses)
    return page(
        "video/video.html",
        status=problem.status if problem else 200,
        slug=slug,
        video=video,
        player=player,
        uses=uses,
        watching=watching,
        languages=[(tag, captions.name_language(tag)) for tag in LANGUAGES],
        problems={form: problem.message} if problem else {},
    )


def _read_watching(tx: Tx, session: SignedIn, video: Video, uses: list[str]) -> Watching | None:
    if session.placement_id is None or not video.duration_s or not uses:
        return None
    return read_watching(tx, session.placement_id, uses, video.duration_s)


def _choose_poster(tx: Tx, row: VideoRow) -> None:
    kind = request.form.get("kind", "")
    if kind == PosterKind.UPLOAD.value:
        _keep_picture(tx, row)
        return
    if kind == PosterKind.SECOND.value:
        row.poster_second = _read_clock(request.form.get("second", ""), row)
        row.poster_kind = PosterKind.SECOND
    else:
        row.poster_kind, row.poster_second = PosterKind.AUTO, None
    service.probe_again(tx, row, is_new=False)


def _keep_picture(tx: Tx, row: VideoRow) -> None:
    content = _read_upload("picture", MAX_POSTER, _("This picture is too large. Up to 10 MB are accepted."))
    session = open_course(row.course_slug)
    name = request.files["picture"].filename or "poster"
    file = files.store_bytes(
        tx,
        current_runtime(),
        course_slug=row.course_slug,
        owner_id=session.user_id,
        name=name,
        content=content,
        is_part=True,
    )
    if file.content_type not in ("image/jpeg", "image/png", "image/webp", "image/avif"):
        raise Unacceptable("video_poster", _("This file is not a picture. Choose a JPEG, PNG, WebP or AVIF file."))
    row.poster_kind, row.poster_second = PosterKind.UPLOAD, None
    row.version += 1  # a poster that is being made no longer counts
    service.set_poster(tx, row, file.id)


def _add_captions(tx: Tx, row: VideoRow) -> None:
    content = _read_upload("file", MAX_BYTES, _("This file is too large for captions. Up to 2 MB are accepted."))
    language = request.form.get("other", "").strip() or request.form.get("language", "")
    is_default = request.form.get("default") == "1"
    captions.add_captions(tx, row.id, content, language, request.form.get("label", ""), is_default=is_default)


def _read_upload(name: str, limit: int, too_large: str) -> bytes:
    upload = request.files.get(name)
    if upload is None or not upload.filename:
        raise Unacceptable("video_no_file", _("Choose a file first."))
    content = upload.stream.read(limit + 1)
    if len(content) > limit:
        raise TooLarge("video_file_too_large", too_large)
    return content


def _read_clock(text: str, row: VideoRow) -> float:
    """Seconds of `12`, `1:02` or `1:02:03.5`."""
    try:
        parts = [float(part) for part in text.strip().replace(",", ".").split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or any(not 0 <= part < 1e6 for part in parts):
        raise Unacceptable("video_second", _("Give the time as minutes and seconds, for example 1:30."))
    seconds = 0.0
    for part in parts:
        seconds = seconds * 60 + part
    if row.duration_ms is not None and seconds * 1000 > row.duration_ms:
        raise Unacceptable("video_second", _("The video is not that long."))
    return seconds

"""What happens behind a video: its file is looked into, its poster made, its captions taken."""

import logging
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile

from sqlalchemy import select

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import AppError, ExternalError
from lti_tool.kernel.jobs import JobRun, emit
from lti_tool.kernel.messages import Handler
from lti_tool.kernel.runtime import Runtime
from plugins.files import public as files
from plugins.files.messages import FileDeleted, FileStored
from plugins.video import reasons, service
from plugins.video.captions import take_embedded
from plugins.video.messages import ProbeVideo, VideoReady
from plugins.video.models import PosterKind, VideoRow, VideoState
from plugins.video.probe import CannotShow, Found, probe

log = logging.getLogger(__name__)

LINK_BYTES = 4_000_000
"""How much of a linked video is read: enough for what stands at its beginning."""


def take_up_stored_file(run: JobRun, message: FileStored) -> None:
    """A video was uploaded, or replaced: look into it. Other files are none of our business."""
    with run.runtime.db.transaction() as tx:
        if message.content_type.startswith("video/"):
            file = files.find_file(tx, message.file_id)
            row = tx.scalar(select(VideoRow).where(VideoRow.file_id == message.file_id).with_for_update())
            if row is not None:
                service.probe_again(tx, row)
            elif file is not None:
                service.add_file(tx, message.course_slug, message.file_id, Path(file.name).stem or file.name)
        run.finish(tx)


def forget_deleted_file(run: JobRun, message: FileDeleted) -> None:
    """The file of a video is gone: so is the video."""
    with run.runtime.db.transaction() as tx:
        row = tx.scalar(select(VideoRow).where(VideoRow.file_id == message.file_id).with_for_update())
        if row is not None:
            service.remove(tx, row)
        run.finish(tx)


def probe_video(run: JobRun, message: ProbeVideo) -> None:
    """Look into a video and keep what was found, or why it cannot be shown."""
    with run.runtime.db.reading() as tx:
        row = tx.get(VideoRow, message.video_id)
        file = files.find_file(tx, row.file_id) if row is not None and row.file_id is not None else None
    if row is None or row.version != message.version:
        return
    try:
        found = _probe_link(run.runtime, row) if row.link_url else _probe_file(run.runtime, row, file)
    except CannotShow as problem:
        _keep(run, message, None, problem.reason)
    else:
        _keep(run, message, found, found.reason)


def give_up(tx: Tx, message: ProbeVideo, error: str) -> None:
    """The job has failed for the last time: say so where people look."""
    row = tx.get(VideoRow, message.video_id)
    if row is not None and row.version == message.version and row.state is VideoState.PROCESSING:
        row.state = VideoState.FAILED
        row.reason = reasons.LINK_UNREACHABLE if row.link_url else reasons.GAVE_UP


def make_handlers() -> tuple[Handler, ...]:
    """What this plugin does about messages."""
    return (
        Handler("video.take_up_stored_file", FileStored, take_up_stored_file),
        Handler("video.forget_deleted_file", FileDeleted, forget_deleted_file),
        Handler("video.probe_video", ProbeVideo, probe_video, max_attempts=5, on_dead=give_up),
    )


def _keep(run: JobRun, message: ProbeVideo, found: Found | None, reason: str) -> None:
    with run.runtime.db.transaction() as tx:
        row = tx.scalar(select(VideoRow).where(VideoRow.id == message.video_id).with_for_update())
        if row is not None and row.version == message.version:
            row.reason = reason
            row.state = VideoState.READY if found else VideoState.FAILED
            if found:
                _fill(tx, run.runtime, row, found)
        run.finish(tx)
    log.info("video_probed", extra={"video": message.video_id, "reason": reason})


def _fill(tx: Tx, runtime: Runtime, row: VideoRow, found: Found) -> None:
    row.duration_ms, row.width, row.height, row.has_sound = (
        found.duration_ms,
        found.width,
        found.height,
        found.has_sound,
    )
    if row.poster_kind is not PosterKind.UPLOAD:
        service.set_poster(tx, row, _store_poster(tx, runtime, row, found.poster))
    take_embedded(tx, row.id, found.tracks)
    emit(tx, VideoReady(row.id, row.course_slug))


def _store_poster(tx: Tx, runtime: Runtime, row: VideoRow, poster: bytes | None) -> int | None:
    """Keep a poster; a course without room for it has none."""
    if poster is None:
        return None
    name = f"{row.title[:150]} poster.jpg"
    try:
        file = files.store_bytes(
            tx, runtime, course_slug=row.course_slug, owner_id=None, name=name, content=poster, is_part=True
        )
    except AppError as error:
        log.warning("video_poster_refused", extra={"video": row.id, "code": error.code})
        return None
    return file.id


def _probe_file(runtime: Runtime, row: VideoRow, file: files.StoredFile | None) -> Found:
    if file is None:
        raise CannotShow(reasons.FILE_GONE)
    if not file.content_type.startswith("video/"):
        raise CannotShow(reasons.NOT_A_VIDEO)
    second = row.poster_second if row.poster_kind is PosterKind.SECOND else None
    limits = runtime.settings.video
    with files.local_copy(runtime, file) as path, _readable(runtime, path) as shown:
        return probe(shown, second, wall_s=limits.probe_s, memory_mb=limits.probe_memory_mb)


def _probe_link(runtime: Runtime, row: VideoRow) -> Found:
    """What the beginning of a linked video says; one that keeps its index at the end says nothing there."""
    limits = runtime.settings.video
    content = _fetch_beginning(runtime, row.link_url or "")
    with tempfile.TemporaryDirectory(dir=runtime.settings.data_dir) as folder:
        path = Path(folder, "beginning")
        path.write_bytes(content)
        path.chmod(0o644)
        second = row.poster_second if row.poster_kind is PosterKind.SECOND else 0.0
        try:
            return probe(path, second, wall_s=limits.probe_s, memory_mb=limits.probe_memory_mb, is_beginning=True)
        except CannotShow as problem:
            if problem.reason != reasons.UNREADABLE:
                raise
    return Found(None, 1280, 720, True, reasons.NO_DURATION, None, [])


def _fetch_beginning(runtime: Runtime, url: str) -> bytes:
    """Raises: CannotShow: there is nothing to read. ExternalError: retryable."""
    headers = {"Range": f"bytes=0-{LINK_BYTES // 2 - 1}"}
    try:
        answer = runtime.http.request("GET", url, headers=headers, max_bytes=LINK_BYTES)
    except ExternalError as error:
        if error.code == "answer_too_large":  # a server without ranges: browsers cannot seek there either
            raise CannotShow(reasons.LINK_UNREACHABLE) from error
        if error.retryable:
            raise
        raise CannotShow(reasons.LINK_UNREACHABLE) from error
    if answer.status_code >= 500:
        raise ExternalError("link_unreachable", f"The address answered {answer.status_code}.", retryable=True)
    if answer.status_code not in (200, 206) or not answer.content:
        raise CannotShow(reasons.LINK_UNREACHABLE)
    return answer.content


@contextmanager
def _readable(runtime: Runtime, path: Path) -> Iterator[Path]:
    """The file for an account that is not ours: as root, the sandbox has one of its own."""
    if os.geteuid() != 0 or path.stat().st_mode & stat.S_IROTH:
        yield path
        return
    with tempfile.TemporaryDirectory(dir=runtime.settings.data_dir) as folder:
        copy = Path(folder, "copy")
        copyfile(path, copy)
        copy.chmod(0o644)
        yield copy

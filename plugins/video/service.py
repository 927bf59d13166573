"""Videos of a course: made, found, shown by items, taken away."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import ColumnElement, delete, func, select

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx, affect
from lti_tool.kernel.errors import Conflict, NotFound
from lti_tool.kernel.jobs import emit, enqueue
from lti_tool.kernel.slugs import free_slug
from plugins.files import public as files
from plugins.video.links import Link, LinkKind, read_link
from plugins.video.messages import ProbeVideo, VideoReady
from plugins.video.models import CaptionRow, CaptionSource, PosterKind, UseRow, VideoRow, VideoState
from plugins.video.texts import tidy

T = TypeVar("T")


@dataclass(frozen=True)
class Caption:
    """Captions in one language, without their text."""

    language: str
    label: str
    is_default: bool
    source: CaptionSource
    cues: int
    digest: str


@dataclass(frozen=True)
class Video:
    """A video as other parts see it."""

    id: int
    course_slug: str
    slug: str
    """Its name in items and course folders."""
    title: str
    state: VideoState
    reason: str
    """Of a failed video: why; of a ready one: what somebody should know. A code of `reasons.py`, or empty."""
    file_id: int | None
    wanted_name: str
    """Of a video whose file has not come yet: what it is called; else empty."""
    link: Link | None
    """Set if it is elsewhere; then `file_id` is not."""
    duration_s: float | None
    """None: not known (yet); of YouTube and Vimeo never."""
    width: int | None
    height: int | None
    has_sound: bool
    poster_file_id: int | None
    poster_kind: PosterKind
    poster_second: float | None
    captions: tuple[Caption, ...] = ()

    @property
    def is_embedded(self) -> bool:
        """Does another site's player show it? Then nothing is known of what was watched."""
        return self.link is not None and self.link.kind is not LinkKind.FILE


def describe(row: VideoRow, captions: tuple[Caption, ...] = ()) -> Video:
    """The row as plain values."""
    return Video(
        id=row.id,
        course_slug=row.course_slug,
        slug=row.slug,
        title=row.title,
        state=row.state,
        reason=row.reason,
        file_id=row.file_id,
        wanted_name=row.wanted_name if row.wanted_sha256 else "",
        link=read_link(row.link_url) if row.link_url else None,
        duration_s=row.duration_ms / 1000 if row.duration_ms else None,
        width=row.width,
        height=row.height,
        has_sound=row.has_sound,
        poster_file_id=row.poster_file_id,
        poster_kind=row.poster_kind,
        poster_second=row.poster_second,
        captions=captions,
    )


def describe_captions(rows: Iterable[CaptionRow]) -> tuple[Caption, ...]:
    """Of one video, the default first."""
    ordered = sorted(rows, key=lambda row: (not row.is_default, row.label))
    return tuple(Caption(row.language, row.label, row.is_default, row.source, row.cues, row.digest) for row in ordered)


def find_video(tx: Tx, file_id: int) -> Video | None:
    """The video of an uploaded file, with its captions. None: not a video, or not seen yet. One query."""
    return _find(tx, VideoRow.file_id == file_id)


def find_linked(tx: Tx, course_slug: str, url: str) -> Video | None:
    """The video of an address in a course, with its captions. One query.

    Raises: Unacceptable: not an address of a video.
    """
    return _find(tx, VideoRow.course_slug == course_slug, VideoRow.link_url == read_link(url).url)


def find_named(tx: Tx, course_slug: str, slug: str) -> Video | None:
    """The video of a course that its items call `video:<slug>`, with its captions. One query."""
    return _find(tx, VideoRow.course_slug == course_slug, VideoRow.slug == slug)


def get_video(tx: Tx, course_slug: str, video_id: int) -> Video:
    """A video of this course, with its captions. One query. Raises: NotFound."""
    return _require(_find(tx, VideoRow.id == video_id, VideoRow.course_slug == course_slug))


def get_row(tx: Tx, course_slug: str, video_id: int) -> VideoRow:
    """The row, locked. Raises: NotFound."""
    mine = (VideoRow.id == video_id, VideoRow.course_slug == course_slug)
    return _require(tx.scalar(select(VideoRow).where(*mine).with_for_update()))


def _require(found: T | None) -> T:
    if found is None:
        raise NotFound("video_not_found", "This video is no longer here. Open the course's videos to see what is.")
    return found


def _find(tx: Tx, *conditions: ColumnElement[bool]) -> Video | None:
    query = select(VideoRow, CaptionRow).outerjoin(CaptionRow, CaptionRow.video_id == VideoRow.id).where(*conditions)
    rows = tx.execute(query).all()
    captions = describe_captions([caption for _row, caption in rows if caption is not None])
    return describe(rows[0][0], captions) if rows else None


def list_videos(tx: Tx, course_slug: str) -> list[tuple[Video, int, int]]:
    """The videos of a course, newest first; with how many captions each has, and how many items show it. One query."""
    captions = select(func.count()).where(CaptionRow.video_id == VideoRow.id).scalar_subquery()
    uses = select(func.count()).where(UseRow.video_id == VideoRow.id).scalar_subquery()
    query = select(VideoRow, captions, uses).where(VideoRow.course_slug == course_slug).order_by(VideoRow.id.desc())
    return [(describe(row), captioned, used) for row, captioned, used in tx.execute(query)]


def list_uploaded(tx: Tx, course_slug: str) -> list[Video]:
    """The videos of a course that were uploaded, or are to be, newest first, without their captions. One query."""
    query = select(VideoRow).where(VideoRow.course_slug == course_slug, VideoRow.link_url.is_(None))
    return [describe(row) for row in tx.scalars(query.order_by(VideoRow.id.desc()))]


def add_file(tx: Tx, course_slug: str, file_id: int, title: str) -> Video:
    """The video of an uploaded file; made, and looked into, if it is new. It may be one that waits for this file."""
    row = tx.scalar(select(VideoRow).where(VideoRow.file_id == file_id))
    if row is None and (row := _find_waiting(tx, course_slug, file_id)) is not None:
        row.file_id, row.wanted_sha256, row.wanted_name, row.wanted_bytes = file_id, None, "", 0
        probe_again(tx, row)
    if row is None:
        row = VideoRow(course_slug=course_slug, file_id=file_id, title=title[:200], created_at=clock.now())
        row.slug = free_name(tx, course_slug, title)
        tx.add(row)
        tx.flush()
        enqueue(tx, ProbeVideo(row.id, row.version))
    return get_video(tx, row.course_slug, row.id)


def _find_waiting(tx: Tx, course_slug: str, file_id: int) -> VideoRow | None:
    file = files.find_file(tx, file_id)
    if file is None or not file.sha256:
        return None
    mine = (VideoRow.course_slug == course_slug, VideoRow.wanted_sha256 == file.sha256)
    same_name_first = (VideoRow.wanted_name != file.name, VideoRow.id)
    return tx.scalar(select(VideoRow).where(*mine).order_by(*same_name_first).limit(1).with_for_update())


def free_name(tx: Tx, course_slug: str, title: str) -> str:
    """A slug for a video of this title that no other video of the course has."""
    taken = set(tx.scalars(select(VideoRow.slug).where(VideoRow.course_slug == course_slug)))
    return free_slug(title, taken, "video")


def add_link(tx: Tx, course_slug: str, url: str, title: str = "") -> Video:
    """The video of an address; made if it is new. Raises: Unacceptable: not an address of a video."""
    link = read_link(url)
    row = tx.scalar(select(VideoRow).where(VideoRow.course_slug == course_slug, VideoRow.link_url == link.url))
    if row is None:
        is_file = link.kind is LinkKind.FILE
        row = VideoRow(
            course_slug=course_slug,
            link_url=link.url,
            link_kind=link.kind,
            title=(tidy(title) or link.url.rpartition("/")[2] or link.url)[:200],
            state=VideoState.PROCESSING if is_file else VideoState.READY,
            created_at=clock.now(),
        )
        row.slug = free_name(tx, course_slug, row.title)
        tx.add(row)
        tx.flush()
        if is_file:
            enqueue(tx, ProbeVideo(row.id, row.version))
        else:
            emit(tx, VideoReady(row.id, course_slug))
    return get_video(tx, course_slug, row.id)


def probe_again(tx: Tx, row: VideoRow, *, is_new: bool = True) -> None:
    """Look into it again; with `is_new` nobody sees it meanwhile, else only its poster changes.

    Nothing happens while its file has not come.
    """
    if row.wanted_sha256 is not None:
        return
    row.version += 1
    if is_new:
        row.state, row.reason = VideoState.PROCESSING, ""
    tx.flush()
    enqueue(tx, ProbeVideo(row.id, row.version))


def rename(tx: Tx, row: VideoRow, title: str) -> None:
    """Give it another title; an empty one changes nothing."""
    row.title = tidy(title)[:200] or row.title


def set_poster(tx: Tx, row: VideoRow, file_id: int | None) -> None:
    """From now on this file is the poster; the one before goes away."""
    before, row.poster_file_id = row.poster_file_id, file_id
    tx.flush()
    files.set_uses(tx, f"video/{row.id}", [] if file_id is None else [file_id])
    if before is not None and before != file_id and files.find_file(tx, before) is not None:
        files.delete_file(tx, before)


def remove(tx: Tx, row: VideoRow) -> None:
    """Take a video away with its captions and poster; its file stays where it is."""
    set_poster(tx, row, None)
    affect(tx, delete(UseRow).where(UseRow.video_id == row.id))
    affect(tx, delete(CaptionRow).where(CaptionRow.video_id == row.id))
    tx.delete(row)
    tx.flush()


def remove_link(tx: Tx, row: VideoRow) -> None:
    """Take a video without a file here away. Raises: Conflict: it has one, or an item shows it."""
    if row.file_id is not None:
        raise Conflict("video_is_file", "This video goes away with its file. Delete the file on the page of files.")
    if uses := list_uses(tx, row.id):
        message = "This video is used in the course. Take it out there first."
        raise Conflict("video_used", message, {"uses": uses})
    remove(tx, row)


def set_uses(tx: Tx, course_slug: str, uses: Mapping[str, str]) -> None:
    """From now on these items (by reference) of the course show these videos (by slug), and no others do."""
    affect(tx, delete(UseRow).where(UseRow.course_slug == course_slug))
    mine = (VideoRow.course_slug == course_slug, VideoRow.slug.in_(set(uses.values())))
    known = {slug: number for number, slug in tx.execute(select(VideoRow.id, VideoRow.slug).where(*mine))}
    tx.add_all(
        UseRow(item_ref=ref, video_id=known[slug], course_slug=course_slug)
        for ref, slug in sorted(uses.items())
        if slug in known
    )
    tx.flush()


def list_uses(tx: Tx, video_id: int) -> list[str]:
    """References of the items that show a video."""
    return list(tx.scalars(select(UseRow.item_ref).where(UseRow.video_id == video_id).order_by(UseRow.item_ref)))

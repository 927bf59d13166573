"""What of a video travels in a course folder: read from the tables, and written into them by an import."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.orm import undefer

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx, affect
from lti_tool.kernel.runtime import Runtime
from plugins.files import public as files
from plugins.video import reasons, service
from plugins.video.captions import put_captions
from plugins.video.models import CaptionRow, CaptionSource, PosterKind, UseRow, VideoRow, VideoState
from plugins.video.vtt import read_captions


@dataclass(frozen=True)
class CaptionFacts:
    """Captions in one language."""

    language: str
    label: str
    text: str
    """WebVTT."""
    is_default: bool
    is_embedded: bool
    """They came out of the video file, and will again."""


@dataclass(frozen=True)
class VideoFacts:
    """A video as a course folder has it."""

    title: str
    url: str
    """Of one elsewhere; empty: it was uploaded, and what follows says which file it is."""
    file_name: str = ""
    sha256: str = ""
    size: int = 0
    """In bytes."""
    poster_sha256: str = ""
    """Of the teacher's own picture; empty: there is none."""
    poster_second: float | None = None
    """The frame that a teacher chose for the poster; None: we choose."""
    captions: tuple[CaptionFacts, ...] = ()
    """By language."""

    @property
    def digest(self) -> str:
        """Changes with what a teacher can change on the video's page; the file itself is known by its checksum."""
        said = asdict(replace(self, url="", file_name="", sha256="", size=0))
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def is_plain(self) -> bool:
        """Is there nothing to carry but the title?"""
        return not self.captions and not self.poster_sha256 and self.poster_second is None


@dataclass(frozen=True)
class Carried:
    """A video that is there, with what an export needs."""

    slug: str
    facts: VideoFacts
    file: files.StoredFile | None
    """The video itself; None: it is elsewhere, or has not come yet."""
    poster: files.StoredFile | None
    """The teacher's own picture."""
    imported: str
    """Digest of what an import said last; empty: none did."""


def list_carried(tx: Tx, course_slug: str) -> dict[str, Carried]:
    """The videos of a course by slug. Two queries, and two for each video with a file or picture."""
    rows = tx.scalars(select(VideoRow).where(VideoRow.course_slug == course_slug).order_by(VideoRow.id)).all()
    captions: dict[int, list[CaptionRow]] = {}
    for one in _read_captions(tx, VideoRow.course_slug == course_slug):
        captions.setdefault(one.video_id, []).append(one)
    return {row.slug: _carry(tx, row, captions.get(row.id, [])) for row in rows}


def put_video(
    tx: Tx, runtime: Runtime, course_slug: str, slug: str, said: VideoFacts, poster: bytes | None
) -> VideoRow:
    """Make a video be what a course folder says of it; `poster` is the picture of `said.poster_sha256`.

    One whose file is not here waits for it. A file that is here stays, also if the folder names another.
    Raises: Unacceptable: captions or picture are none. TooLarge: there is no room for the picture.
    """
    row = _find_row(tx, course_slug, slug, said) or _make_row(tx, course_slug, slug, said)
    if row.wanted_sha256 is not None:
        row.wanted_sha256, row.wanted_name, row.wanted_bytes = said.sha256, said.file_name, said.size
    row.title = said.title
    _put_captions(tx, row, said.captions)
    _put_poster(tx, runtime, row, said, poster)
    tx.flush()
    row.imported = _carry(tx, row, _read_captions(tx, CaptionRow.video_id == row.id)).facts.digest
    return row


def _read_captions(tx: Tx, condition: ColumnElement[bool]) -> list[CaptionRow]:
    query = select(CaptionRow).join(VideoRow, VideoRow.id == CaptionRow.video_id).where(condition)
    fresh = query.options(undefer(CaptionRow.text)).execution_options(populate_existing=True)
    return list(tx.scalars(fresh))


def _carry(tx: Tx, row: VideoRow, captions: Collection[CaptionRow]) -> Carried:
    file = files.find_file(tx, row.file_id) if row.file_id is not None else None
    is_own = row.poster_kind is PosterKind.UPLOAD and row.poster_file_id is not None
    poster = files.find_file(tx, row.poster_file_id or 0) if is_own else None
    poster = poster if poster is not None and poster.state is files.FileState.READY else None
    facts = VideoFacts(
        title=row.title,
        url=row.link_url or "",
        file_name=file.name if file else row.wanted_name,
        sha256=file.sha256 if file else row.wanted_sha256 or "",
        size=file.size if file else row.wanted_bytes,
        poster_sha256=poster.sha256 if poster else "",
        poster_second=row.poster_second if row.poster_kind is PosterKind.SECOND else None,
        captions=tuple(
            CaptionFacts(one.language, one.label, one.text, one.is_default, one.source is CaptionSource.EMBEDDED)
            for one in sorted(captions, key=lambda one: one.language)
        ),
    )
    return Carried(row.slug, facts, file, poster, row.imported)


def _find_row(tx: Tx, course_slug: str, slug: str, said: VideoFacts) -> VideoRow | None:
    """The row that is meant: of an uploaded video by its slug, or one of the same file that nothing shows yet."""
    mine = select(VideoRow).where(VideoRow.course_slug == course_slug).with_for_update()
    row = tx.scalar(mine.where(VideoRow.slug == slug))
    if said.url:
        linked = tx.scalar(mine.where(VideoRow.link_url == said.url))
        if linked is not None and row is None:
            linked.slug = slug
        return linked
    if row is not None and row.link_url is None:
        return row
    if row is not None:  # items name a video elsewhere by its address: its slug is free to change
        row.slug = service.free_name(tx, course_slug, row.slug)
        tx.flush()
    unused = ~exists().where(UseRow.video_id == VideoRow.id)
    for other in tx.scalars(mine.where(VideoRow.file_id.is_not(None), unused).order_by(VideoRow.id)):
        file = files.find_file(tx, other.file_id or 0)
        if file is not None and file.sha256 == said.sha256:
            other.slug = slug
            return other
    return None


def _make_row(tx: Tx, course_slug: str, slug: str, said: VideoFacts) -> VideoRow:
    if said.url:
        row = service.get_row(tx, course_slug, service.add_link(tx, course_slug, said.url, said.title).id)
        if service.find_named(tx, course_slug, slug) is None:
            row.slug = slug
        return row
    row = VideoRow(
        course_slug=course_slug,
        slug=slug,
        wanted_sha256=said.sha256,
        title=said.title,
        state=VideoState.FAILED,
        reason=reasons.FILE_MISSING,
        created_at=clock.now(),
    )
    tx.add(row)
    tx.flush()
    return row


def _put_captions(tx: Tx, row: VideoRow, said: Collection[CaptionFacts]) -> None:
    before = {one.language: one for one in _read_captions(tx, CaptionRow.video_id == row.id)}
    gone = before.keys() - {one.language for one in said}
    affect(tx, delete(CaptionRow).where(CaptionRow.video_id == row.id, CaptionRow.language.in_(gone)))
    for one in said:
        there, source = before.get(one.language), CaptionSource.EMBEDDED if one.is_embedded else CaptionSource.UPLOADED
        is_same = there is not None and (there.text, there.label, there.source) == (one.text, one.label, source)
        if there is not None and is_same and (there.is_default or not one.is_default):
            continue
        cues = read_captions(one.text.encode())
        put_captions(tx, row.id, one.language, one.label, cues, source, is_default=one.is_default)


def _put_poster(tx: Tx, runtime: Runtime, row: VideoRow, said: VideoFacts, poster: bytes | None) -> None:
    before = (row.poster_kind, row.poster_second)
    if poster is not None:
        here = files.find_file(tx, row.poster_file_id) if row.poster_file_id is not None else None
        row.poster_kind, row.poster_second = PosterKind.UPLOAD, None
        if here is None or here.sha256 != hashlib.sha256(poster).hexdigest():
            kept = files.store_bytes(
                tx,
                runtime,
                course_slug=row.course_slug,
                owner_id=None,
                name="poster",
                content=poster,
                is_part=True,
                keeps_bare=True,
            )
            row.version += 1  # a poster that is being made no longer counts
            service.set_poster(tx, row, kept.id)
        return
    kind = PosterKind.AUTO if said.poster_second is None else PosterKind.SECOND
    row.poster_kind, row.poster_second = kind, said.poster_second
    if before == (kind, said.poster_second) or row.wanted_sha256 is not None:
        return
    service.probe_again(tx, row, is_new=row.state is not VideoState.READY)

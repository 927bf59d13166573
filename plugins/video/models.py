"""Tables of videos."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, Float, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, deferred, mapped_column

from lti_tool.kernel.db import Base
from lti_tool.kernel.types import EnumValue, UtcDateTime
from plugins.video.links import LinkKind

IS_DEFAULT = text("is_default")


class VideoState(StrEnum):
    """processing → ready or failed; ready, failed → processing (replaced, tried again)."""

    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"


class PosterKind(StrEnum):
    """Where the picture before the start comes from."""

    AUTO = "auto"
    """A frame that we chose."""
    SECOND = "second"
    """A frame that the teacher chose."""
    UPLOAD = "upload"
    """A picture of the teacher's own."""


class CaptionSource(StrEnum):
    """Where captions come from."""

    EMBEDDED = "embedded"
    """A track of the video file."""
    UPLOADED = "uploaded"


class VideoRow(Base):
    """A video of a course: an uploaded file, an address, or a file that an import named and nobody has uploaded yet."""

    __tablename__ = "video_video"
    __table_args__ = (
        UniqueConstraint("course_slug", "link_url"),
        UniqueConstraint("course_slug", "slug"),
        CheckConstraint("link_url IS NULL OR (file_id IS NULL AND wanted_sha256 IS NULL)", name="file_or_link"),
        CheckConstraint("link_url IS NOT NULL OR file_id IS NOT NULL OR wanted_sha256 IS NOT NULL", name="something"),
        Index("ix_video_video_course_slug_id", "course_slug", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    course_slug: Mapped[str] = mapped_column(String(80))
    slug: Mapped[str] = mapped_column(String(80))
    """Its name in items (`video:<slug>`) and in course folders; it stays when the title changes."""
    file_id: Mapped[int | None] = mapped_column(unique=True)
    """Of `files`."""
    wanted_sha256: Mapped[str | None] = mapped_column(String(64))
    """Of an uploaded video whose file has not come yet: its checksum, by which it is known when it is uploaded."""
    wanted_name: Mapped[str] = mapped_column(String(200), default="")
    wanted_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    link_url: Mapped[str | None] = mapped_column(String(2000))
    link_kind: Mapped[LinkKind | None] = mapped_column(EnumValue(LinkKind))
    title: Mapped[str] = mapped_column(String(200))
    state: Mapped[VideoState] = mapped_column(EnumValue(VideoState), default=VideoState.PROCESSING)
    reason: Mapped[str] = mapped_column(String(40), default="")
    """Of a failed video: why; of a ready one: what somebody should know. A code of `reasons.py`."""
    version: Mapped[int] = mapped_column(default=1)
    """Counts up whenever it is to be looked into again."""
    duration_ms: Mapped[int | None]
    width: Mapped[int | None]
    height: Mapped[int | None]
    """As seen, in pixels."""
    has_sound: Mapped[bool] = mapped_column(default=True)
    poster_kind: Mapped[PosterKind] = mapped_column(EnumValue(PosterKind), default=PosterKind.AUTO)
    poster_second: Mapped[float | None] = mapped_column(Float)
    poster_file_id: Mapped[int | None]
    """Of `files`."""
    imported: Mapped[str] = mapped_column(String(16), default="")
    """Digest of what an import said last (`carrying.VideoFacts`); empty: none did."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CaptionRow(Base):
    """Captions of a video in one language."""

    __tablename__ = "video_caption"
    __table_args__ = (
        UniqueConstraint("video_id", "language"),
        Index(
            "uq_video_caption_default",
            "video_id",
            unique=True,
            sqlite_where=IS_DEFAULT,
            postgresql_where=IS_DEFAULT,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    video_id: Mapped[int] = mapped_column(ForeignKey("video_video.id", ondelete="CASCADE"))
    language: Mapped[str] = mapped_column(String(20))
    """BCP 47 tag: `en`, `pt-BR`; `und` if it is not known."""
    label: Mapped[str] = mapped_column(String(80))
    source: Mapped[CaptionSource] = mapped_column(EnumValue(CaptionSource))
    is_default: Mapped[bool] = mapped_column(default=False)
    cues: Mapped[int]
    digest: Mapped[str] = mapped_column(String(16))
    """Changes with the text."""
    text: Mapped[str] = deferred(mapped_column(Text))
    """WebVTT as `vtt.write_vtt` writes it."""
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class UseRow(Base):
    """An item of a course that shows a video."""

    __tablename__ = "video_use"

    item_ref: Mapped[str] = mapped_column(String(300), primary_key=True)
    video_id: Mapped[int] = mapped_column(ForeignKey("video_video.id", ondelete="CASCADE"), index=True)
    course_slug: Mapped[str] = mapped_column(String(80), index=True)


class PreferenceRow(Base):
    """How a person likes to watch, in every video."""

    __tablename__ = "video_preference"
    __table_args__ = (CheckConstraint("speed BETWEEN 0.5 AND 2", name="speed"),)

    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    speed: Mapped[float] = mapped_column(Float, default=1.0)
    captions: Mapped[str] = mapped_column(String(20), default="")
    """Language of the captions that are on; `off`: none; empty: as the teacher has set it."""
    transcript: Mapped[bool] = mapped_column(default=True)
    """Is the transcript open?"""


MODELS = (VideoRow, CaptionRow, UseRow, PreferenceRow)

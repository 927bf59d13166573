"""Tables of files."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.kernel.db import Base
from lti_tool.kernel.types import EnumValue, UtcDateTime


class FileState(StrEnum):
    """scanning → ready or refused; missing → ready.

    A ready file stays ready: what replaces it is checked in a row of its own.
    """

    MISSING = "missing"
    """An import named it, with its checksum, and its content has not come yet."""
    SCANNING = "scanning"
    READY = "ready"
    REFUSED = "refused"


UNCOUNTED = frozenset({FileState.MISSING, FileState.REFUSED})
"""States of files that take no room."""


class FileRow(Base):
    """One file of a course."""

    __tablename__ = "files_file"
    __table_args__ = (
        UniqueConstraint("course_slug", "slug"),
        Index("ix_files_file_course_slug_name", "course_slug", "name"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    course_slug: Mapped[str] = mapped_column(String(80))
    slug: Mapped[str | None] = mapped_column(String(100))
    """What texts call it (`file:<slug>`); it stays when the file is replaced. None: nothing can name it, for it is
    refused, or a part, or to take the place of another."""
    owner_id: Mapped[int | None] = mapped_column(index=True)
    """Who uploaded it; None: an import, or somebody whose data was erased."""
    name: Mapped[str] = mapped_column(String(200))
    """Safe to show and to save under (`names.clean_name`)."""
    content_type: Mapped[str] = mapped_column(String(100), default="")
    """Decided by the content; empty until that was looked at."""
    size: Mapped[int] = mapped_column(BigInteger)
    """In bytes; what the quota counts for it. Of a missing one: what it will be."""
    sha256: Mapped[str] = mapped_column(String(64), default="")
    width: Mapped[int | None]
    height: Mapped[int | None]
    state: Mapped[FileState] = mapped_column(EnumValue(FileState), default=FileState.SCANNING)
    refusal: Mapped[str] = mapped_column(String(40), default="")
    """Why it was refused, a code of `check.REFUSALS`."""
    key: Mapped[str] = mapped_column(String(200), unique=True)
    """Where its content is in the storage, or will be. It says nothing about course or name."""
    is_part: Mapped[bool] = mapped_column(default=False)
    """Of something else, as the poster of a video: it counts for the quota and is not listed among the files."""
    is_stored: Mapped[bool] = mapped_column(default=False)
    """Is it there? Else it is in `files_content`, or still in pieces."""
    upload_id: Mapped[str | None] = mapped_column(String(32), unique=True)
    """The upload whose pieces are its content until it is ready."""
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("files_file.id", ondelete="SET NULL"), index=True)
    """The file whose content this one becomes once it is ready; this row goes away then."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ready_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ContentRow(Base):
    """The content of a small file, from the transaction that stored it until a job has moved it to the storage."""

    __tablename__ = "files_content"

    file_id: Mapped[int] = mapped_column(ForeignKey("files_file.id", ondelete="CASCADE"), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class UploadRow(Base):
    """An upload in pieces (tus 1.0). Open until `position` is `length`."""

    __tablename__ = "files_upload"
    __table_args__ = (Index("ix_files_upload_course_slug_owner_id", "course_slug", "owner_id"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    """Random; the last part of its address."""
    course_slug: Mapped[str] = mapped_column(String(80))
    owner_id: Mapped[int | None] = mapped_column(index=True)
    """None: an import."""
    name: Mapped[str] = mapped_column(String(200))
    length: Mapped[int] = mapped_column(BigInteger)
    """In bytes; the quota counts it from the start."""
    position: Mapped[int] = mapped_column(BigInteger, default=0)
    """Bytes that are safe: `Upload-Offset`."""
    fingerprint: Mapped[str] = mapped_column(String(300), default="")
    """What the client says that the person's own file is, word for word: is it the same file again?"""
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("files_file.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class PieceRow(Base):
    """Bytes of an upload, kept in the storage until the file is put together."""

    __tablename__ = "files_piece"

    upload_id: Mapped[str] = mapped_column(ForeignKey("files_upload.id", ondelete="CASCADE"), primary_key=True)
    start: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    size: Mapped[int]
    key: Mapped[str] = mapped_column(String(200))


class UseRow(Base):
    """Something shows a file, which therefore stays."""

    __tablename__ = "files_use"

    ref: Mapped[str] = mapped_column(String(200), primary_key=True)
    """What shows it, as `courses/<course>/<item>`."""
    file_id: Mapped[int] = mapped_column(ForeignKey("files_file.id"), primary_key=True, index=True)


class UsageRow(Base):
    """What the files and open uploads of a course take, in one number that one UPDATE can check and change."""

    __tablename__ = "files_usage"

    course_slug: Mapped[str] = mapped_column(String(80), primary_key=True)
    used_bytes: Mapped[int] = mapped_column(BigInteger)

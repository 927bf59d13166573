"""Tables of versions of quizzes: those that teachers write and learners do not see yet, and those that learners had."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.kernel.db import Base
from lti_tool.kernel.errors import Conflict
from lti_tool.kernel.types import EnumValue, UtcDateTime


class WrittenState(StrEnum):
    """Where a version that a teacher writes stands."""

    WRITING = "writing"
    CHECKING = "checking"
    CHECKED = "checked"
    PUBLISHING = "publishing"
    PUBLISHED = "published"
    FAILED = "failed"
    """The check or the publishing was given up because of a problem on our side."""

    @property
    def is_busy(self) -> bool:
        """Is a job at it?"""
        return self in (WrittenState.CHECKING, WrittenState.PUBLISHING)


class WrittenWay(StrEnum):
    """How a teacher writes. The two do not replace each other's files."""

    JUPYTER = "jupyter"
    """On the server for writing, or uploaded to the page of the version."""
    COMMAND = "command"
    """Sent by `nbgrader release_assignment`."""


_W = WrittenState
WRITTEN_TRANSITIONS: dict[WrittenState, frozenset[WrittenState]] = {
    # whatever is saved with other content is being written again
    _W.WRITING: frozenset({_W.WRITING, _W.CHECKING}),
    _W.CHECKING: frozenset({_W.WRITING, _W.CHECKED, _W.FAILED}),
    _W.CHECKED: frozenset({_W.WRITING, _W.CHECKING, _W.PUBLISHING}),
    # publishing → checked: it was refused, and the page says why; nothing is saved over it before it is noted
    _W.PUBLISHING: frozenset({_W.PUBLISHED, _W.CHECKED, _W.FAILED}),
    _W.PUBLISHED: frozenset({_W.WRITING, _W.CHECKING}),
    _W.FAILED: frozenset({_W.WRITING, _W.CHECKING}),
}


class Written(Base):
    """The newest files of a quiz as one teacher saved them. Others have theirs; what was published last is shared."""

    __tablename__ = "courses_written"
    __table_args__ = (UniqueConstraint("course_id", "assignment", "user_id", "way"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("courses_course.id", ondelete="CASCADE"))
    assignment: Mapped[str] = mapped_column(String(80))
    user_id: Mapped[int] = mapped_column(index=True)
    author_name: Mapped[str] = mapped_column(String(255))
    way: Mapped[WrittenWay] = mapped_column(EnumValue(WrittenWay))
    base: Mapped[int]
    """Number of the revision of the quiz's source that they began with; 0: none."""
    files: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """path, sha256, size."""
    sha256: Mapped[str] = mapped_column(String(64))
    """Of all files."""
    saved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[WrittenState] = mapped_column(EnumValue(WrittenState), default=WrittenState.WRITING)
    asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the check, or the publishing, was asked for."""
    report: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """What the check found, of these files; see `version_report`."""
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    said: Mapped[str | None] = mapped_column(Text)
    """Why it was not published, or why its check waits or was given up."""

    def move(self, state: WrittenState) -> None:
        """Raises: Conflict: it cannot go there from where it is."""
        if state not in WRITTEN_TRANSITIONS[self.state]:
            raise Conflict(
                "version_busy", "This version is being checked or published right now. Wait until that has ended."
            )
        self.state = state


class WrittenBlob(Base):
    """Content of a file of a written version; it goes with the version that replaces it."""

    __tablename__ = "courses_written_blob"

    written_id: Mapped[int] = mapped_column(ForeignKey("courses_written.id", ondelete="CASCADE"), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int]
    packed: Mapped[bytes] = mapped_column(LargeBinary)
    """zlib-compressed."""


class SourceBlob(Base):
    """Content of a file of a version that counts or counted; revisions of the quiz's source name it by its hash."""

    __tablename__ = "courses_source_blob"

    course_id: Mapped[int] = mapped_column(ForeignKey("courses_course.id", ondelete="CASCADE"), primary_key=True)
    assignment: Mapped[str] = mapped_column(String(80), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int]
    packed: Mapped[bytes] = mapped_column(LargeBinary)
    """zlib-compressed."""


WRITTEN_MODELS = (Written, WrittenBlob, SourceBlob)

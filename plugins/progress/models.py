"""Tables of progress. What a learner does belongs to a placement: a course as one LMS course uses it.

Everything that a save brings is merged, never added up: ranges and time as unions, the resume point by the newest
moment, the rest by first or last moment. So saves may come late, twice and in any order.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Float, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.kernel.db import Base
from lti_tool.kernel.types import EnumValue, UtcDateTime

REF_LENGTH = 300


class ItemState(StrEnum):
    """new → started → done. A text goes back to started when the learner says so; nothing else goes back."""

    NEW = "new"
    STARTED = "started"
    DONE = "done"


class OutlineRow(Base):
    """The outline of a course as it was published last."""

    __tablename__ = "progress_outline"

    course_slug: Mapped[str] = mapped_column(String(80), primary_key=True)
    version: Mapped[int]
    """Counts up with each change."""
    definition: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Modules, items and the rule, see `outline.py`."""
    published_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SettingsRow(Base):
    """What the teacher of an LMS course has set for it."""

    __tablename__ = "progress_settings"

    placement_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    course_slug: Mapped[str] = mapped_column(String(80))
    rule: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """When the course counts as finished here; None: as the course says."""
    sends_score: Mapped[bool] = mapped_column(default=False)
    """Is the percentage sent to the gradebook of the LMS?"""
    version: Mapped[int] = mapped_column(default=1)


class LearnerRow(Base):
    """A learner in a placement: the sum of their items, and the lock that their saves take."""

    __tablename__ = "progress_learner"
    __table_args__ = (Index("ix_progress_learner_course", "course_slug", "placement_id", "user_id"),)

    placement_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, index=True)
    course_slug: Mapped[str] = mapped_column(String(80))
    percent: Mapped[int] = mapped_column(default=0)
    done_items: Mapped[int] = mapped_column(default=0)
    """Of the items that count."""
    counted_items: Mapped[int] = mapped_column(default=0)
    seconds: Mapped[int] = mapped_column(default=0)
    """Time spent; what was spent on two items at once counts once."""
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """The newest moment that the learner was at it."""
    last_ref: Mapped[str] = mapped_column(String(REF_LENGTH))
    """The item of that moment."""
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the course was finished: a fact that stays."""


class ItemRow(Base):
    """A learner and an item."""

    __tablename__ = "progress_item"

    placement_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, index=True)
    ref: Mapped[str] = mapped_column(String(REF_LENGTH), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    state: Mapped[ItemState] = mapped_column(EnumValue(ItemState))
    percent: Mapped[int]
    seconds: Mapped[int]
    """Time spent on this item."""
    watched: Mapped[list[list[float]]] = mapped_column(JSON)
    """What was watched of a video: the union of all ranges, in seconds, sorted."""
    duration_s: Mapped[float | None] = mapped_column(Float)
    resume_s: Mapped[float | None] = mapped_column(Float)
    """Where to go on in a video."""
    resume_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The moment of that position: a newer one replaces it."""
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The first moment that it was in front of the learner."""
    mark: Mapped[bool | None]
    """What the learner said themselves: done, not done; None: nothing."""
    mark_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    score: Mapped[int | None]
    """Percent of a quiz's points; None: no result."""
    score_final: Mapped[bool] = mapped_column(default=False)
    score_version: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    announced_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When `ItemDone` was stated: once, also if the learner takes a mark back and sets it again."""
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TimeRow(Base):
    """When a learner was at an item: one bit for each 5 s of a block of 5 min."""

    __tablename__ = "progress_time"

    placement_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, index=True)
    block: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Number of the block since 1970."""
    ref: Mapped[str] = mapped_column(String(REF_LENGTH), primary_key=True)
    mask: Mapped[int] = mapped_column(BigInteger)


MODELS = (OutlineRow, SettingsRow, LearnerRow, ItemRow, TimeRow)

"""Tables of reviews."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.kernel.db import Base
from lti_tool.kernel.types import EnumValue, UtcDateTime

EVERYTHING = "*"
"""In `TotalRow`: the sum of all courses. No course has this slug."""


class ReviewState(StrEnum):
    """shown → hidden (a moderator) → shown (a moderator)."""

    SHOWN = "shown"
    HIDDEN = "hidden"


class NameShown(StrEnum):
    """How an author is named."""

    NAME = "name"
    """To people of the same LMS; to others by initials."""
    INITIALS = "initials"
    NONE = "none"


class HiddenBy(StrEnum):
    """Who has hidden a review: what an operator hides, no teacher restores."""

    TEACHER = "teacher"
    OPERATOR = "operator"


class ReportReason(StrEnum):
    """Why a review is reported."""

    SPAM = "spam"
    ABUSE = "abuse"
    PRIVATE = "private"
    OFF_TOPIC = "off_topic"
    OTHER = "other"


class ReportState(StrEnum):
    """open → upheld (the review was hidden) or dismissed."""

    OPEN = "open"
    UPHELD = "upheld"
    DISMISSED = "dismissed"


class ReviewRow(Base):
    """What a person says about a course: one review, whichever LMS course they took it in."""

    __tablename__ = "reviews_review"
    __table_args__ = (
        UniqueConstraint("course_slug", "user_id"),
        CheckConstraint("stars BETWEEN 1 AND 5", name="stars"),
        Index("ix_reviews_review_newest", "course_slug", "state", "created_at"),
        Index("ix_reviews_review_helpful", "course_slug", "state", "helpful"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    course_slug: Mapped[str] = mapped_column(String(80))
    user_id: Mapped[int | None] = mapped_column(index=True)
    """None: their data was erased; the stars stay, the text went with them."""
    stars: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    """Plain, maybe empty."""
    name_shown: Mapped[NameShown] = mapped_column(EnumValue(NameShown))
    state: Mapped[ReviewState] = mapped_column(EnumValue(ReviewState), default=ReviewState.SHOWN)
    hidden_reason: Mapped[str] = mapped_column(String(500), default="")
    """What the author is told."""
    hidden_by: Mapped[HiddenBy | None] = mapped_column(EnumValue(HiddenBy))
    hidden_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reply: Mapped[str] = mapped_column(Text, default="")
    """Of a teacher of the course; empty: none."""
    reply_user_id: Mapped[int | None] = mapped_column(index=True)
    reply_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    helpful: Mapped[int] = mapped_column(default=0)
    """How many votes there are."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    edited_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class VoteRow(Base):
    """A person found a review helpful."""

    __tablename__ = "reviews_vote"

    review_id: Mapped[int] = mapped_column(ForeignKey("reviews_review.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(primary_key=True, index=True)


class ReportRow(Base):
    """A person asks a moderator to look at a review."""

    __tablename__ = "reviews_report"
    __table_args__ = (UniqueConstraint("review_id", "user_id"), Index("ix_reviews_report_state", "state", "review_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    review_id: Mapped[int] = mapped_column(ForeignKey("reviews_review.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(index=True)
    reason: Mapped[ReportReason] = mapped_column(EnumValue(ReportReason))
    text: Mapped[str] = mapped_column(String(1000), default="")
    state: Mapped[ReportState] = mapped_column(EnumValue(ReportState), default=ReportState.OPEN)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TotalRow(Base):
    """How many shown reviews a course has, by stars: kept by running sums."""

    __tablename__ = "reviews_total"

    course_slug: Mapped[str] = mapped_column(String(80), primary_key=True)
    stars_1: Mapped[int] = mapped_column(default=0)
    stars_2: Mapped[int] = mapped_column(default=0)
    stars_3: Mapped[int] = mapped_column(default=0)
    stars_4: Mapped[int] = mapped_column(default=0)
    stars_5: Mapped[int] = mapped_column(default=0)
    hidden: Mapped[int] = mapped_column(default=0)
    """Reviews that a moderator has hidden; the page says how many."""


class AuthorRow(Base):
    """Somebody who writes a course: they do not review it, in whatever role they come."""

    __tablename__ = "reviews_author"

    course_slug: Mapped[str] = mapped_column(String(80), primary_key=True)
    user_id: Mapped[int] = mapped_column(primary_key=True, index=True)


MODELS = (ReviewRow, VoteRow, ReportRow, TotalRow, AuthorRow)

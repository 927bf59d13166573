"""The tables of delivery: what each platform should have of whom, what it has, and whether it can be reached."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.kernel.db import Base
from lti_tool.kernel.types import EnumValue, Points, UtcDateTime
from lti_tool.lti.models import ID_LENGTH, Registration


class ScoreState(StrEnum):
    """Where a score stands on its way to the LMS."""

    PENDING = "pending"
    SENT = "sent"
    REFUSED = "refused"
    NOT_WANTED = "not_wanted"
    """Nothing was sent, since it would have done harm: the row says why."""


_S = ScoreState
SCORE_TRANSITIONS: dict[ScoreState, frozenset[ScoreState]] = {
    _S.PENDING: frozenset(_S),
    # what is wanted anew, or sent again by hand
    _S.SENT: frozenset({_S.PENDING}),
    _S.REFUSED: frozenset({_S.PENDING}),
    _S.NOT_WANTED: frozenset({_S.PENDING}),
}


class Drift(StrEnum):
    """How the LMS's gradebook differs from what was sent last."""

    OTHER = "other"
    """It shows other points: somebody has changed them there."""
    MISSING = "missing"
    """It shows none."""
    NO_COLUMN = "no_column"
    """The activity's column is not there any more."""


class PlatformLine(Base):
    """The one line to a platform: who sends at present, and whether the platform answers (a circuit breaker)."""

    __tablename__ = "lti_line"

    registration_id: Mapped[int] = mapped_column(ForeignKey(Registration.id, ondelete="CASCADE"), primary_key=True)
    sending_job: Mapped[int | None]
    """The job that delivers scores: never two at once."""
    opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Since when the platform has not answered as it should; None: it can be called."""
    next_probe_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Before this moment nobody calls it; then one call finds out."""
    called_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """While it does not answer: when it was last called all the same."""
    failures: Mapped[int] = mapped_column(default=0)
    """One after the other."""
    text: Mapped[str | None] = mapped_column(Text)
    """The last failure, in words."""


class ScoreRow(Base):
    """The outbox: what one person's score behind one link of the LMS should be, and what the LMS has."""

    __tablename__ = "lti_score"
    __table_args__ = (
        UniqueConstraint("link_id", "user_id"),
        Index("ix_lti_score_line", "registration_id", "state", "due_at", "id"),
        Index("ix_lti_score_placement", "placement_id", "source", "item_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    registration_id: Mapped[int]
    link_id: Mapped[int]
    user_id: Mapped[int] = mapped_column(index=True)
    placement_id: Mapped[int]
    source: Mapped[str] = mapped_column(String(40))
    """The part that wants it sent: `grading`, `progress`."""
    item_ref: Mapped[str] = mapped_column(String(ID_LENGTH))
    """What the score is for: it is sent only while the link shows this."""
    item_id: Mapped[int]
    """The same by its number in the source; 0: the source has no numbers."""
    subject_id: Mapped[int | None]
    """The submission it comes from, by its id in the source; None: it is of no submission."""
    points: Mapped[Decimal] = mapped_column(Points)
    max_points: Mapped[Decimal] = mapped_column(Points)
    is_final: Mapped[bool]
    """False: a person still marks a part."""
    activity_progress: Mapped[str] = mapped_column(String(20))
    """As AGS calls it: `InProgress`, `Submitted`, `Completed`."""
    submitted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    comment: Mapped[str] = mapped_column(Text, default="")
    """Sent once, with the submission."""
    version: Mapped[int]
    """Counts up whenever something else is to be sent."""
    sent_version: Mapped[int] = mapped_column(default=0)
    """The version that the LMS has; lower than `version` while there is something to send."""
    last_timestamp: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The AGS timestamp sent last. A later score must have a later one."""
    column_url: Mapped[str | None] = mapped_column(Text)
    """The line item that it was sent to last: once there is another one, it goes there too."""
    announced_id: Mapped[int | None]
    """The subject that the LMS was told of as a new submission; it is told once."""
    overrules: Mapped[bool] = mapped_column(default=False)
    """A teacher asked for it to replace what was changed in the LMS."""
    sending_run: Mapped[str | None] = mapped_column(String(32))
    """The run that is sending it right now."""
    state: Mapped[ScoreState] = mapped_column(EnumValue(ScoreState), default=ScoreState.PENDING)
    code: Mapped[str | None] = mapped_column(String(80))
    """What went wrong, for programs …"""
    text: Mapped[str | None] = mapped_column(Text)
    """… and for people, with what to do about it."""
    tries: Mapped[int] = mapped_column(default=0)
    """Since the last success."""
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """Not sent before; the longest waiting comes first."""
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    drift: Mapped[Drift | None] = mapped_column(EnumValue(Drift))
    """What the last comparison with the LMS found; None: the same, or not compared since it was sent."""
    lms_points: Mapped[Decimal | None] = mapped_column(Points)
    lms_maximum: Mapped[Decimal | None] = mapped_column(Points)
    compared_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class DeliveryRow(Base):
    """History: one try to send the score of a submission."""

    __tablename__ = "lti_delivery"
    __table_args__ = (Index("ix_lti_delivery_subject", "source", "subject_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    score_id: Mapped[int] = mapped_column(ForeignKey(ScoreRow.id, ondelete="CASCADE"), index=True)
    source: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[int]
    version: Mapped[int]
    points: Mapped[Decimal] = mapped_column(Points)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[ScoreState] = mapped_column(EnumValue(ScoreState))
    text: Mapped[str | None] = mapped_column(Text)


SCORE_MODELS = (PlatformLine, ScoreRow, DeliveryRow)

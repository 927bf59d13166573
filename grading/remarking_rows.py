"""Tables of marking many attempts again: a run, and what each of its attempts would score (docs/adr/0020)."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.kernel.db import Base
from lti_tool.kernel.errors import Conflict
from lti_tool.kernel.types import EnumValue, Points, UtcDateTime


class RunState(StrEnum):
    """Where a run stands."""

    MARKING = "marking"
    READY = "ready"
    """The preview is there; nothing has changed for anybody."""
    APPLYING = "applying"
    APPLIED = "applied"
    """Over; at least one attempt has its new marks."""
    DROPPED = "dropped"
    """Over; everything is as it was before."""

    @property
    def is_open(self) -> bool:
        """Is there something left to decide or to do?"""
        return self not in (RunState.APPLIED, RunState.DROPPED)


_R = RunState
RUN_TRANSITIONS: dict[RunState, frozenset[RunState]] = {
    # marking → applied: dropped while some were applied before
    _R.MARKING: frozenset({_R.READY, _R.DROPPED, _R.APPLIED}),
    # ready → marking: some are marked once more
    _R.READY: frozenset({_R.APPLYING, _R.MARKING, _R.DROPPED, _R.APPLIED}),
    # applying → ready: some were left for later
    _R.APPLYING: frozenset({_R.READY, _R.APPLIED}),
    _R.APPLIED: frozenset(),
    _R.DROPPED: frozenset(),
}


class AgainState(StrEnum):
    """Where one attempt of a run stands: waiting → marked → chosen → applied, and ways out of that."""

    WAITING = "waiting"
    MARKED = "marked"
    FAILED = "failed"
    """It could not be marked; its old marks stay."""
    STALE = "stale"
    """What came of it does not hold any more: the quiz was released again, or the attempt is being marked anyway."""
    CHOSEN = "chosen"
    APPLIED = "applied"
    LEFT = "left"
    """Not taken over."""


class RemarkRow(Base):
    """One run over attempts of a quiz in one placement."""

    __tablename__ = "grading_remark"
    __table_args__ = (
        Index(
            "uq_grading_remark_open",
            "placement_id",
            "assignment_id",
            unique=True,
            sqlite_where=text("state IN ('marking', 'ready', 'applying')"),
            postgresql_where=text("state IN ('marking', 'ready', 'applying')"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    placement_id: Mapped[int]
    assignment_id: Mapped[int] = mapped_column(ForeignKey("grading_assignment.id"), index=True)
    state: Mapped[RunState] = mapped_column(EnumValue(RunState), default=RunState.MARKING)
    started_by: Mapped[int | None] = mapped_column(index=True)
    """User id; None: erased since."""
    started_by_name: Mapped[str] = mapped_column(String(255))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    release_sha256: Mapped[str] = mapped_column(String(64))
    """Of the learners' version that the quiz had then."""
    structure_sha256: Mapped[str] = mapped_column(String(64))
    """Of the tests of the whole course then."""
    moved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When something last came of it."""
    stopped: Mapped[str | None] = mapped_column(Text)
    """Why it does not go on by itself: the machine is at fault."""
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    def move(self, state: RunState) -> None:
        """Change the state. Raises: Conflict when the table of transitions does not have it."""
        if state not in RUN_TRANSITIONS[self.state]:
            raise Conflict(
                "remark_state", f"This run is {self.state}, so it cannot become {state}. Look at its page again."
            )
        self.state = state


class RemarkedRow(Base):
    """One attempt in a run: what it had, and what it would have."""

    __tablename__ = "grading_remarked"
    __table_args__ = (
        UniqueConstraint("remark_id", "submission_id"),
        Index("ix_grading_remarked_state", "remark_id", "state", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    remark_id: Mapped[int] = mapped_column(ForeignKey("grading_remark.id", ondelete="CASCADE"))
    submission_id: Mapped[int] = mapped_column(ForeignKey("grading_submission.id"), index=True)
    user_id: Mapped[int] = mapped_column(index=True)
    state: Mapped[AgainState] = mapped_column(EnumValue(AgainState), default=AgainState.WAITING)
    tries: Mapped[int] = mapped_column(default=0)
    """How often it was begun; a worker that is killed does not count it back."""
    why: Mapped[str | None] = mapped_column(Text)
    """For the teacher: why it failed, is stale, or was left."""
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Which marks the preview compares with: the attempt's `marked_at` then."""
    old_points: Mapped[Decimal | None] = mapped_column(Points)
    old_max: Mapped[Decimal | None] = mapped_column(Points)
    points: Mapped[Decimal | None] = mapped_column(Points)
    """What the gradebook would give, or gave when it was applied."""
    max_points: Mapped[Decimal | None] = mapped_column(Points)
    late_penalty: Mapped[Decimal | None] = mapped_column(Points)
    needs_manual: Mapped[bool] = mapped_column(default=False)
    outcome: Mapped[str | None] = mapped_column(String(40))
    suspicion: Mapped[str | None] = mapped_column(Text)
    """Why it would be held for the teacher when it is applied (docs/adr/0019); a decision that was made stays."""
    cells: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    """Questions that differ: label, old, new, max (points as texts; None: not marked)."""
    executed: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    """The attempt as it was run (`remarking_packing`); gone once it is decided about."""

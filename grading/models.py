"""Tables of grading.

Per-cell marks live in the nbgrader gradebooks. Here are the submissions as they came in, a dated record of totals, and
the outbox to the LMS. What learners do belongs to a placement (a course as one LMS course uses it); what a quiz is
belongs to the course.
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.kernel.db import Base
from lti_tool.kernel.types import EnumValue, Points, UtcDateTime


class SubmissionState(StrEnum):
    """Where an attempt stands."""

    QUEUED = "queued"
    RUNNING = "running"
    GRADED = "graded"
    NEEDS_MANUAL = "needs_manual"
    FAILED = "failed"

    @property
    def is_marked(self) -> bool:
        """Has marks that may count."""
        return self in (SubmissionState.GRADED, SubmissionState.NEEDS_MANUAL)

    @property
    def is_busy(self) -> bool:
        """Waits for marking or is being marked."""
        return self in (SubmissionState.QUEUED, SubmissionState.RUNNING)


HELD = "held"
"""Not a state of marking: marked, and what it gave is held back."""
_S = SubmissionState
SUBMISSION_TRANSITIONS: dict[SubmissionState, frozenset[SubmissionState]] = {
    # queued → marked: marking again was given up, and the marks that it had stay
    _S.QUEUED: frozenset({_S.RUNNING, _S.FAILED, _S.GRADED, _S.NEEDS_MANUAL}),
    # running → running: the worker died and another one starts over
    _S.RUNNING: frozenset({_S.RUNNING, _S.GRADED, _S.NEEDS_MANUAL, _S.FAILED}),
    # marked → queued: a teacher has it marked again; graded ↔ needs_manual: a teacher marks by hand
    _S.GRADED: frozenset({_S.GRADED, _S.NEEDS_MANUAL, _S.QUEUED}),
    _S.NEEDS_MANUAL: frozenset({_S.NEEDS_MANUAL, _S.GRADED, _S.QUEUED}),
    # failed → marked: given up by us, but its marks are in the gradebook
    _S.FAILED: frozenset({_S.FAILED, _S.QUEUED, _S.GRADED, _S.NEEDS_MANUAL}),
}


class Counts(StrEnum):
    """Which attempt is a learner's result."""

    LAST = "last"
    BEST = "best"
    FIRST = "first"


class Decision(StrEnum):
    """What a teacher made of an attempt that was held."""

    ACCEPTED = "accepted"
    """Its points count."""
    ZEROED = "zeroed"
    """It counts with no points; its marks stay in the gradebook."""


class CourseRow(Base):
    """A course, as far as grading needs to know it."""

    __tablename__ = "grading_course"

    slug: Mapped[str] = mapped_column(String(80), primary_key=True)
    title: Mapped[str] = mapped_column(String(300))
    structure_sha256: Mapped[str] = mapped_column(String(64), default="")
    """Of the release that gradebooks follow; empty: nothing was released."""


class GradebookRow(Base):
    """The gradebook of a placement: which release it was brought up to. No row: it is not ready for anybody."""

    __tablename__ = "grading_gradebook"

    placement_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    structure_sha256: Mapped[str] = mapped_column(String(64))
    prepared_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AssignmentRow(Base):
    """One published quiz."""

    __tablename__ = "grading_assignment"
    __table_args__ = (UniqueConstraint("course_slug", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    course_slug: Mapped[str] = mapped_column(ForeignKey("grading_course.slug"))
    name: Mapped[str] = mapped_column(String(200))
    """nbgrader's name of the assignment, also its folder."""
    item_ref: Mapped[str] = mapped_column(String(300), index=True)
    """Of the course's item that it stands at; empty: another quiz stands there now."""
    title: Mapped[str] = mapped_column(String(300))
    summary: Mapped[str] = mapped_column(Text, default="")
    max_points: Mapped[Decimal] = mapped_column(Points)
    max_attempts: Mapped[int | None]
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """After this a submission is marked late."""
    closes_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """After this nothing is accepted."""
    counts: Mapped[Counts] = mapped_column(EnumValue(Counts), default=Counts.LAST)
    late_per_day: Mapped[int | None]
    """Percent of the points that each day begun after `due_at` costs; None: nothing."""
    late_at_most: Mapped[int | None]
    """Percent that lateness costs at most; None: all."""
    time_limit_s: Mapped[int | None]
    """For a notebook, as the teacher says, as are the next two. None: what holds for every quiz."""
    cell_limit_s: Mapped[int | None]
    memory_mb: Mapped[int | None]
    kernel: Mapped[str] = mapped_column(String(80), default="")
    """Name of the kernel that is not Python; empty: Python."""
    requirements: Mapped[str] = mapped_column(Text, default="")
    """Packages of its environment as `read_requirements` gives them; empty: those that every quiz has."""
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Since when it is not in the course any more and takes nothing, from nobody."""
    release: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """Files of the release version: path, sha256, size."""
    release_sha256: Mapped[str] = mapped_column(String(64))
    notebooks: Mapped[list[str]] = mapped_column(JSON)
    """Names without `.ipynb`."""
    questions: Mapped[list[dict[str, Any]]] = mapped_column(JSON)


class EnvironmentState(StrEnum):
    """building → ready or failed; both → building when it is built again."""

    BUILDING = "building"
    READY = "ready"
    FAILED = "failed"


class EnvironmentRow(Base):
    """Packages that quizzes are marked with, installed ahead for one version of Python."""

    __tablename__ = "grading_environment"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Of `requirements` and the Python, see `grading.requirements`; also the name of its folder."""
    requirements: Mapped[str] = mapped_column(Text)
    python: Mapped[str] = mapped_column(String(80))
    state: Mapped[EnvironmentState] = mapped_column(EnumValue(EnvironmentState))
    text: Mapped[str] = mapped_column(Text, default="")
    """Why it failed, for teachers."""
    packages: Mapped[list[str]] = mapped_column(JSON, default=list)
    """What was installed: `numpy 2.3.1`."""
    size_mb: Mapped[int] = mapped_column(default=0)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    unused_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """No quiz has asked for it since; None: one does."""


class BlobRow(Base):
    """Content of a file that is kept: handed in, released, or feedback. Once for each hash."""

    __tablename__ = "grading_blob"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int]
    packed: Mapped[bytes] = mapped_column(LargeBinary)
    """zlib-compressed."""


class SubmissionRow(Base):
    """One attempt: an immutable snapshot, and what marking it gave."""

    __tablename__ = "grading_submission"
    __table_args__ = (
        UniqueConstraint("placement_id", "assignment_id", "user_id", "number"),
        UniqueConstraint("placement_id", "assignment_id", "hub_name", "number"),
        UniqueConstraint("placement_id", "user_id", "request_id"),
        # The gradebook holds one submission per learner or group and assignment: two are never marked at once.
        Index(
            "uq_grading_submission_running",
            "placement_id",
            "assignment_id",
            "hub_name",
            unique=True,
            sqlite_where=text("state = 'running'"),
            postgresql_where=text("state = 'running'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    placement_id: Mapped[int]
    assignment_id: Mapped[int] = mapped_column(ForeignKey("grading_assignment.id"), index=True)
    user_id: Mapped[int] = mapped_column(index=True)
    """Who handed in; a group's is also its other members', see `group_models.ShareRow`."""
    hub_name: Mapped[str] = mapped_column(String(40))
    """What the gradebook calls the learner, or the group."""
    group_id: Mapped[int | None] = mapped_column(ForeignKey("grading_group.id"))
    """None: the learner's alone."""
    number: Mapped[int]
    """Counts up for each person who has a share in it: no two of their attempts have the same."""
    request_id: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64))
    files: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """The snapshot: path, sha256, size; sorted by path."""
    receipt: Mapped[str] = mapped_column(String(20))
    via: Mapped[str] = mapped_column(String(20))
    submitted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[SubmissionState] = mapped_column(EnumValue(SubmissionState), default=SubmissionState.QUEUED)
    job_id: Mapped[int | None]
    """Row of the job table that marks it, for the place in the queue."""
    outcome: Mapped[str | None] = mapped_column(String(40))
    """How the run ended, in the engine's words."""
    text: Mapped[str | None] = mapped_column(Text)
    """For the learner: why it could not be marked, or what did not run although it was."""
    teacher_text: Mapped[str | None] = mapped_column(Text)
    marks: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """Questions with points and comments."""
    points: Mapped[Decimal | None] = mapped_column(Points)
    """The gradebook's total. What of it counts is said by `terms`."""
    late_penalty: Mapped[Decimal] = mapped_column(Points, default=Decimal(0))
    """What nbgrader itself has taken off for lateness."""
    max_points: Mapped[Decimal] = mapped_column(Points)
    marked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    feedback: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    """The marked notebooks as HTML: path, sha256, size."""
    cell_ms: Mapped[dict[str, int] | None] = mapped_column(JSON(none_as_null=True))
    """How long its cells ran when it was marked last, as in `engine.model.Marking`."""
    suspicion: Mapped[str | None] = mapped_column(Text)
    """Why a teacher has to look at it before its points count; for the staff alone."""
    decision: Mapped[Decision | None] = mapped_column(EnumValue(Decision))
    """What the teacher said to that."""
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def is_held(self) -> bool:
        """Is it marked, and its points wait for a teacher's decision?"""
        return self.state.is_marked and self.suspicion is not None and self.decision is None

    @property
    def given_points(self) -> Decimal | None:
        """Its points, as far as a teacher lets them count; lateness is another matter."""
        return Decimal(0) if self.decision is Decision.ZEROED and self.points is not None else self.points

    @property
    def shown_state(self) -> str:
        """The state in the word that pages have for it."""
        return HELD if self.is_held else self.state.value


class DraftRow(Base):
    """The newest work of a learner as Jupyter saved it. Not submitted."""

    __tablename__ = "grading_draft"
    __table_args__ = (UniqueConstraint("placement_id", "assignment_id", "user_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    placement_id: Mapped[int]
    assignment_id: Mapped[int] = mapped_column(ForeignKey("grading_assignment.id"))
    user_id: Mapped[int] = mapped_column(index=True)
    saved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    files: Mapped[list[dict[str, Any]]] = mapped_column(JSON)


class DraftBlobRow(Base):
    """Content of a file of a draft. It goes with the draft that replaces it, unlike what was handed in."""

    __tablename__ = "grading_draft_blob"

    draft_id: Mapped[int] = mapped_column(ForeignKey("grading_draft.id", ondelete="CASCADE"), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int]
    packed: Mapped[bytes] = mapped_column(LargeBinary)
    """zlib-compressed."""


class ExtensionRow(Base):
    """More time or more attempts for one learner."""

    __tablename__ = "grading_extension"
    __table_args__ = (UniqueConstraint("placement_id", "assignment_id", "user_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    placement_id: Mapped[int]
    assignment_id: Mapped[int] = mapped_column(ForeignKey("grading_assignment.id"))
    user_id: Mapped[int] = mapped_column(index=True)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """None: everybody's."""
    closes_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """None: everybody's, or `due_at` if that is later."""
    more_attempts: Mapped[int]
    reason: Mapped[str] = mapped_column(String(500))
    """For the staff alone."""
    granted_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ResultRow(Base):
    """The total that counts for a learner, less what lateness costs, and since when."""

    __tablename__ = "grading_result"
    __table_args__ = (UniqueConstraint("placement_id", "assignment_id", "user_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    placement_id: Mapped[int]
    assignment_id: Mapped[int] = mapped_column(ForeignKey("grading_assignment.id"))
    user_id: Mapped[int] = mapped_column(index=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("grading_submission.id"))
    """The attempt that it comes from."""
    points: Mapped[Decimal] = mapped_column(Points)
    max_points: Mapped[Decimal] = mapped_column(Points)
    needs_manual: Mapped[bool]
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int]
    is_quiet: Mapped[bool] = mapped_column(default=False)
    """It came from another course and goes to no LMS before it changes, or somebody asks."""

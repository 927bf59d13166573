"""The table of jobs and how it is read (`jobs` says how it is used)."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, String, Text, UniqueConstraint, func, select, text
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.kernel import clock
from lti_tool.kernel.db import Base, Tx
from lti_tool.kernel.types import EnumValue, UtcDateTime

MOST_FAILURES = 20
FAILURE_LENGTH = 2000


class JobState(StrEnum):
    """queued → running → done; running → queued (retry, lost worker); running → dead; dead → queued (by hand)."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"


def _small_index(name: str, where: str, *columns: str) -> Index:
    """Of some rows only: done jobs, the most by far, leave it."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


class JobRow(Base):
    """One handler's work on one message."""

    __tablename__ = "kernel_job"
    __table_args__ = (
        UniqueConstraint("message_id", "handler"),
        Index("ix_kernel_job_state_due", "state", "due_at"),
        Index("ix_kernel_job_queue_state", "queue", "state", "due_at"),
        _small_index("ix_kernel_job_later", "turn IS NULL AND finished_at IS NULL", "state", "due_at"),
        _small_index("ix_kernel_job_line", "turn IS NOT NULL", "queue", "state", "turn", "id"),
        _small_index("ix_kernel_job_lane", "turn IS NOT NULL", "queue", "lane", "turn"),
        _small_index("ix_kernel_job_pace", "took_ms IS NOT NULL", "queue", "finished_at"),
        # other rows keep the number of their job, so a number is never given again
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    handler: Mapped[str] = mapped_column(String(120))
    message: Mapped[str] = mapped_column(String(120))
    message_id: Mapped[str] = mapped_column(String(32))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    queue: Mapped[str] = mapped_column(String(40))
    lane: Mapped[str] = mapped_column(String(60), default="")
    """Whose work it is: lanes of a queue take turns (`line`)."""
    turn: Mapped[int | None]
    """The place in line of a job that can be begun, kept while it is worked on. None: done, or not due yet."""
    state: Mapped[JobState] = mapped_column(EnumValue(JobState), default=JobState.QUEUED)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    hinted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(default=0)
    lease: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str | None] = mapped_column(Text)
    """What the last attempt said, or why the job waits."""
    failures: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    """The newest failed attempts, oldest first: `at` (ISO 8601), `attempt`, `text`. They stay when it is run again."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    took_ms: Mapped[int | None]
    """How long the attempt took that did it."""


def with_failure(row: JobRow, text: str) -> list[dict[str, Any]]:
    """The failed attempts of a job, and this one."""
    failed = {"at": clock.now().isoformat(), "attempt": row.attempts, "text": text[:FAILURE_LENGTH]}
    return [*(row.failures or []), failed][-MOST_FAILURES:]


def list_jobs(
    tx: Tx, state: JobState | None = None, limit: int = 100, *, handler: str = "", before_id: int | None = None
) -> list[JobRow]:
    """The newest jobs first, all or those in one state or of one handler; `before_id`: those that follow this one."""
    query = select(JobRow).order_by(JobRow.id.desc()).limit(limit)
    if state is not None:
        query = query.where(JobRow.state == state)
    if handler:
        query = query.where(JobRow.handler == handler)
    if before_id is not None:
        query = query.where(JobRow.id < before_id)
    return list(tx.scalars(query))


def find_job(tx: Tx, job_id: int) -> JobRow | None:
    """One job."""
    return tx.get(JobRow, job_id)


def count_jobs(tx: Tx) -> list[tuple[str, JobState, int]]:
    """How many jobs each handler has in each state."""
    query = select(JobRow.handler, JobRow.state, func.count()).group_by(JobRow.handler, JobRow.state)
    return [(handler, state, number) for handler, state, number in tx.execute(query.order_by(JobRow.handler))]

"""The table of jobs (`jobs` says how it is used)."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.kernel import clock
from lti_tool.kernel.db import Base
from lti_tool.kernel.types import EnumValue, UtcDateTime

MOST_FAILURES = 20
FAILURE_LENGTH = 2000


class JobState(StrEnum):
    """queued → running → done; running → queued (retry, lost worker); running → dead; dead → queued (by hand)."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"


class JobRow(Base):
    """One handler's work on one message."""

    __tablename__ = "kernel_job"
    __table_args__ = (
        UniqueConstraint("message_id", "handler"),
        Index("ix_kernel_job_state_due", "state", "due_at"),
        Index("ix_kernel_job_queue_state", "queue", "state", "id"),
        # other rows keep the number of their job, so a number is never given again
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    handler: Mapped[str] = mapped_column(String(120))
    message: Mapped[str] = mapped_column(String(120))
    message_id: Mapped[str] = mapped_column(String(32))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    queue: Mapped[str] = mapped_column(String(40))
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


def with_failure(row: JobRow, text: str) -> list[dict[str, Any]]:
    """The failed attempts of a job, and this one."""
    failed = {"at": clock.now().isoformat(), "attempt": row.attempts, "text": text[:FAILURE_LENGTH]}
    return [*(row.failures or []), failed][-MOST_FAILURES:]

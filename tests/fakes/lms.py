"""The gradebook of an LMS with Moodle's rule: a score that is not later, in whole seconds, is refused with 409."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import select

from lti_tool.kernel import clock
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import Link
from lti_tool.lti.scores import Score, ScoreRefused, Sent


@dataclass(frozen=True)
class Posted:
    """One score as it arrived."""

    link_id: int
    user_id: int
    given: Decimal | None
    grading_progress: str
    new_submission: bool
    timestamp: datetime


@dataclass
class FakeLms:
    """Takes scores in the place of `lti.send_score`."""

    posted: list[Posted] = field(default_factory=list)
    answers: list[Exception] = field(default_factory=list)
    """What the next calls raise instead, first first."""
    during: Callable[[Score], None] | None = None
    """Called while a score is on its way."""
    skips_pending: bool = True
    at_once: int = 0
    most_at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send_score(self, runtime: Runtime, link_id: int, user_id: int, score: Score, *, after: datetime | None) -> Sent:
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.during is not None:
                self.during(score)
            if self.answers:
                raise self.answers.pop(0)
            with runtime.db.reading() as tx:
                column_url = tx.scalar(select(Link.lineitem_url).where(Link.id == link_id))
            return self._take(link_id, user_id, score, after, column_url)
        finally:
            with self._lock:
                self.at_once -= 1

    def _take(self, link_id: int, user_id: int, score: Score, after: datetime | None, column_url: str | None) -> Sent:
        if score.grading_progress != "FullyGraded" and self.skips_pending:
            return Sent(
                timestamp=None, skipped_reason="The LMS would erase the grade, so it waits until all is marked."
            )
        timestamp = clock.now().replace(microsecond=0)
        if after is not None and timestamp <= after:
            timestamp = after + timedelta(seconds=1)
        last = self.last(link_id, user_id)
        if last is not None and timestamp <= last.timestamp:
            raise ScoreRefused("conflict", "409", retryable=True)
        self.posted.append(
            Posted(link_id, user_id, score.given, score.grading_progress, score.new_submission, timestamp)
        )
        return Sent(timestamp=timestamp, column_url=column_url)

    def last(self, link_id: int, user_id: int) -> Posted | None:
        """What the gradebook shows."""
        mine = [each for each in self.posted if (each.link_id, each.user_id) == (link_id, user_id)]
        return mine[-1] if mine else None

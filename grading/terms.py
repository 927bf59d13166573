"""On what terms a learner does a quiz, and what an attempt counts after them: the one place that weighs points.

Arithmetic is exact (`Decimal`). The points that go in are the gradebook's, see docs/adr/0018-terms-of-a-quiz.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from sqlalchemy import bindparam, select

from grading.models import AssignmentRow, Counts, Decision, ExtensionRow, SubmissionRow, SubmissionState
from lti_tool.kernel.db import Tx
from lti_tool.kernel.types import as_points

DAY = timedelta(days=1)
ALL = 100
"""Percent."""


@dataclass(frozen=True)
class Weighed:
    """What an attempt counts, and why."""

    points: Decimal
    """As in the gradebook."""
    days_late: int
    percent_off: int
    """Taken off for lateness, of the points that were earned."""
    off: Decimal
    counts: Decimal
    in_gradebook: Decimal
    """What nbgrader has taken off for lateness already; then nothing more is."""


@dataclass(frozen=True)
class Terms:
    """What holds for one learner: the rules of the quiz, and their extension."""

    counts: Counts
    max_attempts: int | None
    """None: any number."""
    due_at: datetime | None
    closes_at: datetime | None
    late_per_day: int | None
    """Percent; None: lateness costs nothing."""
    late_at_most: int | None
    """Percent; None: all of it."""
    is_withdrawn: bool = False
    """The quiz is no longer in the course."""
    is_extended: bool = False

    def is_closed(self, moment: datetime) -> bool:
        """Is it too late for any submission?"""
        return self.is_withdrawn or (self.closes_at is not None and moment >= self.closes_at)

    def attempts_left(self, used: int) -> int | None:
        """How many attempts a learner may still make; None: any number."""
        return None if self.max_attempts is None else max(0, self.max_attempts - used)

    def days_late(self, submitted_at: datetime) -> int:
        """Days of 24 hours that have begun since the due date; never negative."""
        if self.due_at is None or submitted_at <= self.due_at:
            return 0
        return -(-(submitted_at - self.due_at) // DAY)

    def percent_off(self, days: int) -> int:
        """What so many days cost, in percent of the points."""
        return min(days * (self.late_per_day or 0), ALL if self.late_at_most is None else self.late_at_most, ALL)

    def weigh(self, submitted_at: datetime, points: Decimal, in_gradebook: Decimal = Decimal(0)) -> Weighed:
        """What an attempt counts that the gradebook gives so many points."""
        days = self.days_late(submitted_at)
        percent = 0 if in_gradebook else self.percent_off(days)
        counts = as_points(points * (ALL - percent) / ALL)
        return Weighed(points, days, percent, points - counts, counts, in_gradebook)

    def weigh_attempt(self, row: SubmissionRow) -> Weighed | None:
        """The same of an attempt as it is stored; None: it has no points."""
        if row.points is None or row.state is SubmissionState.FAILED:
            return None
        if row.decision is Decision.ZEROED:
            return self.weigh(row.submitted_at, Decimal(0))
        return self.weigh(row.submitted_at, row.points, row.late_penalty)


def terms_of(row: AssignmentRow, extension: ExtensionRow | None = None) -> Terms:
    """The terms for a learner with this extension. It never makes a date earlier than everybody's."""
    due_at, closes_at, attempts = row.due_at, row.closes_at, row.max_attempts
    if extension is not None:
        if due_at is not None and extension.due_at is not None:
            due_at = max(due_at, extension.due_at)
        if closes_at is not None:
            later = (each for each in (extension.due_at, extension.closes_at) if each is not None)
            closes_at = max((closes_at, *later))
        attempts = None if attempts is None else attempts + extension.more_attempts
    return Terms(
        counts=row.counts,
        max_attempts=attempts,
        due_at=due_at,
        closes_at=closes_at,
        late_per_day=row.late_per_day,
        late_at_most=row.late_at_most,
        is_withdrawn=row.withdrawn_at is not None,
        is_extended=extension is not None,
    )


def find_extension(tx: Tx, assignment_id: int, placement_id: int, user_id: int) -> ExtensionRow | None:
    """What one learner was given."""
    mine = {"placement_id": placement_id, "assignment_id": assignment_id, "user_id": user_id}
    return tx.scalar(_EXTENSION, mine)


_EXTENSION = select(ExtensionRow).where(
    ExtensionRow.placement_id == bindparam("placement_id"),
    ExtensionRow.assignment_id == bindparam("assignment_id"),
    ExtensionRow.user_id == bindparam("user_id"),
)


def find_terms(tx: Tx, row: AssignmentRow, placement_id: int, user_id: int) -> Terms:
    """The terms for one learner; one query."""
    return terms_of(row, find_extension(tx, row.id, placement_id, user_id))


def attempt_that_counts(terms: Terms, attempts: Sequence[SubmissionRow]) -> SubmissionRow | None:
    """The attempt whose points are the learner's result. Of two that are equally good the earlier one."""
    weighed = [(row, found) for row in attempts if (found := terms.weigh_attempt(row)) is not None]
    weighed.sort(key=lambda each: each[0].number)
    if not weighed:
        return None
    if terms.counts is Counts.FIRST:
        return weighed[0][0]
    if terms.counts is Counts.BEST:
        return max(weighed, key=lambda each: _share(each[1].counts, each[0].max_points))[0]
    return weighed[-1][0]


@dataclass(frozen=True)
class Reached:
    """What the results of a learner for a quiz have said up to now."""

    scores: tuple[tuple[Decimal, Decimal], ...]
    """Points and the most that there were, of each; after what lateness costs."""
    was_final: bool
    """Was one of them marked completely?"""


def reached_with(terms: Terms, attempts: Sequence[SubmissionRow]) -> Reached:
    """Attempts are marked in the order of their numbers, so each that is not held back was the result for a time,
    unless the first one is.
    """
    first = attempt_that_counts(terms, attempts) if terms.counts is Counts.FIRST else None
    once = [row for row in attempts if not row.is_held and first in (None, row)]
    weighed = [(row, found) for row in once if (found := terms.weigh_attempt(row)) is not None]
    scores = tuple((found.counts, row.max_points) for row, found in weighed)
    return Reached(scores, any(row.state is SubmissionState.GRADED for row, _found in weighed))


def _share(points: Decimal, maximum: Decimal) -> Fraction:
    """Attempts before and after a quiz was changed are worth different points."""
    return Fraction(points) / Fraction(maximum) if maximum > 0 else Fraction(1)


def must_wait_for_first(terms: Terms, attempts: Sequence[SubmissionRow]) -> bool:
    """Does the first attempt count and is not marked yet? A second one would take its place in the gradebook."""
    if terms.counts is not Counts.FIRST:
        return False
    tried = [row for row in attempts if row.state is not SubmissionState.FAILED]
    first = min(tried, key=lambda row: row.number, default=None)
    return first is not None and first.state is not SubmissionState.GRADED

"""What an attempt counts: exact, in whole days begun, never more than it earned."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grading.models import AssignmentRow, Counts, ExtensionRow, SubmissionRow, SubmissionState
from grading.terms import Terms, attempt_that_counts, must_wait_for_first, terms_of

DUE = datetime(2026, 11, 30, 22, 59, tzinfo=UTC)
DAY = timedelta(days=1)
SPLIT_SECOND = timedelta(microseconds=1)

POINTS = st.integers(0, 10_000_000).map(lambda number: Decimal(number) / 10_000)
LAGS = st.timedeltas(-timedelta(days=40), timedelta(days=40))
PERCENTS = st.integers(1, 100)


def terms(**changes: Any) -> Terms:
    facts: dict[str, Any] = {
        "counts": Counts.LAST,
        "max_attempts": None,
        "due_at": DUE,
        "closes_at": None,
        "late_per_day": 10,
        "late_at_most": 50,
    }
    return Terms(**facts | changes)


def quiz(**changes: Any) -> AssignmentRow:
    facts: dict[str, Any] = {"counts": Counts.LAST, "max_attempts": 3, "due_at": DUE, "closes_at": DUE + DAY}
    return AssignmentRow(**facts | changes)


def attempt(number: int, points: str | None, at: datetime = DUE, **changes: Any) -> SubmissionRow:
    facts: dict[str, Any] = {
        "number": number,
        "points": None if points is None else Decimal(points),
        "max_points": Decimal(10),
        "late_penalty": Decimal(0),
        "submitted_at": at,
        "state": SubmissionState.GRADED,
    }
    return SubmissionRow(**facts | changes)


def number_that_counts(counts: Counts, *attempts: SubmissionRow) -> int | None:
    found = attempt_that_counts(terms(counts=counts), list(reversed(attempts)))
    return None if found is None else found.number


@pytest.mark.parametrize(
    ("lag", "days", "percent", "counts"),
    [
        (-DAY, 0, 0, "8"),
        (timedelta(0), 0, 0, "8"),
        (SPLIT_SECOND, 1, 10, "7.2"),
        (DAY, 1, 10, "7.2"),
        (DAY + SPLIT_SECOND, 2, 20, "6.4"),
        (5 * DAY, 5, 50, "4"),
        (30 * DAY, 30, 50, "4"),
    ],
)
def test_each_day_begun_costs_its_part_up_to_the_most(lag: timedelta, days: int, percent: int, counts: str) -> None:
    weighed = terms().weigh(DUE + lag, Decimal(8))

    assert (weighed.days_late, weighed.percent_off, weighed.counts) == (days, percent, Decimal(counts))


def test_without_an_upper_limit_lateness_costs_all_and_not_more() -> None:
    weighed = terms(late_per_day=30, late_at_most=None).weigh(DUE + 9 * DAY, Decimal(8))

    assert (weighed.percent_off, weighed.counts) == (100, Decimal(0))


def test_without_a_due_date_or_a_policy_nothing_is_taken_off() -> None:
    assert terms(due_at=None).weigh(DUE + 9 * DAY, Decimal(8)).counts == 8
    late = terms(late_per_day=None, late_at_most=None).weigh(DUE + 9 * DAY, Decimal(8))
    assert (late.days_late, late.counts) == (9, Decimal(8))


def test_what_nbgrader_took_off_is_not_taken_off_twice() -> None:
    weighed = terms().weigh(DUE + 2 * DAY, Decimal(6), Decimal(2))

    assert (weighed.days_late, weighed.percent_off, weighed.counts) == (2, 0, Decimal(6))


@given(POINTS, LAGS, PERCENTS, st.none() | PERCENTS)
def test_what_counts_lies_between_nothing_and_what_was_earned(
    points: Decimal, lag: timedelta, per_day: int, at_most: int | None
) -> None:
    weighed = terms(late_per_day=per_day, late_at_most=at_most).weigh(DUE + lag, points)

    assert 0 <= weighed.counts <= points
    assert weighed.counts + weighed.off == points
    assert 0 <= weighed.percent_off <= (100 if at_most is None else at_most)
    exact = points * (100 - weighed.percent_off) / 100
    assert abs(weighed.counts - exact) <= Decimal("0.00005")
    assert weighed.counts == points or lag > timedelta(0)


@given(LAGS)
def test_days_are_those_begun(lag: timedelta) -> None:
    days = terms().days_late(DUE + lag)

    assert days >= 0
    assert (days - 1) * DAY < lag <= days * DAY if lag > timedelta(0) else days == 0


@given(POINTS, LAGS, LAGS, PERCENTS, PERCENTS)
def test_later_never_counts_more(points: Decimal, one: timedelta, two: timedelta, per_day: int, at_most: int) -> None:
    rules = terms(late_per_day=per_day, late_at_most=at_most)
    earlier, later = (rules.weigh(DUE + lag, points).counts for lag in sorted((one, two)))

    assert later <= earlier


@given(POINTS, LAGS, st.none() | LAGS, st.none() | LAGS, st.integers(0, 5))
def test_an_extension_never_makes_anything_worse(
    points: Decimal, lag: timedelta, due: timedelta | None, closes: timedelta | None, more: int
) -> None:
    row = quiz(late_per_day=10, late_at_most=None)
    dates = {"due_at": DUE + due if due else None, "closes_at": DUE + closes if closes else None}
    everybody, own = terms_of(row), terms_of(row, ExtensionRow(**dates, more_attempts=more))

    assert own.weigh(DUE + lag, points).counts >= everybody.weigh(DUE + lag, points).counts
    assert not own.is_closed(DUE + lag) or everybody.is_closed(DUE + lag)
    assert (own.attempts_left(2) or 0) >= (everybody.attempts_left(2) or 0)


def test_a_later_due_date_keeps_the_quiz_open_until_then() -> None:
    own = terms_of(quiz(), ExtensionRow(due_at=DUE + 7 * DAY, closes_at=None, more_attempts=0))

    assert (own.closes_at, own.is_closed(DUE + 6 * DAY)) == (DUE + 7 * DAY, False)


def test_an_extension_opens_no_quiz_that_left_the_course() -> None:
    own = terms_of(quiz(withdrawn_at=DUE), ExtensionRow(due_at=DUE + DAY, closes_at=DUE + 9 * DAY, more_attempts=1))

    assert own.is_closed(DUE)


def test_last_best_and_first_attempt() -> None:
    attempts = attempt(1, "5"), attempt(2, "9"), attempt(3, "7")

    assert [number_that_counts(counts, *attempts) for counts in (Counts.LAST, Counts.BEST, Counts.FIRST)] == [3, 2, 1]


def test_best_is_the_best_after_lateness_and_of_equals_the_earlier() -> None:
    assert number_that_counts(Counts.BEST, attempt(1, "7"), attempt(2, "9", DUE + 3 * DAY)) == 1
    assert number_that_counts(Counts.BEST, attempt(1, "7"), attempt(2, "7")) == 1


def test_best_compares_shares_when_the_quiz_was_worth_something_else() -> None:
    assert number_that_counts(Counts.BEST, attempt(1, "6", max_points=Decimal(6)), attempt(2, "8")) == 1


def test_what_could_not_be_marked_never_counts() -> None:
    failed = attempt(1, None, state=SubmissionState.FAILED)

    assert number_that_counts(Counts.FIRST, failed, attempt(2, "4")) == 2
    assert number_that_counts(Counts.FIRST, failed) is None


@pytest.mark.parametrize(
    ("state", "waits"),
    [
        (SubmissionState.QUEUED, True),
        (SubmissionState.NEEDS_MANUAL, True),
        (SubmissionState.GRADED, False),
        (SubmissionState.FAILED, False),
    ],
)
def test_only_where_the_first_counts_it_is_waited_for(state: SubmissionState, waits: bool) -> None:
    attempts = [attempt(1, None, state=state)]

    assert must_wait_for_first(terms(counts=Counts.FIRST), attempts) is waits
    assert not must_wait_for_first(terms(counts=Counts.BEST), attempts)

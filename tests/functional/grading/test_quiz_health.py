"""How a quiz goes: with nobody, one and many; test students do not count."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import insert, select

from grading.models import SubmissionRow
from lti_tool.kernel import clock
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import User
from tests.factories.grading import NAME, SLUG, Place, Someone, get_submission, make_person, publish, submit, work
from tests.functional.grading.conftest import counted
from tests.functional.grading.test_remark_pages import text_of

HEALTH = f"/grading/{SLUG}/{NAME}/health"


def test_a_quiz_without_attempts_says_so(browse: Any, teacher: Someone, learner: Someone) -> None:
    browser = browse(teacher)
    assert HEALTH in browser.get(f"/grading/{SLUG}/{NAME}/submissions").text
    page = text_of(browser.get(HEALTH).text)
    assert "0 of 1 learners" in page
    assert "Nothing submitted yet" in page


def test_scores_questions_slow_cells_ends_and_attempts_are_shown(
    runtime: Runtime, browse: Any, place: Place, teacher: Someone, learner: Someone, other: Someone
) -> None:
    with runtime.db.transaction() as tx:
        stopped, waiting = make_person(tx, place, "Stopped"), make_person(tx, place, "Waiting")
        trial = make_person(tx, place, "Test", Role.TEST_STUDENT)
        tx.get_one(User, trial.user_id).is_test = True
    submit(runtime, learner, points=0)
    submit(runtime, learner, points=4, ms=1500)
    submit(runtime, other, points=1, ms=200)
    submit(runtime, stopped, points=1, outcome="timed_out")
    submit(runtime, waiting, points=2, manual=True)
    submit(runtime, trial, points=4, ms=9999)
    work(runtime)
    page = text_of(browse(teacher).get(HEALTH).text)
    assert "4 of 4 learners" in page
    assert "On average 50 % Half have at least 38 %" in page
    assert "20 to 30 % 2" in page
    assert "50 to 60 % 1" in page
    assert "90 to 100 % 1" in page
    assert "1 attempt 3 2 attempts 1" in page
    assert re.search(r"Question 1 2 points 57 % 2 of 4 0 0", page)  # 8 of 14 points
    assert re.search(r"Question 2 2 points – 0 of 0 0 1", page)
    assert "A cell took too long 1" in page
    assert "Marked 4" in page
    assert "q1 0.8 s, at most 1.5 s" in page


def test_lateness_counts_as_in_the_results(runtime: Runtime, browse: Any, teacher: Someone, learner: Someone) -> None:
    with runtime.db.transaction() as tx:
        publish(tx, due_at=clock.now() - timedelta(hours=1), late_per_day=50)
    submit(runtime, learner, points=4)
    work(runtime)
    assert "On average 50 %" in text_of(browse(teacher).get(HEALTH).text)


def test_times_of_cells_are_kept_with_the_marks(runtime: Runtime, learner: Someone) -> None:
    submission_id = submit(runtime, learner, points=1, ms=12)
    work(runtime)
    assert get_submission(runtime, submission_id).cell_ms == {"quiz-1/q1": 12}


def test_three_hundred_attempts_take_as_few_queries_as_one(
    runtime: Runtime, browse: Any, place: Place, teacher: Someone
) -> None:
    with runtime.db.transaction() as tx:
        people = [make_person(tx, place, f"Learner {number}") for number in range(300)]
    first = submit(runtime, people[0], points=3, ms=40)
    work(runtime)
    table = SubmissionRow.__table__
    with runtime.db.transaction() as tx:
        one = dict(tx.execute(select(table).where(table.c.id == first)).mappings().one())
        del one["id"]
        others = [
            one | {"user_id": who.user_id, "hub_name": who.hub_name, "points": Decimal(number % 5)}
            for number, who in enumerate(people)
        ]
        tx.execute(insert(table), others[1:])
    browser = browse(teacher)
    with counted(runtime) as statements:
        page = text_of(browser.get(HEALTH).text)
    assert len(statements) <= 6, statements
    assert "300 of 300 learners" in page
    assert "300 attempts" not in page
    assert "Marked 300" in page

"""Group work on the pages of learners and teachers, and in the API."""

import json
from typing import Any

import pytest

from lti_tool.kernel.runtime import Runtime
from tests.factories.grading import (
    NAME,
    SLUG,
    Place,
    Someone,
    make_person,
    publish,
    submit,
    work,
    work_in_groups,
)
from tests.functional.grading.conftest import counted

QUIZ = f"/grading/{SLUG}/{NAME}"
pytestmark = pytest.mark.usefixtures("group")


@pytest.fixture
def third(runtime: Runtime, place: Place) -> Someone:
    """Edsger, in the same LMS course and in no group."""
    with runtime.db.transaction() as tx:
        return make_person(tx, place, "Edsger D.")


@pytest.fixture
def group(runtime: Runtime, place: Place, learner: Someone, other: Someone) -> int:
    """Ada and Grace are Red; three attempts."""
    with runtime.db.transaction() as tx:
        publish(tx, max_attempts=3)
    return work_in_groups(runtime, place, {"Red": [learner, other]})


def test_every_member_sees_state_score_feedback_and_who_handed_in(
    runtime: Runtime, browse: Any, learner: Someone, other: Someone
) -> None:
    before = browse(other).get(QUIZ).text
    assert "Members now: Ada L., Grace H." in before
    submit(runtime, learner, points=3)
    work(runtime)

    for who in (learner, other):
        browser = browse(who)
        page = browser.get(QUIZ).text
        for text in ("Handed in by Ada L. for the group.", "2 of 3", "See feedback", "Moodle"):
            assert text in page
        assert "Handed in by Ada L." in browser.get(f"{QUIZ}/status").text
        assert "Handed in by Ada L." in browser.get(f"{QUIZ}/attempts/1/feedback").text
        file = browser.get(f"{QUIZ}/attempts/1/files/quiz-1.ipynb")
        assert json.loads(file.data) == {"points": 3}
        assert file.headers["Content-Disposition"] == "attachment; filename=quiz-1.ipynb"
        assert browser.get(f"{QUIZ}/attempts/1/files/other.ipynb").status_code == 404


def test_who_is_in_no_group_is_told_and_sees_nothing_of_it(
    runtime: Runtime, browse: Any, learner: Someone, third: Someone
) -> None:
    submit(runtime, learner, points=3)
    work(runtime)
    browser = browse(third)

    assert "you are in none" in browser.get(QUIZ).text
    for path in ("status", "attempts/1/feedback", "attempts/1/files/quiz-1.ipynb", "attempts/1/feedback/quiz-1.html"):
        assert browser.get(f"{QUIZ}/{path}").status_code == 404


def test_who_joins_later_sees_what_the_group_has_used_up_and_no_more(
    runtime: Runtime, browse: Any, place: Place, learner: Someone, third: Someone
) -> None:
    for points in (1, 2):
        submit(runtime, learner, points=points)
    work(runtime)
    work_in_groups(runtime, place, {"Red": [learner, third]})
    browser = browse(third)
    page = browser.get(QUIZ).text

    assert "2 attempts were made without you" in page
    assert "1 of 3" in page
    assert browser.get(f"{QUIZ}/attempts/2/feedback").status_code == 404
    submit(runtime, third, points=4)
    assert "All 3 attempts are used" in browse(learner).get(QUIZ).text


def test_pages_take_few_queries(runtime: Runtime, browse: Any, learner: Someone, other: Someone) -> None:
    for who in (learner, other):
        submit(runtime, who, points=1)
        work(runtime)
    submit(runtime, other, points=4)
    browser = browse(learner)
    for path in (QUIZ, f"{QUIZ}/status", f"{QUIZ}/attempts/1/feedback", f"{QUIZ}/attempts/1/files/quiz-1.ipynb"):
        with counted(runtime) as statements:
            assert browser.get(path).status_code == 200
        assert len(statements) <= 6, (path, statements)

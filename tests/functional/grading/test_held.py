"""A submission with a suspicion: marked, held back, and settled by a teacher alone."""

import csv
import io
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from grading.api_answers import attempt_answer
from grading.sync import reconcile
from lti_tool.kernel.audit import AuditRow
from lti_tool.kernel.runtime import Runtime
from tests.factories.grading import NAME, SLUG, Someone, get_submission, submit, work
from tests.fakes.engine import FakeCourse, open_fake_course
from tests.fakes.lms import FakeLms
from tests.functional.grading.conftest import counted

QUIZ = f"/grading/{SLUG}/{NAME}"
WHY = "Test cells stopped failing when they must."
LOOKS = "Your teacher looks at"


@pytest.fixture
def held(runtime: Runtime, learner: Someone) -> int:
    """An attempt with a score that seems too good."""
    number = submit(runtime, learner, points=4, suspicion=WHY)
    work(runtime)
    return number


def _given(lms: FakeLms) -> list[Decimal | None]:
    return [each.given for each in lms.posted]


def _acts(runtime: Runtime) -> list[tuple[str, dict[str, Any]]]:
    with runtime.db.reading() as tx:
        rows = tx.scalars(select(AuditRow).where(AuditRow.action.like("attempt.%")).order_by(AuditRow.id))
        return [(row.action, row.after) for row in rows]


def test_nothing_is_sent_and_the_learner_reads_a_neutral_line(
    runtime: Runtime, browse: Any, learner: Someone, lms: FakeLms, held: int
) -> None:
    browser = browse(learner)

    assert lms.posted == []
    for path in (QUIZ, f"{QUIZ}/status"):
        text = browser.get(path).text
        assert LOOKS in text
        assert WHY not in text
        assert "See feedback" not in text
        assert "4 of 4" not in text
    assert browser.get(f"{QUIZ}/attempts/1/feedback").status_code == 404
    assert browser.get(f"{QUIZ}/attempts/1/feedback/quiz-1.html").status_code == 404


def test_teacher_sees_the_reason_and_the_marks(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, held: int
) -> None:
    browser = browse(teacher)
    listed = browser.get(f"{QUIZ}/submissions?show=problems").text
    with counted(runtime) as statements:
        detail = browser.get(f"{QUIZ}/submissions/{held}").text

    assert len(statements) <= 6
    assert "A teacher looks at it" in listed
    for text in (WHY, "Held: is this score earned?", "Accept the score", "Set the score to zero", "Mark it again"):
        assert text in detail
    assert ",held," in browser.get(f"{QUIZ}/submissions.csv").text
    line = browser.get(f"{QUIZ}/marks.csv").text.splitlines()[1].split(",")
    assert "held" in line
    assert (line[-4], line[-1]) == ("4", "")  # the gradebook's total, and no result yet


def test_accepted_score_counts_is_sent_and_is_in_the_audit_log(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, lms: FakeLms, held: int
) -> None:
    page = f"{QUIZ}/submissions/{held}"

    assert browse(teacher).post(f"{page}/decide/accept").status_code == 303
    work(runtime)

    assert _given(lms) == [4]
    assert _acts(runtime) == [("attempt.accept", {"decision": "accepted", "points": "4", "reason": WHY})]
    detail = browse(teacher).get(page).text
    assert "Score accepted" in detail
    assert "This submission was held" in detail
    assert LOOKS not in browse(learner).get(QUIZ).text
    assert browse(learner).get(f"{QUIZ}/attempts/1/feedback").status_code == 200
    browse(teacher).post(f"{page}/decide/accept")
    work(runtime)
    assert len(_acts(runtime)) == len(lms.posted) == 1


def test_zero_counts_is_sent_and_can_be_taken_back(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, lms: FakeLms, held: int
) -> None:
    page = f"{QUIZ}/submissions/{held}"
    browse(teacher).post(f"{page}/decide/zero")
    work(runtime)

    assert _given(lms) == [0]
    assert "set its score to zero" in browse(learner).get(QUIZ).text
    assert get_submission(runtime, held).points == 4  # as the gradebook has it
    browse(teacher).post(f"{page}/decide/accept")
    work(runtime)
    assert _given(lms) == [0, 4]
    assert [action for action, _ in _acts(runtime)] == ["attempt.zero", "attempt.accept"]


def test_earlier_result_stays_until_the_decision(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, lms: FakeLms
) -> None:
    submit(runtime, learner, points=2)
    work(runtime)
    second = submit(runtime, learner, points=4, suspicion=WHY)
    work(runtime)
    assert _given(lms) == [2]

    browse(teacher).post(f"{QUIZ}/submissions/{second}/decide/zero")
    work(runtime)
    assert _given(lms) == [2, 0]


def test_honest_attempt_after_a_held_one_counts(
    runtime: Runtime, browse: Any, learner: Someone, lms: FakeLms, held: int
) -> None:
    submit(runtime, learner, points=3)
    work(runtime)

    assert _given(lms) == [3]
    assert "A teacher looks at it" in browse(learner).get(QUIZ).text  # the earlier one still is


def test_decision_holds_when_it_is_marked_again(
    runtime: Runtime, browse: Any, teacher: Someone, lms: FakeLms, held: int
) -> None:
    browser, page = browse(teacher), f"{QUIZ}/submissions/{held}"
    browser.post(f"{page}/mark-again")
    work(runtime)
    assert lms.posted == []
    assert browser.post(f"{page}/decide/accept").status_code == 303
    browser.post(f"{page}/mark-again")
    work(runtime)

    assert _given(lms) == [4]
    assert get_submission(runtime, held).is_held is False


def test_mark_by_hand_meanwhile_does_not_let_it_through(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, lms: FakeLms, engine: FakeCourse, held: int
) -> None:
    engine.mark_by_hand(NAME, learner.hub_name, "1")
    reconcile(open_fake_course, runtime)
    work(runtime)

    assert get_submission(runtime, held).points == 5
    assert lms.posted == []


def test_only_what_is_held_is_decided_and_only_by_those_who_mark(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, held: int
) -> None:
    honest = submit(runtime, learner, points=3)
    work(runtime)

    refused = browse(teacher).post(f"{QUIZ}/submissions/{honest}/decide/accept")
    assert refused.status_code == 409
    assert "Nothing is to be decided" in refused.text
    assert browse(teacher).post(f"{QUIZ}/submissions/{held}/decide/maybe").status_code == 404
    assert browse(learner).post(f"{QUIZ}/submissions/{held}/decide/accept").status_code == 403
    assert _acts(runtime) == []


def test_jupyter_is_told_that_it_waits(runtime: Runtime, held: int) -> None:
    answer = attempt_answer(get_submission(runtime, held))

    assert (answer.state, answer.score, answer.feedback) == ("needs_manual", None, False)
    assert LOOKS in (answer.state_text or "")


def test_marks_of_the_class_have_no_result_of_what_is_held(browse: Any, teacher: Someone, held: int) -> None:
    browser = browse(teacher)

    def line() -> tuple[str, str, str]:
        (found,) = csv.DictReader(io.StringIO(browser.get(f"{QUIZ}/marks.csv").data.decode("utf-8-sig")))
        return found["state"], found["total"], found["result"]

    assert line() == ("held", "4", "")
    browser.post(f"{QUIZ}/submissions/{held}/decide/accept")
    assert line() == ("graded", "4", "4")

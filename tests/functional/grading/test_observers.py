"""An observer reads the work of the learner whom the LMS named, and of nobody else, and changes nothing."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from grading.models import SubmissionRow
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import Membership, User
from lti_tool.lti.observing import record_observed
from tests.factories.grading import NAME, SLUG, Place, Someone, make_context, make_person, make_place, submit, work

QUIZ = f"/grading/{SLUG}/{NAME}"


def follow(runtime: Runtime, parent: Someone, *children: Someone) -> None:
    with runtime.db.transaction() as tx:
        subs = [tx.get_one(User, child.user_id).sub for child in children]
        record_observed(tx, parent.user_id, parent.place.context_id, subs)


@pytest.fixture
def parent(runtime: Runtime, place: Place) -> Someone:
    with runtime.db.transaction() as tx:
        return make_person(tx, place, "Parent", Role.OBSERVER)


def test_observer_reads_the_attempts_and_the_feedback_of_their_learner(
    runtime: Runtime, browse: Any, learner: Someone, parent: Someone
) -> None:
    follow(runtime, parent, learner)
    submit(runtime, learner, points=3)
    work(runtime)
    browser = browse(parent)
    page = browser.get(QUIZ)

    assert page.status_code == 200
    assert "You see the work of Ada L." in page.text
    assert "Attempt 1" in page.text
    assert "Open in JupyterHub" not in page.text and "Hand it in" not in page.text
    assert "Question 1" in browser.get(f"{QUIZ}/attempts/1/feedback").text
    assert browser.get(f"{QUIZ}/attempts/1/feedback/quiz-1.html").status_code == 200
    assert browser.get(f"{QUIZ}/status").status_code == 200


def test_observer_changes_nothing(runtime: Runtime, browse: Any, learner: Someone, parent: Someone) -> None:
    follow(runtime, parent, learner)
    submission_id = submit(runtime, learner, points=3)
    work(runtime)
    browser = browse(parent)

    for path in (
        "submit",
        "upload",
        "open",
        "mark",
        "send-all",
        f"submissions/{submission_id}/mark-again",
        f"submissions/{submission_id}/send-again",
    ):
        assert browser.post(f"{QUIZ}/{path}").status_code in (403, 404, 422), path
    for path in ("submissions", "submissions.csv", f"submissions/{submission_id}"):
        assert browser.get(f"{QUIZ}/{path}").status_code == 403
    with runtime.db.reading() as tx:
        assert len(tx.scalars(select(SubmissionRow)).all()) == 1


def test_observer_of_two_chooses_and_a_third_stays_closed(
    runtime: Runtime, browse: Any, place: Place, learner: Someone, parent: Someone
) -> None:
    with runtime.db.transaction() as tx:
        brother, stranger = make_person(tx, place, "Zoe L."), make_person(tx, place, "Stranger")
    follow(runtime, parent, learner, brother)
    submit(runtime, brother, points=2)
    work(runtime)
    browser = browse(parent)

    assert "Ada L. has not handed in anything yet." in browser.get(QUIZ).text
    chosen = browser.get(f"{QUIZ}?of={brother.user_id}").text
    assert "You see the work of Zoe L." in chosen
    assert f"attempts/1/feedback?of={brother.user_id}" in chosen, "links stay with the learner"
    assert browser.get(f"{QUIZ}?of={stranger.user_id}").status_code == 403
    assert browser.get(f"{QUIZ}/attempts/1/feedback?of={stranger.user_id}").status_code == 403


def test_observer_follows_nobody_of_another_lms_course_or_platform(
    runtime: Runtime, browse: Any, parent: Someone
) -> None:
    with runtime.db.transaction() as tx:
        elsewhere = make_person(tx, make_place(tx, "canvas"), "Someone Else")
    follow(runtime, parent, elsewhere)

    assert browse(parent).get(QUIZ).status_code == 403


def test_observer_follows_learners_in_the_course_alone_in_which_the_lms_names_them(
    runtime: Runtime, browse: Any, place: Place, learner: Someone, parent: Someone
) -> None:
    with runtime.db.transaction() as tx:
        other = make_context(tx, place)
        tx.add(Membership(user_id=parent.user_id, context_id=other.context_id, role=Role.OBSERVER))
        cousin = make_person(tx, other, "Learns elsewhere")
    follow(runtime, parent, learner, cousin)

    assert browse(replace(parent, place=other)).get(QUIZ).status_code == 403, "named in the first course only"
    assert browse(parent).get(f"{QUIZ}?of={cousin.user_id}").status_code == 403, "learns in the other course only"
    assert browse(parent).get(QUIZ).status_code == 200


def test_observer_reads_nothing_of_a_teacher_whom_the_lms_names(
    runtime: Runtime, browse: Any, teacher: Someone, parent: Someone
) -> None:
    follow(runtime, parent, teacher)

    assert browse(parent).get(QUIZ).status_code == 403


def test_whom_the_lms_no_longer_names_is_no_longer_seen(
    runtime: Runtime, browse: Any, learner: Someone, parent: Someone
) -> None:
    follow(runtime, parent, learner)
    assert browse(parent).get(QUIZ).status_code == 200
    follow(runtime, parent)
    assert browse(parent).get(QUIZ).status_code == 403


def test_test_student_is_listed_and_not_counted(
    runtime: Runtime, browse: Any, place: Place, learner: Someone, teacher: Someone
) -> None:
    with runtime.db.transaction() as tx:
        trial = make_person(tx, place, "Trial", Role.TEST_STUDENT)
        tx.get_one(User, trial.user_id).is_test = True
    submit(runtime, trial, points=3)
    work(runtime)
    browser = browse(teacher)

    listed = browser.get(f"{QUIZ}/submissions").text
    assert "Trial (test student)" in listed
    overview = browser.get(f"/grading/{SLUG}").text
    assert "0 of 1" in " ".join(overview.split()), overview

"""The teacher's pages, through HTTP."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from grading.hub_tickets import redeem_ticket
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.scores import ScoreRefused
from tests.factories.grading import NAME, SLUG, Someone, make_person, make_place, submit, work
from tests.fakes.lms import FakeLms
from tests.functional.grading.conftest import counted

QUIZ = f"/grading/{SLUG}/{NAME}"


def test_teacher_lands_on_the_submissions(browse: Any, teacher: Someone, learner: Someone) -> None:
    browser = browse(teacher)
    landed = browser.get(QUIZ)

    assert landed.status_code == 303
    page = browser.get(landed.headers["Location"])
    assert "Ada L." in page.text
    assert "Nothing submitted" in page.text
    assert "Mark in JupyterHub" in page.text


def test_teacher_may_look_at_the_quiz_but_not_hand_in(browse: Any, teacher: Someone) -> None:
    browser = browse(teacher)

    assert "Only learners hand in" in browser.get(f"{QUIZ}?as=learner").text
    assert browser.post(f"{QUIZ}/submit").status_code in (403, 404)


def test_submission_shows_marks_files_and_history(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone
) -> None:
    submission_id = submit(runtime, learner, points=3)
    work(runtime)
    browser = browse(teacher)
    page = browser.get(f"{QUIZ}/submissions/{submission_id}")

    assert page.status_code == 200
    for text in ("Question 1", "quiz-1.ipynb", "Sent to Moodle", "Submitted, receipt", "Marked: 3 of 4"):
        assert text in page.text
    file = browser.get(f"{QUIZ}/submissions/{submission_id}/files/quiz-1.ipynb")
    assert file.headers["Content-Disposition"] == "attachment; filename=quiz-1.ipynb"
    assert file.content_type == "application/octet-stream"
    framed = browser.get(f"{QUIZ}/submissions/{submission_id}/feedback/quiz-1.html")
    assert framed.headers["Content-Security-Policy"].startswith("sandbox;")


def test_teacher_sees_only_the_learners_of_their_own_lms_course(
    runtime: Runtime, browse: Any, teacher: Someone
) -> None:
    with runtime.db.transaction() as tx:
        elsewhere = make_person(tx, make_place(tx, "canvas"), "Someone Else")
    submission_id = submit(runtime, elsewhere, points=3)
    work(runtime)
    browser = browse(teacher)

    assert "Someone Else" not in browser.get(f"{QUIZ}/submissions").text
    assert "Someone Else" not in browser.get(f"{QUIZ}/submissions.csv").text
    for path in ("", "/files/quiz-1.ipynb", "/feedback/quiz-1.html"):
        assert browser.get(f"{QUIZ}/submissions/{submission_id}{path}").status_code == 404
    for path in ("mark-again", "send-again"):
        assert browser.post(f"{QUIZ}/submissions/{submission_id}/{path}").status_code == 404


def test_failed_marking_can_be_tried_again(runtime: Runtime, browse: Any, teacher: Someone, learner: Someone) -> None:
    submission_id = submit(runtime, learner, outcome="not_a_notebook")
    work(runtime)
    browser = browse(teacher)
    assert "Mark it again" in browser.get(f"{QUIZ}/submissions/{submission_id}").text

    assert browser.post(f"{QUIZ}/submissions/{submission_id}/mark-again").status_code == 303
    assert "Waiting" in browser.get(f"{QUIZ}/submissions/{submission_id}").text


def test_stopped_notebook_has_a_score_and_says_what_did_not_run(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone
) -> None:
    submission_id = submit(runtime, learner, outcome="timed_out", points=1)
    work(runtime)
    browser = browse(teacher)
    listed = browser.get(f"{QUIZ}/submissions?show=problems").text
    detail = browser.get(f"{QUIZ}/submissions/{submission_id}").text

    assert "Not everything ran" in listed
    for text in ("It ended: timed_out.", "Mark it again", "Marked: 1 of 4 points", "Sent to Moodle"):
        assert text in detail
    assert browser.post(f"{QUIZ}/submissions/{submission_id}/mark-again").status_code == 303
    work(runtime)
    assert "Not everything ran" in browse(learner).get(f"{QUIZ}/attempts/1/feedback").text
    assert "It ended: timed_out." in browse(learner).get(f"{QUIZ}/status").text


def test_send_all_is_offered_while_something_was_refused(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, lms: FakeLms
) -> None:
    lms.answers = [ScoreRefused("learner_left", "Enrol them again.", retryable=False)]
    submit(runtime, learner, points=3)
    work(runtime)
    browser = browse(teacher)
    page = browser.get(f"{QUIZ}/submissions").text
    assert "Send all again" in page
    assert f"{QUIZ}/send-all" in page

    browser.post(f"{QUIZ}/send-all")
    work(runtime)
    assert "Send all again" not in browser.get(f"{QUIZ}/submissions").text


def test_refused_grades_are_shown_and_sent_again(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, other: Someone, lms: FakeLms
) -> None:
    lms.answers = [ScoreRefused("learner_left", "Enrol them again.", retryable=False) for _ in range(3)]
    submission_id = submit(runtime, learner, points=3)
    submit(runtime, other, points=2)
    work(runtime)
    browser = browse(teacher)
    assert "Enrol them again." in browser.get(f"{QUIZ}/submissions?show=problems").text

    browser.post(f"{QUIZ}/submissions/{submission_id}/send-again")
    work(runtime)
    assert "Send the grade now" in browser.get(f"{QUIZ}/submissions/{submission_id}").text
    assert browser.post(f"{QUIZ}/send-all").status_code == 303
    work(runtime)
    assert sorted(each.given or 0 for each in lms.posted) == [2, 3]


def test_mark_in_hub_is_a_ticket_for_formgrader(runtime: Runtime, browse: Any, teacher: Someone) -> None:
    away = browse(teacher).post(f"{QUIZ}/mark")
    token = parse_qs(urlsplit(away.headers["Location"]).query)["ticket"][0]
    with runtime.db.transaction() as tx:
        ticket = redeem_ticket(tx, runtime, token)

    assert ticket.hub_name == teacher.hub_name
    assert ticket.next_path == f"/formgrader?course={teacher.key}&path=gradebook/{NAME}/{NAME}"


def test_names_that_look_like_formulas_are_harmless_in_the_csv(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone
) -> None:
    with runtime.db.transaction() as tx:
        evil = make_person(tx, learner.place, '=HYPERLINK("x")')
    submit(runtime, evil, points=1)

    assert "'=HYPERLINK" in browse(teacher).get(f"{QUIZ}/submissions.csv").text


def test_assistant_is_staff_too(runtime: Runtime, browse: Any, learner: Someone) -> None:
    with runtime.db.transaction() as tx:
        assistant = make_person(tx, learner.place, "Assistant", Role.ASSISTANT)

    assert browse(assistant).get(f"{QUIZ}/submissions").status_code == 200


def test_pages_take_few_queries(runtime: Runtime, browse: Any, teacher: Someone, learner: Someone) -> None:
    with runtime.db.transaction() as tx:
        others = [make_person(tx, learner.place, f"Learner {number}") for number in range(20)]
    for who in others:
        submit(runtime, who, points=3)
    submission_id = submit(runtime, learner, points=3)
    work(runtime)
    browser = browse(teacher)
    detail = f"{QUIZ}/submissions/{submission_id}"
    for path, most in (
        (f"/grading/{SLUG}", 6),
        (f"{QUIZ}/submissions", 6),
        (detail, 6),
        (f"{detail}/feedback/quiz-1.html", 6),
    ):
        with counted(runtime) as statements:
            assert browser.get(path).status_code == 200
        assert len(statements) <= most, (path, statements)


def test_the_lms_leads_to_the_newest_attempt_of_a_learner(
    runtime: Runtime, browse: Any, place: Any, teacher: Someone, learner: Someone
) -> None:
    browser = browse(teacher)
    path = f"{QUIZ}/learners/{learner.user_id}"
    assert "has not handed in anything" in browser.get(path).text
    submit(runtime, learner, points=1)
    newest = submit(runtime, learner, points=3)
    assert browser.get(path).headers["Location"].endswith(f"/submissions/{newest}")
    with runtime.db.transaction() as tx:
        elsewhere = make_person(tx, make_place(tx, "canvas"), "Someone Else")
    assert browser.get(f"{QUIZ}/learners/{elsewhere.user_id}").status_code == 404
    assert browse(learner).get(path).status_code == 403

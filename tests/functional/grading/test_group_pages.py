"""Group work on the pages of learners and teachers, and in the API."""

import csv
import io
import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from grading.engine.nbgrader_export import ExportRow
from grading.extensions import load_class_terms
from grading.group_sets import list_sets
from grading.mark_exports import spread_groups
from grading.quiz_health import load_health
from grading.remarking import Which, list_markable
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from tests.factories.grading import (
    KEY,
    NAME,
    SLUG,
    Place,
    Someone,
    make_person,
    moment,
    publish,
    submit,
    work,
    work_in_groups,
)
from tests.fakes.hub import FakeHub
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
        assert json.loads(file.data)["points"] == 3
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


def test_jupyter_is_told_of_the_group_and_of_who_handed_in(
    runtime: Runtime, client: FlaskClient, hub: FakeHub, learner: Someone, other: Someone, third: Someone
) -> None:
    submit(runtime, learner, points=3)
    work(runtime)

    def listed(who: Someone) -> dict[str, Any]:
        token = {"Authorization": f"Bearer {hub.token_of(who.hub_name)}"}
        with counted(runtime) as statements:
            answer = client.get(f"/api/v1/courses/{KEY}/assignments", headers=token)
        assert len(statements) <= 8, statements
        assert answer.json is not None
        quiz: dict[str, Any] = answer.json["assignments"][0]
        return quiz

    theirs = listed(other)
    assert theirs["group"] == {"name": "Red", "members": ["Ada L.", "Grace H."]}
    assert (theirs["attempts_used"], theirs["attempts"][0]["by"], theirs["result"]["score"]) == (1, "Ada L.", 3.0)
    assert (listed(third)["group"], listed(third)["attempts"], listed(third)["attempts_used"]) == (None, [], 0)
    token = {"Authorization": f"Bearer {hub.token_of(other.hub_name)}"}
    address = f"/api/v1/courses/{KEY}/assignments/{NAME}/submissions/1/feedback"
    assert client.get(address, headers=token).status_code == 200


def test_teachers_see_a_group_as_one_submission_with_its_members(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, other: Someone, third: Someone
) -> None:
    submission_id = submit(runtime, other, points=3)
    submit(runtime, third, points=1)
    work(runtime)
    browser = browse(teacher)
    listed = browser.get(f"{QUIZ}/submissions").text
    detail = browser.get(f"{QUIZ}/submissions/{submission_id}").text

    assert listed.count("Red: Ada L., Grace H.") == listed.count("Edsger D.") > 0
    assert "3 of 3 learners" in listed
    assert f"{QUIZ}/groups" in listed
    assert "Red: Ada L., Grace H." in detail
    assert "Handed in by a group" in detail
    for who in (learner, other):
        assert f"{QUIZ}/learners/{who.user_id}/extension" in detail
        landed = browser.get(f"{QUIZ}/learners/{who.user_id}")
        assert landed.headers["Location"].endswith(f"/submissions/{submission_id}")
    assert "3 of 3" in browser.get(f"/grading/{SLUG}").text


def test_marks_as_files_have_a_line_for_each_member(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, other: Someone, third: Someone
) -> None:
    submit(runtime, learner, points=3)
    submit(runtime, third, points=1)
    work(runtime)
    browser = browse(teacher)
    marks = list(csv.DictReader(io.StringIO(browser.get(f"{QUIZ}/marks.csv").text.removeprefix("\ufeff"))))
    every = list(csv.DictReader(io.StringIO(browser.get(f"{QUIZ}/submissions.csv").text)))

    found = [(each["learner"], each["result"], each["group"]) for each in marks]
    assert found == [("Ada L.", "3", "Red"), ("Edsger D.", "1", ""), ("Grace H.", "3", "Red")]
    assert [(each["learner"], each["attempt"], each["group"]) for each in every] == [
        ("Ada L.", "1", "Red"),
        ("Edsger D.", "1", ""),
        ("Grace H.", "1", "Red"),
    ]


def test_nbgraders_export_lists_members_in_the_place_of_their_group() -> None:
    def row(assignment: str, student: str, points: float | None) -> ExportRow:
        at = None if points is None else moment("2026-11-01T12:00:00")
        return ExportRow(assignment, None, at, student, "", "", "", points or 0.0, 0.0, 4.0)

    rows = [row("quiz-1", "group-1", 3.0), row("quiz-1", "u-ada", None), row("quiz-1", "u-eve", 1.0)]
    rows += [row("quiz-2", "group-1", None), row("quiz-2", "u-ada", 2.0), row("quiz-2", "u-eve", None)]
    spread = spread_groups(rows, {("quiz-1", "group-1"): [1, 2]}, {1: "u-ada", 2: "u-ben", 3: "u-eve"})
    found = {(each.assignment, each.student_id): each.score for each in spread if each.timestamp}

    assert found == {
        ("quiz-1", "u-ada"): 3.0,
        ("quiz-1", "u-ben"): 3.0,
        ("quiz-1", "u-eve"): 1.0,
        ("quiz-2", "u-ada"): 2.0,
    }
    assert len(spread) == 5


def test_health_counts_a_group_once(
    runtime: Runtime, place: Place, teacher: Someone, learner: Someone, other: Someone, third: Someone
) -> None:
    for who in (learner, other, third):
        submit(runtime, who, points=2)
        work(runtime)
    with runtime.db.reading() as tx:
        terms = load_class_terms(tx, SLUG, NAME, place.placement_id)
        health = load_health(tx, place.placement_id, terms, [learner.user_id, other.user_id, third.user_id])

    assert (health.handed_in, health.attempts, dict(health.per_learner)) == (3, 3, {1: 1, 2: 1})


def test_marking_again_is_about_the_groups_newest_attempt(
    runtime: Runtime, place: Place, learner: Someone, other: Someone
) -> None:
    submit(runtime, learner, points=2)
    work(runtime)
    newest = submit(runtime, other, points=3)
    work(runtime)
    with runtime.db.reading() as tx:
        found = list_markable(tx, place.placement_id, 1, [learner.user_id, other.user_id], Which.NEWEST)

    assert found == [(newest, other.user_id)]


def test_teacher_makes_groups_and_has_the_quiz_done_in_them(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, other: Someone, third: Someone
) -> None:
    browser = browse(teacher)
    assert "Project teams" in browser.get(f"{QUIZ}/groups/own").text
    form = {"name": " Pairs ", f"group-{learner.user_id}": "One", f"group-{third.user_id}": "one"}
    assert browser.post(f"{QUIZ}/groups/own", data=form).status_code == 303
    page = browser.get(f"{QUIZ}/groups").text
    assert "In groups: Pairs" in page
    assert "Made here. 1 group, 2 of 3 learners." in page
    assert browser.post(f"{QUIZ}/groups", data={"set": "2"}).status_code == 303
    page = browser.get(f"{QUIZ}/groups").text
    assert "Ada L., Edsger D." in page
    assert "In no group, so they hand in alone: Grace H." in page

    submit(runtime, third, points=1)
    assert "Handed in by Edsger D." in browse(learner).get(QUIZ).text
    refused = browser.post(f"{QUIZ}/groups", data={"set": "alone"})
    assert refused.status_code == 409
    assert "cannot be changed any more" in refused.text


def test_bad_input_changes_nothing(
    runtime: Runtime, browse: Any, place: Place, teacher: Someone, learner: Someone
) -> None:
    browser = browse(teacher)
    for form in ({"name": "", f"group-{learner.user_id}": "One"}, {"name": "Pairs"}, {"name": "x" * 256}):
        assert browser.post(f"{QUIZ}/groups/own", data=form).status_code == 422
    for address in ("groups/own?set=7", "groups/own?set=x"):
        assert browser.get(f"{QUIZ}/{address}").status_code == 404
        assert browser.post(f"{QUIZ}/{address}", data={"name": "Pairs"}).status_code == 404
    assert browser.post(f"{QUIZ}/groups", data={"set": "77"}).status_code == 404
    assert browser.post(f"{QUIZ}/groups", data={"set": "-1"}).status_code == 422
    with runtime.db.reading() as tx:
        assert [each.name for each in list_sets(tx, place.placement_id)] == ["Teams"]


def test_only_those_who_may_grant_extensions_decide(
    runtime: Runtime, browse: Any, place: Place, learner: Someone
) -> None:
    with runtime.db.transaction() as tx:
        assistant = make_person(tx, place, "Assistant", Role.ASSISTANT)
    for who in (learner, assistant):
        browser = browse(who)
        assert browser.get(f"{QUIZ}/groups").status_code == 403
        for path in ("groups", "groups/own", "groups/read"):
            assert browser.post(f"{QUIZ}/{path}", data={"set": "alone"}).status_code == 403


def test_teachers_pages_take_few_queries(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, other: Someone, third: Someone
) -> None:
    submission_id = submit(runtime, learner, points=1)
    submit(runtime, third, points=1)
    work(runtime)
    browser = browse(teacher)
    for path in ("groups", "groups/own?set=1", "submissions", f"submissions/{submission_id}", "health", "similar"):
        with counted(runtime) as statements:
            assert browser.get(f"{QUIZ}/{path}").status_code == 200
        assert len(statements) <= 6, (path, statements)

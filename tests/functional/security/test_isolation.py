"""Nobody reads or changes what is another's by changing a slug, a name, a number or a request."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from grading.hub_tickets import redeem_ticket
from grading.models import AssignmentRow, ResultRow
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import Membership
from lti_tool.lti.score_models import ScoreRow, ScoreState
from tests.factories.grading import KEY, NAME, SLUG, Someone, make_context, make_person, make_place, submit, visit, work
from tests.fakes.engine import FakeCourse
from tests.fakes.hub import FakeHub
from tests.fakes.lms import FakeLms
from tests.functional.grading.test_api import API, QUIZ, files_of, handing_in


@pytest.fixture(params=["another platform", "another LMS course"])
def strangers(request: pytest.FixtureRequest, runtime: Runtime, learner: Someone) -> tuple[Someone, Someone]:
    """A learner and a teacher of an LMS course that uses the same course of ours."""
    with runtime.db.transaction() as tx:
        there = make_place(tx, "elsewhere") if "platform" in request.param else make_context(tx, learner.place)
        return make_person(tx, there, "Mallory"), make_person(tx, there, "Trudy", Role.TEACHER)


@pytest.fixture
def submission(runtime: Runtime, engine: FakeCourse, learner: Someone) -> int:
    """Ada's, marked."""
    found = submit(runtime, learner, points=3)
    work(runtime)
    return found


def bearer(hub: FakeHub, who: Someone) -> dict[str, str]:
    return {"Authorization": f"Bearer {hub.token_of(who.hub_name)}"}


@pytest.mark.parametrize("role", [0, 1], ids=["learner", "teacher"])
def test_pages_of_a_submission_of_another_lms_course(
    browse: Any, strangers: tuple[Someone, Someone], submission: int, role: int
) -> None:
    browser = browse(strangers[role])
    place = f"/grading/{SLUG}/{NAME}"
    for path in (
        f"{place}/submissions/{submission}",
        f"{place}/submissions/{submission}/files/{NAME}.ipynb",
        f"{place}/submissions/{submission}/feedback/{NAME}.html",
        f"{place}/attempts/1/feedback",
        f"{place}/attempts/1/feedback/{NAME}.html",
    ):
        assert browser.get(path).status_code in (403, 404), path
    for path in ("mark-again", "send-again"):
        assert browser.post(f"{place}/submissions/{submission}/{path}").status_code in (403, 404), path


def test_lists_hold_only_the_own_lms_course(
    browse: Any, strangers: tuple[Someone, Someone], submission: int, learner: Someone
) -> None:
    browser = browse(strangers[1])
    page = browser.get(f"/grading/{SLUG}/{NAME}/submissions").text
    assert "Mallory" in page and f"submissions/{submission}" not in page
    table = browser.get(f"/grading/{SLUG}/{NAME}/submissions.csv").text
    assert strangers[0].hub_name not in table and learner.hub_name not in table


def test_api_gives_only_the_callers_own(
    client: FlaskClient, hub: FakeHub, strangers: tuple[Someone, Someone], submission: int, learner: Someone
) -> None:
    draft = {"files": files_of(points=1), "saved_at": "2026-01-01T00:00:00Z"}
    assert client.put(f"{QUIZ}/draft", json=draft, headers=bearer(hub, learner)).status_code == 200
    for who in strangers:
        own = QUIZ.replace(KEY, who.key)
        for place, expected in ((QUIZ, 404), (own, 404)):
            assert client.get(f"{place}/draft", headers=bearer(hub, who)).status_code == expected
            assert client.get(f"{place}/submissions/1/feedback", headers=bearer(hub, who)).status_code == expected
        answer = client.get(f"{API}/courses/{who.key}/assignments", headers=bearer(hub, who)).get_json()
        assert [each["attempts"] for each in answer["assignments"]] == [[]]
        assert client.get(f"{own}/release", headers=bearer(hub, who)).status_code == 200


@pytest.mark.parametrize("role", [0, 1], ids=["learner", "teacher"])
def test_api_of_another_lms_course_is_closed(
    client: FlaskClient, hub: FakeHub, strangers: tuple[Someone, Someone], submission: int, learner: Someone, role: int
) -> None:
    """The slug is the same; the key is not theirs. Nothing says whether there is such a course."""
    headers = bearer(hub, strangers[role])
    draft = {"files": files_of(points=1), "saved_at": "2026-01-01T00:00:00Z"}
    report = {"assignment": NAME, "learner": learner.hub_name}
    answers = [
        client.get(f"{API}/courses/{KEY}/assignments", headers=headers),
        client.get(f"{QUIZ}/release", headers=headers),
        client.get(f"{QUIZ}/draft", headers=headers),
        client.put(f"{QUIZ}/draft", json=draft, headers=headers),
        client.post(f"{QUIZ}/submissions", json=handing_in(points=3), headers=headers),
        client.get(f"{QUIZ}/submissions/1/feedback", headers=headers),
        client.post(f"{API}/courses/{KEY}/marks-changed", json=report, headers=headers),
        client.get(f"{API}/courses/{SLUG}/assignments", headers=headers),
    ]
    assert {(answer.status_code, answer.get_json()["code"]) for answer in answers} == {(404, "course_not_found")}
    courses = client.get(f"{API}/courses", headers=headers).get_json()["courses"]
    assert [course["key"] for course in courses] == [strangers[role].key]


def test_ticket_leads_into_the_own_gradebook(
    browse: Any, runtime: Runtime, strangers: tuple[Someone, Someone], submission: int
) -> None:
    answer = browse(strangers[1]).post(f"/grading/{SLUG}/{NAME}/mark")
    token = parse_qs(urlsplit(answer.headers["Location"]).query)["ticket"][0]
    with runtime.db.transaction() as tx:
        ticket = redeem_ticket(tx, runtime, token)
    assert ticket.next_path.startswith(f"/formgrader?course={strangers[1].key}&")


def test_send_all_sends_nothing_of_another_lms_course(
    browse: Any, runtime: Runtime, strangers: tuple[Someone, Someone], submission: int
) -> None:
    with runtime.db.transaction() as tx:
        tx.execute(update(ScoreRow).values(state=ScoreState.REFUSED, sent_version=0))
    browse(strangers[1]).post(f"/grading/{SLUG}/{NAME}/send-all")
    with runtime.db.reading() as tx:
        assert set(tx.scalars(select(ScoreRow.state))) == {ScoreState.REFUSED}


class TestSamePersonInTwoLmsCourses:
    """A retake, say: last year's course and this year's, on one platform."""

    @pytest.fixture
    def again(self, runtime: Runtime, learner: Someone) -> Someone:
        """Ada, in another LMS course."""
        with runtime.db.transaction() as tx:
            place = make_context(tx, learner.place)
            tx.add(Membership(user_id=learner.user_id, context_id=place.context_id, role=Role.LEARNER))
            visit(tx, learner.user_id, place.link_id)
        return replace(learner, place=place)

    def test_begins_at_attempt_one_with_nothing_saved(
        self, client: FlaskClient, hub: FakeHub, runtime: Runtime, submission: int, again: Someone, browse: Any
    ) -> None:
        with runtime.db.transaction() as tx:
            tx.execute(update(AssignmentRow).values(max_attempts=1))
        headers, there = bearer(hub, again), QUIZ.replace(KEY, again.key)
        assert client.get(f"{there}/draft", headers=headers).status_code == 404
        assert "No attempts left" not in browse(again).get(f"/grading/{SLUG}/{NAME}").text

        used_up = client.post(f"{QUIZ}/submissions", json=handing_in(points=1), headers=headers)
        first = client.post(f"{there}/submissions", json=handing_in(points=1), headers=headers)

        assert used_up.get_json()["code"] == "attempts_used_up"
        assert (first.status_code, first.get_json()["attempt"]) == (201, 1)

    def test_same_request_and_files_are_another_submission(
        self, client: FlaskClient, hub: FakeHub, learner: Someone, again: Someone
    ) -> None:
        body, headers = handing_in(str(uuid4()), points=3), bearer(hub, learner)
        receipts = {
            client.post(f"{place}/submissions", json=body, headers=headers).get_json()["receipt"]
            for place in (QUIZ, QUIZ.replace(KEY, again.key))
        }
        assert len(receipts) == 2

    def test_marks_go_to_the_lms_course_where_they_were_earned(
        self, runtime: Runtime, submission: int, learner: Someone, again: Someone, lms: FakeLms
    ) -> None:
        submit(runtime, again, points=1)
        work(runtime)
        assert [(sent.link_id, sent.given) for sent in lms.posted] == [
            (learner.place.link_id, 3),
            (again.place.link_id, 1),
        ]
        with runtime.db.reading() as tx:
            rows = tx.execute(select(ResultRow.placement_id, ResultRow.points).order_by(ResultRow.id)).all()
        assert rows == [(learner.place.placement_id, 3), (again.place.placement_id, 1)]

    def test_teacher_sees_the_attempts_of_their_own_lms_course(
        self, runtime: Runtime, submission: int, again: Someone, browse: Any
    ) -> None:
        other = submit(runtime, again, points=1)
        work(runtime)
        with runtime.db.transaction() as tx:
            teacher = make_person(tx, again.place, "Trudy", Role.TEACHER)
        browser, place = browse(teacher), f"/grading/{SLUG}/{NAME}/submissions"
        assert f"submissions/{other}" in browser.get(place).text
        assert f"submissions/{submission}" not in browser.get(place).text
        assert len(browser.get(f"{place}.csv").text.splitlines()) == 2
        assert browser.get(f"{place}/{submission}").status_code == 404
        assert browser.get(f"{place}/{other}").status_code == 200


def test_request_id_of_somebody_else_gives_no_receipt_of_theirs(
    client: FlaskClient, hub: FakeHub, strangers: tuple[Someone, Someone], learner: Someone
) -> None:
    body = handing_in(str(uuid4()), points=3)
    first = client.post(f"{QUIZ}/submissions", json=body, headers=bearer(hub, learner))
    theirs = QUIZ.replace(KEY, strangers[0].key)
    second = client.post(f"{theirs}/submissions", json=body, headers=bearer(hub, strangers[0]))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.get_json()["receipt"] != second.get_json()["receipt"]


def test_course_that_the_person_does_not_have(client: FlaskClient, hub: FakeHub, browse: Any, learner: Someone) -> None:
    for path in ("assignments", f"assignments/{NAME}/release", f"assignments/{NAME}/draft"):
        assert client.get(f"{API}/courses/other-course/{path}", headers=bearer(hub, learner)).status_code == 404
    assert browse(learner).get(f"/grading/other-course/{NAME}").status_code == 403


def test_learner_marks_nothing(client: FlaskClient, hub: FakeHub, learner: Someone) -> None:
    body = {"assignment": NAME, "learner": learner.hub_name}
    answer = client.post(f"{API}/courses/{KEY}/marks-changed", json=body, headers=bearer(hub, learner))
    assert answer.status_code == 403

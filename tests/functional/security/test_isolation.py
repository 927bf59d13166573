"""Nobody reads or changes what is another's by changing a slug, a name, a number or a request."""

from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from tests.factories.grading import NAME, SLUG, Someone, make_person, make_place, submit, work
from tests.fakes.engine import FakeCourse
from tests.fakes.hub import FakeHub
from tests.functional.grading.test_api import API, QUIZ, files_of, handing_in


@pytest.fixture
def strangers(runtime: Runtime, learner: Someone) -> tuple[Someone, Someone]:
    """A learner and a teacher of another platform whose course uses the same course of ours."""
    with runtime.db.transaction() as tx:
        there = make_place(tx, "elsewhere")
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
def test_pages_of_a_submission_of_another_platform(
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
        assert client.get(f"{QUIZ}/draft", headers=bearer(hub, who)).status_code == 404
        assert client.get(f"{QUIZ}/submissions/1/feedback", headers=bearer(hub, who)).status_code == 404
        answer = client.get(f"{API}/courses/{SLUG}/assignments", headers=bearer(hub, who)).get_json()
        assert answer["assignments"][0]["attempts"] == []


def test_request_id_of_somebody_else_gives_no_receipt_of_theirs(
    client: FlaskClient, hub: FakeHub, strangers: tuple[Someone, Someone], learner: Someone
) -> None:
    body = handing_in(str(uuid4()), points=3)
    first = client.post(f"{QUIZ}/submissions", json=body, headers=bearer(hub, learner))
    second = client.post(f"{QUIZ}/submissions", json=body, headers=bearer(hub, strangers[0]))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.get_json()["receipt"] != second.get_json()["receipt"]


def test_course_that_the_person_does_not_have(client: FlaskClient, hub: FakeHub, browse: Any, learner: Someone) -> None:
    for path in ("assignments", f"assignments/{NAME}/release", f"assignments/{NAME}/draft"):
        assert client.get(f"{API}/courses/other-course/{path}", headers=bearer(hub, learner)).status_code == 404
    assert browse(learner).get(f"/grading/other-course/{NAME}").status_code == 403


def test_learner_marks_nothing(client: FlaskClient, hub: FakeHub, learner: Someone) -> None:
    body = {"assignment": NAME, "learner": learner.hub_name}
    answer = client.post(f"{API}/courses/{SLUG}/marks-changed", json=body, headers=bearer(hub, learner))
    assert answer.status_code == 403

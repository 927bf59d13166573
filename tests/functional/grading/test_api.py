"""The API that JupyterHub and single-user servers use, over HTTP, tokens checked with a Hub."""

import base64
import socket
from contextlib import closing
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from grading.hub_tickets import Ticket, ticket_url, work_path
from grading.submissions import list_submissions
from lti_tool.kernel import clock
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import Membership
from tests.factories.grading import KEY, NAME, SLUG, Someone, get_submission, make_context, notebook, submit, work
from tests.fakes.engine import FakeCourse
from tests.fakes.hub import FakeHub
from tests.fakes.lms import FakeLms
from tests.functional.grading.conftest import counted

API = "/api/v1"
QUIZ = f"{API}/courses/{KEY}/assignments/{NAME}"
HUB = {"Authorization": "Bearer the hub's own token"}


def files_of(**said: Any) -> list[dict[str, str]]:
    return [{"path": path, "content_b64": base64.b64encode(body).decode()} for path, body in notebook(**said).items()]


def handing_in(request_id: str = "", **said: Any) -> dict[str, Any]:
    return {"files": files_of(**said), "via": "jupyterlab", "request_id": request_id or str(uuid4())}


@pytest.fixture
def token(hub: FakeHub, learner: Someone) -> dict[str, str]:
    """Ada's single-user server."""
    return {"Authorization": f"Bearer {hub.token_of(learner.hub_name)}"}


@pytest.fixture
def staff_token(hub: FakeHub, teacher: Someone) -> dict[str, str]:
    """The teacher's."""
    return {"Authorization": f"Bearer {hub.token_of(teacher.hub_name)}"}


def test_submit_answers_with_a_receipt_and_the_same_for_the_same_request(
    client: FlaskClient, token: dict[str, str], runtime: Runtime, learner: Someone
) -> None:
    body = handing_in("4f9d1f7e-0000-4000-8000-000000000001", points=3)
    first = client.post(f"{QUIZ}/submissions", json=body, headers=token)
    again = client.post(f"{QUIZ}/submissions", json=body, headers=token)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json == again.json
    assert first.json is not None
    assert first.json["attempt"] == 1
    assert first.json["state"] == "queued"
    assert first.json["page_url"].endswith(f"/grading/{SLUG}/{NAME}")
    with runtime.db.reading() as tx:
        assert len(list_submissions(tx, 1, learner.submitter)) == 1


def test_assignments_tell_of_attempts_and_feedback(
    client: FlaskClient, token: dict[str, str], runtime: Runtime, learner: Someone
) -> None:
    submit(runtime, learner, points=3)
    submit(runtime, learner, outcome="not_a_notebook")
    submit(runtime, learner, outcome="timed_out", points=1)
    work(runtime)
    answer = client.get(f"{API}/courses/{KEY}/assignments", headers=token)

    assert answer.json is not None
    (quiz,) = answer.json["assignments"]
    assert (quiz["name"], quiz["notebooks"], quiz["max_score"]) == (NAME, [NAME], 4.0)
    first, second, third = quiz["attempts"]
    assert (first["state"], first["score"], first["feedback"]) == ("graded", 3.0, True)
    assert (second["state"], second["score"], second["feedback"]) == ("failed", None, False)
    assert second["state_text"] == "It ended: not_a_notebook."
    assert (third["state"], third["score"], third["feedback"]) == ("graded", 1.0, True)
    assert third["state_text"] == "It ended: timed_out."
    feedback = client.get(f"{QUIZ}/submissions/1/feedback", headers=token)
    assert feedback.json is not None
    assert feedback.json["files"][0]["path"] == "quiz-1.html"
    assert client.get(f"{QUIZ}/submissions/2/feedback", headers=token).status_code == 404


def test_release_and_draft_come_back_as_they_were(client: FlaskClient, token: dict[str, str]) -> None:
    release = client.get(f"{QUIZ}/release", headers=token)
    assert release.json is not None
    assert [file["path"] for file in release.json["files"]] == ["data.csv", "quiz-1.ipynb"]
    assert client.get(f"{QUIZ}/draft", headers=token).status_code == 404

    saved_at = clock.now().isoformat()
    put = client.put(f"{QUIZ}/draft", json={"files": files_of(points=2), "saved_at": saved_at}, headers=token)
    old = (clock.now() - timedelta(hours=1)).isoformat()
    client.put(f"{QUIZ}/draft", json={"files": files_of(points=0), "saved_at": old}, headers=token)
    draft = client.get(f"{QUIZ}/draft", headers=token)

    assert put.json == {"saved_at": saved_at}
    assert draft.json == {"saved_at": saved_at, "files": files_of(points=2)}


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"files": [{"path": "quiz-1.ipynb", "content_b64": "%"}]}, 422, "base64_invalid"),
        ({"files": [{"path": "x.ipynb", "content_b64": "e30="}]}, 422, "notebook_missing"),
        ({"files": [{"path": "quiz-1.ipynb", "content_b64": "A" * 400_000}]}, 413, "too_large"),
        ({"via": "carrier pigeon"}, 422, "via_unknown"),
        ({"request_id": ""}, 422, "request_id_invalid"),
        ({"files": None}, 422, "body_invalid"),
        ({"extra": 1}, 422, "body_invalid"),
    ],
)
def test_refusals_are_problems_with_stable_codes(
    client: FlaskClient, token: dict[str, str], change: dict[str, Any], status: int, code: str
) -> None:
    answer = client.post(f"{QUIZ}/submissions", json=handing_in(points=3) | change, headers=token)

    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert answer.json is not None
    assert answer.json["code"] == code
    assert answer.json["detail"]


def test_a_form_is_no_json(client: FlaskClient, token: dict[str, str]) -> None:
    assert client.post(f"{QUIZ}/submissions", data={"via": "page"}, headers=token).status_code == 422


def test_learner_is_let_into_nothing_else(
    client: FlaskClient, token: dict[str, str], staff_token: dict[str, str], runtime: Runtime, other: Someone
) -> None:
    submit(runtime, other, points=3)
    work(runtime)

    assert client.get(f"{QUIZ}/submissions/1/feedback", headers=token).status_code == 404
    assert client.get(f"{API}/courses/other/assignments", headers=token).status_code == 404
    body = {"assignment": NAME, "learner": other.hub_name}
    assert client.post(f"{API}/courses/{KEY}/marks-changed", json=body, headers=token).status_code == 403
    assert client.post(f"{QUIZ}/submissions", json=handing_in(points=1), headers=staff_token).status_code == 403


def test_marks_changed_brings_the_new_total_to_the_lms(
    client: FlaskClient,
    staff_token: dict[str, str],
    runtime: Runtime,
    learner: Someone,
    engine: FakeCourse,
    lms: FakeLms,
) -> None:
    submission_id = submit(runtime, learner, points=2, manual=True)
    work(runtime)
    engine.mark_by_hand(NAME, learner.hub_name, "2")
    body = {"assignment": NAME, "learner": learner.hub_name}
    assert client.post(f"{API}/courses/{KEY}/marks-changed", json=body, headers=staff_token).status_code == 202
    work(runtime)

    assert get_submission(runtime, submission_id).points == 4
    assert [each.given for each in lms.posted] == [4]


def test_class_is_listed_and_given_in_few_queries(
    client: FlaskClient, runtime: Runtime, hub: FakeHub, learner: Someone, other: Someone, teacher: Someone
) -> None:
    """nbgrader's commands over it are tested in `functional/exchange`."""
    for who in (learner, other, other):
        submit(runtime, who, points=2)
    work(runtime)
    headers = {"Authorization": f"Bearer {hub.token_of(teacher.hub_name, f'grade-{KEY}')}"}
    client.get(f"{API}/courses", headers=headers)  # the Hub is asked once

    with counted(runtime) as statements:
        answer = client.get(f"{API}/courses/{KEY}/submissions?assignment={NAME}", headers=headers)
    assert len(statements) <= 6, statements
    assert answer.json is not None
    found = [(each["learner"], each["number"], each["feedback"]) for each in answer.json["submissions"]]
    assert sorted(found) == sorted([(learner.hub_name, 1, True), (other.hub_name, 1, True), (other.hub_name, 2, True)])
    files = client.get(f"{QUIZ}/learners/{other.hub_name}/submissions/2/files", headers=headers)
    assert files.json == {"files": files_of(points=2)}
    body = {"learners": [learner.hub_name, other.hub_name]}
    assert client.post(f"{QUIZ}/feedback", json=body, headers=headers).json == {"learners": 2}
    assert client.post(f"{QUIZ}/source", json={"files": files_of(points=1)}, headers=headers).status_code == 404


@pytest.mark.parametrize("header", [None, "Bearer ", "Bearer wrong", "Basic x", "Bearer w\u00f6rong"])
def test_without_a_good_token_nothing_opens(client: FlaskClient, learner: Someone, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}

    for path in (f"{API}/courses", f"{QUIZ}/release", f"{API}/hub/users/{learner.hub_name}/courses"):
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.content_type) == (401, "application/problem+json")
    assert client.post(f"{API}/hub/tickets/redeem", json={"ticket": "x"}, headers=headers).status_code == 401


def test_the_hub_is_asked_once_a_minute(client: FlaskClient, token: dict[str, str], hub: FakeHub) -> None:
    with clock.frozen(clock.now()):
        for _ in range(3):
            assert client.get(f"{API}/courses", headers=token).status_code == 200
        assert hub.asked == 1
        clock.advance(61)
        hub.users.clear()
        assert client.get(f"{API}/courses", headers=token).status_code == 401


def test_a_hub_that_is_down_is_no_refusal(client: FlaskClient, runtime: Runtime, token: dict[str, str]) -> None:
    with closing(socket.socket()) as nobody:  # has a port, and does not listen
        nobody.bind(("127.0.0.1", 0))
        runtime.settings.hub.api_url = f"http://127.0.0.1:{nobody.getsockname()[1]}/hub/api"
        answer = client.get(f"{API}/courses", headers=token)

    assert answer.status_code == 502, "Jupyter keeps the work and tries again"


def test_token_of_a_service_is_nobodys(client: FlaskClient, learner: Someone, hub: FakeHub) -> None:
    hub.users["service"] = {"name": learner.hub_name, "kind": "service"}

    assert client.get(f"{API}/courses", headers={"Authorization": "Bearer service"}).status_code == 401


def test_ticket_is_redeemed_once_with_courses_and_role(client: FlaskClient, runtime: Runtime, teacher: Someone) -> None:
    url = ticket_url(runtime, Ticket(teacher.hub_name, work_path(KEY, NAME)))
    body = {"ticket": url.partition("ticket=")[2]}
    first = client.post(f"{API}/hub/tickets/redeem", json=body, headers=HUB)
    again = client.post(f"{API}/hub/tickets/redeem", json=body, headers=HUB)

    assert first.json == {
        "name": teacher.hub_name,
        "display_name": "Teacher",
        "platform": "moodle",
        "courses": [{"key": KEY, "title": "Notebooks 101", "role": "teacher", "may_mark": True, "may_write": False}],
        "next": f"/open?course={KEY}&assignment={NAME}",
    }
    assert again.status_code == 410
    assert client.post(f"{API}/hub/tickets/redeem", json={"ticket": "made up"}, headers=HUB).status_code == 410


def test_hub_learns_the_courses_of_a_person(client: FlaskClient, learner: Someone) -> None:
    known = client.get(f"{API}/hub/users/{learner.hub_name}/courses", headers=HUB)
    unknown = client.get(f"{API}/hub/users/u-nobody/courses", headers=HUB)

    assert known.json == {
        "courses": [{"key": KEY, "title": "Notebooks 101", "role": "learner", "may_mark": False, "may_write": False}]
    }
    assert unknown.status_code == 404


def test_description_names_every_call(client: FlaskClient) -> None:
    document = client.get(f"{API}/openapi.json").json

    assert document is not None
    assert document["openapi"].startswith("3.1")
    calls = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    base = "/api/v1/courses/{key}/assignments/{name}"
    assert calls >= {
        "POST /api/v1/hub/tickets/redeem",
        "GET /api/v1/hub/users/{name}/courses",
        "GET /api/v1/courses",
        "GET /api/v1/courses/{key}/assignments",
        f"GET {base}/release",
        f"GET {base}/draft",
        f"PUT {base}/draft",
        f"POST {base}/submissions",
        f"GET {base}/submissions/{{number}}/feedback",
        "POST /api/v1/courses/{key}/marks-changed",
        "GET /api/v1/courses/{key}/submissions",
        f"GET {base}/learners/{{learner}}/submissions/{{number}}/files",
        f"POST {base}/feedback",
        f"POST {base}/source",
        f"GET {base}/source/release",
        f"POST {base}/source/release",
    }
    body = document["paths"][f"{base}/submissions"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["$ref"].split("/")[-1] in document["components"]["schemas"]
    assert document["components"]["securitySchemes"]["user"]["scheme"] == "bearer"


def test_teacher_of_one_class_may_hand_in_as_learner_of_another(
    client: FlaskClient, runtime: Runtime, hub: FakeHub, teacher: Someone
) -> None:
    """Two LMS courses use one course; whoever teaches in one of them learns in the other, and only there."""
    with runtime.db.transaction() as tx:
        elsewhere = make_context(tx, teacher.place)
        tx.add(Membership(user_id=teacher.user_id, context_id=elsewhere.context_id, role=Role.LEARNER))
    own = {"Authorization": f"Bearer {hub.token_of(teacher.hub_name)}"}

    there = QUIZ.replace(KEY, f"{SLUG}-{elsewhere.placement_id}")
    assert client.post(f"{there}/submissions", json=handing_in(points=3), headers=own).status_code == 201
    assert client.post(f"{QUIZ}/submissions", json=handing_in(points=3), headers=own).status_code == 403
    courses = client.get(f"{API}/courses", headers=own).json
    assert courses is not None
    assert [course["role"] for course in courses["courses"]] == ["teacher", "learner"]

"""From handing in to the LMS's gradebook with the real engine: nbgrader, the sandbox, a real kernel."""

import base64
import json
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from nbgrader.api import Gradebook

from config.settings import Settings
from grading.engine_nbgrader import open_placement
from grading.plugin import make_plugin
from grading.public import Rules, find_assignment, find_result, make_release, publish_assignment
from grading.sync import reconcile
from lti_tool.contract import Plugin
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.plugin import make_plugin as make_lti
from tests.factories.grading import ITEM_REF, KEY, NAME, SLUG, Someone, placement_at, work
from tests.factories.notebooks import fill
from tests.fakes.hub import FakeHub
from tests.fakes.lms import FakeLms
from tests.functional.engine.conftest import QUIZ, RIGHT, WRONG

ANSWERED = RIGHT | {"why": "There is nothing to count in it."}
API = f"/api/v1/courses/{KEY}/assignments"


@pytest.fixture
def plugins(lms: FakeLms) -> list[Plugin]:
    """LTI, and grading over the real engine."""
    return [make_lti(lms.send_score), make_plugin(open_placement)]


@pytest.fixture
def token(hub: FakeHub, learner: Someone) -> dict[str, str]:
    """Ada's single-user server."""
    return {"Authorization": f"Bearer {hub.token_of(learner.hub_name)}"}


@pytest.fixture
def release(runtime: Runtime, learner: Someone) -> dict[str, bytes]:
    """The course folder, released and published; what learners get."""
    settings = runtime.settings
    root = settings.course_dir(SLUG)
    (root / "source" / NAME).mkdir(parents=True)
    (root / "source" / NAME / f"{NAME}.ipynb").write_bytes(QUIZ)
    (root / "source" / NAME / "data.txt").write_text("the quiz")
    made = make_release(root, NAME)
    with runtime.db.transaction() as tx:
        publish_assignment(tx, SLUG, NAME, title="Quiz 1", item_ref=ITEM_REF, release=made, rules=Rules())
    return made.files


def hand_in(client: FlaskClient, token: dict[str, str], release: dict[str, bytes], answers: dict[str, str]) -> Any:
    """Submit like JupyterLab, work it off, and return the attempt."""
    files = release | {f"{NAME}.ipynb": json.dumps(fill(release[f"{NAME}.ipynb"], answers)).encode()}
    listing = [{"path": path, "content_b64": base64.b64encode(body).decode()} for path, body in files.items()]
    body = {"files": listing, "via": "jupyterlab", "request_id": str(uuid4())}
    assert client.post(f"{API}/{NAME}/submissions", json=body, headers=token).status_code == 201
    work(client.application.extensions["coursebridge.runtime"])
    answer = client.get(API, headers=token).json
    assert answer is not None
    return answer["assignments"][0]["attempts"][-1]


def mark_by_hand(settings: Settings, learner: Someone, points: float) -> None:
    """What formgrader does with the written answer."""
    with Gradebook(settings.gradebook_url(SLUG, learner.place.placement_id)) as gradebook:
        grade = gradebook.find_grade("why", NAME, NAME, learner.hub_name)
        grade.manual_score, grade.needs_manual_grade = points, False
        gradebook.db.commit()


def test_tests_and_a_written_answer_end_in_the_lms_gradebook(
    client: FlaskClient,
    token: dict[str, str],
    release: dict[str, bytes],
    runtime: Runtime,
    learner: Someone,
    lms: FakeLms,
) -> None:
    attempt = hand_in(client, token, release, ANSWERED)
    assert (attempt["state"], attempt["score"], attempt["max_score"]) == ("needs_manual", 7.0, 10.0)
    assert lms.posted == []

    mark_by_hand(runtime.settings, learner, 2.5)
    reconcile(open_placement, runtime)
    work(runtime)

    assert [float(each.given or 0) for each in lms.posted] == [9.5]
    with runtime.db.reading() as tx:
        assignment = find_assignment(tx, SLUG, NAME)
        assert assignment is not None
        result = find_result(tx, learner.place.placement_id, learner.user_id, assignment.id)
    assert result is not None
    assert (float(result.score), result.needs_manual) == (9.5, False)
    feedback = client.get(f"{API}/{NAME}/submissions/1/feedback", headers=token).json
    assert feedback is not None
    html = base64.b64decode(feedback["files"][0]["content_b64"]).decode()
    assert "2.5" in html
    assert "negative numbers matter" not in html


def test_endless_loop_ends_readably_and_the_next_attempt_is_marked(
    client: FlaskClient, token: dict[str, str], release: dict[str, bytes], settings: Settings
) -> None:
    settings.grading.cell_s, settings.grading.wall_s = 2, 5
    stuck = hand_in(client, token, release, WRONG | {"add": "while True:\n    pass"})
    settings.grading.cell_s, settings.grading.wall_s = 20, 60
    after = hand_in(client, token, release, ANSWERED)

    assert (stuck["state"], stuck["score"]) == ("graded", 1.5)
    assert "endless loop" in stuck["state_text"]
    assert (after["number"], after["state"]) == (2, "needs_manual")


def test_file_that_is_no_notebook_ends_without_a_score_anywhere(
    client: FlaskClient,
    token: dict[str, str],
    release: dict[str, bytes],
    runtime: Runtime,
    learner: Someone,
    lms: FakeLms,
) -> None:
    content = base64.b64encode(b"no notebook").decode()
    body = {"files": [{"path": f"{NAME}.ipynb", "content_b64": content}], "via": "jupyterlab"}
    client.post(f"{API}/{NAME}/submissions", json=body | {"request_id": str(uuid4())}, headers=token)
    work(runtime)
    reconcile(open_placement, runtime)
    work(runtime)

    answer = client.get(API, headers=token).json
    assert answer is not None
    (attempt,) = answer["assignments"][0]["attempts"]
    assert (attempt["state"], attempt["score"], attempt["feedback"]) == ("failed", None, False)
    assert "not marked and has no score" in attempt["state_text"]
    assert open_placement(runtime.settings, placement_at(runtime, learner.place)).list_totals(NAME) == {}
    assert lms.posted == []

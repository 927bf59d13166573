"""What a learner's single-user server gets of a quiz that is closed to them."""

import base64
from typing import Any

import pytest

from lti_tool.kernel import clock
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.courses import editing
from plugins.courses.editing import Editor
from plugins.courses.guarding import KEPT_S
from tests.conftest import BASE_URL
from tests.factories.grading import Place, Someone, notebook, placement_at
from tests.fakes.hub import FakeHub
from tests.functional.courses.conftest import SLUG, Import
from tests.functional.grading.conftest import hub, settings

__all__ = ["hub", "settings"]


@pytest.fixture
def ada(place: Place, someone: Any) -> Editor:
    return Editor(someone(Role.TEACHER).user_id, "Ada", place.registration_id, Role.TEACHER)


def test_a_closed_quiz_is_closed_to_servers_too(
    runtime: Runtime, app: Any, place: Place, someone: Any, hub: FakeHub, ada: Editor, run_import: Import
) -> None:
    run_import()
    client, learner = app.test_client(), someone(Role.LEARNER)
    path = f"/api/v1/courses/{placement_at(runtime, place).key}/assignments/quiz-1"
    files = [{"path": name, "content_b64": base64.b64encode(body).decode()} for name, body in notebook().items()]
    body = {"files": files, "via": "jupyterlab", "request_id": "4f9d1f7e-0000-4000-8000-000000000001"}

    def ask(who: Someone, what: str = "release", **more: Any) -> int:
        headers = {"Authorization": f"Bearer {hub.token_of(who.hub_name)}"}
        return int(client.open(f"{path}/{what}", base_url=BASE_URL, headers=headers, **more).status_code)

    with clock.frozen(clock.now()):
        assert ask(learner) == 200
        with runtime.db.transaction() as tx:
            editing.unpublish_item(tx, SLUG, "first-quiz", ada)
        clock.advance(KEPT_S)
        assert ask(learner) == 403
        assert ask(learner, "submissions", method="POST", json=body) == 403
        assert ask(someone(Role.TEACHER)) == 200
        with runtime.db.transaction() as tx:
            editing.publish_item(tx, SLUG, "first-quiz", ada)
        clock.advance(KEPT_S)
        assert ask(learner) == 200
    assert client.get(f"{path}/release", base_url=BASE_URL).status_code == 401

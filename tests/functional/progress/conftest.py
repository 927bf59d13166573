"""Progress over HTTP: one course, a fake engine and a fake LMS."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from grading.plugin import make_plugin as make_grading
from lti_tool.contract import Plugin
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.plugin import make_plugin as make_lti
from plugins.progress.merging import Learner
from plugins.progress.plugin import PLUGIN
from plugins.progress.public import publish_outline
from plugins.progress.saves import learner_key
from tests.conftest import BASE_URL
from tests.factories.grading import SLUG, Place, Someone, make_person, make_place, publish, sign_in
from tests.factories.progress import outline
from tests.fakes.engine import open_fake_course
from tests.fakes.lms import FakeLms


@pytest.fixture
def lms() -> FakeLms:
    return FakeLms()


@pytest.fixture
def plugins(lms: FakeLms) -> list[Plugin]:
    return [
        make_lti(lms.send_score),
        make_grading(open_fake_course),
        PLUGIN,
    ]


@pytest.fixture
def place(runtime: Runtime) -> Place:
    """An LMS course that uses the course: two lessons, a video and a quiz."""
    with runtime.db.transaction() as tx:
        publish(tx)
        publish_outline(tx, SLUG, outline())
        return make_place(tx)


@pytest.fixture
def someone(runtime: Runtime, place: Place) -> Callable[..., Someone]:
    """`someone(role, name)` → a person of the LMS course."""

    def make(role: Role = Role.LEARNER, name: str = "") -> Someone:
        with runtime.db.transaction() as tx:
            return make_person(tx, place, name or role.value, role)

    return make


@pytest.fixture
def learner(someone: Callable[..., Someone]) -> Someone:
    return someone()


class Browser:
    """A signed-in browser in the frame of an activity."""

    def __init__(self, app: Flask, who: Someone) -> None:
        self.client: FlaskClient = app.test_client()
        self.prefix = sign_in(app, who)
        signer = app.extensions["coursebridge.runtime"].signer
        self.key = learner_key(signer, learner_of(who))

    def get(self, path: str, **more: Any) -> Any:
        return self.client.get(path if path.startswith("/s/") else self.prefix + path, base_url=BASE_URL, **more)

    def post(self, path: str, **more: Any) -> Any:
        return self.client.post(self.prefix + path, base_url=BASE_URL, **more)

    def save(self, *saves: dict[str, Any], **more: Any) -> Any:
        """What the script on a page sends."""
        return self.post("/progress/saves", json={"who": self.key, "saves": list(saves)} | more)


def learner_of(who: Someone) -> Learner:
    return Learner(who.place.placement_id, who.user_id)


@pytest.fixture
def browse(app: Flask) -> Callable[[Someone], Browser]:
    """`browse(someone)` → their browser."""
    return lambda who: Browser(app, who)

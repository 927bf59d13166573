"""Fixtures of the grading tests: a fake engine, a fake LMS gradebook, one course with one quiz and one learner."""

import pytest

from grading.plugin import make_plugin
from lti_tool.contract import Plugin
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.plugin import make_plugin as make_lti
from tests.factories.grading import Place, Someone, make_person, make_place, placement_at, publish
from tests.fakes.engine import FakeCourse, open_fake_course
from tests.fakes.lms import FakeLms


@pytest.fixture
def lms() -> FakeLms:
    """The gradebook on the other side."""
    return FakeLms()


@pytest.fixture
def plugins(lms: FakeLms) -> list[Plugin]:
    """LTI, and grading over the fakes."""
    return [make_lti(lms.send_score), make_plugin(open_fake_course)]


@pytest.fixture
def engine(runtime: Runtime, place: Place) -> FakeCourse:
    """The gradebook on this side, of the LMS course that `learner` and `teacher` are in."""
    return open_fake_course(runtime.settings, placement_at(runtime, place))


@pytest.fixture
def place(runtime: Runtime) -> Place:
    """A platform with the quiz, published."""
    with runtime.db.transaction() as tx:
        publish(tx)
        return make_place(tx)


@pytest.fixture
def learner(runtime: Runtime, place: Place) -> Someone:
    """Ada."""
    with runtime.db.transaction() as tx:
        return make_person(tx, place)


@pytest.fixture
def other(runtime: Runtime, place: Place) -> Someone:
    """Grace, in the same LMS course."""
    with runtime.db.transaction() as tx:
        return make_person(tx, place, "Grace H.")


@pytest.fixture
def teacher(runtime: Runtime, place: Place) -> Someone:
    """Their teacher."""
    with runtime.db.transaction() as tx:
        return make_person(tx, place, "Teacher", Role.TEACHER)

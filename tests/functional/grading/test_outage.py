"""Six hours of trouble with one platform while another works, on the clock of the test.

Everything but the marking engine is real: launches, outbox, jobs, tokens, HTTP, and two strict LMSs.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise

import pytest
from flask import Flask
from sqlalchemy import select, update

from grading.plugin import make_plugin
from lti_tool.contract import Plugin, load_plugins
from lti_tool.demo.model import Activity, LineItem
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel import clock
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti import reach
from lti_tool.lti.models import Link, Membership, Placement, User
from lti_tool.lti.outbox import send_again
from lti_tool.lti.public import count_by_platform, list_reach
from lti_tool.lti.score_models import ScoreRow, ScoreState
from tests.conftest import BASE_URL
from tests.factories.grading import ITEM_REF, Place, Someone, publish, submit, work
from tests.fakes.contents import stub_contents_plugin
from tests.fakes.engine import open_fake_course
from tests.fakes.fixtures import served
from tests.fakes.launching import Launcher, register_campus
from tests.functional.grading.test_passback_to_lms import PLACED

__all__ = ["served"]

MINUTE, HOUR = 60, 3600


@pytest.fixture
def plugins() -> list[Plugin]:
    return [*load_plugins(["lti_tool.lti"]), make_plugin(open_fake_course), stub_contents_plugin([PLACED])]


class School:
    """An LMS with one activity that Ada and Ben have opened."""

    def __init__(self, runtime: Runtime, app: Flask, campus: CampusServer, served: str) -> None:
        self.runtime, self.campus = runtime, campus
        tool = campus.add_tool(BASE_URL, jwks_url=f"{served}/lti/jwks")
        self.registration_id = register_campus(runtime, campus, tool, name=campus.profile.title)
        self.activity: Activity = campus.add_activity("Quiz 1", custom={"coursebridge_item": ITEM_REF}, points=8)
        self.launchers = {name: Launcher(app.test_client(), campus) for name in ("ada", "ben")}
        self.people = {name: self._open(name) for name in self.launchers}

    def _open(self, name: str) -> Someone:
        self.launchers[name].launch(name, self.activity)
        sub = self.campus.person(name).sub
        query = select(User, Membership.context_id, Placement.id, Link.id).join(
            Membership, Membership.user_id == User.id
        )
        query = query.join(Placement, Placement.context_id == Membership.context_id)
        query = query.join(Link, Link.context_id == Membership.context_id)
        with self.runtime.db.reading() as tx:
            mine = (User.registration_id == self.registration_id, User.sub == sub)
            user, context_id, placement_id, link_id = tx.execute(query.where(*mine)).one()
        place = Place(self.registration_id, context_id, link_id, placement_id)
        return Someone(user.id, user.hub_name, Role.LEARNER, place)

    def submit(self, name: str, points: int) -> None:
        submit(self.runtime, self.people[name], points=points)

    def column(self) -> LineItem:
        (item,) = self.campus.line_items(self.activity)
        return item

    def grades(self) -> list[float | None]:
        """As shares of the column's maximum, of Ada and Ben."""
        found = [self.campus.grade(name, self.activity) for name in self.people]
        return [grade.final / self.column().score_maximum if grade and grade.final else None for grade in found]

    def states(self) -> dict[ScoreState, int]:
        with self.runtime.db.reading() as tx:
            return count_by_platform(tx).get(self.registration_id, {})


@pytest.fixture
def schools(runtime: Runtime, app: Flask, served: str) -> Iterator[tuple[School, School]]:
    """One in trouble, one that works."""
    with runtime.db.transaction() as tx:
        publish(tx)
    with ExitStack() as stack:
        campuses = [stack.enter_context(CampusServer(kind)) for kind in ("moodle", "canvas")]
        made = School(runtime, app, campuses[0], served), School(runtime, app, campuses[1], served)
        stack.enter_context(clock.frozen(clock.now()))
        yield made


def later(schools: tuple[School, School], seconds: int, step: int = 30) -> None:
    """Time passes everywhere; the worker does what becomes due."""
    for _ in range(0, seconds, step):
        clock.advance(step)
        for school in schools:
            school.campus.clock.advance(step)
        work(schools[0].runtime)


def shortest_gap(times: list[float]) -> float:
    return min(after - before for before, after in pairwise(times))


def six_hours_down(schools: tuple[School, School]) -> dict[str, list[float]]:
    """Every hour another trouble, and new grades meanwhile; returns when which endpoint of the sick one was called."""
    sick, well = schools
    sick.submit("ada", 1)
    work(sick.runtime)
    called = {name: sick.campus.hits(name) for name in ("scores", "token")}
    troubles = [("timeout", 1), ("status", 500), ("rate_limit", 300), ("html", None), ("status", 503), ("timeout", 1)]
    for number, (kind, value) in enumerate(troubles):
        sick.campus.clear_faults()
        if number % 2:
            sick.campus.campus.store.revoke_access_tokens()
            sick.campus.set_fault("token", kind, value=value)
        sick.campus.set_fault("scores", kind, value=value)
        sick.submit("ada", number % 4)
        sick.submit("ben", 3)
        well.submit("ada", number % 3 + 1)
        later(schools, HOUR)
        assert well.grades()[0] == (number % 3 + 1) / 4, "the other platform is served as ever"
    return {name: sick.campus.hit_times(name)[before:] for name, before in called.items()}


def test_six_hours_of_trouble_lose_nothing_and_cost_one_probe_a_minute(schools: tuple[School, School]) -> None:
    sick, well = schools
    calls = six_hours_down(schools)
    # one probe may need a token first
    assert min(map(shortest_gap, calls.values())) >= MINUTE
    assert sum(map(len, calls.values())) > 20, "it is looked for"
    with sick.runtime.db.reading() as tx:
        assert [each.is_reachable for each in list_reach(tx)] == [False, True]
    assert sick.states() == {ScoreState.PENDING: 2}

    sick.submit("ada", 4)
    work(sick.runtime)
    sick.campus.clear_faults()
    sick.campus.rotate_keys(keep_old=False)
    sick.campus.campus.store.revoke_access_tokens()
    later(schools, 20 * MINUTE)

    assert sick.grades() == [1.0, 0.75]
    assert sick.states() == {ScoreState.SENT: 2}
    taken = [score for score in sick.campus.received_scores("ada") if score.status == 200]
    assert [score.body["scoreGiven"] for score in taken] == [1, 4], "the newest one last, and those between not at all"
    assert well.grades()[0] is not None


def test_the_check_notices_a_breaker_that_is_off(
    schools: tuple[School, School], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "record_failure", lambda *given, **more: None)
    sick, _well = schools
    sick.campus.set_fault("scores", "status", value=500)
    sick.submit("ada", 1)
    sick.submit("ben", 1)
    work(sick.runtime)
    assert shortest_gap(sick.campus.hit_times("scores")) < MINUTE


def test_column_that_was_made_anew_gets_everybodys_grade(schools: tuple[School, School]) -> None:
    school, _other = schools
    school.submit("ada", 2)
    school.submit("ben", 3)
    work(school.runtime)
    school.campus.campus.store.delete_line_item(school.column().id)
    school.submit("ada", 4)
    later(schools, 5 * MINUTE)
    assert school.states() == {ScoreState.REFUSED: 1, ScoreState.SENT: 1}
    assert school.campus.line_items(school.activity) == [], "nobody asked for another one"

    with school.runtime.db.transaction() as tx:
        refused = select(ScoreRow.id).where(ScoreRow.state == ScoreState.REFUSED)
        assert send_again(tx, tx.scalars(refused).all()) == 1
    later(schools, 5 * MINUTE)
    assert school.grades() == [1.0, 0.75], "also the one that was in the old column"
    assert len(school.campus.line_items(school.activity)) == 1


def test_column_that_has_moved_is_found_again(schools: tuple[School, School]) -> None:
    school, _other = schools
    with school.runtime.db.transaction() as tx:
        link = Link.registration_id == school.registration_id
        moved = school.campus.base_url + "/services/before/lineitems/9?type_id=1"
        tx.execute(update(Link).where(link).values(lineitem_url=moved))
    school.submit("ada", 4)
    later(schools, MINUTE)
    assert school.grades()[0] == 1.0

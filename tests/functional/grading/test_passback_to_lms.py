"""Grades on their way to a strict LMS of each kind that fails on demand: in the end its gradebook shows the right one.

Launch, submission, marking with the fake engine, outbox, tokens and scores are real; the clock runs as the test says.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from grading.messages import SyncMarks
from grading.models import SubmissionRow
from grading.plugin import make_plugin
from lti_tool.contract import Choice, Plugin, load_plugins
from lti_tool.demo.model import Activity, Tool
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.http import OutboundHttp
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import Membership, User
from lti_tool.lti.score_models import DeliveryRow, ScoreRow, ScoreState
from tests.factories.grading import ITEM_REF, NAME, SLUG, Place, Someone, placement_at, publish, submit, work
from tests.fakes.contents import stub_contents_plugin
from tests.fakes.engine import FakeCourse, open_fake_course
from tests.fakes.fixtures import campus, registration_id, served, tool
from tests.fakes.launching import Launcher

__all__ = ["campus", "registration_id", "served", "tool"]

QUIZ = f"/grading/{SLUG}/{NAME}"
PLACED = Choice(ITEM_REF, SLUG, "Notebooks 101", "Quiz 1", "quiz", "Start", f"/stub/{ITEM_REF}", max_points=Decimal(4))
HOUR = 3600
both = pytest.mark.parametrize("campus", ["moodle", "canvas"], indirect=True)


@pytest.fixture
def plugins() -> list[Plugin]:
    """The real way to the LMS."""
    return [*load_plugins(["lti_tool.lti"]), make_plugin(open_fake_course), stub_contents_plugin([PLACED])]


@dataclass
class Way:
    """One learner and the way of their grade."""

    runtime: Runtime
    campus: CampusServer
    activity: Activity
    launcher: Launcher
    who: Someone

    def submit(self, **said: Any) -> int:
        """Hand in; the worker has not looked at it yet."""
        return submit(self.runtime, self.who, **said)

    def work(self) -> None:
        """The worker does what is due."""
        work(self.runtime)

    def later(self, seconds: int, step: int = 120) -> None:
        """Time passes on both sides, and the worker does what becomes due."""
        for _ in range(0, seconds, step):
            clock.advance(step)
            self.campus.clock.advance(step)
            work(self.runtime)

    def final(self) -> float | None:
        """What the gradebook of the LMS shows."""
        grade = self.campus.grade("ada", self.activity)
        return grade.final if grade else None

    def outbox(self) -> ScoreRow:
        """The one row."""
        with self.runtime.db.reading() as tx:
            return tx.scalars(select(ScoreRow)).one()

    def tries(self) -> list[ScoreState]:
        """What came of each try."""
        with self.runtime.db.reading() as tx:
            return list(tx.scalars(select(DeliveryRow.state).order_by(DeliveryRow.id)))

    def taken(self) -> list[float]:
        """Points of the scores that the LMS took, in the order of their timestamps."""
        taken = [each.body for each in self.campus.received_scores("ada") if each.status == 200]
        assert [each["timestamp"] for each in taken] == sorted(each["timestamp"] for each in taken)
        return [each["scoreGiven"] for each in taken]


@pytest.fixture
def way(runtime: Runtime, client: FlaskClient, campus: CampusServer, tool: Tool, registration_id: int) -> Iterator[Way]:
    """Ada has opened the quiz; her LMS gives 8 points for what has 4 here."""
    with runtime.db.transaction() as tx:
        publish(tx)
    activity = campus.add_activity("Quiz 1", custom={"coursebridge_item": ITEM_REF}, points=8)
    launcher = Launcher(client, campus)
    launcher.launch("ada", activity)
    with runtime.db.reading() as tx:
        user, member = tx.execute(select(User, Membership).join(Membership, Membership.user_id == User.id)).one()
        who = Someone(user.id, user.hub_name, Role.LEARNER, Place(registration_id, member.context_id, 1, 1))
    with clock.frozen(clock.now()):
        yield Way(runtime, campus, activity, launcher, who)


@pytest.fixture
def engine(runtime: Runtime, way: Way) -> FakeCourse:
    return open_fake_course(runtime.settings, placement_at(runtime, way.who.place))


FAULTS = [
    ("scores", "status", 500),
    ("scores", "status", 503),
    ("scores", "timeout", 50),
    ("scores", "rate_limit", 100),
    ("scores", "html", None),
    ("scores", "status", 408),
    ("token", "status", 500),
    ("token", "timeout", 50),
    ("token", "html", None),
]


@both
@pytest.mark.parametrize(("endpoint", "kind", "value"), FAULTS)
def test_grade_arrives_once_the_lms_is_back(way: Way, endpoint: str, kind: str, value: int | None) -> None:
    way.campus.set_fault(endpoint, kind, value=value, times=3)
    way.submit(points=3)
    way.work()
    assert way.outbox().state is ScoreState.PENDING
    assert way.outbox().text
    assert way.final() is None

    way.later(HOUR)

    assert (way.final(), way.outbox().state, way.outbox().text) == (6, ScoreState.SENT, None)
    assert way.taken() == [3]


@both
def test_six_hours_without_the_lms_end_with_the_newest_grade(way: Way) -> None:
    for endpoint in ("scores", "token", "lineitems"):
        way.campus.set_fault(endpoint, "timeout", value=1)
    way.submit(points=4)
    way.later(3 * HOUR, step=300)
    way.submit(points=1)
    way.later(3 * HOUR, step=300)
    assert way.final() is None
    assert len(way.tries()) > 5
    way.campus.clear_faults()
    way.later(HOUR)

    assert (way.final(), way.taken()) == (2, [1])
    assert way.outbox().state is ScoreState.SENT


@both
def test_retry_after_is_kept(way: Way) -> None:
    way.campus.set_fault("scores", "rate_limit", value=900, times=1)
    way.submit(points=3)
    way.work()
    way.later(840)
    assert way.campus.hits("scores") == 1
    way.later(120)

    assert way.final() == 6


@both
def test_score_that_is_too_early_for_the_clock_of_the_lms_arrives_by_itself(way: Way) -> None:
    """A teacher has changed the grade in the LMS, whose clock is ahead: what is sent in the next minutes is older."""
    way.submit(points=1)
    way.work()
    grade = way.campus.grade("ada", way.activity)
    assert grade is not None
    way.campus.campus.store.save_grade(replace(grade, score_time=grade.score_time + 300))
    way.submit(points=3)
    way.work()
    assert (way.final(), way.outbox().state, way.outbox().code) == (2, ScoreState.PENDING, "newer_score")
    way.later(HOUR)

    assert (way.final(), way.taken(), way.outbox().state) == (6, [1, 3], ScoreState.SENT)


@both
def test_answer_that_got_lost_is_sent_again_and_announced_once(way: Way) -> None:
    way.campus.set_fault("scores", "drop", times=1)
    way.submit(points=3)
    way.later(HOUR)

    assert (way.final(), way.taken(), way.outbox().state) == (6, [3, 3], ScoreState.SENT)
    if way.campus.profile.submission_extension:
        grade = way.campus.grade("ada", way.activity)
        assert grade and grade.submission["attempts"] == 1


@both
def test_revoked_token_costs_no_try(way: Way) -> None:
    way.submit(points=1)
    way.work()
    way.campus.set_fault("scores", "revoke", times=1)
    way.submit(points=3)
    way.work()

    assert (way.final(), way.tries()) == (6, [ScoreState.SENT, ScoreState.SENT])
    assert way.campus.hits("token") == 2


@both
def test_key_that_changes_between_two_scores_is_no_trouble(way: Way) -> None:
    way.submit(points=1)
    way.work()
    way.campus.campus.store.revoke_access_tokens()
    way.campus.rotate_keys(keep_old=False)
    way.submit(points=4)
    way.later(HOUR)

    assert way.final() == 8


def test_lms_that_hangs_is_given_up_waiting_for(way: Way, app: Flask) -> None:
    impatient = replace(way.runtime, http=OutboundHttp(allow_private=True, timeout_s=0.2))
    way.campus.set_fault("scores", "slow", value=1500, times=1)
    way.submit(points=3)
    work(impatient)
    assert way.outbox().text == "127.0.0.1 did not answer in time."
    impatient.http.close()

    way.later(HOUR)
    assert way.final() == 6


@both
def test_waiting_for_a_teacher_erases_no_grade(way: Way, engine: FakeCourse) -> None:
    way.submit(points=4)
    way.work()
    assert way.final() == 8
    way.submit(points=1, manual=True)
    way.work()
    assert way.final() == 8, "the grade of the attempt before stays until the new one is marked"

    engine.mark_by_hand(NAME, way.who.hub_name, "2")
    with way.runtime.db.transaction() as tx:
        jobs.enqueue(tx, SyncMarks(way.who.place.placement_id, NAME, way.who.hub_name))
    way.later(120)
    assert way.final() == 6


@both
def test_grade_of_the_teacher_in_the_lms_stays(way: Way) -> None:
    way.submit(points=1)
    way.work()
    way.campus.override_grade("ada", way.activity, 7)
    way.submit(points=2)
    way.work()

    assert way.final() == 7
    assert way.outbox().state is ScoreState.SENT


@pytest.fixture
def teachers_page(way: Way, app: Flask) -> Callable[..., str]:
    """What the teacher reads about the submissions; with `press`, after a press on that button."""
    teacher = Launcher(app.test_client(), way.campus)

    def read(press: str = "") -> str:
        prefix = "/".join(teacher.open("tess", way.activity).split("/")[:3])
        if press:
            assert teacher.client.post(f"{prefix}{QUIZ}/{press}").status_code == 303
        answer = teacher.client.get(f"{prefix}{QUIZ}/submissions")
        assert answer.status_code == 200, answer.text
        return answer.text

    return read


@both
def test_learner_who_left_is_said_plainly_and_the_grade_arrives_after_they_are_back(
    way: Way, teachers_page: Callable[..., str]
) -> None:
    ada = way.campus.remove_person("ada")
    way.submit(points=3)
    way.work()
    assert way.outbox().state is ScoreState.REFUSED
    page = teachers_page()
    assert "not an active learner of the course there" in page
    assert "Enrol them again, then send again." in page

    way.campus.campus.store.add_person(ada)
    assert "Send all again" in page
    teachers_page("send-all")
    way.work()
    assert way.final() == 6
    assert "Send all again" not in teachers_page()


@both
def test_deleted_column_is_said_plainly_and_made_again_at_the_next_launch(
    way: Way, teachers_page: Callable[..., str]
) -> None:
    (item,) = way.campus.line_items(way.activity)
    way.campus.campus.store.delete_line_item(item.id)
    way.submit(points=3)
    way.work()
    assert way.outbox().state is ScoreState.REFUSED
    assert "Open the activity once in the LMS, then send again." in teachers_page()

    way.launcher.launch("ada", way.activity)
    way.work()
    if way.outbox().state is ScoreState.REFUSED:
        teachers_page("send-all")
        way.work()
    (fresh,) = way.campus.line_items(way.activity)
    assert way.final() == 3 / 4 * fresh.score_maximum
    assert way.outbox().state is ScoreState.SENT


@both
def test_grade_that_changes_during_an_outage_is_sent_once_and_last(way: Way) -> None:
    way.submit(points=1)
    way.work()
    way.campus.set_fault("scores", "status", value=502)
    for points in (2, 3, 4):
        way.submit(points=points)
        way.later(600)
    way.campus.clear_faults()
    way.later(HOUR)

    assert (way.final(), way.taken()) == (8, [1, 4])


@both
def test_who_comes_again_after_an_erasure_begins_anew(way: Way, plugins: list[Plugin]) -> None:
    way.submit(points=4)
    way.work()
    assert way.final() == 8
    with way.runtime.db.transaction() as tx:
        for plugin in plugins:
            if plugin.erase_personal_data:
                plugin.erase_personal_data(tx, way.who.user_id)

    path = way.launcher.open("ada", way.activity)
    page = way.launcher.client.get(path.split("/stub")[0] + QUIZ)
    assert page.status_code == 200 and "Attempt 1" not in page.text
    with way.runtime.db.reading() as tx:
        again = tx.scalars(select(User).where(User.display_name == "Ada Lopez")).one()
    assert (again.id == way.who.user_id, again.hub_name == way.who.hub_name) == (False, False)

    way.who = replace(way.who, user_id=again.id, hub_name=again.hub_name)
    clock.advance(60)
    way.campus.clock.advance(60)
    way.submit(points=1)
    way.work()
    assert way.final() == 2
    with way.runtime.db.reading() as tx:
        assert [row.number for row in tx.scalars(select(SubmissionRow))] == [1]

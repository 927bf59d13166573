"""A quiz that was passed stays passed, however soon a worse attempt is marked after it."""

import pytest
from sqlalchemy import select

from grading.messages import Autograde
from grading.models import Counts
from grading.plugin import make_plugin
from lti_tool.contract import Plugin
from lti_tool.kernel import jobs
from lti_tool.kernel.job_rows import JobRow
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.plugin import make_plugin as make_lti
from plugins.progress.messages import ItemDone
from plugins.progress.public import ItemState, Learner, publish_outline, read_course
from plugins.progress.reading import ItemProgress
from tests.factories.grading import SLUG, Someone, publish, submit, work
from tests.factories.progress import item, outline, ref
from tests.fakes.engine import open_fake_course
from tests.fakes.grading_fixtures import learner, place
from tests.fakes.lms import FakeLms
from tests.unit.progress.conftest import Heard

__all__ = ["learner", "place"]

HELD = "Test cells stopped failing when they must."


@pytest.fixture
def plugins(heard: Heard, plugins: list[Plugin]) -> list[Plugin]:
    """Marking over the fakes, progress, and what hears."""
    return [make_lti(FakeLms().send_score), make_plugin(open_fake_course), *plugins[2:]]


@pytest.fixture(params=[60, None], ids=["from 60 %", "when it is marked"])
def min_score(request: pytest.FixtureRequest) -> int | None:
    """From what the quiz is passed."""
    found: int | None = request.param
    return found


@pytest.fixture
def who(runtime: Runtime, learner: Someone, min_score: int | None) -> Someone:
    with runtime.db.transaction() as tx:
        publish_outline(tx, SLUG, outline(item("quiz-1", "quiz", min_score=min_score)))
    return learner


def _mark_only(runtime: Runtime) -> None:
    """Mark what waits, as a fast worker does while the others are busy: nobody has heard of the results yet."""
    while True:
        with runtime.db.reading() as tx:
            due = set(jobs.due_ids(tx))
            waiting = [
                job for job in tx.scalars(select(JobRow.id).where(JobRow.message == Autograde.name)) if job in due
            ]
        if not waiting:
            return
        for job_id in waiting:
            jobs.run_job(runtime, runtime.db.router, job_id)


def _read(runtime: Runtime, who: Someone) -> ItemProgress:
    with runtime.db.reading() as tx:
        return read_course(tx, Learner(who.place.placement_id, who.user_id), SLUG).items[ref("quiz-1")]


def test_worse_attempt_that_is_marked_before_anybody_hears_takes_nothing_back(
    runtime: Runtime, who: Someone, heard: Heard
) -> None:
    submit(runtime, who, points=4)
    submit(runtime, who, points=0, manual=True)
    _mark_only(runtime)
    work(runtime)

    found = _read(runtime, who)
    assert (found.state, found.percent) == (ItemState.DONE, 100)
    assert found.score == 0
    assert len(heard.of(ItemDone)) == 1


@pytest.mark.parametrize("min_score", [60], indirect=True)
def test_attempts_that_never_reached_it_do_not_pass(runtime: Runtime, who: Someone) -> None:
    for points in (2, 1):
        submit(runtime, who, points=points)
    submit(runtime, who, points=4, suspicion=HELD)
    _mark_only(runtime)
    work(runtime)

    assert _read(runtime, who).state is ItemState.STARTED


@pytest.mark.parametrize("min_score", [60], indirect=True)
def test_second_attempt_passes_nothing_where_the_first_counts(runtime: Runtime, who: Someone) -> None:
    with runtime.db.transaction() as tx:
        publish(tx, counts=Counts.FIRST)
    submit(runtime, who, points=1)
    _mark_only(runtime)
    submit(runtime, who, points=4)
    _mark_only(runtime)
    work(runtime)

    assert _read(runtime, who).state is ItemState.STARTED

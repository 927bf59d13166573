"""Percentages on their way to the LMS."""

import pytest

from grading.plugin import PLUGIN as GRADING
from lti_tool.contract import Plugin
from lti_tool.kernel.errors import ExternalError
from lti_tool.kernel.jobs import JobState, emit, list_jobs
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.messages import LinkLaunched
from lti_tool.lti.models import Link
from lti_tool.lti.plugin import make_plugin as make_lti
from lti_tool.lti.score_models import ScoreRow, ScoreState
from plugins.progress.courses import set_course
from plugins.progress.plugin import PLUGIN
from plugins.progress.public import Learner, publish_outline
from plugins.progress.recording import record
from tests.factories.grading import SLUG, Someone, make_person, make_place, work
from tests.factories.progress import change, outline
from tests.fakes.lms import FakeLms


@pytest.fixture
def lms() -> FakeLms:
    return FakeLms()


@pytest.fixture
def plugins(lms: FakeLms) -> list[Plugin]:
    return [make_lti(lms.send_score), GRADING, PLUGIN]


@pytest.fixture
def someone(runtime: Runtime) -> Someone:
    """A learner who has opened the activity that shows the whole course."""
    with runtime.db.transaction() as tx:
        publish_outline(tx, SLUG, outline())
        place = make_place(tx)
        tx.get_one(Link, place.link_id).item_ref = f"courses/{SLUG}"
        return make_person(tx, place)


def switch(runtime: Runtime, who: Someone, *, sends: bool) -> None:
    with runtime.db.transaction() as tx:
        set_course(tx, SLUG, who.place.placement_id, rule=None, sends_score=sends)


def take(runtime: Runtime, who: Someone, name: str, **more: object) -> None:
    with runtime.db.transaction() as tx:
        record(tx, [change(Learner(who.place.placement_id, who.user_id), name, **more)])


def test_nothing_is_sent_until_the_teacher_says_so(runtime: Runtime, someone: Someone, lms: FakeLms) -> None:
    take(runtime, someone, "trees", seen=True)
    work(runtime)
    assert lms.posted == []
    switch(runtime, someone, sends=True)
    work(runtime)

    assert [score.given for score in lms.posted] == [25]


def test_newest_percentage_wins_and_is_sent_once(runtime: Runtime, someone: Someone, lms: FakeLms) -> None:
    switch(runtime, someone, sends=True)
    for name in ("trees", "paths", "paths"):
        take(runtime, someone, name, seen=True)
    work(runtime)

    assert [score.given for score in lms.posted] == [50]
    take(runtime, someone, "paths", spans=[(0, 5)])
    work(runtime)
    assert len(lms.posted) == 1


def test_busy_lms_gets_it_later(runtime: Runtime, someone: Someone, lms: FakeLms) -> None:
    switch(runtime, someone, sends=True)
    lms.answers = [ExternalError("lms_busy", "The LMS is busy.", retryable=True)]
    take(runtime, someone, "trees", seen=True)
    work(runtime)

    with runtime.db.reading() as tx:
        (row,) = tx.query(ScoreRow)
        assert (row.state, row.text, row.sending_run) == (ScoreState.PENDING, "The LMS is busy.", None)
        assert any(job.state is JobState.QUEUED for job in list_jobs(tx))


def test_refusal_is_shown_and_the_next_progress_is_sent(runtime: Runtime, someone: Someone, lms: FakeLms) -> None:
    switch(runtime, someone, sends=True)
    lms.answers = [ExternalError("learner_left", "Not a learner any more.", retryable=False)]
    take(runtime, someone, "trees", seen=True)
    work(runtime)
    with runtime.db.reading() as tx:
        assert [row.state for row in tx.query(ScoreRow)] == [ScoreState.REFUSED]
    take(runtime, someone, "paths", seen=True)
    work(runtime)

    assert [score.given for score in lms.posted] == [50]


def test_progress_that_comes_while_sending_is_sent_after(runtime: Runtime, someone: Someone, lms: FakeLms) -> None:
    switch(runtime, someone, sends=True)

    def more(score: object) -> None:
        lms.during = None
        take(runtime, someone, "paths", seen=True)

    lms.during = more
    take(runtime, someone, "trees", seen=True)
    work(runtime)

    assert [score.given for score in lms.posted] == [25, 50]


def test_link_with_a_new_column_gets_what_is_there(runtime: Runtime, someone: Someone, lms: FakeLms) -> None:
    switch(runtime, someone, sends=True)
    take(runtime, someone, "trees", seen=True)
    work(runtime)
    place = someone.place
    with runtime.db.transaction() as tx:
        ref = f"courses/{SLUG}"
        tx.get_one(Link, place.link_id).lineitem_url = "https://moodle.example/lineitems/another?type_id=1"
        emit(
            tx,
            LinkLaunched(someone.user_id, place.link_id, item_ref=ref, role="learner", placement_id=place.placement_id),
        )
        emit(tx, LinkLaunched(someone.user_id, place.link_id, item_ref=f"{ref}/trees", role="learner"))
    work(runtime)

    assert [score.given for score in lms.posted] == [25, 25]

"""An LMS course is copied: what its teacher had set about finishing holds in the copy, too."""

import pytest
from sqlalchemy import select

from lti_tool.kernel.jobs import JobState, emit, list_jobs
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.messages import ContextLinked
from plugins.progress.courses import read_course_at, set_course
from plugins.progress.models import LearnerRow, SettingsRow
from plugins.progress.outline import Needs, Rule, TextDone
from plugins.progress.public import Learner, publish_outline
from plugins.progress.recording import record
from tests.factories.grading import SLUG, Place, make_context, make_place, work
from tests.factories.progress import change, outline

RULE = Rule(Needs.QUIZZES, TextDone.SEEN, min_score=50)
OWN = Rule(Needs.ALL, TextDone.MARKED, min_score=None)


@pytest.fixture
def origin(runtime: Runtime) -> Place:
    """An LMS course whose teacher has a rule of their own, and has scores sent."""
    with runtime.db.transaction() as tx:
        publish_outline(tx, SLUG, outline())
        place = make_place(tx)
        set_course(tx, SLUG, place.placement_id, rule=RULE, sends_score=True)
    work(runtime)
    return place


@pytest.fixture
def copy(runtime: Runtime, origin: Place) -> Place:
    """The copy, which nobody has set anything in."""
    with runtime.db.transaction() as tx:
        return make_context(tx, origin)


def link(runtime: Runtime, copy: Place, origin: Place) -> None:
    with runtime.db.transaction() as tx:
        emit(tx, ContextLinked(copy.context_id, origin.context_id))
    work(runtime)
    with runtime.db.reading() as tx:
        assert {job.state for job in list_jobs(tx)} == {JobState.DONE}


def settings(runtime: Runtime) -> dict[int, tuple[Rule, bool]]:
    """What holds in each placement that something was set in."""
    with runtime.db.reading() as tx:
        ids = tx.scalars(select(SettingsRow.placement_id)).all()
        courses = {number: read_course_at(tx, SLUG, number) for number in ids}
    return {number: (course.rule, course.sends_score) for number, course in courses.items()}


def test_copy_begins_with_the_settings_of_its_origin(runtime: Runtime, origin: Place, copy: Place) -> None:
    link(runtime, copy, origin)
    assert settings(runtime) == {origin.placement_id: (RULE, True), copy.placement_id: (RULE, True)}


def test_what_was_set_in_the_copy_already_stays(runtime: Runtime, origin: Place, copy: Place) -> None:
    with runtime.db.transaction() as tx:
        set_course(tx, SLUG, copy.placement_id, rule=OWN, sends_score=False)
    link(runtime, copy, origin)
    assert settings(runtime)[copy.placement_id] == (OWN, False)


def test_fact_that_comes_twice_changes_nothing_more(runtime: Runtime, origin: Place, copy: Place) -> None:
    link(runtime, copy, origin)
    with runtime.db.transaction() as tx:
        set_course(tx, SLUG, origin.placement_id, rule=OWN, sends_score=False)
    link(runtime, copy, origin)
    assert settings(runtime)[copy.placement_id] == (RULE, True)


def test_other_courses_of_the_origin_and_other_copies_are_left_alone(runtime: Runtime, origin: Place) -> None:
    with runtime.db.transaction() as tx:
        other = make_context(tx, origin, slug="other")
        untouched = make_context(tx, origin)
    link(runtime, other, origin)
    assert set(settings(runtime)) == {origin.placement_id}
    assert untouched.placement_id not in settings(runtime)


def test_origin_without_settings_gives_none(runtime: Runtime, origin: Place, copy: Place) -> None:
    with runtime.db.transaction() as tx:
        plain = make_context(tx, origin)
    link(runtime, copy, plain)
    assert copy.placement_id not in settings(runtime)


def test_learners_work_stays_with_the_origin(runtime: Runtime, origin: Place, copy: Place) -> None:
    ada = Learner(origin.placement_id, 42)
    with runtime.db.transaction() as tx:
        record(tx, [change(ada, "trees", seen=True)])
    link(runtime, copy, origin)
    with runtime.db.reading() as tx:
        assert tx.scalars(select(LearnerRow.placement_id)).all() == [origin.placement_id]

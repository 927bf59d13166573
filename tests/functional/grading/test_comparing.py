"""What the LMS's gradebook shows is compared with what was sent, and the teacher decides."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from lti_tool.demo.model import Grade
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti import comparing
from lti_tool.lti.comparing import compare_old
from lti_tool.lti.messages import CompareResults
from lti_tool.lti.models import Link
from lti_tool.lti.outbox import overrule
from lti_tool.lti.results import RESULT_SCOPE
from lti_tool.lti.score_models import Drift, ScoreRow
from tests.factories.grading import ITEM_REF
from tests.functional.grading.test_passback_to_lms import (
    Way,
    both,
    campus,
    plugins,
    registration_id,
    served,
    teachers_page,
    tool,
    way,
)

__all__ = ["campus", "plugins", "registration_id", "served", "teachers_page", "tool", "way"]


@both
def test_what_a_teacher_changed_in_the_lms_is_shown_and_left_alone(way: Way, teachers_page: Callable[..., str]) -> None:
    way.submit(points=3)
    way.work()
    way.campus.override_grade("ada", way.activity, 7)
    teachers_page("compare")
    way.work()

    page = teachers_page()
    assert "The gradebook shows 7 of 8: changed there?" in page
    assert "3 of 4 were sent." in page
    way.later(7200)
    assert way.final() == 7, "nothing is overwritten by itself"


def test_teacher_may_have_it_replaced(way: Way, teachers_page: Callable[..., str]) -> None:
    way.submit(points=3)
    way.work()
    way.campus.override_grade("ada", way.activity, 7)
    teachers_page("compare")
    way.work()
    teachers_page("submissions/1/send-again")
    way.work()
    assert way.outbox().drift is None
    assert len(way.taken()) == 2


@pytest.mark.parametrize("campus", ["canvas"], indirect=True)
def test_replacing_replaces_where_the_lms_lets_the_tool_decide(way: Way, teachers_page: Callable[..., str]) -> None:
    test_teacher_may_have_it_replaced(way, teachers_page)
    assert way.final() == 6
    way.campus.override_grade("ada", way.activity, 5)
    way.submit(points=4)
    way.work()
    assert way.final() == 5, "the next grade is an ordinary one again"


@both
def test_same_grade_on_another_scale_is_no_difference(way: Way, runtime: Runtime) -> None:
    way.submit(points=3)
    way.work()
    compare_old(runtime)
    way.work()
    row = way.outbox()
    assert (row.drift, row.lms_points, row.lms_maximum) == (None, 6, 8)
    assert row.compared_at is not None
    compare_old(runtime)
    with runtime.db.reading() as tx:
        assert len([job for job in jobs.list_jobs(tx) if job.message == CompareResults.name]) == 1, "once a day"


@both
def test_deleted_column_is_noticed(way: Way, runtime: Runtime, teachers_page: Callable[..., str]) -> None:
    way.submit(points=3)
    way.work()
    (item,) = way.campus.line_items(way.activity)
    way.campus.campus.store.delete_line_item(item.id)
    compare_old(runtime)
    way.work()
    assert way.outbox().drift is Drift.NO_COLUMN


def send_and_lose(way: Way) -> None:
    """A score that the LMS took and has no more."""
    way.submit(points=3)
    way.work()
    grade = way.campus.grade("ada", way.activity)
    assert grade is not None
    way.campus.campus.store.save_grade(type(grade)(grade.line_item_id, grade.person_id, None))


@both
def test_missing_grade_is_noticed(way: Way, runtime: Runtime) -> None:
    send_and_lose(way)
    compare_old(runtime)
    way.work()
    assert way.outbox().drift is Drift.MISSING


def test_score_that_was_sent_after_the_reading_began_is_not_called_missing(way: Way, runtime: Runtime) -> None:
    send_and_lose(way)
    with runtime.db.transaction() as tx:
        tx.scalars(select(ScoreRow)).one().changed_at = clock.now() + timedelta(minutes=1)
    compare_old(runtime)
    way.work()
    assert (way.outbox().drift, way.outbox().compared_at) == (None, None)


def test_score_that_the_lms_shows_as_it_was_sent_is_not_replaced(way: Way, runtime: Runtime) -> None:
    way.submit(points=3)
    way.work()
    before = way.outbox()
    with runtime.db.transaction() as tx:
        assert overrule(tx, [before.id]) == 0
    assert way.outbox().version == before.version


def page_by_one(way: Way) -> None:
    """The column has grades of two others, and the LMS tells one a page: the learner's is on the third."""
    (item,) = way.campus.line_items(way.activity)
    for username in ("tess", "amir"):
        person = way.campus.campus.store.find_person(username)
        assert person is not None
        way.campus.campus.store.save_grade(Grade(item.id, person.id, 1))
    way.campus.campus.results_page = 1


@both
def test_results_are_read_to_the_last_page(way: Way, runtime: Runtime) -> None:
    way.submit(points=3)
    way.work()
    page_by_one(way)
    way.campus.override_grade("ada", way.activity, 7)
    compare_old(runtime)
    way.work()
    assert (way.outbox().drift, way.outbox().lms_points) == (Drift.OTHER, 7)
    assert way.campus.hits("results") == 3


@both
def test_results_that_go_on_at_another_address_are_not_read(way: Way, runtime: Runtime) -> None:
    way.submit(points=3)
    way.work()
    page_by_one(way)
    way.campus.set_fault("results", "foreign_next", times=1)
    compare_old(runtime)
    way.work()
    assert way.campus.hits("results") == 1
    assert (way.outbox().compared_at, way.outbox().drift) == (None, None), "half a list says nothing of who is missing"
    compare_old(runtime)
    way.work()
    assert way.outbox().compared_at is not None, "it is asked again, and then the list is whole"


def test_platform_that_does_not_answer_is_asked_later(way: Way, runtime: Runtime) -> None:
    way.submit(points=3)
    way.work()
    way.campus.set_fault("results", "status", value=503, times=1)
    compare_old(runtime)
    way.work()
    assert way.outbox().compared_at is None
    way.later(3600)
    assert way.outbox().compared_at is not None


@both
def test_column_that_cannot_be_read_holds_up_no_other(
    way: Way, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = way.campus.add_activity("Quiz 1 again", custom={"coursebridge_item": ITEM_REF}, points=8)
    way.launcher.launch("ada", again)
    way.submit(points=3)
    way.work()
    monkeypatch.setattr(comparing, "LINKS_AT_ONCE", 1)
    way.campus.set_fault("results", "status", value=403)
    for _ in range(4):
        clock.advance(60)
        compare_old(runtime)
        way.work()
    with runtime.db.reading() as tx:
        asked = [job.payload["link_id"] for job in jobs.list_jobs(tx) if job.message == CompareResults.name]
    assert sorted(asked) == sorted([*set(asked)] * 2) and len(set(asked)) == 2, "by turns"


def test_column_whose_results_may_not_be_read_is_not_asked_for(way: Way, runtime: Runtime) -> None:
    way.submit(points=3)
    way.work()
    with runtime.db.transaction() as tx:
        link = tx.scalars(select(Link)).one()
        link.scopes = [scope for scope in link.scopes if scope != RESULT_SCOPE]
    compare_old(runtime)
    with runtime.db.reading() as tx:
        assert [job for job in jobs.list_jobs(tx) if job.message == CompareResults.name] == []

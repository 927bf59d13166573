"""Marking: what is recorded, in which order, and what happens when things break."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, update

from grading.engine.model import Marking
from grading.marking import mark_again
from grading.messages import Autograde, SyncMarks
from grading.models import SubmissionRow, SubmissionState
from grading.results import find_result_row
from grading.sync import reconcile
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.errors import Conflict
from lti_tool.kernel.jobs import JobRow, JobState
from lti_tool.kernel.runtime import Runtime
from tests.factories.grading import (
    NAME,
    Someone,
    get_submission,
    make_context,
    make_person,
    placement_at,
    submit,
    work,
)
from tests.fakes.engine import FakeCourse, open_fake_course
from tests.fakes.lms import FakeLms


def result_of(runtime: Runtime, who: Someone) -> tuple[Decimal, int] | None:
    """(points, number of the attempt) that count."""
    with runtime.db.reading() as tx:
        result = find_result_row(tx, 1, who.submitter)
        return None if result is None else (result.points, tx.get_one(SubmissionRow, result.submission_id).number)


def work_until_given_up(runtime: Runtime) -> None:
    """Long enough for every try that marking has."""
    with clock.frozen(clock.now()):
        for _ in range(12):
            work(runtime)
            clock.advance(2000)


def test_marked_submission_has_marks_feedback_and_counts(runtime: Runtime, learner: Someone) -> None:
    submission_id = submit(runtime, learner, points=3)
    work(runtime)

    row = get_submission(runtime, submission_id)
    assert (row.state, row.points, row.max_points) == (SubmissionState.GRADED, Decimal(3), Decimal(4))
    assert row.marks is not None
    assert row.marks["questions"][0]["points"] == "3"
    assert row.feedback is not None
    assert result_of(runtime, learner) == (Decimal(3), 1)


def test_latest_attempt_counts_even_if_it_is_worse(runtime: Runtime, learner: Someone, lms: FakeLms) -> None:
    submit(runtime, learner, points=4)
    work(runtime)
    submit(runtime, learner, points=1)
    work(runtime)

    assert result_of(runtime, learner) == (Decimal(1), 2)
    assert [each.given for each in lms.posted] == [4, 1]


@pytest.mark.parametrize("outcome", ["timed_out", "out_of_memory", "too_much_output", "kernel_died"])
def test_stopped_notebook_is_marked_with_a_warning_and_its_grade_is_sent(
    runtime: Runtime, learner: Someone, lms: FakeLms, outcome: str
) -> None:
    submission_id = submit(runtime, learner, outcome=outcome, points=1)
    work(runtime)

    row = get_submission(runtime, submission_id)
    assert (row.state, row.points, row.outcome) == (SubmissionState.GRADED, Decimal(1), outcome)
    assert row.text == f"It ended: {outcome}."
    assert row.feedback
    assert result_of(runtime, learner) == (Decimal(1), 1)
    assert [each.given for each in lms.posted] == [1]


def test_notebook_that_cannot_be_marked_is_a_readable_state_without_a_grade(
    runtime: Runtime, learner: Someone, lms: FakeLms, engine: FakeCourse
) -> None:
    submission_id = submit(runtime, learner, outcome="not_a_notebook")
    work(runtime)
    reconcile(open_fake_course, runtime)
    work(runtime)

    row = get_submission(runtime, submission_id)
    assert (row.state, row.points, row.marks) == (SubmissionState.FAILED, None, None)
    assert row.text == "It ended: not_a_notebook."
    assert engine.list_totals(NAME) == {}
    assert result_of(runtime, learner) is None
    assert lms.posted == []


def test_attempt_that_cannot_be_marked_leaves_the_earlier_result(
    runtime: Runtime, learner: Someone, lms: FakeLms, engine: FakeCourse
) -> None:
    submit(runtime, learner, points=3)
    work(runtime)
    submit(runtime, learner, outcome="not_a_notebook")
    work(runtime)
    reconcile(open_fake_course, runtime)
    work(runtime)

    assert engine.attempt_held(NAME, learner.hub_name) == 1
    assert result_of(runtime, learner) == (Decimal(3), 1)
    assert len(lms.posted) == 1


def test_attempts_are_marked_in_order_whichever_job_comes_first(
    runtime: Runtime, learner: Someone, engine: FakeCourse
) -> None:
    first, second = submit(runtime, learner, points=1), submit(runtime, learner, points=2)
    job_ids = [get_submission(runtime, each).job_id for each in (second, first)]
    for job_id in job_ids:
        assert job_id is not None
        jobs.run_job(runtime, runtime.db.router, job_id)
    work(runtime)

    assert [line.split()[-1] for line in engine.marked()] == ["1", "2"]
    assert engine.attempt_held(NAME, learner.hub_name) == 2
    assert result_of(runtime, learner) == (Decimal(2), 2)


def test_two_attempts_of_one_learner_are_never_marked_at_once(runtime: Runtime, learner: Someone) -> None:
    first, second = submit(runtime, learner, points=1), submit(runtime, learner, points=2)
    with runtime.db.transaction() as tx:
        tx.get_one(SubmissionRow, first).state = SubmissionState.RUNNING
    job_id = get_submission(runtime, second).job_id
    assert job_id is not None
    jobs.run_job(runtime, runtime.db.router, job_id)

    assert get_submission(runtime, second).state is SubmissionState.QUEUED


def test_older_attempt_cannot_be_marked_again_over_a_newer_one(runtime: Runtime, learner: Someone) -> None:
    first = submit(runtime, learner, outcome="not_a_notebook")
    submit(runtime, learner, points=2)
    work(runtime)

    with runtime.db.transaction() as tx, pytest.raises(Conflict):
        mark_again(tx, tx.get_one(SubmissionRow, first))


def test_job_delivered_twice_marks_once(runtime: Runtime, learner: Someone, engine: FakeCourse, lms: FakeLms) -> None:
    submission_id = submit(runtime, learner, points=3)
    with runtime.db.transaction() as tx:
        jobs.enqueue(tx, Autograde(submission_id))
    work(runtime)

    assert len(engine.marked()) == 1
    assert len(lms.posted) == 1


def test_broken_machine_is_tried_again_and_given_up_readably(
    runtime: Runtime, learner: Someone, engine: FakeCourse
) -> None:
    submission_id = submit(runtime, learner, broken=True)
    work_until_given_up(runtime)

    row = get_submission(runtime, submission_id)
    assert row.state is SubmissionState.FAILED
    assert "problem on our side" in (row.text or "")
    assert "the machine is broken" in (row.teacher_text or "")
    assert len(engine.marked()) == 8


def test_dead_job_that_is_run_again_marks_the_submission(
    runtime: Runtime, learner: Someone, lms: FakeLms, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **more: object) -> Marking:
        raise RuntimeError("the machine is broken")

    with monkeypatch.context() as patched:
        patched.setattr(FakeCourse, "mark", broken)
        submission_id = submit(runtime, learner, points=3)
        work_until_given_up(runtime)
    with runtime.db.transaction() as tx:
        (dead,) = jobs.list_jobs(tx, JobState.DEAD)
        jobs.retry(tx, dead.id)
    work(runtime)

    assert get_submission(runtime, submission_id).state is SubmissionState.GRADED
    assert [each.given for each in lms.posted] == [3]


def test_next_attempt_is_marked_after_one_was_given_up(runtime: Runtime, learner: Someone) -> None:
    submit(runtime, learner, broken=True)
    second = submit(runtime, learner, points=2)
    work_until_given_up(runtime)

    assert get_submission(runtime, second).state is SubmissionState.GRADED


def test_mark_again_after_failure(runtime: Runtime, learner: Someone) -> None:
    submission_id = submit(runtime, learner, outcome="not_a_notebook")
    work(runtime)
    with runtime.db.transaction() as tx:
        mark_again(tx, tx.get_one(SubmissionRow, submission_id))

    assert get_submission(runtime, submission_id).state is SubmissionState.QUEUED
    work(runtime)
    assert get_submission(runtime, submission_id).state is SubmissionState.FAILED


def test_marks_stay_when_marking_again_is_given_up(
    runtime: Runtime, learner: Someone, lms: FakeLms, engine: FakeCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **more: object) -> Marking:
        raise RuntimeError("the machine is broken")

    submission_id = submit(runtime, learner, outcome="timed_out", points=1)
    work(runtime)
    with runtime.db.transaction() as tx:
        mark_again(tx, tx.get_one(SubmissionRow, submission_id))
    monkeypatch.setattr(FakeCourse, "mark", broken)
    work_until_given_up(runtime)

    row = get_submission(runtime, submission_id)
    assert (row.state, row.points, row.outcome) == (SubmissionState.GRADED, Decimal(1), "timed_out")
    assert "the machine is broken" in (row.teacher_text or "")
    assert result_of(runtime, learner) == (Decimal(1), 1)
    assert len(lms.posted) == 1


def test_attempt_given_up_after_its_marks_were_stored_gets_them_all_the_same(
    runtime: Runtime, learner: Someone, lms: FakeLms, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> dict[str, bytes]:
        raise RuntimeError("no feedback today")

    submit(runtime, learner, points=1)
    work(runtime)
    with monkeypatch.context() as patched:
        patched.setattr(FakeCourse, "render_feedback", broken)
        second = submit(runtime, learner, points=4)
        work_until_given_up(runtime)
    assert get_submission(runtime, second).state is SubmissionState.FAILED

    reconcile(open_fake_course, runtime)
    work(runtime)

    assert get_submission(runtime, second).state is SubmissionState.GRADED
    assert get_submission(runtime, second).text is None
    assert result_of(runtime, learner) == (Decimal(4), 2)
    assert [each.given for each in lms.posted] == [1, 4]


def test_worker_that_wakes_up_late_does_not_bring_back_an_older_attempt(
    runtime: Runtime, learner: Someone, engine: FakeCourse, lms: FakeLms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease has lapsed meanwhile, and others have marked this attempt and the next one."""
    mark = FakeCourse.mark

    def slow(self: FakeCourse, *args: Any, **more: Any) -> Marking:
        monkeypatch.setattr(FakeCourse, "mark", mark)
        with runtime.db.transaction() as tx:
            tx.execute(update(JobRow).values(lease_until=clock.now() - timedelta(seconds=1)))
        submit(runtime, learner, points=4)
        work(runtime)
        return mark(self, *args, **more)

    monkeypatch.setattr(FakeCourse, "mark", slow)
    submit(runtime, learner, points=1)
    work(runtime)

    assert engine.attempt_held(NAME, learner.hub_name) == 2
    assert result_of(runtime, learner) == (Decimal(4), 2)
    assert [each.given for each in lms.posted] == [4]
    with runtime.db.reading() as tx:
        assert set(tx.scalars(select(JobRow.state))) == {JobState.DONE}


def test_manual_mark_reaches_result_and_lms(
    runtime: Runtime, learner: Someone, engine: FakeCourse, lms: FakeLms
) -> None:
    submission_id = submit(runtime, learner, points=2, manual=True)
    work(runtime)
    assert get_submission(runtime, submission_id).state is SubmissionState.NEEDS_MANUAL
    assert lms.posted == []

    engine.mark_by_hand(NAME, learner.hub_name, "1.5")
    with runtime.db.transaction() as tx:
        jobs.enqueue(tx, SyncMarks(learner.place.placement_id, NAME, learner.hub_name))
    work(runtime)

    assert get_submission(runtime, submission_id).state is SubmissionState.GRADED
    assert result_of(runtime, learner) == (Decimal("3.5"), 1)
    assert [each.given for each in lms.posted] == [Decimal("3.5")]


def test_lost_notice_of_a_manual_mark_is_made_up_for(
    runtime: Runtime, learner: Someone, engine: FakeCourse, lms: FakeLms
) -> None:
    submit(runtime, learner, points=2, manual=True)
    work(runtime)
    engine.mark_by_hand(NAME, learner.hub_name, "2")

    reconcile(open_fake_course, runtime)
    work(runtime)
    reconcile(open_fake_course, runtime)

    assert result_of(runtime, learner) == (Decimal(4), 1)
    assert len(lms.posted) == 1
    with runtime.db.reading() as tx:
        assert jobs.due_ids(tx) == []


def test_damaged_gradebook_keeps_no_other_from_being_compared(
    runtime: Runtime, learner: Someone, engine: FakeCourse
) -> None:
    """Graders of one LMS course may spoil their own gradebook, and nobody else's marks."""
    with runtime.db.transaction() as tx:
        elsewhere = make_person(tx, make_context(tx, learner.place))
    for who in (learner, elsewhere):
        submit(runtime, who, points=2, manual=True)
        work(runtime)
    (engine.folder / "gradebook.json").write_text("spoilt")
    open_fake_course(runtime.settings, placement_at(runtime, elsewhere.place)).mark_by_hand(
        NAME, elsewhere.hub_name, "2"
    )
    reconcile(open_fake_course, runtime)
    work(runtime)

    assert result_of(runtime, learner) == (Decimal(2), 1)
    assert result_of(runtime, elsewhere) == (Decimal(4), 1)


def test_marks_are_not_taken_over_while_a_newer_attempt_waits(
    runtime: Runtime, learner: Someone, engine: FakeCourse
) -> None:
    first = submit(runtime, learner, points=2, manual=True)
    work(runtime)
    engine.mark_by_hand(NAME, learner.hub_name, "2")
    submit(runtime, learner, points=1)
    with runtime.db.transaction() as tx:
        sync = jobs.enqueue(tx, SyncMarks(learner.place.placement_id, NAME, learner.hub_name))
    jobs.run_job(runtime, runtime.db.router, sync)

    assert get_submission(runtime, first).state is SubmissionState.NEEDS_MANUAL


def test_mark_by_hand_goes_to_the_attempt_that_the_gradebook_holds(
    runtime: Runtime, learner: Someone, engine: FakeCourse, lms: FakeLms
) -> None:
    first = submit(runtime, learner, points=1, manual=True)
    second = submit(runtime, learner, outcome="not_a_notebook")
    work(runtime)
    engine.mark_by_hand(NAME, learner.hub_name, "2")
    with runtime.db.transaction() as tx:
        jobs.enqueue(tx, SyncMarks(learner.place.placement_id, NAME, learner.hub_name))
    work(runtime)

    assert get_submission(runtime, first).state is SubmissionState.GRADED
    assert get_submission(runtime, second).state is SubmissionState.FAILED
    assert [each.given for each in lms.posted] == [3]


def test_mark_by_hand_on_a_stopped_notebook_keeps_the_warning(
    runtime: Runtime, learner: Someone, engine: FakeCourse, lms: FakeLms
) -> None:
    submission_id = submit(runtime, learner, outcome="timed_out", points=1)
    work(runtime)
    engine.mark_by_hand(NAME, learner.hub_name, "2")
    reconcile(open_fake_course, runtime)
    work(runtime)

    row = get_submission(runtime, submission_id)
    assert (row.points, row.text) == (Decimal(3), "It ended: timed_out.")
    assert [each.given for each in lms.posted] == [1, 3]

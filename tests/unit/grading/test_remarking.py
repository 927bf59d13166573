"""Marking many attempts again: nothing changes before it is applied, and then each changes once."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select

from grading.assignments import get_assignment
from grading.extensions import Grant, grant_extension
from grading.holding import decide
from grading.messages import RemarkAttempts
from grading.models import Counts, Decision, ResultRow, SubmissionRow, SubmissionState
from grading.personal_data import erase_personal_data, export_personal_data
from grading.remarking import (
    Which,
    apply_run,
    count_states,
    drop_run,
    find_open,
    get_run,
    list_markable,
    repeat_run,
    resume_run,
    start_run,
)
from grading.remarking_rows import AgainState, RemarkedRow, RemarkRow, RunState
from grading.results import find_result_row, settle_result
from grading.sync import reconcile
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.audit import OPERATOR, list_acts
from lti_tool.kernel.errors import Conflict, NotFound, Unacceptable
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.personal_data import erase_personal_data as erase_scores
from tests.factories.grading import (
    NAME,
    SLUG,
    Place,
    Someone,
    get_submission,
    make_person,
    publish,
    submit,
    work,
    work_without_failures,
)
from tests.fakes.engine import FakeCourse, open_fake_course
from tests.fakes.lms import FakeLms


def begin(runtime: Runtime, *people: Someone, which: Which = Which.NEWEST) -> int:
    """Start a run over attempts of these people."""
    placement_id = people[0].place.placement_id
    with runtime.db.transaction() as tx:
        assignment = get_assignment(tx, SLUG, NAME)
        attempts = list_markable(tx, placement_id, assignment.id, [who.user_id for who in people], which)
        return start_run(tx, placement_id, assignment, attempts, OPERATOR)


def apply(runtime: Runtime, run_id: int, picked: list[int] | None = None) -> int:
    with runtime.db.transaction() as tx:
        run, assignment = tx.get_one(RemarkRow, run_id), get_assignment(tx, SLUG, NAME)
        return apply_run(tx, run, assignment, picked, OPERATOR)


def rows_of(runtime: Runtime, run_id: int) -> list[RemarkedRow]:
    with runtime.db.reading() as tx:
        return list(tx.scalars(select(RemarkedRow).where(RemarkedRow.remark_id == run_id).order_by(RemarkedRow.id)))


def state_of(runtime: Runtime, run_id: int) -> RunState:
    with runtime.db.reading() as tx:
        return tx.get_one(RemarkRow, run_id).state


def result_of(runtime: Runtime, who: Someone) -> tuple[Decimal, int] | None:
    """(points that count, version)"""
    with runtime.db.reading() as tx:
        result = find_result_row(tx, 1, who.submitter)
        return None if result is None else (result.points, result.version)


def test_a_preview_changes_nothing_and_says_what_would(
    runtime: Runtime, learner: Someone, engine: FakeCourse, lms: FakeLms
) -> None:
    submission_id = submit(runtime, learner, points=2)
    work(runtime)
    engine.release(1)
    run_id = begin(runtime, learner)
    work(runtime)

    (row,) = rows_of(runtime, run_id)
    assert (row.state, row.old_points, row.points, row.max_points) == (AgainState.MARKED, 2, 3, 4)
    assert row.cells == [{"label": "Question 1", "old": "2", "new": "3", "max": "4", "look": False}]
    assert state_of(runtime, run_id) is RunState.READY
    assert get_submission(runtime, submission_id).points == 2
    assert engine.read_marks(NAME, learner.hub_name).total == 2
    assert (result_of(runtime, learner), [each.given for each in lms.posted]) == ((Decimal(2), 1), [2])


def test_applying_replaces_marks_and_feedback_and_sends_what_changed(
    runtime: Runtime, learner: Someone, other: Someone, engine: FakeCourse, lms: FakeLms
) -> None:
    better, same = submit(runtime, learner, points=2), submit(runtime, other, points=4)
    work(runtime)
    before = get_submission(runtime, better)
    engine.release(1)
    run_id = begin(runtime, learner, other)
    work(runtime)
    assert apply(runtime, run_id) == 2
    work(runtime)
    reconcile(open_fake_course, runtime)
    work(runtime)

    after = get_submission(runtime, better)
    assert (after.points, after.state, after.number) == (3, SubmissionState.GRADED, 1)
    assert after.feedback != before.feedback
    assert (result_of(runtime, learner), result_of(runtime, other)) == ((Decimal(3), 2), (Decimal(4), 1))
    assert sorted(each.given or 0 for each in lms.posted) == [2, 3, 4]
    assert get_submission(runtime, same).points == 4
    assert state_of(runtime, run_id) is RunState.APPLIED
    with runtime.db.reading() as tx:
        assert tx.scalars(select(RemarkedRow.executed)).all() == [None, None]
        assert [act.action for act in list_acts(tx, action="remark.")] == ["remark.apply", "remark.start"]


def test_some_are_applied_and_the_rest_is_dropped(
    runtime: Runtime, learner: Someone, other: Someone, engine: FakeCourse
) -> None:
    submit(runtime, learner, points=2), submit(runtime, other, points=1)
    work(runtime)
    engine.release(1)
    run_id = begin(runtime, learner, other)
    work(runtime)
    mine = next(row.id for row in rows_of(runtime, run_id) if row.user_id == learner.user_id)
    apply(runtime, run_id, [mine])
    work(runtime)
    assert state_of(runtime, run_id) is RunState.READY
    with runtime.db.transaction() as tx:
        drop_run(tx, tx.get_one(RemarkRow, run_id), get_assignment(tx, SLUG, NAME), OPERATOR)

    assert (result_of(runtime, learner), result_of(runtime, other)) == ((Decimal(3), 2), (Decimal(1), 1))
    assert state_of(runtime, run_id) is RunState.APPLIED
    assert {row.state for row in rows_of(runtime, run_id)} == {AgainState.APPLIED, AgainState.LEFT}


def test_dropping_while_it_is_marked_leaves_everything(runtime: Runtime, learner: Someone, engine: FakeCourse) -> None:
    submit(runtime, learner, points=2)
    work(runtime)
    engine.release(1)
    run_id = begin(runtime, learner)
    with runtime.db.transaction() as tx:
        drop_run(tx, tx.get_one(RemarkRow, run_id), get_assignment(tx, SLUG, NAME), OPERATOR)
    work(runtime)

    assert state_of(runtime, run_id) is RunState.DROPPED
    assert [row.state for row in rows_of(runtime, run_id)] == [AgainState.LEFT]
    assert (result_of(runtime, learner), engine.executed()) == ((Decimal(2), 1), 0)


def test_marks_by_hand_are_kept_also_those_given_after_the_preview(
    runtime: Runtime, learner: Someone, engine: FakeCourse
) -> None:
    submission_id = submit(runtime, learner, points=1, manual=True)
    work(runtime)
    engine.release(1)
    run_id = begin(runtime, learner)
    work(runtime)
    engine.mark_by_hand(NAME, learner.hub_name, "2")
    apply(runtime, run_id)
    work(runtime)
    reconcile(open_fake_course, runtime)
    work(runtime)

    row = get_submission(runtime, submission_id)
    assert (row.points, row.state) == (4, SubmissionState.GRADED)
    assert (result_of(runtime, learner) or (0, 0))[0] == 4


def test_an_earlier_attempt_that_may_count_gets_its_marks_too_and_keeps_those_by_hand(
    runtime: Runtime, learner: Someone, engine: FakeCourse, lms: FakeLms
) -> None:
    with runtime.db.transaction() as tx:
        publish(tx, counts=Counts.BEST)
    first = submit(runtime, learner, points=1, manual=True)
    work(runtime)
    engine.mark_by_hand(NAME, learner.hub_name, "2")
    reconcile(open_fake_course, runtime)
    work(runtime)
    second = submit(runtime, learner, points=0)
    work(runtime)
    assert result_of(runtime, learner) == (Decimal(3), 2)
    engine.release(1)
    run_id = begin(runtime, learner, which=Which.ALL)
    work(runtime)
    apply(runtime, run_id)
    work(runtime)
    reconcile(open_fake_course, runtime)
    work(runtime)

    assert [get_submission(runtime, number).points for number in (first, second)] == [4, 1]
    assert engine.attempt_held(NAME, learner.hub_name) == 2
    assert result_of(runtime, learner) == (Decimal(4), 3)
    assert [each.given for each in lms.posted][-1] == 4


def test_lateness_and_extensions_of_now_weigh_the_new_points(
    runtime: Runtime, learner: Someone, other: Someone, engine: FakeCourse
) -> None:
    with clock.frozen(clock.now()):
        with runtime.db.transaction() as tx:
            publish(tx, due_at=clock.now() - timedelta(hours=1), late_per_day=50)
        submit(runtime, learner, points=1), submit(runtime, other, points=1)
        work(runtime)
        engine.release(1)
        run_id = begin(runtime, learner, other)
        work(runtime)
        with runtime.db.transaction() as tx:
            more = Grant(clock.now() + timedelta(days=1), None, 0, "Ill.")
            grant_extension(tx, get_assignment(tx, SLUG, NAME), other.submitter, more, OPERATOR)
        apply(runtime, run_id)
        work(runtime)

    assert [result[0] for who in (learner, other) if (result := result_of(runtime, who))] == [1, 2]


def test_an_attempt_that_came_in_meanwhile_is_the_newest_and_stays(
    runtime: Runtime, learner: Someone, engine: FakeCourse
) -> None:
    first = submit(runtime, learner, points=1)
    work(runtime)
    engine.release(1)
    run_id = begin(runtime, learner)
    work(runtime)
    second = submit(runtime, learner, points=0)
    work(runtime)
    apply(runtime, run_id)
    work(runtime)
    reconcile(open_fake_course, runtime)
    work(runtime)

    assert [get_submission(runtime, number).points for number in (first, second)] == [2, 1]
    assert engine.attempt_held(NAME, learner.hub_name) == 2
    assert result_of(runtime, learner) == (Decimal(1), 2)


def test_an_attempt_in_line_for_marking_is_left_to_that(runtime: Runtime, learner: Someone, engine: FakeCourse) -> None:
    submit(runtime, learner, points=1)
    work(runtime)
    engine.release(1)
    run_id = begin(runtime, learner)
    work(runtime)
    with runtime.db.transaction() as tx:
        tx.scalars(select(SubmissionRow)).one().state = SubmissionState.RUNNING
    apply(runtime, run_id)
    work(runtime)

    (row,) = rows_of(runtime, run_id)
    assert (row.state, "in line" in (row.why or "")) == (AgainState.STALE, True)
    assert engine.read_marks(NAME, learner.hub_name).total == 1
    assert state_of(runtime, run_id) is RunState.READY


def test_a_release_meanwhile_makes_the_preview_stale_and_it_is_marked_once_more(
    runtime: Runtime, learner: Someone, engine: FakeCourse
) -> None:
    submit(runtime, learner, points=1)
    work(runtime)
    engine.release(1)
    run_id = begin(runtime, learner)
    work(runtime)
    engine.release(2)
    apply(runtime, run_id)
    work(runtime)

    assert [row.state for row in rows_of(runtime, run_id)] == [AgainState.STALE]
    assert result_of(runtime, learner) == (Decimal(1), 1)
    with runtime.db.transaction() as tx:
        repeat_run(tx, tx.get_one(RemarkRow, run_id))
    work(runtime)
    apply(runtime, run_id)
    work(runtime)
    assert result_of(runtime, learner) == (Decimal(3), 2)


def test_an_attempt_that_tests_of_now_hold_is_held_when_applied_and_a_decision_stays(
    runtime: Runtime, learner: Someone, engine: FakeCourse
) -> None:
    submission_id = submit(runtime, learner, points=2, suspicion="Odd.")
    work(runtime)
    with runtime.db.transaction() as tx:  # marked before tests were looked at
        tx.get_one(SubmissionRow, submission_id).suspicion = None
        settle_result(tx, 1, learner.submitter)
    engine.release(1)
    first = begin(runtime, learner)
    work(runtime)
    assert [row.suspicion for row in rows_of(runtime, first)] == ["Odd."]
    apply(runtime, first)
    work(runtime)
    held = get_submission(runtime, submission_id)
    assert (held.is_held, held.points, result_of(runtime, learner)) == (True, 3, (Decimal(2), 1))

    with runtime.db.transaction() as tx:
        quiz, row = get_assignment(tx, SLUG, NAME), tx.get_one(SubmissionRow, submission_id)
        decide(tx, quiz, row, Decision.ACCEPTED, OPERATOR)
        settle_result(tx, 1, learner.submitter)
    engine.release(2)
    second = begin(runtime, learner)
    work(runtime)
    apply(runtime, second)
    work(runtime)
    assert (get_submission(runtime, submission_id).is_held, result_of(runtime, learner)) == (False, (Decimal(4), 3))


def test_a_run_waits_for_the_packages_of_the_quiz(runtime: Runtime, learner: Someone, engine: FakeCourse) -> None:
    submit(runtime, learner, points=1)
    work(runtime)
    with clock.frozen(clock.now()):
        with runtime.db.transaction() as tx:
            get_assignment(tx, SLUG, NAME).kernel = "there-is-none"
        run_id = begin(runtime, learner)
        work(runtime)
        assert (engine.executed(), state_of(runtime, run_id)) == (0, RunState.MARKING)
        with runtime.db.transaction() as tx:
            get_assignment(tx, SLUG, NAME).kernel = ""
        clock.advance(3600)
        work(runtime)
    assert (engine.executed(), state_of(runtime, run_id)) == (1, RunState.READY)


def test_fresh_submissions_are_marked_first_but_not_for_ever(
    runtime: Runtime, place: Place, learner: Someone, other: Someone, engine: FakeCourse
) -> None:
    submit(runtime, learner, points=1), submit(runtime, other, points=1)
    work(runtime)
    with clock.frozen(clock.now()):
        run_id = begin(runtime, learner, other)
        with runtime.db.reading() as tx:
            (job_id,) = jobs.due_ids(tx)
        with runtime.db.transaction() as tx:
            late = make_person(tx, place, "Late")
        submit(runtime, late, points=1)
        jobs.run_job(runtime, runtime.db.router, job_id)
        assert engine.executed() == 0
        clock.advance(31)
        jobs.run_job(runtime, runtime.db.router, job_id)
        assert engine.executed() == 1
        with runtime.db.reading() as tx:
            _fresh, following = jobs.due_ids(tx)
        jobs.run_job(runtime, runtime.db.router, following)
        assert (engine.executed(), state_of(runtime, run_id)) == (1, RunState.MARKING)
        clock.advance(31)
        work(runtime)
    assert (engine.executed(), state_of(runtime, run_id)) == (2, RunState.READY)


def test_an_attempt_that_breaks_the_machine_is_left_out_and_the_others_go_on(
    runtime: Runtime, learner: Someone, other: Someone, engine: FakeCourse
) -> None:
    with clock.frozen(clock.now()):
        bad = submit(runtime, learner, broken=True)
        submit(runtime, other, points=1)
        for _ in range(12):
            work(runtime)
            clock.advance(1000)
        run_id = begin(runtime, learner, other)
        for _ in range(12):
            work(runtime)
            clock.advance(1000)

    first, second = rows_of(runtime, run_id)
    assert (first.submission_id, first.state, second.state) == (bad, AgainState.FAILED, AgainState.MARKED)
    assert "several times" in (first.why or "")
    assert state_of(runtime, run_id) is RunState.READY


def test_a_broken_machine_stops_the_run_and_it_can_be_resumed(
    runtime: Runtime, place: Place, engine: FakeCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with runtime.db.transaction() as tx:
        people = [make_person(tx, place, f"L{number}") for number in range(3)]
    for who in people:
        submit(runtime, who, points=1)
    work(runtime)

    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("no sandbox")

    with clock.frozen(clock.now()), monkeypatch.context() as patched:
        patched.setattr(FakeCourse, "execute", fail)
        run_id = begin(runtime, *people)
        for _ in range(12):
            work(runtime)
            clock.advance(1000)
    with runtime.db.transaction() as tx:
        run = get_run(tx, place.placement_id, 1, run_id)
        assert (run.state, "no sandbox" in (run.stopped or "")) == (RunState.MARKING, True)
        resume_run(tx, run)
        resume_run(tx, run)  # a second click
    work(runtime)

    assert {row.state for row in rows_of(runtime, run_id)} == {AgainState.MARKED}
    assert state_of(runtime, run_id) is RunState.READY


def test_erased_people_are_gone_from_runs_whatever_their_state(
    runtime: Runtime, learner: Someone, other: Someone, engine: FakeCourse
) -> None:
    submit(runtime, learner, points=1), submit(runtime, other, points=1)
    work(runtime)
    engine.release(1)
    run_id = begin(runtime, learner, other)
    work(runtime)
    with runtime.db.transaction() as tx:
        (said,) = export_personal_data(tx, learner.user_id)["marked_again"]
        assert (said["old_points"], said["points"]) == ("1", "2")
        erase_personal_data(tx, learner.user_id)
        erase_scores(tx, learner.user_id)
    apply(runtime, run_id)
    work(runtime)

    assert [row.user_id for row in rows_of(runtime, run_id)] == [other.user_id]
    assert result_of(runtime, other) == (Decimal(2), 2)


def test_a_person_erased_while_their_attempt_is_marked_does_not_hold_up_the_run(
    runtime: Runtime, learner: Someone, other: Someone, engine: FakeCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(runtime, learner, points=1), submit(runtime, other, points=1)
    work(runtime)
    execute = FakeCourse.execute

    def erase_first(*args: Any, **kwargs: Any) -> Any:
        with runtime.db.transaction() as tx:
            erase_personal_data(tx, learner.user_id)
            erase_scores(tx, learner.user_id)
        return execute(*args, **kwargs)

    monkeypatch.setattr(FakeCourse, "execute", erase_first)
    run_id = begin(runtime, learner, other)
    work(runtime)

    assert [(row.user_id, row.state) for row in rows_of(runtime, run_id)] == [(other.user_id, AgainState.MARKED)]
    assert state_of(runtime, run_id) is RunState.READY


def test_one_run_of_a_quiz_at_a_time_and_none_over_nothing(runtime: Runtime, learner: Someone, place: Place) -> None:
    with pytest.raises(Unacceptable):
        begin(runtime, learner)
    submit(runtime, learner, points=1)
    work(runtime)
    run_id = begin(runtime, learner)
    with pytest.raises(Conflict):
        begin(runtime, learner)
    work(runtime)
    with runtime.db.transaction() as tx:
        assert find_open(tx, place.placement_id, 1) is not None
        with pytest.raises(NotFound):
            get_run(tx, place.placement_id + 1, 1, run_id)
        with pytest.raises(Unacceptable):
            apply_run(tx, tx.get_one(RemarkRow, run_id), get_assignment(tx, SLUG, NAME), [0], OPERATOR)


class Killed(BaseException):
    """The worker is gone at this moment: nothing after it is run."""


@contextmanager
def dying(chance: random.Random, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One in five points that re-marking reaches is the worker's last."""

    def reach(point: str) -> None:
        if point.startswith("remark.") and chance.random() < 0.2:
            raise Killed(point)

    with monkeypatch.context() as patched:
        for module in ("grading.remarking_work", "grading.remarking_applying"):
            patched.setattr(f"{module}.reach", reach)
        yield


def work_through_deaths(runtime: Runtime) -> None:
    """As a fleet of workers would: leases of the dead run out, and the next one goes on."""
    for _ in range(400):
        try:
            work(runtime)
        except Killed:
            clock.advance(runtime.settings.jobs.lease_s + 1)
            continue
        with runtime.db.reading() as tx:
            waits = tx.scalar(select(func.count()).where(jobs.JobRow.state.in_(["queued", "running"])))
        if not waits:
            return
        clock.advance(60)
    raise AssertionError("There is always more to do.")


@pytest.mark.parametrize("seed", range(6))
def test_killed_again_and_again_it_ends_as_if_nothing_had_happened(
    runtime: Runtime,
    place: Place,
    engine: FakeCourse,
    lms: FakeLms,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
) -> None:
    """Every attempt has what marking it now gives, and each change of a result is sent once at most."""
    chance = random.Random(seed)
    counts = list(Counts)[seed % 3]
    monkeypatch.setattr("grading.remarking_work.MOST_TRIES", 100)
    with clock.frozen(clock.now()):
        with runtime.db.transaction() as tx:
            publish(tx, counts=counts)
            people = [make_person(tx, place, f"L{number}") for number in range(4)]
        attempts: dict[int, tuple[Someone, int]] = {}
        for who in people:
            for _ in range(chance.randint(1, 2)):
                points = chance.randint(0, 4)
                attempts[submit(runtime, who, points=points)] = who, points
                work(runtime)
        versions = {who.user_id: result_of(runtime, who) for who in people}
        sent = len(lms.posted)
        engine.release(1)
        with dying(chance, monkeypatch):
            run_id = begin(runtime, *people, which=Which.ALL)
            work_through_deaths(runtime)
            apply(runtime, run_id)
            work_through_deaths(runtime)
        reconcile(open_fake_course, runtime)
        work(runtime)

    with runtime.db.reading() as tx:
        assert count_states(tx, run_id) == {AgainState.APPLIED: len(attempts)}
        assert tx.scalar(select(func.count()).select_from(ResultRow)) == len(people)
    assert {number: get_submission(runtime, number).points for number in attempts} == {
        number: min(points + 1, 4) for number, (_who, points) in attempts.items()
    }
    for who in people:
        own = sorted((number, points) for number, (owner, points) in attempts.items() if owner == who)
        scores = [Decimal(min(points + 1, 4)) for _number, points in own]
        old, new = versions[who.user_id], result_of(runtime, who)
        assert old and new
        assert new[0] == {Counts.FIRST: scores[0], Counts.LAST: scores[-1], Counts.BEST: max(scores)}[counts]
        assert int(old[0] != new[0]) <= new[1] - old[1] <= len(own)
        mine = [each.given for each in lms.posted[sent:] if each.user_id == who.user_id]
        assert int(old[0] != new[0]) <= len(mine) <= new[1] - old[1]
        last = lms.last(place.link_id, who.user_id)
        assert last is not None
        assert last.given == new[0]


def test_the_job_of_a_run_that_is_gone_ends_quietly(
    runtime: Runtime, learner: Someone, caplog: pytest.LogCaptureFixture
) -> None:
    with runtime.db.transaction() as tx:
        jobs.enqueue(tx, RemarkAttempts(99))
    work_without_failures(runtime, caplog)

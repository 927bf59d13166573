"""The job table: leases, retries, and one effect per job whatever dies."""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest
from sqlalchemy import delete, text, update

from lti_tool.contract import Plugin
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.errors import Conflict, ExternalError, NotFound
from lti_tool.kernel.jobs import JobRow, JobRun, JobState
from lti_tool.kernel.messages import Event, Handler, Job, Router
from lti_tool.kernel.once import UsedOnce, use_once
from lti_tool.kernel.runtime import Runtime

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Ring(Job):
    name: ClassVar[str] = "test.ring"
    bell: str


@dataclass(frozen=True)
class BellRung(Event):
    name: ClassVar[str] = "test.bell_rung"
    bell: str


class Belfry:
    """Handlers whose behaviour a test sets."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.dead: list[str] = []
        self.act = lambda run, message: None

    def ring(self, run: JobRun, message: Ring) -> None:
        self.heard.append(message.bell)
        self.act(run, message)

    def give_up(self, tx: object, message: Ring, error: str) -> None:
        self.dead.append(f"{message.bell}: {error}")


@pytest.fixture
def belfry() -> Belfry:
    return Belfry()


@pytest.fixture
def plugins(belfry: Belfry) -> list[Plugin]:
    handlers = (
        Handler("test.ring", Ring, belfry.ring, queue="grade", max_attempts=3, on_dead=belfry.give_up),
        Handler("test.first", BellRung, lambda run, message: belfry.heard.append("first")),
        Handler("test.second", BellRung, lambda run, message: belfry.heard.append("second")),
    )
    return [Plugin(name="test", summary="For tests", handlers=handlers)]


def enqueue(runtime: Runtime, bell: str = "tenor") -> int:
    with runtime.db.transaction() as tx:
        return jobs.enqueue(tx, Ring(bell))


def run(runtime: Runtime, job_id: int) -> bool:
    return jobs.run_job(runtime, runtime.db.router, job_id)


def state_of(runtime: Runtime, job_id: int) -> JobRow:
    with runtime.db.reading() as tx:
        return tx.get_one(JobRow, job_id)


def test_a_job_runs_once_and_is_done(runtime: Runtime, belfry: Belfry) -> None:
    job_id = enqueue(runtime)
    assert run(runtime, job_id)
    assert not run(runtime, job_id)
    assert belfry.heard == ["tenor"]
    assert state_of(runtime, job_id).state is JobState.DONE


def test_a_rolled_back_transaction_leaves_no_job_and_no_hint(runtime: Runtime) -> None:
    hints: list[str] = []
    runtime.db.router.publish = hints.append
    with pytest.raises(RuntimeError), runtime.db.transaction() as tx:
        jobs.enqueue(tx, Ring("tenor"))
        raise RuntimeError
    with runtime.db.reading() as tx:
        assert jobs.list_jobs(tx) == []
    assert hints == []


def test_a_committed_job_is_hinted_to_its_queue(runtime: Runtime) -> None:
    hints: list[str] = []
    runtime.db.router.publish = hints.append
    enqueue(runtime)
    assert hints == ["grade"]


def test_each_handler_of_an_event_has_its_own_job(runtime: Runtime, belfry: Belfry) -> None:
    with runtime.db.transaction() as tx:
        jobs.emit(tx, BellRung("tenor"))
    with runtime.db.reading() as tx:
        due = jobs.due_ids(tx)
    for job_id in due:
        run(runtime, job_id)
    assert sorted(belfry.heard) == ["first", "second"]


def test_a_job_that_is_put_back_has_used_up_no_attempt(runtime: Runtime, belfry: Belfry) -> None:
    def wait(run: JobRun, message: Ring) -> None:
        with runtime.db.transaction() as tx:
            run.postpone(tx, clock.now() + timedelta(hours=1), "It is night.")

    belfry.act = wait
    with clock.frozen(NOON):
        job_id = enqueue(runtime)
        for _ in range(10):
            assert run(runtime, job_id)
            assert not run(runtime, job_id), "not before its time"
            clock.advance(3600)
        row = state_of(runtime, job_id)
        assert (row.state, row.attempts, row.error) == (JobState.QUEUED, 0, "It is night.")
        belfry.act = lambda run, message: None
        assert run(runtime, job_id)
    assert state_of(runtime, job_id).state is JobState.DONE
    assert belfry.dead == []


def test_what_each_attempt_said_is_kept_also_when_it_is_run_again(runtime: Runtime, belfry: Belfry) -> None:
    def fail(run: JobRun, message: Ring) -> None:
        raise ValueError(f"crack {run.attempt} " + "x" * 3000)

    belfry.act = fail
    with clock.frozen(NOON):
        job_id = enqueue(runtime)
        for _ in range(3):
            assert run(runtime, job_id)
            clock.advance(3600)
        assert state_of(runtime, job_id).state is JobState.DEAD
        with runtime.db.transaction() as tx:
            jobs.retry(tx, job_id)
        assert run(runtime, job_id)
        belfry.act = lambda run, message: None
        clock.advance(3600)
        assert run(runtime, job_id)
    row = state_of(runtime, job_id)
    assert (row.state, row.error) == (JobState.DONE, None)
    failures = row.failures or []
    assert [each["text"][:19] for each in failures] == [f"ValueError: crack {n}" for n in (1, 2, 3, 1)]
    assert [each["attempt"] for each in failures] == [1, 2, 3, 1]
    assert failures[1]["at"] == (NOON + timedelta(hours=1)).isoformat()
    assert max(len(each["text"]) for each in failures) == 2000


def test_of_many_failed_attempts_the_newest_are_kept(runtime: Runtime, belfry: Belfry) -> None:
    def fail(run: JobRun, message: Ring) -> None:
        raise ValueError("cracked")

    belfry.act = fail
    with clock.frozen(NOON):
        job_id = enqueue(runtime)
        for _ in range(10):
            for _ in range(3):
                run(runtime, job_id)
                clock.advance(3600)
            with runtime.db.transaction() as tx:
                jobs.retry(tx, job_id)
        failures = state_of(runtime, job_id).failures or []
    assert len(failures) == 20
    assert failures[-1]["at"] == (NOON + timedelta(hours=29)).isoformat()


def test_a_failing_job_comes_again_later_and_dies_at_last(runtime: Runtime, belfry: Belfry) -> None:
    def fail(run: JobRun, message: Ring) -> None:
        raise ValueError("cracked")

    belfry.act = fail
    with clock.frozen(NOON):
        job_id = enqueue(runtime)
        for _attempt in range(3):
            assert run(runtime, job_id)
            assert not run(runtime, job_id)  # not due yet, or dead
            clock.advance(3600)
    row = state_of(runtime, job_id)
    assert row.state is JobState.DEAD
    assert row.attempts == 3
    assert belfry.dead == ["tenor: ValueError: cracked"]


def test_an_error_that_cannot_pass_is_not_tried_again(runtime: Runtime, belfry: Belfry) -> None:
    def refuse(run: JobRun, message: Ring) -> None:
        raise ExternalError("refused", "The bell is gone.", retryable=False)

    belfry.act = refuse
    job_id = enqueue(runtime)
    run(runtime, job_id)
    assert state_of(runtime, job_id).state is JobState.DEAD


def test_the_other_side_decides_when_to_come_again(runtime: Runtime, belfry: Belfry) -> None:
    def busy(run: JobRun, message: Ring) -> None:
        raise ExternalError("busy", "Later.", retryable=True, retry_after_s=120)

    belfry.act = busy
    with clock.frozen(NOON):
        job_id = enqueue(runtime)
        run(runtime, job_id)
        clock.advance(119)
        assert not run(runtime, job_id)
        clock.advance(1)
        assert run(runtime, job_id)


def test_a_dead_job_can_be_run_again_by_hand(runtime: Runtime, belfry: Belfry) -> None:
    def refuse(run: JobRun, message: Ring) -> None:
        raise ExternalError("refused", "The bell is gone.", retryable=False)

    belfry.act = refuse
    job_id = enqueue(runtime)
    run(runtime, job_id)
    belfry.act = lambda run, message: None
    with runtime.db.transaction() as tx:
        jobs.retry(tx, job_id)
    assert run(runtime, job_id)
    assert state_of(runtime, job_id).state is JobState.DONE
    with pytest.raises(Conflict), runtime.db.transaction() as tx:
        jobs.retry(tx, job_id)
    with pytest.raises(NotFound), runtime.db.transaction() as tx:
        jobs.retry(tx, 999)


def test_a_silent_worker_loses_the_job_and_cannot_commit_its_effect(runtime: Runtime, belfry: Belfry) -> None:
    """The first worker stalls beyond its lease; a second does the work; the first wakes up and must not do it again."""
    effects: list[str] = []

    def stall_then_finish(job_run: JobRun, message: Ring) -> None:
        if job_run.attempt == 1:
            with runtime.db.transaction() as tx:  # as if the lease had run out long ago
                tx.execute(update(JobRow).values(lease_until=clock.now().replace(year=2020)))
            assert run(runtime, job_run.job_id)  # the second worker
        with runtime.db.transaction() as tx:
            use_once(tx, "effect", str(job_run.attempt), clock.now())
            job_run.finish(tx)
        effects.append(str(job_run.attempt))

    belfry.act = stall_then_finish
    job_id = enqueue(runtime)
    run(runtime, job_id)
    assert effects == ["2"]
    with runtime.db.reading() as tx:
        assert tx.query(UsedOnce).count() == 1
    assert state_of(runtime, job_id).state is JobState.DONE


def test_the_lease_is_renewed_while_the_work_lasts(runtime: Runtime, belfry: Belfry) -> None:
    runtime.settings.jobs.lease_s = 2
    taken: list[bool] = []

    def outlast_the_lease(job_run: JobRun, message: Ring) -> None:
        threading.Event().wait(3)
        taken.append(run(runtime, job_run.job_id))

    belfry.act = outlast_the_lease
    run(runtime, enqueue(runtime))
    assert taken == [False]


def test_the_lease_is_renewed_after_the_database_was_away_for_a_moment(runtime: Runtime, belfry: Belfry) -> None:
    runtime.settings.jobs.lease_s = 3
    taken: list[bool] = []

    def rename(old: str, new: str) -> None:
        with runtime.db.transaction() as tx:
            tx.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))

    def outlast_the_lease(job_run: JobRun, message: Ring) -> None:
        rename("kernel_job", "away")
        threading.Event().wait(1.5)
        rename("away", "kernel_job")
        threading.Event().wait(2.5)
        taken.append(run(runtime, job_run.job_id))

    belfry.act = outlast_the_lease
    run(runtime, enqueue(runtime))
    assert taken == [False]


def test_many_workers_and_one_job_make_one_effect(runtime: Runtime, belfry: Belfry) -> None:
    job_id = enqueue(runtime)
    ready = threading.Barrier(8)
    won: list[bool] = []

    def work() -> None:
        ready.wait()
        won.append(run(runtime, job_id))

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(won) == [False] * 7 + [True]
    assert belfry.heard == ["tenor"]


def test_sweep_hints_again_what_the_broker_lost(runtime: Runtime) -> None:
    hints: list[str] = []
    with clock.frozen(NOON):
        enqueue(runtime)
        runtime.db.router.publish = hints.append
        jobs.sweep(runtime, runtime.db.router)
        assert hints == []  # hinted when it was committed
        clock.advance(61)
        jobs.sweep(runtime, runtime.db.router)
        assert hints == ["grade"]
        jobs.sweep(runtime, runtime.db.router)
        assert hints == ["grade"]  # once in the life of a lease


def test_sweep_hints_a_job_whose_worker_died(runtime: Runtime) -> None:
    hints: list[str] = []
    with clock.frozen(NOON):
        enqueue(runtime)
        with runtime.db.transaction() as tx:
            long_ago = NOON.replace(year=2025)
            tx.execute(update(JobRow).values(state=JobState.RUNNING, lease="dead", lease_until=long_ago))
        runtime.db.router.publish = hints.append
        jobs.sweep(runtime, runtime.db.router)
        assert hints == ["grade"]
        assert jobs.run_next(runtime, runtime.db.router, "grade")


def test_a_job_of_a_plugin_that_is_gone_dies_with_a_reason(runtime: Runtime) -> None:
    job_id = enqueue(runtime)
    jobs.run_job(runtime, Router([]), job_id)
    row = state_of(runtime, job_id)
    assert row.state is JobState.DEAD
    assert "test.ring" in str(row.error)


def test_two_handlers_of_one_job_are_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="exactly one"):
        Router([Handler("a", Ring, print), Handler("b", Ring, print)])


def test_jobs_that_were_done_long_ago_go_and_dead_ones_stay(runtime: Runtime, belfry: Belfry) -> None:
    """Otherwise the table, and with it every query for work, grows for ever."""
    runtime.settings.jobs.keep_done_days = 30
    with clock.frozen(NOON), runtime.db.transaction() as tx:
        old, dead, waiting, fresh = [jobs.enqueue(tx, Ring(bell)) for bell in ("old", "dead", "waiting", "fresh")]
    for job_id, state, day in ((old, JobState.DONE, 1), (dead, JobState.DEAD, 1), (fresh, JobState.DONE, 2)):
        with runtime.db.transaction() as tx:
            done_at = NOON.replace(day=day)
            tx.execute(update(JobRow).where(JobRow.id == job_id).values(state=state, finished_at=done_at))
    with clock.frozen(NOON.replace(day=31) + timedelta(hours=1)):
        assert jobs.forget_done(runtime) == 1
    with runtime.db.reading() as tx:
        assert {row.id for row in jobs.list_jobs(tx)} == {dead, waiting, fresh}


def test_number_of_a_job_is_never_given_again(runtime: Runtime) -> None:
    with clock.frozen(NOON), runtime.db.transaction() as tx:
        first = jobs.enqueue(tx, Ring("first"))
        tx.execute(delete(JobRow))
    with runtime.db.transaction() as tx:
        assert jobs.enqueue(tx, Ring("second")) > first


def test_many_finished_jobs_go_in_portions(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "FORGET_AT_ONCE", 3)
    with clock.frozen(NOON), runtime.db.transaction() as tx:
        for number in range(8):
            jobs.enqueue(tx, Ring(str(number)))
        tx.execute(update(JobRow).values(state=JobState.DONE, finished_at=NOON))
    with clock.frozen(NOON + timedelta(days=31)):
        assert jobs.forget_done(runtime) == 8

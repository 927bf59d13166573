"""The job table: durable background work with leases.

The table is the truth and the broker only carries hints (docs/adr/0002). A job is claimed by an atomic update that
writes a lease; a thread renews it while the handler runs; a worker that dies lets it lapse and `sweep` hands the job to
another. `JobRun.finish(tx)` closes the job in the same transaction as its effect, and fails when the lease has
passed to somebody else, so that an effect is not committed twice.
"""

import logging
import random
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from lti_tool.kernel import clock, line
from lti_tool.kernel.audit import OPERATOR, Actor, record
from lti_tool.kernel.db import Tx, affect, after_commit
from lti_tool.kernel.errors import Conflict, ExternalError, NotFound
from lti_tool.kernel.job_rows import JobRow, JobState, count_jobs, find_job, list_jobs, with_failure
from lti_tool.kernel.messages import Event, Handler, Job, Message, Router, new_message_id, restore, router_of
from lti_tool.kernel.recurring import take_over
from lti_tool.kernel.runtime import Runtime

__all__ = [
    "JobRow",
    "JobRun",
    "JobState",
    "LeaseLost",
    "Retry",
    "bring_all_forward",
    "bring_forward",
    "count_jobs",
    "due_ids",
    "emit",
    "enqueue",
    "find_job",
    "find_oldest_due",
    "find_waiting",
    "forget_done",
    "list_jobs",
    "retry",
    "retry_all",
    "run_job",
    "run_next",
    "sweep",
]

log = logging.getLogger(__name__)

FORGET_AT_ONCE = 500
AUDITED_ERROR = 500
"""Characters of an error that the audit log keeps."""


class Retry(Exception):
    """Raised by a handler: do it again later. `after_s` in seconds; None: back off."""

    def __init__(self, why: str, after_s: float | None = None) -> None:
        """`why` is kept in the job row."""
        super().__init__(why)
        self.after_s = after_s


class LeaseLost(Exception):
    """Another worker has taken the job over; whatever this one was about to commit must not be committed."""


class JobRun:
    """What a handler gets: the runtime, the row's identity, and the way to finish together with the effect."""

    def __init__(self, runtime: Runtime, job_id: int, lease: str, attempt: int) -> None:
        """`attempt` counts from 1."""
        self.runtime = runtime
        self.job_id = job_id
        self.attempt = attempt
        self.finished = False
        """Is it done, or put back for later?"""
        self._lease = lease
        self._began = time.monotonic()

    def hold(self, tx: Tx) -> None:
        """Make sure that the job is still ours until the transaction ends. Raises: LeaseLost."""
        mine = and_(JobRow.id == self.job_id, JobRow.lease == self._lease)
        until = clock.now() + timedelta(seconds=self.runtime.settings.jobs.lease_s)
        if affect(tx, update(JobRow).where(mine).values(lease_until=until)) != 1:
            raise LeaseLost(self.job_id)

    def postpone(self, tx: Tx, due_at: datetime, why: str) -> None:
        """Put the job back until then, without counting this as an attempt: nothing was tried. Raises: LeaseLost."""
        _close(tx, self.job_id, self._lease, state=JobState.QUEUED, error=why, due_at=due_at)
        tx.execute(update(JobRow).where(JobRow.id == self.job_id).values(attempts=JobRow.attempts - 1))
        self.finished = True

    def finish(self, tx: Tx) -> None:
        """Mark the job done in the transaction that holds its effect. Raises: LeaseLost."""
        took_ms = round((time.monotonic() - self._began) * 1000)
        _close(tx, self.job_id, self._lease, state=JobState.DONE, error=None, took_ms=took_ms)
        self.finished = True


def enqueue(tx: Tx, job: Job, *, due_at: datetime | None = None, lane: str = "") -> int:
    """Put a job on the table in the caller's transaction; returns its id. `due_at` is UTC, default now.

    `lane`: whose work it is. The lanes of a queue take turns; within one, who comes first is served first.
    """
    (handler,) = router_of(tx).handlers_of(type(job))
    return _insert(tx, job, handler, new_message_id(), due_at or clock.now(), lane)


def find_waiting(tx: Tx, message: type[Job], field: str, number: int) -> JobRow | None:
    """The next job that waits to be run with this number in its payload; it is not begun before the transaction ends.

    So a row written in the transaction is seen by that job, and no other one needs to be enqueued for it.
    """
    (handler,) = router_of(tx).handlers_of(message)
    waits = and_(JobRow.queue == handler.queue, JobRow.state == JobState.QUEUED, JobRow.handler == handler.name)
    query = select(JobRow).where(waits, JobRow.payload[field].as_integer() == number)
    query = query.order_by(JobRow.due_at, JobRow.id).limit(1).with_for_update(read=True)
    return tx.scalar(query.execution_options(populate_existing=True))


def bring_all_forward(tx: Tx, message: type[Job], field: str, number: int) -> None:
    """Have every job that waits with this number in its payload run now."""
    (handler,) = router_of(tx).handlers_of(message)
    waits = (JobRow.queue == handler.queue, JobRow.state == JobState.QUEUED, JobRow.handler == handler.name)
    later = select(JobRow.id).where(*waits, JobRow.payload[field].as_integer() == number, JobRow.due_at > clock.now())
    for job_id in tx.scalars(later.order_by(JobRow.id)).all():
        bring_forward(tx, job_id, clock.now())


def bring_forward(tx: Tx, job_id: int, due_at: datetime) -> None:
    """Have a job that waits run at this moment already."""
    later = and_(JobRow.id == job_id, JobRow.state == JobState.QUEUED, JobRow.due_at > due_at)
    if affect(tx, update(JobRow).where(later).values(due_at=due_at)) == 1 and due_at <= clock.now():
        _line_up(tx, tx.get_one(JobRow, job_id, populate_existing=True), returns=True)


def emit(tx: Tx, event: Event) -> None:
    """State a fact in the caller's transaction: each of its handlers gets its own job row."""
    message_id = new_message_id()
    for handler in router_of(tx).handlers_of(type(event)):
        _insert(tx, event, handler, message_id, clock.now())


def run_next(runtime: Runtime, router: Router, queue: str) -> bool:
    """Claim and run the job of a queue whose turn it is. False when none waits."""
    claimed = _claim_next(runtime, router, queue)
    if claimed is not None:
        _run(runtime, router, *claimed)
    return claimed is not None


def run_job(runtime: Runtime, router: Router, job_id: int) -> bool:
    """Claim and run one job. False when there was nothing to do: done, not due, or held by somebody else."""
    with runtime.db.transaction() as tx:
        claimed = _claim(runtime, tx, job_id)
    if claimed is not None:
        _run(runtime, router, *claimed)
    return claimed is not None


def _run(runtime: Runtime, router: Router, row: JobRow, lease: str) -> None:
    handler = router.by_name.get(row.handler)
    if handler is None:
        _give_up(runtime, row, lease, None, f"No plugin offers the handler {row.handler} any more.")
        return
    run = JobRun(runtime, row.id, lease, row.attempts)
    message = restore(handler.message, row.payload)
    try:
        with _renewing(runtime, row.id, lease):
            handler.run(run, message)
        if not run.finished:
            with runtime.db.transaction() as tx:
                run.finish(tx)
    except LeaseLost:
        log.warning("job_lease_lost", extra={"job": row.id, "handler": row.handler})
    except Exception as error:
        _after_failure(runtime, row, lease, handler, message, error)


def sweep(runtime: Runtime, router: Router, limit: int = 500) -> int:
    """Line up the jobs that have become due, and hint what was forgotten; returns the number of hints.

    A hint counts as lost after the life of a lease, so that a lost broker delays no job longer than a lost worker.
    """
    with runtime.db.transaction() as tx:
        waiting = (JobRow.state == JobState.QUEUED, JobRow.turn.is_(None), JobRow.finished_at.is_(None))
        due = select(JobRow).where(*waiting, JobRow.due_at <= clock.now())
        rows = tx.scalars(due.order_by(JobRow.due_at).limit(limit)).all()
        hints = sum(_line_up(tx, row, returns=True) for row in rows)
    for queue in router.queues:
        number = _count_lost(runtime, queue)
        for _ in range(number):
            router.publish(queue)
        hints += number
    return hints


def _count_lost(runtime: Runtime, queue: str) -> int:
    """How many hints of a queue have to be given again: for jobs whose worker went silent, and in place of lost ones.

    The latter once in the life of a lease: most that wait so long wait only for their turn.
    """
    lease_s = runtime.settings.jobs.lease_s
    with runtime.db.reading() as tx:
        silent = line.count_silent(tx, queue)
        unheard = line.count_unheard(tx, queue, clock.now() - timedelta(seconds=lease_s))
    return silent + (unheard if unheard and take_over(runtime, f"kernel.hints.{queue}", lease_s) else 0)


def due_ids(tx: Tx, limit: int = 100) -> list[int]:
    """Ids of the jobs that could be claimed now, oldest first."""
    return list(tx.scalars(select(JobRow.id).where(_claimable(clock.now())).order_by(JobRow.id).limit(limit)))


def retry(tx: Tx, job_id: int, by: Actor = OPERATOR) -> None:
    """Run a dead job again, with all its attempts. Raises: NotFound, Conflict when it is not dead."""
    row = tx.get(JobRow, job_id)
    if row is None:
        raise NotFound("job_not_found", f"There is no job {job_id}. The list of jobs has those that are kept.")
    if row.state is not JobState.DEAD:
        raise Conflict("job_not_dead", f"Job {job_id} is {row.state}; only a dead job can be run again.")
    record(
        tx,
        by,
        "job.retry",
        f"job {row.id} ({row.handler})",
        before={"state": row.state.value, "attempts": row.attempts, "error": (row.error or "")[:AUDITED_ERROR]},
        after={"state": JobState.QUEUED.value},
    )
    row.state, row.attempts, row.due_at, row.finished_at = JobState.QUEUED, 0, clock.now(), None
    _line_up(tx, row, returns=True)


def retry_all(tx: Tx, handler: str, by: Actor = OPERATOR, *, limit: int = FORGET_AT_ONCE) -> int:
    """Run the dead jobs of one handler again, oldest first, at most `limit`; returns how many."""
    dead = select(JobRow.id).where(JobRow.state == JobState.DEAD, JobRow.handler == handler).order_by(JobRow.id)
    ids = list(tx.scalars(dead.limit(limit).with_for_update()))
    for job_id in ids:
        retry(tx, job_id, by)
    return len(ids)


def find_oldest_due(tx: Tx) -> datetime | None:
    """Since when the job that waits longest could have been begun; None: nothing waits."""
    return tx.scalar(select(func.min(JobRow.due_at)).where(_claimable(clock.now())))


def forget_done(runtime: Runtime) -> int:
    """Delete the jobs that were finished longer ago than `jobs.keep_done_days`; returns how many. Dead ones stay."""
    old = clock.now() - timedelta(days=runtime.settings.jobs.keep_done_days)
    past = select(JobRow.id).where(JobRow.state == JobState.DONE, JobRow.finished_at < old).order_by(JobRow.id)
    total = 0
    while True:  # in portions, so that no other writer waits long
        with runtime.db.transaction() as tx:
            ids = list(tx.scalars(past.limit(FORGET_AT_ONCE)))
            if ids:
                total += affect(tx, delete(JobRow).where(JobRow.id.in_(ids)))
        if len(ids) < FORGET_AT_ONCE:
            return total


def _insert(tx: Tx, message: Message, handler: Handler, message_id: str, due_at: datetime, lane: str = "") -> int:
    row = JobRow(
        handler=handler.name,
        message=message.name,
        message_id=message_id,
        payload=message.payload(),
        queue=handler.queue,
        lane=lane,
        due_at=due_at,
        created_at=clock.now(),
    )
    if due_at <= clock.now():
        _line_up(tx, row, returns=False)
    tx.add(row)
    tx.flush()
    return row.id


def _line_up(tx: Tx, row: JobRow, *, returns: bool) -> bool:
    """Give a job its turn; True when it is hinted after the commit."""
    router, queue = router_of(tx), row.queue
    needs_hint = line.join(tx, row, returns=returns)
    if needs_hint:
        after_commit(tx, lambda: router.publish(queue))
    return needs_hint


def _claimable(moment: datetime) -> ColumnElement[bool]:
    waiting = and_(JobRow.state == JobState.QUEUED, JobRow.due_at <= moment)
    return or_(waiting, and_(JobRow.state == JobState.RUNNING, JobRow.lease_until < moment))


def _claim_next(runtime: Runtime, router: Router, queue: str) -> tuple[JobRow, str] | None:
    with runtime.db.transaction() as tx:
        while ids := line.list_next(tx, queue):
            for job_id in ids:  # others want the same: whoever is first has it
                claimed = _claim(runtime, tx, job_id)
                if claimed is not None:
                    if line.is_long(tx, queue):
                        after_commit(tx, lambda: router.publish(queue))
                    return claimed
        return None


def _claim(runtime: Runtime, tx: Tx, job_id: int) -> tuple[JobRow, str] | None:
    lease, moment = uuid.uuid4().hex, clock.now()
    until = moment + timedelta(seconds=runtime.settings.jobs.lease_s)
    values = {"state": JobState.RUNNING, "lease": lease, "lease_until": until, "attempts": JobRow.attempts + 1}
    if affect(tx, update(JobRow).where(JobRow.id == job_id, _claimable(moment)).values(values)) != 1:
        return None
    row = tx.get_one(JobRow, job_id)
    tx.expunge(row)
    return row, lease


@contextmanager
def _renewing(runtime: Runtime, job_id: int, lease: str) -> Iterator[None]:
    """Renew the lease every third of its life while the body runs."""
    stop, every = threading.Event(), runtime.settings.jobs.lease_s / 3

    def renew() -> None:
        while not stop.wait(every):
            until = clock.now() + timedelta(seconds=runtime.settings.jobs.lease_s)
            with suppress(SQLAlchemyError), runtime.db.transaction() as tx:  # it may only be away for a moment
                tx.execute(update(JobRow).where(JobRow.id == job_id, JobRow.lease == lease).values(lease_until=until))

    thread = threading.Thread(target=renew, name=f"lease-{job_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _close(
    tx: Tx,
    job_id: int,
    lease: str,
    *,
    state: JobState,
    error: str | None,
    due_at: datetime | None = None,
    failed: JobRow | None = None,
    took_ms: int | None = None,
) -> None:
    values: dict[str, Any] = {"state": state, "lease": None, "lease_until": None, "error": error}
    values |= {"turn": None, "took_ms": took_ms}
    values |= {"failures": with_failure(failed, error or "")} if failed is not None else {}
    values |= {"finished_at": clock.now()} if due_at is None else {"due_at": due_at, "hinted_at": None}
    mine = and_(JobRow.id == job_id, JobRow.lease == lease)
    if affect(tx, update(JobRow).where(mine).values(values)) != 1:
        raise LeaseLost(job_id)


def _after_failure(
    runtime: Runtime, row: JobRow, lease: str, handler: Handler, message: Message, error: Exception
) -> None:
    final = isinstance(error, ExternalError) and not error.retryable
    text = f"{type(error).__name__}: {error}"
    if final or row.attempts >= handler.max_attempts:
        log.error("job_dead", extra={"job": row.id, "handler": row.handler}, exc_info=error)
        _give_up(runtime, row, lease, (handler, message), text)
        return
    log.warning("job_retry", extra={"job": row.id, "handler": row.handler, "attempt": row.attempts}, exc_info=error)
    due_at = clock.now() + timedelta(seconds=_delay_s(row.attempts, error))
    try:
        with runtime.db.transaction() as tx:
            _close(tx, row.id, lease, state=JobState.QUEUED, error=text, due_at=due_at, failed=row)
    except LeaseLost:
        log.warning("job_lease_lost", extra={"job": row.id, "handler": row.handler})


def _delay_s(attempts: int, error: Exception) -> float:
    """What was asked for, or 2, 4, 8 … 900 s with a jitter of a quarter."""
    asked = (
        error.after_s if isinstance(error, Retry) else error.retry_after_s if isinstance(error, ExternalError) else None
    )
    backoff: float = min(2.0**attempts, 900.0) * random.uniform(0.75, 1.25)
    return backoff if asked is None else asked


def _give_up(runtime: Runtime, row: JobRow, lease: str, handled: tuple[Handler, Message] | None, text: str) -> None:
    try:
        with runtime.db.transaction() as tx:
            _close(tx, row.id, lease, state=JobState.DEAD, error=text, failed=row)
            if handled and handled[0].on_dead:
                handled[0].on_dead(tx, handled[1], text)
    except LeaseLost:
        log.warning("job_lease_lost", extra={"job": row.id, "handler": row.handler})

"""Sending percentages to the LMS from the outbox: newest wins, one sender at a time, nothing forgotten.

The same way as grading's outbox, with less to say: a percentage is no submission, so that nothing has to be announced
once, and a score that arrives twice does no harm.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import or_, update

from lti_tool.kernel import clock, jobs
from lti_tool.kernel.db import Tx, affect
from lti_tool.kernel.errors import AppError, ExternalError
from lti_tool.kernel.jobs import JobRun
from lti_tool.lti import public as lti
from plugins.progress.messages import SendProgress
from plugins.progress.models import OutboxRow, SendState

SendScore = Callable[..., lti.Sent]
"""`lti.send_score`: (runtime, link id, user id, score, after=…)."""


@dataclass(frozen=True)
class Order:
    """What is to be sent now."""

    outbox_id: int
    link_id: int
    user_id: int
    version: int
    after: datetime | None
    score: lti.Score


def send_progress(send_score: SendScore, run: JobRun, message: SendProgress) -> None:
    """Handle `SendProgress`."""
    runtime = run.runtime
    with runtime.db.transaction() as tx:
        order = _claim(tx, message.outbox_id, run.job_id)
        if order is None:
            run.finish(tx)
            return
    try:
        sent = send_score(runtime, order.link_id, order.user_id, order.score, after=order.after)
    except AppError as error:
        retryable = isinstance(error, ExternalError) and error.retryable
        with runtime.db.transaction() as tx:
            _record_refusal(tx, order, error.message, retryable=retryable)
            if not retryable:
                run.finish(tx)
        if retryable:
            raise
        return
    with runtime.db.transaction() as tx:
        run.finish(tx)
        _record_sent(tx, order, sent)


def give_up_sending(tx: Tx, message: SendProgress, error: str) -> None:
    """After the last try: say so where the teacher looks."""
    row = _lock(tx, message.outbox_id)
    if row is not None and row.sent_version < row.version:
        row.sending_job, row.state = None, SendState.REFUSED
        row.text = row.text or f"The LMS could not be reached for a long time. ({error})"


def _claim(tx: Tx, outbox_id: int, job_id: int) -> Order | None:
    """Become the one sender of a row. None: nothing to send, or another one is at it and will look again when done."""
    mine = or_(OutboxRow.sending_job.is_(None), OutboxRow.sending_job == job_id)
    wanted = (OutboxRow.id == outbox_id, OutboxRow.sent_version < OutboxRow.version)
    if affect(tx, update(OutboxRow).where(*wanted, mine).values(sending_job=job_id)) != 1:
        return None
    row = tx.get_one(OutboxRow, outbox_id, populate_existing=True)
    lti.wait_for_platform(tx, row.link_id)
    return Order(row.id, row.link_id, row.user_id, row.version, row.last_timestamp, _score(row))


def _score(row: OutboxRow) -> lti.Score:
    return lti.Score(
        given=Decimal(row.percent),
        maximum=Decimal(100),
        activity_progress="Completed" if row.done_at else "InProgress",
        grading_progress="FullyGraded",
        submitted_at=row.done_at,
        comment="",
        new_submission=False,
    )


def _record_sent(tx: Tx, order: Order, sent: lti.Sent) -> None:
    row = _lock(tx, order.outbox_id)
    if row is None:  # erased meanwhile
        return
    row.sending_job, row.sent_version, row.changed_at = None, order.version, clock.now()
    row.last_timestamp = sent.timestamp or row.last_timestamp
    if row.version > order.version:
        jobs.enqueue(tx, SendProgress(row.id))
    else:
        row.state = SendState.NOT_WANTED if sent.skipped_reason else SendState.SENT
        row.text = sent.skipped_reason


def _record_refusal(tx: Tx, order: Order, text: str, *, retryable: bool) -> None:
    row = _lock(tx, order.outbox_id)
    if row is None:
        return
    row.sending_job, row.text, row.changed_at = None, text, clock.now()
    row.state = SendState.PENDING if retryable else SendState.REFUSED
    if not retryable and row.version > order.version:
        row.state = SendState.PENDING
        jobs.enqueue(tx, SendProgress(row.id))  # what was refused is not what is wanted any more


def _lock(tx: Tx, outbox_id: int) -> OutboxRow | None:
    return tx.get(OutboxRow, outbox_id, with_for_update=True, populate_existing=True)

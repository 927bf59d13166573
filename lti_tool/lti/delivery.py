"""Delivering scores: one job drains what waits for one platform, and never two jobs at once (docs/adr/0015).

What happened to one score and what is sent next is written in one transaction, and nothing is sent inside it. A row
says what the LMS should have (`version`) and what it has (`sent_version`); one that has moved on meanwhile is sent
again. What is wrong with one score stops that one; what is wrong with the platform stops the run, which goes on when
the platform answers again, however long that takes. For a platform that is switched off nothing is taken: its scores
wait, untried, and switching it on has them sent.
"""

import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from sqlalchemy import Exists, and_, exists, func, or_, select, update

from lti_tool.kernel import clock
from lti_tool.kernel.crashpoints import reach
from lti_tool.kernel.db import Tx, affect
from lti_tool.kernel.errors import AppError, ExternalError
from lti_tool.kernel.jobs import JobRow, JobRun, JobState
from lti_tool.kernel.runtime import Runtime
from lti_tool.kernel.upsert import upsert
from lti_tool.lti.messages import DeliverScores
from lti_tool.lti.models import Approval, Registration
from lti_tool.lti.orders import Order, Outcome, claim_next, is_switched_on, record
from lti_tool.lti.outbox import ensure_delivery
from lti_tool.lti.reach import DOWN, calling, is_outage
from lti_tool.lti.registrations import dialect_of
from lti_tool.lti.score_models import PlatformLine, ScoreRow, ScoreState
from lti_tool.lti.scores import Sent

SendScore = Callable[..., Sent]
"""`ags.send_score`: (runtime, link id, user id, score, after=…). Never called inside a transaction."""
TURN_S = 20.0
"""After so long a run hands over to the next job, so that other platforms get their turn and a worker can stop."""
LOOK_EVERY_S = 60.0
TRIES = 120
"""Of a job that dies again and again; waiting for a platform uses up none."""


def deliver_scores(send_score: SendScore, run: JobRun, message: DeliverScores) -> None:
    """Handle `DeliverScores`."""
    runtime = run.runtime
    reach("passback.started")
    with runtime.db.transaction() as tx:
        registration = _take_line(tx, message.registration_id, run.job_id)
        if registration is None:
            run.finish(tx)
            return
    _Turn(run, registration, send_score).drain()
    with runtime.db.transaction() as tx:
        run.hold(tx)
        _leave_line(tx, registration.id, run.job_id)
        run.finish(tx)


def give_up_turn(tx: Tx, message: DeliverScores, error: str) -> None:
    """The job died again and again: leave the line to the next one."""
    mine = and_(PlatformLine.registration_id == message.registration_id, ~_is_held())
    tx.execute(update(PlatformLine).where(mine).values(sending_job=None))


def look_for_forgotten(runtime: Runtime) -> None:
    """See to it that everything that waits has a job: recurring, for what fell between two jobs."""
    busy = exists(
        select(JobRow.id).where(
            JobRow.message == DeliverScores.name,
            JobRow.state.in_([JobState.QUEUED, JobState.RUNNING]),
            JobRow.payload["registration_id"].as_integer() == ScoreRow.registration_id,
        )
    )
    waiting = select(ScoreRow.registration_id).where(ScoreRow.state == ScoreState.PENDING, ~busy).distinct()
    active = waiting.join(Registration, Registration.id == ScoreRow.registration_id)
    with runtime.db.transaction() as tx:
        for registration_id in tx.scalars(active.where(Registration.state == Approval.ACTIVE)).all():
            ensure_delivery(tx, registration_id)


class _Turn:
    """One job's turn at the line of a platform."""

    def __init__(self, run: JobRun, registration: Registration, send_score: SendScore) -> None:
        self._run = run
        self._registration = registration
        self._send_score = send_score
        self._name = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._ends = time.monotonic() + TURN_S
        self._is_over = False
        self._columns: dict[int, str] = {}

    def drain(self) -> None:
        """Send what is due. The first score goes alone: it fetches the token and finds out whether all is well."""
        if not self._send_some(only_one=True) or self._is_over:
            return
        senders = dialect_of(self._registration).scores_at_once
        if senders == 1:
            self._send_some()
            return
        with ThreadPoolExecutor(senders, "scores") as pool:
            for each in [pool.submit(self._send_some) for _ in range(senders)]:
                each.result()

    def _send_some(self, *, only_one: bool = False) -> bool:
        """Until nothing is due or the turn is over. Was anything sent?"""
        try:
            order = first = self._step(None)
            while order is not None:
                outcome = self._send(order)
                reach("passback.sent")
                order = self._step(outcome, is_last=only_one)
        except BaseException:
            self._is_over = True
            raise
        return first is not None

    def _step(self, outcome: Outcome | None, *, is_last: bool = False) -> Order | None:
        """Write down what came of the last one and take the next, in one transaction."""
        with self._lock:
            with self._run.runtime.db.transaction() as tx:
                self._run.hold(tx)
                if outcome is not None:
                    record(tx, outcome, self._columns)
                    reach("passback.recorded")
                if (outcome is not None and outcome.stops_all) or time.monotonic() > self._ends:
                    self._is_over = True
                wants_more = not self._is_over and not is_last
                root_url = self._run.runtime.settings.root_url
                order = claim_next(tx, self._registration.id, self._name, root_url) if wants_more else None
            if outcome is not None:
                reach("passback.committed")
        if order is not None:
            reach("passback.claimed")
        return order

    def _send(self, order: Order) -> Outcome:
        runtime = self._run.runtime
        try:
            with calling(runtime, self._registration):
                sent = self._send_score(runtime, order.link_id, order.user_id, order.score, after=order.after)
            return Outcome(order, sent=sent)
        except ExternalError as error:
            return Outcome(order, refused=error, was_called=error.code != DOWN, stops_all=is_outage(error))
        except AppError as error:
            return Outcome(order, refused=ExternalError(error.code, error.message, retryable=False))


def _take_line(tx: Tx, registration_id: int, job_id: int) -> Registration | None:
    """Become the one job that sends to a platform. None: another one is at it, or there is nothing to do."""
    registration = tx.get(Registration, registration_id)
    if registration is None or registration.state is not Approval.ACTIVE:
        return None
    upsert(tx, PlatformLine, {"registration_id": registration_id}, {}, initial={"failures": 0})
    free = or_(PlatformLine.sending_job.is_(None), PlatformLine.sending_job == job_id, ~_is_held())
    mine = update(PlatformLine).where(PlatformLine.registration_id == registration_id, free)
    if affect(tx, mine.values(sending_job=job_id)) != 1:
        return None
    tx.expunge(registration)
    return registration


def _is_held() -> Exists:
    """Is the job that has the line still running? (One that was killed is, until its lease has run out.)"""
    return exists(select(JobRow.id).where(JobRow.id == PlatformLine.sending_job, JobRow.state == JobState.RUNNING))


def _leave_line(tx: Tx, registration_id: int, job_id: int) -> None:
    """Let go, and have what is left sent when it is due. The order matters: whoever finds the line taken after this
    look was enqueued before it, so that its rows are seen here.
    """
    mine = and_(PlatformLine.registration_id == registration_id, PlatformLine.sending_job == job_id)
    tx.execute(update(PlatformLine).where(mine).values(sending_job=None))
    pending = (ScoreRow.registration_id == registration_id, ScoreRow.state == ScoreState.PENDING)
    waiting = select(func.min(ScoreRow.due_at)).where(*pending, is_switched_on(registration_id))
    first: datetime | None = tx.scalar(waiting)
    if first is None:
        return
    probe = tx.scalar(select(PlatformLine.next_probe_at).where(PlatformLine.registration_id == registration_id))
    soonest = max(first, clock.now(), probe or first)
    # a probe may be due in the next moment only: not one job after another until then
    ensure_delivery(tx, registration_id, soonest + timedelta(seconds=1) if probe else soonest)

"""Whether a platform answers: one circuit breaker a platform, shared by all processes (docs/adr/0015).

While a platform does not answer, nobody calls it but one probe from time to time, at most one a minute; other
platforms are not affected. The first call that gets through opens the way for all. A call that a person waits for, and
that nothing else can stand in for, is the probe before its time, still at most one a minute.
"""

import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select, update

from lti_tool.kernel import clock, jobs
from lti_tool.kernel.db import Tx, affect
from lti_tool.kernel.errors import ExternalError
from lti_tool.kernel.runtime import Runtime
from lti_tool.kernel.upsert import upsert
from lti_tool.lti.messages import DeliverScores
from lti_tool.lti.models import Approval, Registration
from lti_tool.lti.score_models import PlatformLine

log = logging.getLogger(__name__)

DOWN = "platform_down"
"""Code of the error for a call that was not made."""
NO_TOKEN = "token_refused"
"""Code of the error when a platform gives no access token."""
PROBE_EVERY = timedelta(minutes=1)
LONGEST_S = 840.0
"""Longest wait beyond the minute between two probes."""
ASKED_JITTER_S = 5.0
_calling: ContextVar[int | None] = ContextVar("calling", default=None)
"""The platform that this thread has been let through to."""


@dataclass(frozen=True)
class Reach:
    """Whether a platform can be reached, for operators and teachers."""

    registration_id: int
    name: str
    state: Approval
    is_reachable: bool
    since: datetime | None
    """Since when not."""
    next_try_at: datetime | None
    text: str | None
    """The last failure, in words."""


def list_reach(tx: Tx) -> list[Reach]:
    """Every platform, in the order of registration."""
    query = select(Registration, PlatformLine).outerjoin(PlatformLine).order_by(Registration.id)
    return [reach_of(row, line) for row, line in tx.execute(query)]


def find_reach(tx: Tx, registration_id: int) -> Reach | None:
    """One platform; None: there is no such platform."""
    return next((each for each in list_reach(tx) if each.registration_id == registration_id), None)


def reach_of(row: Registration, line: PlatformLine | None) -> Reach:
    """Of a platform and its line; None: it was never called."""
    if line is None:
        return Reach(row.id, row.name, row.state, True, None, None, None)
    return Reach(row.id, row.name, row.state, line.opened_at is None, line.opened_at, line.next_probe_at, line.text)


@contextmanager
def calling(runtime: Runtime, registration: Registration, *, is_awaited: bool = False) -> Iterator[None]:
    """Around calls to a platform: they count as one call, and what they raise says how it went.

    `is_awaited`: somebody cannot go on without it. Raises: ExternalError: not called, since the platform is down (code
    `DOWN`, with the wait until the next probe).
    """
    if _calling.get() == registration.id:
        yield
        return
    is_probe = _let_through(runtime, registration, is_awaited=is_awaited)
    token = _calling.set(registration.id)
    try:
        yield
    except ExternalError as error:
        if is_outage(error):
            record_failure(runtime, registration.id, error, is_probe=is_probe)
        elif is_probe:
            record_success(runtime, registration.id)
        raise
    else:
        if is_probe:
            record_success(runtime, registration.id)
    finally:
        _calling.reset(token)


def is_outage(error: ExternalError) -> bool:
    """Does it concern the whole platform, so that other calls would go the same way?"""
    return error.code == NO_TOKEN or (error.retryable and error.code != "newer_score")


def record_failure(runtime: Runtime, registration_id: int, error: ExternalError, *, is_probe: bool) -> None:
    """Stop calling the platform for a while. Calls that were on their way together count once."""
    with runtime.db.transaction() as tx:
        upsert(tx, PlatformLine, {"registration_id": registration_id}, {}, initial={"failures": 0})
        line = tx.get_one(PlatformLine, registration_id, with_for_update=True, populate_existing=True)
        if line.opened_at is not None and not is_probe:
            return
        moment = clock.now()
        line.opened_at, line.called_at = line.opened_at or moment, moment
        line.next_probe_at = moment + timedelta(seconds=_wait_s(line.failures, error.retry_after_s))
        line.failures, line.text = line.failures + 1, error.message
    log.warning("platform_down", extra={"registration": registration_id, "code": error.code})


def record_success(runtime: Runtime, registration_id: int) -> None:
    """The platform answers again."""
    values = {"opened_at": None, "next_probe_at": None, "called_at": None, "failures": 0, "text": None}
    with runtime.db.transaction() as tx:
        tx.execute(update(PlatformLine).where(PlatformLine.registration_id == registration_id).values(values))
        waiting = jobs.find_waiting(tx, DeliverScores, "registration_id", registration_id)
        if waiting is not None:
            jobs.bring_forward(tx, waiting.id, clock.now())
    log.info("platform_back", extra={"registration": registration_id})


def probe_now(tx: Tx, registration_id: int) -> None:
    """A person asks: let the next call find out whether the platform is back, however long it was to wait."""
    down = and_(PlatformLine.registration_id == registration_id, PlatformLine.opened_at.is_not(None))
    tx.execute(update(PlatformLine).where(down).values(next_probe_at=clock.now()))


def _let_through(runtime: Runtime, registration: Registration, *, is_awaited: bool) -> bool:
    """Is this call the one that finds out whether the platform is back? Raises: ExternalError: it may not be made."""
    with runtime.db.reading() as tx:
        line = tx.get(PlatformLine, registration.id)
    if line is None or line.opened_at is None:
        return False
    moment = clock.now()
    is_due = PlatformLine.next_probe_at <= moment
    if is_awaited:
        is_due = or_(is_due, PlatformLine.called_at <= moment - PROBE_EVERY)
    mine = and_(PlatformLine.registration_id == registration.id, PlatformLine.opened_at.is_not(None), is_due)
    with runtime.db.transaction() as tx:
        values = {"next_probe_at": moment + PROBE_EVERY, "called_at": moment}
        if affect(tx, update(PlatformLine).where(mine).values(values)) == 1:
            return True
    wait_s = max(1.0, ((line.next_probe_at or moment) - moment).total_seconds())
    text = f"{registration.name} cannot be reached at present. It is tried again by itself. ({line.text})"
    raise ExternalError(DOWN, text, retryable=True, retry_after_s=wait_s)


def _wait_s(failures: int, asked_s: float | None) -> float:
    """Until the next probe: what the platform asked for the first time, else a minute and more with full jitter."""
    if asked_s is not None:
        shortest = 1.0 if failures == 0 else PROBE_EVERY.total_seconds()
        return max(asked_s, shortest) + random.uniform(0, ASKED_JITTER_S)
    return PROBE_EVERY.total_seconds() + random.uniform(0, min(LONGEST_S, 15 * 2.0**failures))

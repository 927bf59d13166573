"""Who is next: the order of the jobs that can be begun, how long the line is, and what it tells (docs/adr/0022).

A job that can be begun stands in the line of its queue and has a turn. Jobs of one lane (a course in an LMS, say) have
turns one after the other, counted from the turn that the line has reached, so that lanes take turns and one with
10,000 jobs holds up nobody else. A job that comes back, or was put off, takes the turn of now: it has waited already.

What is asked here costs a few steps into an index, however many jobs there are; counting stops at a limit.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BindParameter, Select, bindparam, func, select

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.job_rows import JobRow, JobState

MOST_HINTS = 32
"""Hints of a queue that are out at the same time: each job that is begun makes way for the next one."""
COUNTED = 1000
"""Beyond this a place is only "more than"."""
RECENT = 50
"""Finished jobs that the pace is taken from."""
QUIET_S = 60.0
"""A queue in which nothing is worked on, and nothing was finished for so long, has no pace."""
CANDIDATES = 16

_QUEUE: BindParameter[str] = bindparam("queue")
_LANE: BindParameter[str] = bindparam("lane")
_TURN: BindParameter[int] = bindparam("turn")
_ID: BindParameter[int] = bindparam("job_id")
_IN_LINE = (JobRow.queue == _QUEUE, JobRow.state == JobState.QUEUED, JobRow.turn.is_not(None))
_BEGUN = (JobRow.queue == _QUEUE, JobRow.state == JobState.RUNNING, JobRow.turn.is_not(None))
_LAPSED = (*_BEGUN, JobRow.lease_until < bindparam("moment"))
_FIRST = select(JobRow.id).where(*_IN_LINE).order_by(JobRow.turn, JobRow.id).limit(CANDIDATES)
_SILENT = select(JobRow.id).where(*_LAPSED).order_by(JobRow.turn, JobRow.id).limit(CANDIDATES)
_OLD = select(JobRow.hinted_at).where(*_IN_LINE).order_by(JobRow.turn, JobRow.id).limit(MOST_HINTS)


def _length(query: Select[int], most: int) -> Select[int]:
    """How many rows there are, `most` at most: no more are looked at, and in the order of the index."""
    return select(func.count()).select_from(query.order_by(JobRow.turn).limit(most).subquery())


_WAITING = _length(select(JobRow.id).where(*_IN_LINE), MOST_HINTS)
_LINE = select(
    select(func.max(JobRow.turn)).where(*_BEGUN).scalar_subquery().label("begun"),
    select(func.min(JobRow.turn)).where(*_IN_LINE).scalar_subquery().label("first"),
    select(func.max(JobRow.turn))
    .where(JobRow.queue == _QUEUE, JobRow.lane == _LANE, JobRow.turn.is_not(None))
    .scalar_subquery()
    .label("last"),
    _WAITING.scalar_subquery().label("waiting"),
)
_SOONER = select(JobRow.id).where(*_IN_LINE, JobRow.turn < _TURN)
_BESIDE = select(JobRow.id).where(*_IN_LINE, JobRow.turn == _TURN, JobRow.id < _ID)
_DONE = (
    select(JobRow.took_ms, JobRow.finished_at)
    .where(JobRow.queue == _QUEUE, JobRow.took_ms.is_not(None))
    .order_by(JobRow.finished_at.desc())
    .limit(RECENT)
    .subquery()
)
_PLACE = select(
    _length(_SOONER, COUNTED + 1).scalar_subquery().label("sooner"),
    _length(_BESIDE, COUNTED + 1).scalar_subquery().label("beside"),
    _length(select(JobRow.id).where(*_BEGUN), COUNTED).scalar_subquery().label("begun"),
    func.count(_DONE.c.took_ms).label("number"),
    func.avg(_DONE.c.took_ms).label("took_ms"),
    func.min(_DONE.c.finished_at).label("since"),
    func.max(_DONE.c.finished_at).label("until"),
)


@dataclass(frozen=True)
class Place:
    """Where a job stands."""

    ahead: int
    """Jobs before it, those included that are being worked on; `COUNTED` at most."""
    is_more: bool
    """Are there more than that?"""
    wait_s: float | None
    """Until it is done, at the pace of now; with `is_more` at least. None: there is no pace to go by."""


def join(tx: Tx, row: JobRow, *, returns: bool) -> bool:
    """Give a job that can be begun its turn. True: it needs a hint, False: enough are out.

    `returns`: it has waited before, and is not put behind the others of its lane.
    """
    found = tx.execute(_LINE, {"queue": row.queue, "lane": row.lane}).one()
    reached = max(found.begun or 1, found.first or 1)
    row.turn = reached if returns else max(reached, (found.last or 0) + 1)
    row.hinted_at = clock.now()
    return bool(found.waiting < MOST_HINTS)


def list_next(tx: Tx, queue: str) -> list[int]:
    """The jobs whose worker went silent, then those whose turn it is; a few of them."""
    silent = tx.scalars(_SILENT, {"queue": queue, "moment": clock.now()}).all()
    return [*silent, *tx.scalars(_FIRST, {"queue": queue})]


def is_long(tx: Tx, queue: str) -> bool:
    """Do more jobs wait than hints are out?"""
    return tx.scalars(_WAITING, {"queue": queue}).one() == MOST_HINTS


def count_silent(tx: Tx, queue: str) -> int:
    """How many jobs are held by a worker that went silent; a few at most."""
    return len(tx.scalars(_SILENT, {"queue": queue, "moment": clock.now()}).all())


def count_unheard(tx: Tx, queue: str, lost: datetime) -> int:
    """How many jobs at the head of the line were hinted before `lost`, `MOST_HINTS` at most."""
    return sum(at is not None and at < lost for at in tx.scalars(_OLD, {"queue": queue}))


def find_place(tx: Tx, job_id: int) -> Place | None:
    """Where a job stands, in two queries; None when it waits no longer, or waits for something else."""
    mine = tx.execute(select(JobRow.queue, JobRow.state, JobRow.turn).where(JobRow.id == job_id)).one_or_none()
    if mine is None or mine.state is not JobState.QUEUED or mine.turn is None:
        return None
    told = tx.execute(_PLACE, {"queue": mine.queue, "turn": mine.turn, "job_id": job_id}).one()
    ahead = told.sooner + told.beside + told.begun
    pace = _pace(told.number, float(told.took_ms or 0) / 1000, told.begun, told.since, told.until)
    return Place(min(ahead, COUNTED), ahead > COUNTED, (ahead + 1) / pace if pace else None)


def _pace(number: int, took_s: float, begun: int, since: datetime | None, until: datetime | None) -> float | None:
    """Jobs a second: as many as are worked on now need, or as came out lately, whichever is more.

    Between two jobs a worker holds none, and after a pause little has come out; each alone would say too little.
    """
    if number == 0 or since is None or until is None:
        return None
    if begun == 0 and (clock.now() - until).total_seconds() > QUIET_S:
        return None
    span_s = (until - since).total_seconds()
    lately = (number - 1) / span_s if span_s > 0 else 0.0
    return max(begun / took_s if took_s > 0 else 0.0, lately) or None

"""The outbox: what the LMS should have. Written in the transaction that makes it true; `delivery` sends it.

One row for each link and person, whoever wants a score there. The newest version wins.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute

from lti_tool.kernel import clock, jobs
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict
from lti_tool.lti.messages import DeliverScores
from lti_tool.lti.models import Link
from lti_tool.lti.score_models import SCORE_TRANSITIONS, DeliveryRow, Drift, PlatformLine, ScoreRow, ScoreState


@dataclass(frozen=True)
class GradeTarget:
    """An activity in the LMS that takes a person's grade."""

    link_id: int
    user_id: int
    registration_id: int
    title: str
    column_url: str | None
    """Its line item, as far as it is known."""


@dataclass(frozen=True)
class Wanted:
    """What the LMS should have of a person."""

    source: str
    """The part that says so: `grading`, `progress`."""
    placement_id: int
    item_ref: str
    points: Decimal
    max_points: Decimal
    is_final: bool
    """False: a person still marks a part, so that the points are not sent."""
    activity_progress: str
    """As AGS calls it."""
    submitted_at: datetime | None
    item_id: int = 0
    """The number that the source finds its items by."""
    subject_id: int | None = None
    """The submission it comes from; the LMS is told of each at most once."""
    comment: str = ""
    """Sent with a submission that the LMS is told of."""


@dataclass(frozen=True)
class Entry:
    """A row of the outbox, to be shown."""

    id: int
    link_id: int
    user_id: int
    subject_id: int | None
    points: Decimal
    max_points: Decimal
    is_final: bool
    state: ScoreState
    version: int
    sent_version: int
    is_sending: bool
    """On its way at this moment."""
    tries: int
    """Failures since the last success."""
    text: str | None
    changed_at: datetime
    drift: Drift | None
    lms_points: Decimal | None
    lms_maximum: Decimal | None
    compared_at: datetime | None

    @property
    def is_unsent(self) -> bool:
        """Was it refused, or is it tried again later? (One that waits for its first try is on its way.)"""
        return self.sent_version < self.version and (self.state is ScoreState.REFUSED or self.tries > 0)


@dataclass(frozen=True)
class Try:
    """One try to send a score."""

    at: datetime
    state: ScoreState
    points: Decimal
    text: str | None


_FACTS = tuple(name for name in Wanted.__dataclass_fields__ if name != "comment")


def want_scores(tx: Tx, targets: Collection[GradeTarget], wanted: Wanted, *, afresh: int | None = None) -> None:
    """Write down what the LMS should have behind each of these links, and see to it that it is sent.

    `afresh`: a link that was launched for the first time, or whose line item is new. What was sent to another one does
    not count there; a launch may also be heard of late, when the score is there already.
    """
    if not targets:
        return
    user_id, links = next(iter(targets)).user_id, [target.link_id for target in targets]
    query = select(ScoreRow).where(ScoreRow.user_id == user_id, ScoreRow.link_id.in_(links)).with_for_update()
    rows = {row.link_id: row for row in tx.scalars(query)}
    changed: set[int] = set()
    for target in targets:
        row = rows.get(target.link_id) or _new_row(tx, target)
        if row.version and _says(row, wanted) and (target.link_id != afresh or _has_it(row, target)):
            continue
        if target.link_id == afresh and row.column_url not in (None, target.column_url):
            row.announced_id = None
        for name in _FACTS:
            setattr(row, name, getattr(wanted, name))
        row.comment, row.version, row.overrules = wanted.comment, row.version + 1, False
        _put_off(row)
        changed.add(target.registration_id)
    tx.flush()
    for registration_id in sorted(changed):
        ensure_delivery(tx, registration_id)


def ensure_delivery(tx: Tx, registration_id: int, due_at: datetime | None = None) -> None:
    """Have what waits for a platform delivered: by the job that waits already, else by a new one.

    `due_at` is UTC, default now; while the platform does not answer, the job waits until it is probed.
    """
    wanted = due_at or clock.now()
    waiting = jobs.find_waiting(tx, DeliverScores, "registration_id", registration_id)
    if waiting is None:
        jobs.enqueue(tx, DeliverScores(registration_id), due_at=wanted)
    elif waiting.due_at > wanted and not _is_down(tx, registration_id):
        jobs.bring_forward(tx, waiting.id, wanted)


def wake_delivery(tx: Tx, registration_id: int) -> None:
    """A platform is switched on: have what has waited for it delivered."""
    pending = (ScoreRow.registration_id == registration_id, ScoreRow.state == ScoreState.PENDING)
    if tx.scalar(select(ScoreRow.id).where(*pending).limit(1)) is not None:
        ensure_delivery(tx, registration_id)


def _is_down(tx: Tx, registration_id: int) -> bool:
    opened = select(PlatformLine.opened_at).where(PlatformLine.registration_id == registration_id)
    return tx.scalar(opened) is not None


def send_again(tx: Tx, entry_ids: Iterable[int]) -> int:
    """Try scores once more that did not get through; returns how many. A deleted column is made anew for them."""
    unsent = or_(ScoreRow.state == ScoreState.REFUSED, ScoreRow.tries > 0)
    query = select(ScoreRow).where(ScoreRow.id.in_(list(entry_ids)), ScoreRow.sent_version < ScoreRow.version, unsent)
    return _send(tx, list(tx.scalars(query.with_for_update())))


def overrule(tx: Tx, entry_ids: Iterable[int]) -> int:
    """Send scores once more that the LMS took but shows differently since; returns how many."""
    differs = (ScoreRow.drift.is_not(None), ScoreRow.state == ScoreState.SENT)
    query = select(ScoreRow).where(ScoreRow.id.in_(list(entry_ids)), *differs)
    rows = list(tx.scalars(query.with_for_update()))
    for row in rows:
        row.version, row.overrules = row.version + 1, True
    return _send(tx, rows)


def list_entries(
    tx: Tx, source: str, placement_id: int, item_id: int, user_ids: Collection[int]
) -> dict[int, list[Entry]]:
    """The outbox of one item in one placement for these people, by user id."""
    mine = (ScoreRow.source == source, ScoreRow.placement_id == placement_id, ScoreRow.item_id == item_id)
    query = select(ScoreRow).where(*mine, ScoreRow.user_id.in_(user_ids)).order_by(ScoreRow.id)
    found: dict[int, list[Entry]] = {}
    for row in tx.scalars(query):
        found.setdefault(row.user_id, []).append(_entry(row))
    return found


def list_tries(tx: Tx, source: str, subject_id: int) -> list[Try]:
    """Every try to send a score of a submission, oldest first."""
    mine = (DeliveryRow.source == source, DeliveryRow.subject_id == subject_id)
    rows = tx.scalars(select(DeliveryRow).where(*mine).order_by(DeliveryRow.id))
    return [Try(row.at, row.state, row.points, row.text) for row in rows]


def count_by_platform(tx: Tx) -> dict[int, dict[ScoreState, int]]:
    """How many scores of each platform stand where, by the platform's registration id."""
    return _count(tx, ScoreRow.registration_id, and_(True))


def count_in_placement(tx: Tx, source: str, placement_id: int) -> dict[ScoreState, int]:
    """How many scores of a placement stand where."""
    which = and_(ScoreRow.source == source, ScoreRow.placement_id == placement_id)
    return _count(tx, ScoreRow.placement_id, which).get(placement_id, {})


def move(row: ScoreRow, state: ScoreState) -> None:
    """Change the state. Raises: Conflict: it cannot become that."""
    if state not in SCORE_TRANSITIONS[row.state]:
        raise Conflict("score_state", f"A score that is {row.state} cannot become {state}.")
    row.state = state


def _send(tx: Tx, rows: list[ScoreRow]) -> int:
    links = {row.link_id for row in rows}
    tx.execute(update(Link).where(Link.id.in_(links)).values(lineitem_gone_at=None))
    for row in rows:
        _put_off(row)
    tx.flush()
    for registration_id in sorted({row.registration_id for row in rows}):
        ensure_delivery(tx, registration_id)
    return len(rows)


def _put_off(row: ScoreRow) -> None:
    """Back to the end of the line, with a clean sheet."""
    row.state = ScoreState.PENDING if row.state is None else row.state
    move(row, ScoreState.PENDING)
    row.code, row.text, row.tries, row.drift = None, None, 0, None
    row.due_at = row.changed_at = clock.now()


def _new_row(tx: Tx, target: GradeTarget) -> ScoreRow:
    row = ScoreRow(link_id=target.link_id, user_id=target.user_id, registration_id=target.registration_id)
    row.version = row.sent_version = row.tries = 0
    tx.add(row)
    return row


def _has_it(row: ScoreRow, target: GradeTarget) -> bool:
    """Whether the line item has what the row says, or is the next to get it."""
    if row.state is ScoreState.PENDING:
        return row.tries == 0 and row.column_url in (None, target.column_url)
    return row.state is ScoreState.SENT and row.column_url == target.column_url


def _says(row: ScoreRow, wanted: Wanted) -> bool:
    return all(getattr(row, name) == getattr(wanted, name) for name in _FACTS)


def _count(tx: Tx, by: InstrumentedAttribute[int], which: ColumnElement[bool]) -> dict[int, dict[ScoreState, int]]:
    found: dict[int, dict[ScoreState, int]] = {}
    for key, state, number in tx.execute(
        select(by, ScoreRow.state, func.count()).where(which).group_by(by, ScoreRow.state)
    ):
        found.setdefault(key, {})[state] = number
    return found


def _entry(row: ScoreRow) -> Entry:
    values = {name: getattr(row, name) for name in Entry.__dataclass_fields__ if name != "is_sending"}
    return Entry(**values, is_sending=row.sending_run is not None)

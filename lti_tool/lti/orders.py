"""One score of the outbox on its way: taken, and written down again with what came of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Exists, and_, exists, or_, select, update

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import ExternalError
from lti_tool.lti.models import Approval, Link, Registration, User
from lti_tool.lti.outbox import move
from lti_tool.lti.reviewing import review_url
from lti_tool.lti.score_models import DeliveryRow, PlatformLine, ScoreRow, ScoreState
from lti_tool.lti.scores import FULLY_GRADED, Score, Sent

UNCERTAIN = frozenset({"timeout", "unreachable", "answer_too_large"})
"""Codes of errors after which the LMS may have taken the score all the same."""
LONE_TRIES = 8
"""So often a score is tried while others get through; then a person has to look at it."""
NOT_SHOWN = "The activity in the LMS shows something else now. Have it show this again, open it, then send again."
NEWER = "newer_score"
LONGEST_WAIT_S = 3600.0


@dataclass(frozen=True)
class Order:
    """What is to be sent now."""

    score_id: int
    link_id: int
    user_id: int
    version: int
    subject_id: int | None
    points: Decimal
    announced_before: int | None
    after: datetime | None
    is_probe: bool
    """The platform did not answer before."""
    score: Score


@dataclass(frozen=True)
class Outcome:
    """What came of an order: sent or refused."""

    order: Order
    sent: Sent | None = None
    refused: ExternalError | None = None
    was_called: bool = True
    """False: the platform was not called at all."""
    stops_all: bool = False
    """The platform is to blame: others would fare no better."""


def claim_next(tx: Tx, registration_id: int, run: str, root_url: str) -> Order | None:
    """Take the score that has waited longest. None: nothing is due, or the platform is off. `root_url` is the tool's.

    Rows that another run has taken are free: that run is dead, since only one at a time has the platform's line.
    """
    free = or_(ScoreRow.sending_run.is_(None), ScoreRow.sending_run != run)
    due = (ScoreRow.state == ScoreState.PENDING, ScoreRow.due_at <= clock.now(), free, is_switched_on(registration_id))
    query = select(ScoreRow).where(ScoreRow.registration_id == registration_id, *due)
    query = query.order_by(ScoreRow.due_at, ScoreRow.id).limit(1).with_for_update()
    while (row := tx.scalar(query.execution_options(populate_existing=True))) is not None:
        if _is_shown(tx, row):
            return _take(tx, row, run, root_url)
        row.sending_run, row.changed_at, row.code, row.text = None, clock.now(), "not_shown", NOT_SHOWN
        move(row, ScoreState.REFUSED)
        tx.flush()
    return None


def is_switched_on(registration_id: int) -> Exists:
    """A condition: does the platform take scores? One that is switched off gets none, and none counts as tried."""
    active = (Registration.id == registration_id, Registration.state == Approval.ACTIVE)
    return exists(select(Registration.id).where(*active))


def record(tx: Tx, outcome: Outcome, columns: dict[int, str]) -> None:
    """Write down what came of an order. `columns` remembers which line items this run has looked after, by link."""
    order = outcome.order
    # a result that is being recorded at this moment waits until we are done with the row
    row = tx.get(ScoreRow, order.score_id, with_for_update=True, populate_existing=True)
    if row is None:  # erased meanwhile
        return
    row.sending_run = None
    if outcome.sent is not None:
        _record_sent(tx, row, order, outcome.sent)
        _bring_others(tx, row, columns)
    elif outcome.refused is not None and outcome.was_called:
        _record_refusal(tx, row, outcome, outcome.refused)
    elif outcome.refused is not None:
        row.announced_id = order.announced_before
        row.text = row.text or outcome.refused.message


def _is_shown(tx: Tx, row: ScoreRow) -> bool:
    """Has no teacher chosen something else for the activity since? Its column in the LMS is that one's then."""
    shown = tx.scalar(select(Link.item_ref).where(Link.id == row.link_id))
    return shown in (None, row.item_ref)


def _take(tx: Tx, row: ScoreRow, run: str, root_url: str) -> Order:
    # The LMS is told of a new submission at most once: some count it as an attempt. Whoever died while sending
    # has told it perhaps, so it is written down before the sending.
    is_new = row.subject_id is not None and row.announced_id != row.subject_id
    line = tx.get(PlatformLine, row.registration_id)
    order = Order(
        score_id=row.id,
        link_id=row.link_id,
        user_id=row.user_id,
        version=row.version,
        subject_id=row.subject_id,
        points=row.points,
        announced_before=row.announced_id,
        after=row.last_timestamp,
        is_probe=line is not None and line.opened_at is not None,
        score=_score(row, is_new, _work_url(tx, row, root_url)),
    )
    row.sending_run = run
    if row.subject_id is not None:
        row.announced_id = row.subject_id
    return order


def _work_url(tx: Tx, row: ScoreRow, root_url: str) -> str | None:
    """Where the LMS's own marking page finds the work; None: the score is of no submission."""
    if row.subject_id is None:
        return None
    hub_name = tx.scalars(select(User.hub_name).where(User.id == row.user_id)).one()
    return review_url(root_url, row.link_id, hub_name)


def _score(row: ScoreRow, is_new: bool, work_url: str | None) -> Score:
    return Score(
        given=row.points if row.is_final else None,
        maximum=row.max_points,
        activity_progress=row.activity_progress,
        grading_progress=FULLY_GRADED if row.is_final else "PendingManual",
        submitted_at=row.submitted_at,
        comment=row.comment if is_new else "",
        new_submission=is_new,
        submission_url=work_url,
        overrules=row.overrules,
    )


def _record_sent(tx: Tx, row: ScoreRow, order: Order, sent: Sent) -> None:
    state = ScoreState.NOT_WANTED if sent.skipped_reason else ScoreState.SENT
    row.sent_version, row.tries, row.code = order.version, 0, None
    row.last_timestamp = sent.timestamp or row.last_timestamp
    row.column_url = sent.column_url or row.column_url
    if sent.skipped_reason:
        row.announced_id = order.announced_before
    _remember(tx, row, order, state, sent.skipped_reason)
    if row.version == order.version:
        move(row, state)
        row.text, row.overrules = sent.skipped_reason, False


def _record_refusal(tx: Tx, row: ScoreRow, outcome: Outcome, refused: ExternalError) -> None:
    order = outcome.order
    # a failed probe says nothing of this score
    row.tries = max(row.tries, 1) if order.is_probe else row.tries + 1
    if refused.code not in UNCERTAIN:
        row.announced_id = order.announced_before
    tries_on = outcome.stops_all or refused.retryable
    gives_up = not tries_on or (not order.is_probe and row.tries >= LONE_TRIES)
    state = ScoreState.REFUSED if gives_up else ScoreState.PENDING
    _remember(tx, row, order, state, refused.message)
    row.code, row.text = refused.code, refused.message
    if tries_on:  # to the end of the line: the next try is another row's
        row.due_at = clock.now() + timedelta(seconds=0 if outcome.stops_all else _lone_wait_s(row.tries))
    if row.version == order.version:
        move(row, state)
    else:  # what was refused is not what is wanted any more
        row.tries = 0


def _lone_wait_s(tries: int) -> float:
    """Before a score is tried again that the platform alone did not take."""
    return min(15 * 2.0**tries, LONGEST_WAIT_S)


def _bring_others(tx: Tx, row: ScoreRow, columns: dict[int, str]) -> None:
    """Where a link has another column than before, what was sent to the old one goes to the new one too."""
    if row.column_url is None or columns.get(row.link_id) == row.column_url:
        return
    columns[row.link_id] = row.column_url
    elsewhere = and_(ScoreRow.state == ScoreState.SENT, ScoreRow.column_url != row.column_url)
    left = and_(ScoreRow.state == ScoreState.REFUSED, ScoreRow.code == "line_item_gone")
    values = {
        "state": ScoreState.PENDING,
        "version": ScoreRow.version + 1,
        "due_at": clock.now(),
        "announced_id": None,
        "code": None,
        "text": None,
        "drift": None,
    }
    tx.flush()
    others = update(ScoreRow).where(ScoreRow.link_id == row.link_id, ScoreRow.id != row.id, or_(elsewhere, left))
    tx.execute(others.values(values).execution_options(synchronize_session=False))


def _remember(tx: Tx, row: ScoreRow, order: Order, state: ScoreState, text: str | None) -> None:
    row.changed_at = clock.now()
    if order.subject_id is None:  # a percentage, say: only where it stands is kept
        return
    tx.add(
        DeliveryRow(
            score_id=row.id,
            source=row.source,
            subject_id=order.subject_id,
            version=order.version,
            points=order.points,
            at=row.changed_at,
            state=state,
            text=text,
        )
    )

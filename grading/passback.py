"""Sending grades to the LMS from the outbox: newest wins, one sender at a time, nothing forgotten.

The row says what the LMS should have (`version`) and what it has (`sent_version`). A sender claims the row, sends
outside any transaction, and writes down what happened; if the row has moved on meanwhile, it is sent again.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import or_, select, update

from grading.lms_port import SendScore
from grading.messages import PassBackGrade
from grading.models import (
    PASSBACK_TRANSITIONS,
    AssignmentRow,
    DeliveryRow,
    PassbackRow,
    PassbackState,
    SubmissionRow,
)
from grading.results import find_result_row, tell_lms
from grading.submissions import Learner
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.crashpoints import reach
from lti_tool.kernel.db import Tx, affect
from lti_tool.kernel.errors import AppError, Conflict, ExternalError
from lti_tool.kernel.jobs import JobRun
from lti_tool.lti import public as lti
from lti_tool.lti.messages import LinkLaunched

UNCERTAIN = frozenset({"timeout", "unreachable", "answer_too_large"})
"""Codes of errors after which the LMS may have taken the score all the same."""


@dataclass(frozen=True)
class Order:
    """What is to be sent now."""

    passback_id: int
    link_id: int
    user_id: int
    version: int
    submission_id: int
    points: Decimal
    announced_before: int | None
    after: datetime | None
    score: lti.Score


def pass_back_grade(send_score: SendScore, run: JobRun, message: PassBackGrade) -> None:
    """Handle `PassBackGrade`."""
    runtime = run.runtime
    reach("passback.started")
    with runtime.db.transaction() as tx:
        order = _claim(tx, message.passback_id, run.job_id)
        if order is None:
            run.finish(tx)
            return
    reach("passback.claimed")
    try:
        sent = send_score(runtime, order.link_id, order.user_id, order.score, after=order.after)
    except AppError as error:
        refused = (
            error if isinstance(error, ExternalError) else ExternalError(error.code, error.message, retryable=False)
        )
        with runtime.db.transaction() as tx:
            _record_refusal(tx, order, refused)
            if not refused.retryable:
                run.finish(tx)
        if refused.retryable:
            raise
        return
    reach("passback.sent")
    with runtime.db.transaction() as tx:
        run.finish(tx)
        _record_sent(tx, order, sent)
        reach("passback.recorded")
    reach("passback.committed")


def give_up_sending(tx: Tx, message: PassBackGrade, error: str) -> None:
    """After the last try: say so where the teacher looks."""
    row = _lock(tx, message.passback_id)
    if row is not None and row.sent_version < row.version:
        row.sending_job = None
        _move(row, PassbackState.REFUSED)
        row.text = row.text or f"The LMS could not be reached for a long time. Try again when it works. ({error})"


def send_again(tx: Tx, row: PassbackRow) -> None:
    """Try a grade that did not get through once more, now. Raises: Conflict: the LMS has it."""
    if row.sent_version >= row.version:
        raise Conflict("already_sent", "The LMS has this grade.")
    _move(row, PassbackState.PENDING)
    row.changed_at = clock.now()
    jobs.enqueue(tx, PassBackGrade(row.id))


def send_all_again(tx: Tx, placement_id: int, assignment_id: int, user_ids: list[int]) -> int:
    """Try every grade of these learners that did not get through once more; returns how many."""
    query = select(PassbackRow).where(
        PassbackRow.placement_id == placement_id,
        PassbackRow.assignment_id == assignment_id,
        PassbackRow.user_id.in_(user_ids),
        PassbackRow.sent_version < PassbackRow.version,
    )
    rows = [row for row in tx.scalars(query) if is_unsent(row)]
    for row in rows:
        send_again(tx, row)
    return len(rows)


def is_unsent(row: PassbackRow) -> bool:
    """Was this grade refused, or is it tried again later? (One that waits for its first try is on its way.)"""
    return row.sent_version < row.version and (row.state is PassbackState.REFUSED or row.tries > 0)


def send_to_launched_link(run: JobRun, message: LinkLaunched) -> None:
    """Handle `LinkLaunched`: a grade that is there already goes to the new link too."""
    with run.runtime.db.transaction() as tx:
        run.finish(tx)
        if message.placement_id is None:
            return
        who = Learner(message.placement_id, message.user_id)
        query = select(AssignmentRow).where(AssignmentRow.item_ref == message.item_ref)
        for assignment in tx.scalars(query).all():
            result = find_result_row(tx, assignment.id, who)
            if result is not None:
                counts = tx.get_one(SubmissionRow, result.submission_id)
                tell_lms(tx, assignment, result, counts, afresh=message.link_id)


def list_passbacks(tx: Tx, placement_id: int, assignment_id: int, user_ids: list[int]) -> dict[int, list[PassbackRow]]:
    """The outbox rows of learners of one placement, by user id."""
    mine = (PassbackRow.placement_id == placement_id, PassbackRow.assignment_id == assignment_id)
    query = select(PassbackRow).where(*mine, PassbackRow.user_id.in_(user_ids))
    found: dict[int, list[PassbackRow]] = {}
    for row in tx.scalars(query.order_by(PassbackRow.id)):
        found.setdefault(row.user_id, []).append(row)
    return found


def list_deliveries(tx: Tx, submission_id: int) -> list[DeliveryRow]:
    """Every try to send a grade of a submission, oldest first."""
    return list(
        tx.scalars(select(DeliveryRow).where(DeliveryRow.submission_id == submission_id).order_by(DeliveryRow.id))
    )


def _claim(tx: Tx, passback_id: int, job_id: int) -> Order | None:
    """Become the one sender of a row. None: nothing to send, or another one is at it and will look again when done."""
    mine = or_(PassbackRow.sending_job.is_(None), PassbackRow.sending_job == job_id)
    wanted = (PassbackRow.id == passback_id, PassbackRow.sent_version < PassbackRow.version)
    if affect(tx, update(PassbackRow).where(*wanted, mine).values(sending_job=job_id)) != 1:
        return None
    row = tx.get_one(PassbackRow, passback_id, populate_existing=True)
    lti.wait_for_platform(tx, row.link_id)
    if _shows_another_quiz(tx, row):
        row.sending_job, row.state, row.changed_at = None, PassbackState.REFUSED, clock.now()
        row.text = "The activity in the LMS shows another quiz now. Have it show this one, open it, then send again."
        return None
    if row.state is not PassbackState.PENDING:  # an operator runs its dead job again
        _move(row, PassbackState.PENDING)
    submission = tx.get_one(SubmissionRow, row.submission_id)
    # The LMS is told of a new submission at most once: some count it as an attempt. Whoever died while sending
    # has told it perhaps, so it is written down before the sending.
    is_new = row.announced_id != row.submission_id
    order = Order(
        passback_id=row.id,
        link_id=row.link_id,
        user_id=row.user_id,
        version=row.version,
        submission_id=row.submission_id,
        points=row.points,
        announced_before=row.announced_id,
        after=row.last_timestamp,
        score=_score(row, submission, is_new),
    )
    row.announced_id = row.submission_id
    return order


def _shows_another_quiz(tx: Tx, row: PassbackRow) -> bool:
    """Has a teacher chosen another quiz for the activity since? Its column in the LMS is that one's then."""
    shown = lti.find_shown_item(tx, row.link_id)
    mine = tx.get_one(AssignmentRow, row.assignment_id).item_ref
    return (
        shown not in (None, mine)
        and tx.scalar(select(AssignmentRow.id).where(AssignmentRow.item_ref == shown)) is not None
    )


def _lock(tx: Tx, passback_id: int) -> PassbackRow | None:
    """The row as it is now; a result that is being recorded at this moment waits until we are done with it."""
    return tx.get(PassbackRow, passback_id, with_for_update=True, populate_existing=True)


def _score(row: PassbackRow, submission: SubmissionRow, is_new: bool) -> lti.Score:
    return lti.Score(
        given=row.points if row.is_final else None,
        maximum=row.max_points,
        activity_progress="Completed" if row.is_final else "Submitted",
        grading_progress="FullyGraded" if row.is_final else "PendingManual",
        submitted_at=row.submitted_at,
        comment=f"Attempt {submission.number}, receipt {submission.receipt}" if is_new else "",
        new_submission=is_new,
        submission_url=None,
    )


def _record_sent(tx: Tx, order: Order, sent: lti.Sent) -> None:
    row = _lock(tx, order.passback_id)
    if row is None:  # erased meanwhile
        return
    state = PassbackState.NOT_WANTED if sent.skipped_reason else PassbackState.SENT
    row.sending_job, row.sent_version, row.tries = None, order.version, 0
    if sent.timestamp is not None:
        row.last_timestamp = sent.timestamp
    if sent.skipped_reason:
        row.announced_id = order.announced_before
    _remember(tx, row, order, state, sent.skipped_reason)
    if row.version > order.version:
        jobs.enqueue(tx, PassBackGrade(row.id))
    else:
        _move(row, state)
        row.text = sent.skipped_reason


def _record_refusal(tx: Tx, order: Order, refused: ExternalError) -> None:
    row = _lock(tx, order.passback_id)
    if row is None:
        return
    row.sending_job, row.tries = None, row.tries + 1
    if refused.code not in UNCERTAIN:
        row.announced_id = order.announced_before
    state = PassbackState.PENDING if refused.retryable else PassbackState.REFUSED
    _remember(tx, row, order, state, refused.message)
    row.text = refused.message
    if refused.retryable or row.version == order.version:
        _move(row, state)
    else:
        jobs.enqueue(tx, PassBackGrade(row.id))  # what was refused is not what is wanted any more


def _remember(tx: Tx, row: PassbackRow, order: Order, state: PassbackState, text: str | None) -> None:
    row.changed_at = clock.now()
    tx.add(
        DeliveryRow(
            passback_id=row.id,
            submission_id=order.submission_id,
            version=order.version,
            points=order.points,
            at=row.changed_at,
            state=state,
            text=text,
        )
    )


def _move(row: PassbackRow, state: PassbackState) -> None:
    if state not in PASSBACK_TRANSITIONS[row.state]:
        raise Conflict("passback_state", f"A grade that is {row.state} cannot become {state}.")
    row.state = state

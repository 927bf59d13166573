"""The result that counts, recorded with its date, and the outbox rows that bring it to the LMS.

All of it is written in one transaction: a result is never recorded without the rows that deliver it.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, select

from grading.engine.model import Marking, Marks
from grading.engine_port import CALM
from grading.filesets import Packed, store_files
from grading.group_models import ShareRow
from grading.holding import note_suspicion
from grading.messages import GradeRecorded
from grading.models import AssignmentRow, ResultRow, SubmissionRow, SubmissionState
from grading.submissions import (
    Learner,
    in_place_of,
    list_owners,
    list_siblings,
    list_submissions,
    move,
    put_in_line,
)
from grading.terms import Terms, Weighed, attempt_that_counts, find_terms
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.db import Tx
from lti_tool.kernel.types import as_points
from lti_tool.lti import public as lti

SOURCE = "grading"
"""Marks the scores of quizzes in the outbox to the LMS."""
GIVEN_UP = "given_up"
"""Outcome of an attempt that could not be marked because of the machine."""


def record_marking(tx: Tx, submission: SubmissionRow, marking: Marking, feedback: Packed) -> None:
    """Write down what marking gave, make it the result if it counts, and let the learner's next attempt be marked."""
    _tell_outcome(submission, marking)
    if marking.marks is not None:
        record_marks(tx, submission, marking.marks, feedback)
    else:
        _leave_without_marks(submission)
    finish_attempt(tx, submission)


def replace_marks(tx: Tx, submission: SubmissionRow, marking: Marking, feedback: Packed) -> None:
    """Give an attempt that nobody is marking other marks, and settle the result. `marking` has marks."""
    if submission.state is SubmissionState.FAILED:
        move(submission, SubmissionState.QUEUED)
    _tell_outcome(submission, marking)
    if marking.marks is not None:
        record_marks(tx, submission, marking.marks, feedback)
    settle_submission(tx, submission)


def _tell_outcome(submission: SubmissionRow, marking: Marking) -> None:
    submission.outcome, submission.teacher_text = marking.outcome, None
    note_suspicion(submission, marking.suspicion)
    submission.text = None if marking.outcome in CALM else marking.text
    submission.cell_ms = marking.cell_ms or None


def record_failure(tx: Tx, submission: SubmissionRow, text: str, teacher_text: str) -> None:
    """Marking was given up because of the machine, not because of the notebook."""
    if not submission.state.is_busy:
        return
    submission.teacher_text = teacher_text
    if submission.marks is None:
        submission.outcome, submission.text = GIVEN_UP, text
    _leave_without_marks(submission)
    finish_attempt(tx, submission)


def _leave_without_marks(submission: SubmissionRow) -> None:
    """After a marking that put nothing into the gradebook: failed, or as before if it was marked before."""
    if submission.marks is None:
        move(submission, SubmissionState.FAILED)
        submission.points, submission.feedback = None, None
        submission.marked_at = clock.now()
    else:
        waits = any(question["needs_manual"] for question in submission.marks["questions"])
        move(submission, SubmissionState.NEEDS_MANUAL if waits else SubmissionState.GRADED)


def record_marks(tx: Tx, submission: SubmissionRow, marks: Marks, feedback: Packed) -> None:
    """Take over marks as the gradebook has them now."""
    if submission.state is SubmissionState.FAILED:
        submission.outcome = submission.text = submission.teacher_text = None
    move(submission, SubmissionState.NEEDS_MANUAL if marks.needs_manual else SubmissionState.GRADED)
    submission.points, submission.max_points = as_points(marks.total), as_points(marks.max_score)
    submission.late_penalty, submission.marks = as_points(marks.late_penalty), marks_as_json(marks)
    with tx.no_autoflush:  # so that the attempt is written once
        submission.feedback = store_files(tx, feedback)
    submission.marked_at = clock.now()
    tx.flush()


def finish_attempt(tx: Tx, submission: SubmissionRow) -> None:
    """After an attempt has got its state: settle the result of each whose it is, and wake the next waiting attempt."""
    tx.flush()
    attempts = settle_submission(tx, submission)
    siblings = (row for row in attempts if row.hub_name == submission.hub_name)
    waiting = [row for row in siblings if row.state is SubmissionState.QUEUED]
    if waiting:
        put_in_line(tx, min(waiting, key=lambda row: row.number))


def settle_submission(tx: Tx, submission: SubmissionRow) -> list[SubmissionRow]:
    """Settle the results of those whose attempt it is, and of those who were in the group before.

    Returns the attempts that have its place in the gradebook, and maybe others of the learner.
    """
    if submission.group_id is None:
        return settle_result(tx, submission.assignment_id, Learner(submission.placement_id, submission.user_id))
    owners = {who.user_id for who in list_owners(tx, submission)}
    before = select(ShareRow.user_id).join(SubmissionRow, SubmissionRow.id == ShareRow.submission_id)
    owners |= set(tx.scalars(before.where(in_place_of(submission))))
    for user_id in sorted(owners):  # always in this order: no two wait for each other
        settle_result(tx, submission.assignment_id, Learner(submission.placement_id, user_id))
    return list_siblings(tx, submission)


def settle_result(tx: Tx, assignment_id: int, who: Learner, *, sends: bool = True) -> list[SubmissionRow]:
    """Make the result of one learner say what the attempt that counts says; safe to repeat. Returns their attempts.

    `sends`: a result that is new or other than before goes to the LMS.
    Who changes the terms holds the quiz's row, so none are read here that are about to change.
    """
    assignment = tx.scalars(_HELD_QUIZ, {"assignment_id": assignment_id}).one()
    attempts = list_submissions(tx, assignment_id, who)
    terms = find_terms(tx, assignment, who.placement_id, who.user_id)
    counts = attempt_that_counts(terms, attempts)
    weighed = None if counts is None else terms.weigh_attempt(counts)
    # else it settles when it is marked, or decided on
    if counts is not None and weighed is not None and not counts.state.is_busy and not counts.is_held:
        # the gradebook holds the newest: in an earlier one nothing is marked by hand any more
        needs_manual = counts.state is SubmissionState.NEEDS_MANUAL and not _is_replaced(tx, terms, counts, attempts)
        _set_result(tx, assignment, who, counts, weighed, needs_manual=needs_manual, sends=sends)
    return attempts


def _is_replaced(tx: Tx, terms: Terms, row: SubmissionRow, attempts: Sequence[SubmissionRow]) -> bool:
    """Has a later attempt with points its place in the gradebook? `attempts`: its learner's."""
    siblings = attempts if row.group_id is None else list_siblings(tx, row)
    later = (each for each in siblings if each.hub_name == row.hub_name and each.number > row.number)
    return any(terms.weigh_attempt(each) is not None for each in later)


def _set_result(
    tx: Tx,
    assignment: AssignmentRow,
    who: Learner,
    counts: SubmissionRow,
    weighed: Weighed,
    *,
    needs_manual: bool,
    sends: bool,
) -> None:
    result = tx.scalar(_RESULT_TO_CHANGE, _keys_of(assignment.id, who))
    values = (counts.id, weighed.counts, counts.max_points, needs_manual)
    if result is None:
        result = ResultRow(placement_id=who.placement_id, assignment_id=assignment.id, user_id=who.user_id, version=0)
        tx.add(result)
    elif (result.submission_id, result.points, result.max_points, result.needs_manual) == values:
        return
    result.submission_id, result.points, result.max_points, result.needs_manual = values
    result.version, result.recorded_at, result.is_quiet = result.version + 1, clock.now(), not sends
    tx.flush()
    tell_lms(tx, assignment, result, counts)
    emit_recorded(tx, assignment, result)


def emit_recorded(tx: Tx, assignment: AssignmentRow, result: ResultRow) -> None:
    """State the fact for whoever wants to know."""
    fact = GradeRecorded(
        user_id=result.user_id,
        assignment_id=assignment.id,
        course_slug=assignment.course_slug,
        assignment=assignment.name,
        placement_id=result.placement_id,
        version=result.version,
    )
    jobs.emit(tx, fact)


def tell_lms(
    tx: Tx, assignment: AssignmentRow, result: ResultRow, counts: SubmissionRow, *, afresh: int | None = None
) -> None:
    """Bring the outbox up to date with a result, and have it sent.

    `afresh`: a link that was launched for the first time, or whose line item is new; see `lti.want_scores`.
    """
    if result.is_quiet:
        return
    mates = [who.user_id for who in list_owners(tx, counts)]
    targets = lti.list_grade_targets(tx, result.placement_id, result.user_id, assignment.item_ref, launched_by=mates)
    is_final = not result.needs_manual
    wanted = lti.Wanted(
        source=SOURCE,
        placement_id=result.placement_id,
        item_ref=assignment.item_ref,
        item_id=assignment.id,
        points=result.points,
        max_points=result.max_points,
        is_final=is_final,
        activity_progress="Completed" if is_final else "Submitted",
        submitted_at=counts.submitted_at,
        subject_id=result.submission_id,
        comment=f"Attempt {counts.number}, receipt {counts.receipt}",
    )
    lti.want_scores(tx, targets, wanted, afresh=afresh)


def find_result_row(tx: Tx, assignment_id: int, who: Learner) -> ResultRow | None:
    """The result of a learner."""
    return tx.scalar(_RESULT, _keys_of(assignment_id, who))


def _keys_of(assignment_id: int, who: Learner) -> dict[str, int]:
    return {"placement_id": who.placement_id, "assignment_id": assignment_id, "user_id": who.user_id}


_HELD_QUIZ = (
    select(AssignmentRow)
    .where(AssignmentRow.id == bindparam("assignment_id"))
    .with_for_update(read=True)
    .execution_options(populate_existing=True)
)
_RESULT = select(ResultRow).where(
    ResultRow.placement_id == bindparam("placement_id"),
    ResultRow.assignment_id == bindparam("assignment_id"),
    ResultRow.user_id == bindparam("user_id"),
)
_RESULT_TO_CHANGE = _RESULT.with_for_update()


def marks_as_json(marks: Marks) -> dict[str, Any]:
    """Marks as they are kept with the attempt; points as texts, so that nothing is rounded."""
    questions = [
        {
            "notebook": question.notebook,
            "name": question.grade_id,
            "label": question.title,
            "points": None if question.needs_manual and question.manual_score is None else _text(question.score),
            "max_points": _text(question.max_score),
            "needs_manual": question.needs_manual,
            "by_hand": None if question.manual_score is None else _text(question.manual_score),
            "extra": None if question.extra_credit is None else _text(question.extra_credit),
            "comment": question.comment,
        }
        for question in marks.questions
    ]
    return {"questions": questions}


def _text(value: Decimal) -> str:
    return str(as_points(value))

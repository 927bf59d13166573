"""Marking one submission: claim it, run the engine outside any transaction, record everything in one.

Killed at any point, the job starts over, and nothing has happened or all of it has. The attempts of one learner are
marked one after the other in the order of their numbers, because the gradebook holds one submission of each learner:
the newest. Of a group it holds one, too.
"""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.exc import IntegrityError

from config.settings import Settings
from grading.conditions import limits_for
from grading.engine.model import Marking, MarkLimits, Superseded
from grading.engine_port import MarkingEngine, OpenEngine
from grading.environments import LOOK_AGAIN, NotReady, find_environment
from grading.filesets import load_files, pack_files
from grading.messages import Autograde, ForgetLearner
from grading.models import AssignmentRow, SubmissionRow, SubmissionState
from grading.portable_placing import ensure_placed
from grading.results import GIVEN_UP, record_failure, record_marking
from grading.submissions import in_place_of, list_siblings, move, put_in_line
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.crashpoints import reach
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict
from lti_tool.kernel.jobs import JobRun
from lti_tool.lti import public as lti


@dataclass(frozen=True)
class Work:
    """What the engine needs, read before it runs."""

    placement: lti.Placement
    assignment: str
    hub_name: str
    number: int
    submitted_at: datetime
    limits: MarkLimits
    files: dict[str, bytes] = field(repr=False)


def autograde(open_engine: OpenEngine, run: JobRun, message: Autograde) -> None:
    """Handle `Autograde`."""
    runtime = run.runtime
    reach("autograde.started")
    with runtime.db.transaction() as tx:
        try:
            work = _claim(tx, runtime.settings, message.submission_id)
        except NotReady as why:
            run.postpone(tx, clock.now() + LOOK_AGAIN, str(why))
            return
        if work is None:
            run.finish(tx)
            return
    reach("autograde.claimed")
    ensure_placed(runtime, work.placement.id)
    engine = open_engine(runtime.settings, work.placement)
    try:
        marking = _mark(engine, work)
    except Superseded:
        with runtime.db.transaction() as tx:
            run.finish(tx)
            _leave_to_later_attempt(tx, message.submission_id)
        return
    reach("autograde.marked")
    marked = marking.marks is not None
    feedback = pack_files(engine.render_feedback(work.assignment, work.hub_name) if marked else {})
    with runtime.db.transaction() as tx:
        run.finish(tx)
        submission = tx.get(SubmissionRow, message.submission_id)
        if submission is None:  # erased meanwhile
            jobs.enqueue(tx, ForgetLearner(work.placement.id, work.hub_name))
        else:
            record_marking(tx, submission, marking, feedback)
        reach("autograde.recorded")
    reach("autograde.committed")


def _mark(engine: MarkingEngine, work: Work) -> Marking:
    return engine.mark(
        work.assignment,
        work.hub_name,
        work.files,
        submitted_at=work.submitted_at,
        attempt=work.number,
        limits=work.limits,
    )


def _leave_to_later_attempt(tx: Tx, submission_id: int) -> None:
    submission = tx.get(SubmissionRow, submission_id)
    if submission is not None:
        text = "A later attempt of yours has been marked, so this one is not marked any more."
        record_failure(tx, submission, text, "The gradebook holds a later attempt of this learner.")


def give_up_marking(tx: Tx, message: Autograde, error: str) -> None:
    """After the last try: leave a state that people can read."""
    submission = tx.get(SubmissionRow, message.submission_id)
    if submission is not None:
        text = (
            "Your notebook could not be marked because of a problem on our side. It is kept as you submitted it, and "
            "your teacher can have it marked again."
        )
        record_failure(tx, submission, text, f"Marking was tried several times and given up. {error}")


def mark_again(tx: Tx, submission: SubmissionRow) -> None:
    """Put a submission in line once more, at a teacher's wish.

    Raises: Conflict: it is in line already, or a later attempt has been marked since.
    """
    if _is_superseded(tx, submission):
        message = "There is a later attempt of this learner; only the latest can be marked again."
        raise Conflict("attempt_superseded", message)
    move(submission, SubmissionState.QUEUED)
    if submission.marks is None:
        submission.outcome = submission.text = submission.teacher_text = None
    put_in_line(tx, submission)


def _is_superseded(tx: Tx, submission: SubmissionRow) -> bool:
    """Is there a later attempt that has marks or will have them?"""
    later = (row for row in list_siblings(tx, submission) if row.number > submission.number)
    return any(row.state is not SubmissionState.FAILED for row in later)


def _claim(tx: Tx, settings: Settings, submission_id: int) -> Work | None:
    """Take a submission for marking. None: nothing to do, or an earlier attempt comes first and will wake it.

    Raises: NotReady: the quiz's environment is not there; the submission stays in line.
    """
    submission = tx.get(SubmissionRow, submission_id)
    placement = lti.find_placement(tx, submission.placement_id) if submission else None
    if submission is None or placement is None:
        return None
    given_up = submission.state is SubmissionState.FAILED and submission.outcome == GIVEN_UP
    if given_up and not _is_superseded(tx, submission):  # an operator runs its dead job again
        move(submission, SubmissionState.QUEUED)
    if not submission.state.is_busy:
        return None
    assignment = tx.get_one(AssignmentRow, submission.assignment_id)
    if submission.state is SubmissionState.QUEUED and _must_wait(tx, submission):
        return None
    limits = limits_for(settings, assignment, find_environment(tx, settings, assignment))
    if submission.state is SubmissionState.QUEUED:
        try:
            with tx.begin_nested():
                move(submission, SubmissionState.RUNNING)
        except IntegrityError:  # another attempt has just begun
            return None
    return Work(
        placement=placement,
        assignment=assignment.name,
        hub_name=submission.hub_name,
        number=submission.number,
        submitted_at=submission.submitted_at,
        limits=limits,
        files=load_files(tx, submission.files),
    )


def _must_wait(tx: Tx, submission: SubmissionRow) -> bool:
    earlier = and_(SubmissionRow.state == SubmissionState.QUEUED, SubmissionRow.number < submission.number)
    query = select(SubmissionRow.id).where(
        in_place_of(submission),
        SubmissionRow.id != submission.id,
        or_(SubmissionRow.state == SubmissionState.RUNNING, earlier),
    )
    return tx.scalar(query.limit(1)) is not None

"""Marking the attempts of a run for its preview, one after the other, and after whatever was handed in freshly.

One job of a run marks one attempt and puts the next job in line, where LMS courses take turns. Where fresh submissions
wait it stands back, unless it has done so for long. Nothing reaches the gradebook.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from config.settings import Settings
from grading.conditions import limits_for
from grading.engine.model import Environment, Executed, Given, MarkLimits, Marks, ReleasedAnew, Scored
from grading.engine.outcome import tell
from grading.engine_port import MarkingEngine, OpenEngine
from grading.environments import LOOK_AGAIN, NotReady, find_environment
from grading.filesets import load_files
from grading.messages import Autograde, RemarkAttempts
from grading.models import AssignmentRow, SubmissionRow
from grading.remarking_packing import pack_executed
from grading.remarking_rows import AgainState, RemarkedRow, RemarkRow, RunState
from grading.results import marks_as_json
from grading.submissions import lane_of
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.crashpoints import reach
from lti_tool.kernel.db import Tx
from lti_tool.kernel.jobs import JobRun, Retry
from lti_tool.kernel.types import as_points
from lti_tool.lti import public as lti

MOST_TRIES = 5
"""An attempt on which the worker failed or died as often is left out."""
PAUSE = timedelta(seconds=2)
PATIENCE = timedelta(seconds=30)
"""How long fresh submissions go first; then one attempt of the run is marked in between."""
BUSY = "This attempt is in line for marking, so it is marked by the tests of now anyway."
WORN_OUT = "It could not be marked: the worker failed on it several times. Its marks stay as they are."


@dataclass(frozen=True)
class Work:
    """One attempt of a run, as the engine needs it."""

    row_id: int
    submission_id: int
    placement: lti.Placement
    assignment: str
    hub_name: str
    number: int
    submitted_at: datetime
    marked_at: datetime | None
    """Which marks it had when it was read."""
    given: dict[tuple[str, str], Given]
    limits: MarkLimits
    files: dict[str, bytes] = field(repr=False)
    executed: bytes | None = field(repr=False)


def remark_attempts(open_engine: OpenEngine, run: JobRun, message: RemarkAttempts) -> None:
    """Handle `RemarkAttempts`."""
    runtime = run.runtime
    with runtime.db.transaction() as tx:
        work = _take(tx, run, message.remark_id)
    if work is None:
        return
    reach("remark.taken")
    engine = open_engine(runtime.settings, work.placement)
    executed = engine.execute(work.assignment, work.files, limits=work.limits)
    try:
        scored = weigh(engine, work, executed) if executed.notebooks else None
    except ReleasedAnew as error:
        raise Retry("The quiz was released at this moment.", 0.0) from error
    packed = pack_executed(executed)
    reach("remark.marked")
    with runtime.db.transaction() as tx:
        run.finish(tx)
        _record(tx, message.remark_id, work, executed, packed, scored)
        reach("remark.recorded")
    reach("remark.committed")


def put_in_line(tx: Tx, remark: RemarkRow) -> None:
    """Have the next attempt of a run marked when the turn of its LMS course comes."""
    jobs.enqueue(tx, RemarkAttempts(remark.id), lane=lane_of(remark.placement_id))


def weigh(engine: MarkingEngine, work: Work, executed: Executed) -> Scored:
    """What an attempt would score. Raises: ReleasedAnew."""
    return engine.weigh(
        work.assignment,
        work.hub_name,
        executed,
        submitted_at=work.submitted_at,
        attempt=work.number,
        given=work.given,
    )


def stop_remark(tx: Tx, message: RemarkAttempts, error: str) -> None:
    """After the last try: the run waits for somebody to have it go on."""
    remark = tx.get(RemarkRow, message.remark_id)
    if remark is not None:
        remark.stopped = error


def take_next(tx: Tx, settings: Settings, remark_id: int, state: AgainState) -> Work | None:
    """The next attempt of a run in this state, begun once more. None: there is none left.

    Raises: NotReady: it is to be run, and the quiz's environment is not there.
    """
    query = select(RemarkedRow).where(RemarkedRow.remark_id == remark_id, RemarkedRow.state == state)
    while (row := tx.scalar(query.order_by(RemarkedRow.id).limit(1))) is not None:
        submission = tx.get_one(SubmissionRow, row.submission_id, populate_existing=True)
        placement = lti.find_placement(tx, submission.placement_id)
        if row.tries >= MOST_TRIES or placement is None:
            row.state, row.why, row.executed = AgainState.FAILED, WORN_OUT, None
        elif submission.state.is_busy:
            row.state, row.why, row.executed = AgainState.STALE, BUSY, None
        else:
            work = _work(tx, settings, row, submission, placement)
            row.tries += 1
            return work
        tx.flush()
    return None


def _take(tx: Tx, run: JobRun, remark_id: int) -> Work | None:
    """The next attempt; None: the job has ended in this transaction, for good or for now."""
    remark = tx.get(RemarkRow, remark_id, with_for_update=True, populate_existing=True)
    if remark is None or remark.state is not RunState.MARKING:
        run.finish(tx)
        return None
    moment = clock.now()
    if moment - remark.moved_at < PATIENCE and _somebody_waits(tx, moment):
        run.postpone(tx, moment + PAUSE, "Fresh submissions come first.")
        return None
    run.hold(tx)
    try:
        work = take_next(tx, run.runtime.settings, remark_id, AgainState.WAITING)
    except NotReady as why:
        run.postpone(tx, moment + LOOK_AGAIN, str(why))
        return None
    if work is None:
        run.finish(tx)
        _end(remark)
    return work


def _end(remark: RemarkRow) -> None:
    remark.move(RunState.READY)
    remark.stopped = None


def _somebody_waits(tx: Tx, moment: datetime) -> bool:
    """Is a fresh submission in line?"""
    row = jobs.JobRow
    waits = (row.queue == "grade", row.state == jobs.JobState.QUEUED, row.message == Autograde.name)
    return tx.scalar(select(row.id).where(*waits, row.due_at <= moment).limit(1)) is not None


def _work(tx: Tx, settings: Settings, row: RemarkedRow, submission: SubmissionRow, placement: lti.Placement) -> Work:
    quiz, is_run = tx.get_one(AssignmentRow, submission.assignment_id), row.state is AgainState.WAITING
    environment = find_environment(tx, settings, quiz) if is_run else Environment()
    return Work(
        row_id=row.id,
        submission_id=submission.id,
        placement=placement,
        assignment=quiz.name,
        hub_name=submission.hub_name,
        number=submission.number,
        submitted_at=submission.submitted_at,
        marked_at=submission.marked_at,
        given=_given(submission),
        limits=limits_for(settings, quiz, environment),
        files=load_files(tx, submission.files),
        executed=row.executed if row.state is AgainState.CHOSEN else None,
    )


def _given(submission: SubmissionRow) -> dict[tuple[str, str], Given]:
    """What a person gave an attempt, as it is kept with it."""
    return {
        (each["notebook"], each["name"]): Given(
            by_hand=None if each["by_hand"] is None else as_points(each["by_hand"]),
            extra_credit=None if each["extra"] is None else as_points(each["extra"]),
            comment=each["comment"],
        )
        for each in (submission.marks or {"questions": []})["questions"]
    }


def _record(tx: Tx, remark_id: int, work: Work, executed: Executed, packed: bytes, scored: Scored | None) -> None:
    """Write down what came of one attempt, unless the learner was erased meanwhile, and go on unless it was dropped."""
    remark = tx.get(RemarkRow, remark_id, with_for_update=True)
    if remark is None or remark.state is not RunState.MARKING:
        return
    row, submission = tx.get(RemarkedRow, work.row_id), tx.get(SubmissionRow, work.submission_id)
    if row is not None and submission is not None and row.state is AgainState.WAITING:
        remark.moved_at = clock.now()
        _write(row, submission, work, executed, packed, scored)
        tx.flush()
    waits = select(RemarkedRow.id).where(RemarkedRow.remark_id == remark_id, RemarkedRow.state == AgainState.WAITING)
    if tx.scalar(waits.limit(1)) is None:
        _end(remark)
    else:
        put_in_line(tx, remark)


def _write(
    row: RemarkedRow, submission: SubmissionRow, work: Work, executed: Executed, packed: bytes, scored: Scored | None
) -> None:
    if scored is None:
        row.state, row.why = AgainState.FAILED, tell(executed.stories, None)[1]
        return
    row.state, row.why, row.executed = AgainState.MARKED, None, packed
    row.seen_at, row.old_points, row.old_max = work.marked_at, submission.points, submission.max_points
    row.cells, row.suspicion = list_differences(submission.marks, scored.marks), executed.suspicion
    note_scored(row, scored)


def note_scored(row: RemarkedRow, scored: Scored) -> None:
    """What an attempt of a run scores."""
    marks = scored.marks
    row.points, row.max_points = as_points(marks.total), as_points(marks.max_score)
    row.late_penalty, row.needs_manual, row.outcome = as_points(marks.late_penalty), marks.needs_manual, scored.outcome


def list_differences(before: dict[str, Any] | None, after: Marks) -> list[dict[str, Any]]:
    """The questions that get other points, or that a person has to look at: label, old, new, max, and `look`."""
    known = {(each["notebook"], each["name"]): each for each in (before or {"questions": []})["questions"]}
    found = []
    for each in marks_as_json(after)["questions"]:
        old = known.get((each["notebook"], each["name"]))
        said = None if old is None else (old["points"], old["needs_manual"])
        if said != (each["points"], each["needs_manual"]):
            line = {"label": each["label"], "old": old and old["points"], "new": each["points"]}
            found.append(line | {"max": each["max_points"], "look": each["needs_manual"]})
    return found

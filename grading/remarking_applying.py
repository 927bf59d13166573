"""Taking over the new marks that a teacher has chosen: the gradebook first, then our rows and the result, in one
transaction for each attempt. Killed at any point it begins again with the same attempt, and nothing happens twice.
"""

import time

from sqlalchemy import select

from grading.engine.model import Marking, ReleasedAnew, Scored, Superseded
from grading.engine_port import MarkingEngine, OpenEngine
from grading.filesets import Packed, pack_files
from grading.messages import ApplyRemark, ForgetLearner
from grading.models import SubmissionRow
from grading.portable_placing import ensure_placed
from grading.remarking import close_run
from grading.remarking_packing import unpack_executed
from grading.remarking_rows import AgainState, RemarkedRow, RemarkRow, RunState
from grading.remarking_work import BUSY, Work, list_differences, note_scored, take_next, weigh
from grading.results import replace_marks
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.crashpoints import reach
from lti_tool.kernel.db import Tx
from lti_tool.kernel.jobs import JobRun

SLICE_S = 3.0
RELEASED_ANEW = "The quiz was released again after this was marked. Mark it once more."


def apply_remark(open_engine: OpenEngine, run: JobRun, message: ApplyRemark) -> None:
    """Handle `ApplyRemark`."""
    runtime, until = run.runtime, time.monotonic() + SLICE_S
    while True:
        with runtime.db.transaction() as tx:
            work = _take(tx, run, message.remark_id, may_go_on=time.monotonic() < until)
        if work is None:
            return
        ensure_placed(runtime, work.placement.id)
        engine = open_engine(runtime.settings, work.placement)
        try:
            marking, feedback = _put(engine, work)
        except ReleasedAnew:
            with runtime.db.transaction() as tx:
                run.hold(tx)
                _leave(tx, work, RELEASED_ANEW)
            continue
        reach("remark.put")
        with runtime.db.transaction() as tx:
            run.hold(tx)
            _record(tx, message.remark_id, work, marking, feedback)
            reach("remark.replaced")
        reach("remark.applied")


def stop_applying(tx: Tx, message: ApplyRemark, error: str) -> None:
    """After the last try: the run waits for somebody to have it go on."""
    remark = tx.get(RemarkRow, message.remark_id)
    if remark is not None:
        remark.stopped = error


def _take(tx: Tx, run: JobRun, remark_id: int, *, may_go_on: bool) -> Work | None:
    """The next attempt; None: the job has ended in this transaction."""
    remark = tx.get(RemarkRow, remark_id, with_for_update=True, populate_existing=True)
    if remark is None or remark.state is not RunState.APPLYING:
        run.finish(tx)
        return None
    if not may_go_on:
        jobs.enqueue(tx, ApplyRemark(remark_id))
        run.finish(tx)
        return None
    run.hold(tx)
    work = take_next(tx, run.runtime.settings, remark_id, AgainState.CHOSEN)
    if work is None:
        _end(tx, remark)
        run.finish(tx)
    return work


def _end(tx: Tx, remark: RemarkRow) -> None:
    """All that were chosen are done: what was not chosen can still be, and a run without such attempts is over."""
    rest = (AgainState.MARKED, AgainState.STALE)
    query = select(RemarkedRow.id).where(RemarkedRow.remark_id == remark.id, RemarkedRow.state.in_(rest))
    remark.stopped = None
    if tx.scalar(query.limit(1)) is not None:
        remark.move(RunState.READY)
    else:
        remark.move(RunState.APPLIED)
        close_run(tx, remark)


def _put(engine: MarkingEngine, work: Work) -> tuple[Marking, Packed]:
    """Marks and feedback, which the gradebook has now if this is the attempt that it holds. Raises: ReleasedAnew."""
    executed = unpack_executed(work.executed or b"")
    try:
        scored: Scored = engine.put(
            work.assignment,
            work.hub_name,
            executed,
            work.files,
            submitted_at=work.submitted_at,
            attempt=work.number,
            limits=work.limits,
        )
    except Superseded:  # it is kept with us alone
        scored = weigh(engine, work, executed)
    feedback = pack_files(engine.render_executed(work.assignment, executed, work.files, scored))
    told = scored.outcome, scored.text, scored.marks
    marking = Marking(*told, {}, 0.0, work.number, executed.suspicion, executed.cell_ms)
    return marking, feedback


def _leave(tx: Tx, work: Work, why: str) -> None:
    row = tx.get(RemarkedRow, work.row_id)
    if row is not None:
        row.state, row.why, row.executed = AgainState.STALE, why, None


def _record(tx: Tx, remark_id: int, work: Work, marking: Marking, feedback: Packed) -> None:
    row, submission = tx.get(RemarkedRow, work.row_id), tx.get(SubmissionRow, work.submission_id, with_for_update=True)
    if row is None or submission is None or marking.marks is None:  # erased meanwhile
        jobs.enqueue(tx, ForgetLearner(work.placement.id, work.hub_name))
        return
    if row.state is not AgainState.CHOSEN:
        return
    if submission.state.is_busy:
        _leave(tx, work, BUSY)
        return
    if submission.marked_at != work.marked_at:
        return  # a person has marked meanwhile: once more, with that
    row.old_points, row.old_max = submission.points, submission.max_points
    row.cells = list_differences(submission.marks, marking.marks)
    note_scored(row, Scored(marking.outcome, marking.text, marking.marks, {}))
    replace_marks(tx, submission, marking, feedback)
    row.state, row.executed, row.seen_at = AgainState.APPLIED, None, submission.marked_at
    tx.get_one(RemarkRow, remark_id).moved_at = clock.now()

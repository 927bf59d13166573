"""Marking many attempts of a quiz again: begun, decided about, dropped. Nothing changes before a teacher says so.

A run is a row with a row for each attempt (`remarking_rows`). `remarking_work` marks them into the run, and
`remarking_applying` takes over what was chosen; both go on where a killed worker left off.
"""

from collections.abc import Collection
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from grading.messages import ApplyRemark
from grading.models import AssignmentRow, CourseRow, SubmissionRow, SubmissionState
from grading.remarking_rows import AgainState, RemarkedRow, RemarkRow, RunState
from grading.remarking_work import put_in_line
from grading.submissions import is_of
from lti_tool.kernel import audit, clock, jobs
from lti_tool.kernel.audit import Actor
from lti_tool.kernel.audit_guard import ERASED
from lti_tool.kernel.crashpoints import reach
from lti_tool.kernel.db import Tx, affect
from lti_tool.kernel.errors import Conflict, NotFound, Unacceptable

OPEN = [state for state in RunState if state.is_open]
UNDECIDED = (AgainState.WAITING, AgainState.MARKED, AgainState.FAILED, AgainState.STALE)


class Which(StrEnum):
    """Which attempts of the chosen learners a run is about."""

    NEWEST = "newest"
    ALL = "all"
    PROBLEMS = "problems"
    """The newest of those in which something did not run, or which could not be marked."""


def find_open(tx: Tx, placement_id: int, assignment_id: int) -> RemarkRow | None:
    """The run that is not over; there is never more than one."""
    query = select(RemarkRow).where(_runs_of(placement_id, assignment_id), RemarkRow.state.in_(OPEN))
    return tx.scalar(query)


def list_past(tx: Tx, placement_id: int, assignment_id: int, limit: int = 10) -> list[tuple[RemarkRow, int, int]]:
    """The runs that are over, newest first: (run, attempts, attempts that got new marks)."""
    applied = func.count().filter(RemarkedRow.state == AgainState.APPLIED)
    query = (
        select(RemarkRow, func.count(RemarkedRow.id), applied)
        .outerjoin(RemarkedRow, RemarkedRow.remark_id == RemarkRow.id)
        .where(_runs_of(placement_id, assignment_id), RemarkRow.state.not_in(OPEN))
        .group_by(RemarkRow.id)
        .order_by(RemarkRow.id.desc())
        .limit(limit)
    )
    return [(run, number, done) for run, number, done in tx.execute(query)]


def get_run(tx: Tx, placement_id: int, assignment_id: int, remark_id: int, *, lock: bool = False) -> RemarkRow:
    """A run of this quiz in this placement. Raises: NotFound."""
    query = select(RemarkRow).where(_runs_of(placement_id, assignment_id), RemarkRow.id == remark_id)
    run = tx.scalar(query.with_for_update() if lock else query)
    if run is None:
        raise NotFound("remark_not_found", "There is no such run. Go back to the quiz and begin a new one.")
    return run


def list_markable(
    tx: Tx, placement_id: int, assignment_id: int, user_ids: Collection[int], which: Which
) -> list[tuple[int, int]]:
    """(submission id, user id) of what a run would be about; without what is in line for marking anyway."""
    columns = (SubmissionRow.id, SubmissionRow.user_id, SubmissionRow.hub_name, SubmissionRow.state, SubmissionRow.text)
    query = (
        select(*columns)
        .where(SubmissionRow.placement_id == placement_id, SubmissionRow.assignment_id == assignment_id)
        .where(is_of(list(user_ids)))
        .order_by(SubmissionRow.number.desc())
    )
    found: list[tuple[int, int]] = []
    seen: set[str] = set()
    for submission_id, user_id, hub_name, state, text in tx.execute(query):
        is_newest, has_problem = hub_name not in seen, state is SubmissionState.FAILED or text is not None
        seen.add(hub_name)
        is_wanted = which is Which.ALL or (is_newest and (which is Which.NEWEST or has_problem))
        if is_wanted and not state.is_busy:
            found.append((submission_id, user_id))
    return sorted(found, key=lambda each: each[1])


def start_run(
    tx: Tx, placement_id: int, assignment: AssignmentRow, attempts: Collection[tuple[int, int]], by: Actor
) -> int:
    """Begin a run over (submission id, user id); returns its id.

    Raises: Unacceptable: there is nothing to mark. Conflict: another run of this quiz is not over.
    """
    if not attempts:
        raise Unacceptable(
            "nothing_to_mark", "None of these learners has an attempt that could be marked again. Choose others."
        )
    course, moment = tx.get(CourseRow, assignment.course_slug), clock.now()
    run = RemarkRow(
        placement_id=placement_id,
        assignment_id=assignment.id,
        started_by=by.user_id,
        started_by_name=by.name[:255],
        started_at=moment,
        release_sha256=assignment.release_sha256,
        structure_sha256=course.structure_sha256 if course else "",
        moved_at=moment,
    )
    try:
        with tx.begin_nested():
            tx.add(run)
            tx.flush()
    except IntegrityError as error:
        raise Conflict(
            "remark_open", "Attempts of this quiz are being marked again already. Apply or drop that run first."
        ) from error
    tx.add_all(RemarkedRow(remark_id=run.id, submission_id=number, user_id=user_id) for number, user_id in attempts)
    tx.flush()
    put_in_line(tx, run)
    audit.record(tx, by, "remark.start", _target(assignment, run), after={"attempts": len(attempts)})
    reach("remark.stored")
    return run.id


def apply_run(tx: Tx, run: RemarkRow, assignment: AssignmentRow, picked: Collection[int] | None, by: Actor) -> int:
    """Have attempts of a run get their new marks; `picked`: ids of its rows, None: all. Returns how many.

    `run` is locked. Raises: Unacceptable: none of them can. Conflict: the preview is not there.
    """
    run.move(RunState.APPLYING)
    mine = (RemarkedRow.remark_id == run.id, RemarkedRow.state == AgainState.MARKED)
    choose = update(RemarkedRow).where(*mine).values(state=AgainState.CHOSEN, tries=0)
    number = affect(tx, choose if picked is None else choose.where(RemarkedRow.id.in_(list(picked))))
    if number == 0:
        raise Unacceptable("nothing_chosen", "Tick at least one attempt that has new marks, then apply again.")
    run.moved_at = clock.now()
    jobs.enqueue(tx, ApplyRemark(run.id))
    audit.record(tx, by, "remark.apply", _target(assignment, run), after={"attempts": number})
    return number


def drop_run(tx: Tx, run: RemarkRow, assignment: AssignmentRow, by: Actor) -> None:
    """Leave what was not applied as it is. `run` is locked. Raises: Conflict: it is being applied, or over."""
    query = select(func.count()).where(RemarkedRow.remark_id == run.id, RemarkedRow.state == AgainState.APPLIED)
    applied = tx.scalar(query) or 0
    run.move(RunState.APPLIED if applied else RunState.DROPPED)
    close_run(tx, run)
    audit.record(tx, by, "remark.drop", _target(assignment, run), after={"applied_before": applied})


def close_run(tx: Tx, run: RemarkRow) -> None:
    """After a run has ended: nothing of it waits any more, and what it kept for later goes."""
    run.finished_at, run.stopped = clock.now(), None
    rest = update(RemarkedRow).where(RemarkedRow.remark_id == run.id, RemarkedRow.state.in_(UNDECIDED))
    tx.execute(rest.values(state=AgainState.LEFT, executed=None))


def resume_run(tx: Tx, run: RemarkRow) -> None:
    """Go on with a run that has stopped. `run` is locked; nothing to do if it goes on by itself."""
    if run.stopped is None or not run.state.is_open:
        return
    run.stopped = None
    if run.state is RunState.MARKING:
        _begin_anew(tx, run, [AgainState.FAILED])
        put_in_line(tx, run)
    elif run.state is RunState.APPLYING:
        tx.execute(update(RemarkedRow).where(RemarkedRow.remark_id == run.id).values(tries=0))
        jobs.enqueue(tx, ApplyRemark(run.id))


def repeat_run(tx: Tx, run: RemarkRow) -> None:
    """Mark once more what failed, and what does not hold any more. `run` is locked. Raises: Conflict: not now."""
    run.move(RunState.MARKING)
    if not _begin_anew(tx, run, [AgainState.FAILED, AgainState.STALE]):
        raise Unacceptable("nothing_to_mark", "No attempt of this run needs to be marked once more.")
    run.moved_at = clock.now()
    put_in_line(tx, run)


def forget_person(tx: Tx, user_id: int) -> None:
    """Delete what runs say of a learner, and the name of who began them."""
    tx.execute(delete(RemarkedRow).where(RemarkedRow.user_id == user_id))
    tx.execute(update(RemarkRow).where(RemarkRow.started_by == user_id).values(started_by=None, started_by_name=ERASED))


def count_states(tx: Tx, remark_id: int) -> dict[AgainState, int]:
    """How many attempts of a run are in each state."""
    query = select(RemarkedRow.state, func.count().label("number")).where(RemarkedRow.remark_id == remark_id)
    return {row.state: row.number for row in tx.execute(query.group_by(RemarkedRow.state))}


def _begin_anew(tx: Tx, run: RemarkRow, states: list[AgainState]) -> int:
    again = update(RemarkedRow).where(RemarkedRow.remark_id == run.id, RemarkedRow.state.in_(states))
    return affect(tx, again.values(state=AgainState.WAITING, tries=0, why=None, executed=None))


def _runs_of(placement_id: int, assignment_id: int) -> ColumnElement[bool]:
    return and_(RemarkRow.placement_id == placement_id, RemarkRow.assignment_id == assignment_id)


def _target(assignment: AssignmentRow, run: RemarkRow) -> str:
    return f"quiz {assignment.course_slug}/{assignment.name}, run {run.id} in placement {run.placement_id}"

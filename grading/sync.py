"""Taking over what teachers mark by hand in formgrader: the gradebook is the truth, our result follows it.

Formgrader tells us of each saved mark; a lost notice is harmless, because `reconcile` compares all totals every half
minute.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select

from grading.assignments import find_assignment
from grading.engine.model import Marks, Total
from grading.engine_port import MarkingEngine, OpenEngine
from grading.messages import SyncMarks
from grading.models import AssignmentRow, SubmissionRow, SubmissionState
from grading.results import finish_attempt, record_marks
from lti_tool.kernel import jobs
from lti_tool.kernel.db import Tx
from lti_tool.kernel.jobs import JobRun
from lti_tool.kernel.runtime import Runtime
from lti_tool.kernel.types import as_points


@dataclass(frozen=True)
class Held:
    """The attempt that the gradebook holds of a learner, and which marking of it we have recorded."""

    submission_id: int
    hub_name: str
    version: tuple[object, ...]
    has_failed: bool
    total: Total


def sync_marks(open_engine: OpenEngine, run: JobRun, message: SyncMarks) -> None:
    """Handle `SyncMarks`."""
    runtime, by_hand = run.runtime, message.hub_name is not None
    with runtime.db.reading() as tx:
        assignment = find_assignment(tx, message.course_slug, message.assignment)
        held = list_held(tx, assignment.id, message.hub_name, by_hand=by_hand) if assignment else {}
    if assignment is None or not held:
        return
    engine = open_engine(runtime.settings, message.course_slug)
    wanted = [message.hub_name] if message.hub_name else differing(held, engine.list_totals(message.assignment))
    found = [_read(engine, message.assignment, held[name]) for name in wanted if name in held]
    with runtime.db.transaction() as tx:
        run.finish(tx)
        now = list_held(tx, assignment.id, by_hand=by_hand)
        for before, marks, feedback in found:
            if marks is not None and now.get(before.hub_name) == before:  # else: marked again meanwhile, nothing to add
                submission = tx.get_one(SubmissionRow, before.submission_id)
                record_marks(tx, submission, marks, feedback)
                finish_attempt(tx, submission)


def reconcile(open_engine: OpenEngine, runtime: Runtime) -> None:
    """Compare the totals of every gradebook with ours and enqueue `SyncMarks` for those that differ."""
    with runtime.db.reading() as tx:
        marked = select(SubmissionRow.assignment_id).where(SubmissionRow.marks.is_not(None)).distinct()
        assignments = list(tx.scalars(select(AssignmentRow).where(AssignmentRow.id.in_(marked))))
        held = {assignment.id: list_held(tx, assignment.id) for assignment in assignments}
    for assignment in assignments:
        engine = open_engine(runtime.settings, assignment.course_slug)
        names = differing(held[assignment.id], engine.list_totals(assignment.name))
        if names:
            with runtime.db.transaction() as tx:
                for name in names:
                    jobs.enqueue(tx, SyncMarks(assignment.course_slug, assignment.name, name))


def list_held(tx: Tx, assignment_id: int, hub_name: str | None = None, *, by_hand: bool = False) -> dict[str, Held]:
    """By hub name: the newest attempt, if it is marked. While one is in work the gradebook is about to change.

    `by_hand`: one that failed too, because a teacher may have marked it all the same.
    """
    columns = (
        SubmissionRow.id,
        SubmissionRow.hub_name,
        SubmissionRow.state,
        SubmissionRow.marked_at,
        SubmissionRow.points,
        SubmissionRow.max_points,
    )
    query = select(*columns).where(SubmissionRow.assignment_id == assignment_id).order_by(SubmissionRow.number)
    if hub_name is not None:
        query = query.where(SubmissionRow.hub_name == hub_name)
    newest = {row.hub_name: row for row in tx.execute(query)}
    return {
        name: Held(
            submission_id=row.id,
            hub_name=name,
            version=(row.state, row.marked_at),
            has_failed=row.state is SubmissionState.FAILED,
            total=Total(
                score=row.points or Decimal(0), max_score=row.max_points, needs_manual=row.state == "needs_manual"
            ),
        )
        for name, row in newest.items()
        if row.state.is_marked or (by_hand and row.state == SubmissionState.FAILED)
    }


def differing(held: Mapping[str, Held], totals: Mapping[str, Total]) -> list[str]:
    """Hub names whose total in the gradebook is not the one recorded."""
    return [
        name
        for name, mine in held.items()
        if name in totals
        and (as_points(totals[name].score), totals[name].needs_manual) != (mine.total.score, mine.total.needs_manual)
    ]


def _read(engine: MarkingEngine, assignment: str, held: Held) -> tuple[Held, Marks | None, Mapping[str, bytes]]:
    marks = engine.read_marks(assignment, held.hub_name)
    if held.has_failed and (marks.needs_manual or all(question.manual_score is None for question in marks.questions)):
        return held, None, {}  # nobody has looked at it yet
    return held, marks, engine.render_feedback(assignment, held.hub_name)

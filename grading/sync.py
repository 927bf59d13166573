"""Taking over what teachers mark by hand in formgrader: the gradebook is the truth, our result follows it.

Formgrader tells us of each saved mark; a lost notice is harmless, because `reconcile` compares all totals every half
minute. The time of submission says which attempt it is that the gradebook holds.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select

from grading.assignments import find_assignment
from grading.engine.model import Marks, Total
from grading.engine_port import OpenEngine
from grading.filesets import Packed, pack_files
from grading.messages import SyncMarks
from grading.models import AssignmentRow, SubmissionRow, SubmissionState
from grading.results import finish_attempt, record_marks
from lti_tool.kernel import jobs
from lti_tool.kernel.db import Tx
from lti_tool.kernel.jobs import JobRun
from lti_tool.kernel.runtime import Runtime
from lti_tool.kernel.types import as_points
from lti_tool.lti import public as lti

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recorded:
    """An attempt as we have it."""

    submission_id: int
    submitted_at: datetime
    state: SubmissionState
    marked_at: datetime | None
    points: Decimal | None


Settled = Mapping[str, Mapping[datetime, Recorded]]
"""Attempts by hub name and time of submission."""


def sync_marks(open_engine: OpenEngine, run: JobRun, message: SyncMarks) -> None:
    """Handle `SyncMarks`."""
    runtime = run.runtime
    with runtime.db.reading() as tx:
        placement = lti.find_placement(tx, message.placement_id)
        assignment = find_assignment(tx, placement.course_slug, message.assignment) if placement else None
        settled = list_settled(tx, message.placement_id, assignment.id, message.hub_name) if assignment else {}
    if placement is None or assignment is None or not settled:
        return
    engine = open_engine(runtime.settings, placement)
    engine.prepare()
    totals = engine.list_totals(message.assignment)
    found: list[tuple[str, Recorded, Marks, Packed]] = []
    for name in [message.hub_name] if message.hub_name else differing(settled, totals):
        before = find_held(settled, totals, name)
        if before is not None:
            feedback = pack_files(engine.render_feedback(message.assignment, name))
            found.append((name, before, engine.read_marks(message.assignment, name), feedback))
    with runtime.db.transaction() as tx:
        run.finish(tx)
        now = list_settled(tx, placement.id, assignment.id, message.hub_name)
        for name, before, marks, feedback in found:
            if now.get(name, {}).get(before.submitted_at) == before:  # else: marked again meanwhile, nothing to add
                submission = tx.get_one(SubmissionRow, before.submission_id)
                record_marks(tx, submission, marks, feedback)
                finish_attempt(tx, submission)


def reconcile(open_engine: OpenEngine, runtime: Runtime) -> None:
    """Compare the totals of every gradebook with ours and enqueue `SyncMarks` for those that differ.

    Graders write to their gradebook as they like, with a terminal too. One that cannot be read stops no other.
    """
    with runtime.db.reading() as tx:
        marked = SubmissionRow.marked_at.is_not(None)
        tried = select(SubmissionRow.placement_id, AssignmentRow.id, AssignmentRow.name).where(marked).distinct()
        tried = tried.join(AssignmentRow, AssignmentRow.id == SubmissionRow.assignment_id)
        work = list(tx.execute(tried))
        placements = {number: lti.find_placement(tx, number) for number in {row.placement_id for row in work}}
        settled = {(row.placement_id, row.id): list_settled(tx, row.placement_id, row.id) for row in work}
    for placement_id, assignment_id, assignment in work:
        placement = placements[placement_id]
        if placement is None:
            continue
        try:
            totals = open_engine(runtime.settings, placement).list_totals(assignment)
            names = differing(settled[placement_id, assignment_id], totals)
        except Exception:
            log.exception("gradebook_not_compared", extra={"placement": placement_id, "assignment": assignment})
            continue
        if names:
            with runtime.db.transaction() as tx:
                for name in names:
                    jobs.enqueue(tx, SyncMarks(placement_id, assignment, name))


def list_settled(tx: Tx, placement_id: int, assignment_id: int, hub_name: str | None = None) -> Settled:
    """The attempts of the learners none of whose attempts is in work: then the gradebook is not about to change."""
    columns = (
        SubmissionRow.hub_name,
        SubmissionRow.id,
        SubmissionRow.submitted_at,
        SubmissionRow.state,
        SubmissionRow.marked_at,
        SubmissionRow.points,
    )
    query = select(*columns).where(
        SubmissionRow.placement_id == placement_id, SubmissionRow.assignment_id == assignment_id
    )
    if hub_name is not None:
        query = query.where(SubmissionRow.hub_name == hub_name)
    found: dict[str, dict[datetime, Recorded]] = {}
    busy: set[str] = set()
    # of two at the same moment the gradebook holds the later one
    for name, submission_id, submitted_at, state, marked_at, points in tx.execute(query.order_by(SubmissionRow.number)):
        attempt = Recorded(submission_id, submitted_at, state, marked_at, points)
        found.setdefault(name, {})[attempt.submitted_at] = attempt
        if attempt.state.is_busy:
            busy.add(name)
    return {name: attempts for name, attempts in found.items() if name not in busy}


def find_held(settled: Settled, totals: Mapping[str, Total], hub_name: str) -> Recorded | None:
    """The attempt that the gradebook holds of a learner."""
    total = totals.get(hub_name)
    if total is None:
        return None
    attempts = settled.get(hub_name, {})
    if total.submitted_at is None:  # it came from an nbgrader course that does not say when
        return next(iter(attempts.values())) if len(attempts) == 1 else None
    return attempts.get(total.submitted_at)


def differing(settled: Settled, totals: Mapping[str, Total]) -> list[str]:
    """Hub names whose marks in the gradebook are not the ones recorded with that attempt."""
    found = []
    for name in settled:
        held = find_held(settled, totals, name)
        if held is not None and not _says(held, totals[name]):
            found.append(name)
    return found


def _says(held: Recorded, total: Total) -> bool:
    state = SubmissionState.NEEDS_MANUAL if total.needs_manual else SubmissionState.GRADED
    return (held.state, held.points) == (state, as_points(total.score))

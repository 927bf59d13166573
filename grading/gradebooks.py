"""The gradebooks of placements: each is made when its LMS course first opens the course, and follows its releases."""

from collections.abc import Iterable

from sqlalchemy import select

from grading.engine_port import OpenEngine
from grading.messages import ForgetLearner, PrepareGradebook
from grading.models import CourseRow, GradebookRow, SubmissionRow
from grading.portable_placing import ensure_placed
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.crashpoints import reach
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict
from lti_tool.kernel.jobs import JobRun
from lti_tool.kernel.runtime import Runtime
from lti_tool.kernel.upsert import upsert
from lti_tool.lti import public as lti
from lti_tool.lti.messages import LinkLaunched


def prepare_gradebook(open_engine: OpenEngine, run: JobRun, message: PrepareGradebook) -> None:
    """Handle `PrepareGradebook`."""
    _prepare(open_engine, run, message.placement_id)


def prepare_launched_gradebook(open_engine: OpenEngine, run: JobRun, message: LinkLaunched) -> None:
    """Handle `LinkLaunched`: whoever comes first has the gradebook made."""
    with run.runtime.db.reading() as tx:
        is_ready = message.placement_id is None or _is_ready(tx, message.placement_id)
    if message.placement_id is not None and not is_ready:
        _prepare(open_engine, run, message.placement_id)


def forget_learner(open_engine: OpenEngine, run: JobRun, message: ForgetLearner) -> None:
    """Handle `ForgetLearner`. The place of a group stays as long as one of its submissions is somebody's."""
    theirs = (SubmissionRow.placement_id == message.placement_id, SubmissionRow.hub_name == message.hub_name)
    with run.runtime.db.reading() as tx:
        placement = lti.find_placement(tx, message.placement_id)
        is_kept = tx.scalar(select(SubmissionRow.id).where(*theirs, SubmissionRow.group_id.is_not(None)).limit(1))
    if placement is not None and is_kept is None:
        ensure_placed(run.runtime, placement.id)
        open_engine(run.runtime.settings, placement).forget(message.hub_name)


def _prepare(open_engine: OpenEngine, run: JobRun, placement_id: int) -> None:
    with run.runtime.db.reading() as tx:
        placement = lti.find_placement(tx, placement_id)
        known = placement is not None and tx.get(CourseRow, placement.course_slug) is not None
    if placement is None or not known:
        return
    structure_sha256 = open_engine(run.runtime.settings, placement).prepare()
    reach("prepare.made")
    with run.runtime.db.transaction() as tx:
        run.finish(tx)
        record_prepared(tx, [placement_id], structure_sha256)


def record_prepared(tx: Tx, placement_ids: Iterable[int], structure_sha256: str) -> None:
    """Write down which release these gradebooks follow now."""
    values = {"structure_sha256": structure_sha256, "prepared_at": clock.now()}
    for placement_id in placement_ids:
        upsert(tx, GradebookRow, {"placement_id": placement_id}, values)


def require_gradebook(runtime: Runtime, placement_id: int) -> None:
    """Raises: Conflict: the gradebook is not ready for formgrader; it is being made ready."""
    with runtime.db.reading() as tx:
        if _is_ready(tx, placement_id):
            return
    with runtime.db.transaction() as tx:
        jobs.enqueue(tx, PrepareGradebook(placement_id))
    raise Conflict(
        "gradebook_not_ready",
        "The gradebook of your course is being made ready. Go back, wait a few seconds, and try again.",
    )


def _is_ready(tx: Tx, placement_id: int) -> bool:
    placement, row = lti.find_placement(tx, placement_id), tx.get(GradebookRow, placement_id)
    course = tx.get(CourseRow, placement.course_slug) if placement else None
    return course is not None and row is not None and row.structure_sha256 == course.structure_sha256

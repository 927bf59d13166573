"""Environments of quizzes: wanted when a quiz is published, built by a job, looked up when a submission is marked.

A submission of a quiz whose environment is not built waits, and is never marked in another one. See
docs/adr/0021-environments-of-quizzes.md.
"""

import logging
from datetime import timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.exc import IntegrityError

from config.settings import Settings
from grading.engine.model import Environment
from grading.environment_build import BuildFailed, Built, Order, build, environment_at, is_built
from grading.kernels import KernelMissing, find_kernel
from grading.messages import BuildEnvironment
from grading.models import AssignmentRow, EnvironmentRow, EnvironmentState, SubmissionRow, SubmissionState
from grading.requirements import digest_of, python_tag
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.crashpoints import reach
from lti_tool.kernel.db import Tx
from lti_tool.kernel.jobs import JobRow, JobRun, JobState

log = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(minutes=10)
"""How long a submission waits until it looks by itself whether its environment is there. The build wakes it before."""


class NotReady(Exception):
    """Nothing of the quiz can be marked now; the text says why."""


class CannotBe(NotReady):
    """Waiting alone does not help."""


def folder_of(settings: Settings, digest: str) -> Path:
    """Where an environment is."""
    return settings.data_dir / "environments" / digest


def find_environment(tx: Tx, settings: Settings, quiz: AssignmentRow) -> Environment:
    """Where submissions of a quiz are run. What is missing is begun to be built. Raises: NotReady."""
    if quiz.kernel:
        try:
            return find_kernel(quiz.kernel, settings.quizzes)
        except KernelMissing as error:
            raise CannotBe(str(error)) from error
    if not quiz.requirements:
        return Environment()
    row = find_row(tx, quiz.requirements)
    if row is not None and row.state is EnvironmentState.FAILED:
        raise CannotBe("The packages of this quiz could not be installed.")
    folder = folder_of(settings, digest_of(quiz.requirements))
    if row is None or (row.state is EnvironmentState.READY and not is_built(folder)):
        want(tx, quiz.requirements)
    elif row.state is EnvironmentState.READY:
        return environment_at(folder)
    raise NotReady("The packages of this quiz are being installed.")


def find_row(tx: Tx, requirements: str) -> EnvironmentRow | None:
    """What is known of the environment with these packages."""
    return tx.get(EnvironmentRow, digest_of(requirements)) if requirements else None


def is_environment_of() -> ColumnElement[bool]:
    """Of a query that has quizzes: an environment is theirs."""
    same = AssignmentRow.requirements == EnvironmentRow.requirements
    return and_(same, EnvironmentRow.python == python_tag())


def want(tx: Tx, requirements: str) -> None:
    """Have an environment built, unless that is under way."""
    digest = digest_of(requirements)
    row = tx.get(EnvironmentRow, digest, with_for_update=True)
    if row is None:
        try:
            with tx.begin_nested():
                tx.add(_new_row(digest, requirements))
        except IntegrityError:  # somebody else has just begun it
            return
    elif row.state is EnvironmentState.BUILDING:
        return
    else:
        row.state, row.text, row.changed_at = EnvironmentState.BUILDING, "", clock.now()
    jobs.enqueue(tx, BuildEnvironment(digest))


def _new_row(digest: str, requirements: str) -> EnvironmentRow:
    said = {"requirements": requirements, "python": python_tag(), "state": EnvironmentState.BUILDING}
    return EnvironmentRow(digest=digest, changed_at=clock.now(), **said)


def want_for(tx: Tx, quiz: AssignmentRow) -> None:
    """Have the environment of a quiz built that was just published, also one that could not be built before."""
    row = find_row(tx, quiz.requirements)
    if quiz.requirements and (row is None or row.state is EnvironmentState.FAILED):
        want(tx, quiz.requirements)
    wake_submissions(tx, [quiz.id])


def wake_submissions(tx: Tx, quiz_ids: list[int]) -> None:
    """Have what waits for marking look again now."""
    waits = (SubmissionRow.assignment_id.in_(quiz_ids), SubmissionRow.state == SubmissionState.QUEUED)
    later = select(JobRow.id).join(SubmissionRow, SubmissionRow.job_id == JobRow.id)
    later = later.where(*waits, JobRow.state == JobState.QUEUED, JobRow.due_at > clock.now())
    for job_id in tx.scalars(later.order_by(JobRow.id)).all():
        jobs.bring_forward(tx, job_id, clock.now())


def build_environment(run: JobRun, message: BuildEnvironment) -> None:
    """Handle `BuildEnvironment`."""
    runtime = run.runtime
    with runtime.db.reading() as tx:
        row = tx.get(EnvironmentRow, message.digest)
        requirements = row.requirements if row is not None else ""
    if not requirements:
        return
    built, why = None, ""
    try:
        built = build(folder_of(runtime.settings, message.digest), _order(runtime.settings, requirements))
    except BuildFailed as error:
        why = str(error)
    reach("environment.built")
    with runtime.db.transaction() as tx:
        run.finish(tx)
        _record(tx, message.digest, built, why)


def _order(settings: Settings, requirements: str) -> Order:
    ours = settings.quizzes
    if not ours.packages_from:
        raise BuildFailed(
            "Packages cannot be installed for quizzes here. Ask the people who run this tool (quizzes.packages_from)."
        )
    most = ours.build_mb * 1_000_000
    return Order(
        requirements, ours.packages_from, ours.build_s, most, lambda environment: _trial().try_out(environment)
    )


@cache
def _trial() -> Any:
    """Loaded when it is first needed: nbgrader takes seconds to import."""
    return import_module("grading.engine.trial")


def _record(tx: Tx, digest: str, built: Built | None, why: str) -> None:
    row = tx.get(EnvironmentRow, digest)
    if row is None:
        return
    row.state = EnvironmentState.FAILED if built is None else EnvironmentState.READY
    row.text, row.changed_at = why, clock.now()
    if built is not None:
        row.packages, row.size_mb = built.packages, -(-built.size_bytes // 1_000_000)
        quizzes = select(AssignmentRow.id).where(AssignmentRow.requirements == row.requirements)
        wake_submissions(tx, list(tx.scalars(quizzes)))
    log.info("environment_built" if built else "environment_failed", extra={"digest": digest, "why": why})


def give_up_building(tx: Tx, message: BuildEnvironment, error: str) -> None:
    """After the last try: something on our side is wrong, not the requirements."""
    _record(tx, message.digest, None, f"Installing the packages was tried several times and given up. {error}")

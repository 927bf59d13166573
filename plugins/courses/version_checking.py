"""Checking a version of a quiz that a teacher has written: a job, because it runs code and takes its time.

Nothing of the course changes. Killed at any point, it begins again; what it found is written down as the job ends.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import select

from grading import public as grading
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.crashpoints import reach
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import AppError
from lti_tool.kernel.jobs import JobRun
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti import public as lti
from plugins.courses.folder import check_source
from plugins.courses.messages import CheckVersion
from plugins.courses.models import Course, Item, Revision
from plugins.courses.quiz_rules import conditions_of
from plugins.courses.quiz_sources import list_condition_problems, write_source
from plugins.courses.version_report import Finding, Report, error, make_report, warning
from plugins.courses.written import find_published, keep_released, load_written, lock_written
from plugins.courses.written_models import Written, WrittenState
from plugins.files import public as files

LOOK_AGAIN = timedelta(seconds=30)
"""How long a check waits for packages that are being installed, until it looks again."""
GIVEN_UP = (
    "The check was tried several times and could not be done. Ask the people who run this tool to look into its log."
)


@dataclass(frozen=True)
class Work:
    """A version and what it is checked against, read before anything runs."""

    slug: str
    assignment: str
    base: int
    against: int
    """Number of the revision that learners have; 0: none."""
    overtaken_by: Revision | None
    """What somebody else has published since this version was begun."""
    due_at: datetime | None
    conditions: grading.Conditions
    limits: grading.MarkLimits | None
    """None: it cannot be run; `problem` says why."""
    problem: str
    was: Decimal | None
    titles: Mapping[int, str] = field(repr=False)
    """Of the LMS courses that use the course, by placement."""
    files: dict[str, bytes] = field(repr=False)


def ask_for_check(tx: Tx, course: Course, row: Written) -> None:
    """Have a version checked. Raises: Conflict: it is being checked or published."""
    row.move(WrittenState.CHECKING)
    row.report, row.checked_at, row.said, row.asked_at = None, None, None, clock.now()
    tx.flush()
    jobs.enqueue(tx, CheckVersion(row.id, row.sha256), lane=f"course {course.slug}")


def check_version(run: JobRun, message: CheckVersion) -> None:
    """Handle `CheckVersion`."""
    runtime = run.runtime
    with runtime.db.transaction() as tx:
        try:
            work = _take(tx, runtime, message)
        except grading.NotReady as why:
            run.postpone(tx, clock.now() + LOOK_AGAIN, str(why))
            _say(tx, message, str(why))
            return
        if work is None:
            run.finish(tx)
            return
    reach("version.taken")
    report, released = _check(runtime, message.written_id, work)
    reach("version.checked")
    with runtime.db.transaction() as tx:
        run.finish(tx)
        row = lock_written(tx, message.written_id, message.sha256, WrittenState.CHECKING)
        if row is not None:
            row.move(WrittenState.CHECKED)
            row.report, row.checked_at, row.said = report, clock.now(), None
            keep_released(tx, row, released)
    reach("version.recorded")


def give_up_check(tx: Tx, message: CheckVersion, error: str) -> None:
    """After the last try."""
    row = lock_written(tx, message.written_id, message.sha256, WrittenState.CHECKING)
    if row is not None:
        row.move(WrittenState.FAILED)
        row.said = GIVEN_UP


def clean_files(runtime: Runtime, given: Mapping[str, bytes]) -> tuple[dict[str, bytes], list[str]]:
    """The files as they may be kept, and what is not accepted. Raises: ExternalError: the scanner did not answer."""
    kept, problems = {}, []
    for name, content in given.items():
        try:
            kept[name] = files.check_bytes(runtime, name.rpartition("/")[2], content).content
        except AppError as error:
            if error.status >= 500:
                raise
            problems.append(f"{name}: {error.message}")
    return kept, problems


def _take(tx: Tx, runtime: Runtime, message: CheckVersion) -> Work | None:
    """What is to be checked; None: another version was saved since, or it was thrown away. Raises: NotReady."""
    row = lock_written(tx, message.written_id, message.sha256, WrittenState.CHECKING)
    if row is None:
        return None
    course = tx.get_one(Course, row.course_id)
    item = tx.scalar(select(Item).where(Item.course_id == course.id, Item.assignment == row.assignment).limit(1))
    conditions = conditions_of(item) if item is not None else grading.Conditions()
    given, problem, limits = load_written(tx, row), "", None
    try:
        limits = grading.find_limits(tx, runtime.settings, conditions, given)
    except grading.CannotBe as why:
        problem = str(why)
    newest = find_published(tx, course.id, row.assignment)
    against = newest.number if newest else 0
    return Work(
        slug=course.slug,
        assignment=row.assignment,
        base=row.base,
        against=against,
        overtaken_by=newest if against != row.base else None,
        due_at=item.due_at if item is not None else None,
        conditions=conditions,
        limits=limits,
        problem=problem,
        was=grading.list_max_points(tx, {course.slug}).get((course.slug, row.assignment)),
        titles={each.id: each.title or each.key for each in lti.list_placements(tx, course.slug)},
        files=given,
    )


def _say(tx: Tx, message: CheckVersion, why: str) -> None:
    row = lock_written(tx, message.written_id, message.sha256, WrittenState.CHECKING)
    if row is not None:
        row.said = why


def _check(runtime: Runtime, written_id: int, work: Work) -> tuple[Report, grading.Packed]:
    """What was found, and the notebooks that learners would get."""
    found: list[Finding] = []
    if work.overtaken_by is not None:
        name, made_at = work.overtaken_by.author_name, work.overtaken_by.made_at.isoformat()
        found.append(warning("overtaken", author=name, at=made_at))
    given, problems = clean_files(runtime, work.files)
    found += [error("file", text=text) for text in problems]
    if not given:
        return make_report(found, work.against, work.was), grading.pack_files({})
    with _folder(runtime, work.slug, written_id) as fresh:
        write_source(fresh / "source" / work.assignment, given)
        most = runtime.settings.grading.max_submission_bytes
        found += [error("source", text=text) for text in check_source(fresh, work.assignment, most)]
        problems = list_condition_problems(runtime, fresh, work.assignment, work.conditions)
        problems += [work.problem] if work.problem and not problems else []
        found += [error("conditions", text=text) for text in problems]
        if any(each["level"] == "error" for each in found) or work.limits is None:
            return make_report(found, work.against, work.was), grading.pack_files({})
        root = runtime.settings.course_dir(work.slug)
        done = grading.rehearse_quiz(root, fresh, work.assignment, work.due_at, work.limits)
    places = sorted({work.titles.get(number, str(number)) for number, name in done.misfits if name == work.assignment})
    if places:
        found.append(error("misfit", places=places))
    return make_report(found, work.against, work.was, done), grading.pack_files(done.released)


@contextmanager
def _folder(runtime: Runtime, slug: str, written_id: int) -> Iterator[Path]:
    """An empty folder beside the courses; what a killed check left of it is cleared away."""
    folder = runtime.settings.courses_dir / f".check-{slug}-{written_id}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)

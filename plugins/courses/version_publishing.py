"""Publishing a checked version of a quiz: a job that puts all of it in place of what learners have, or nothing of it.

Killed at any point, it does the same once more: a version that is in place already is put there again, and then noted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import select

from grading import public as grading
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.audit import Actor, record
from lti_tool.kernel.audit import Via as AuditVia
from lti_tool.kernel.crashpoints import reach
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict, Invalid, Unacceptable
from lti_tool.kernel.jobs import JobRun
from plugins.courses.course_file import CourseFolderError
from plugins.courses.editing import show_saved
from plugins.courses.messages import PublishVersion
from plugins.courses.models import Course, Item, PartState
from plugins.courses.quiz_rules import conditions_of
from plugins.courses.quiz_sources import install_version, note_version, write_source
from plugins.courses.revisions import Author, lock_course
from plugins.courses.staging import alone
from plugins.courses.version_checking import clean_files
from plugins.courses.version_report import has_errors, has_warnings
from plugins.courses.written import find_published, load_written, lock_written
from plugins.courses.written_models import Written, WrittenState, WrittenWay

AGAIN = timedelta(seconds=5)
"""After which it is tried again while the course's quizzes are being changed by somebody else."""
OVERTAKEN = "Somebody has published another version since this one was checked. Check yours once more."
GIVEN_UP = (
    "It was tried several times and could not be published. Ask the people who run this tool to look into its log."
)


@dataclass(frozen=True)
class Work:
    """What is to be published, read before anything is made."""

    slug: str
    assignment: str
    author: Author
    due_at: datetime | None
    conditions: grading.Conditions
    shows: str
    """Slug of the item that is a draft and published with it; empty: none."""
    files: Mapping[str, bytes] = field(repr=False)


def ask_to_publish(tx: Tx, row: Written, sha256: str, *, confirmed: bool) -> None:
    """Have a checked version published.

    Raises: Conflict: it is not the version that was checked, or learners have another one since. Unacceptable: the
        check found errors, or warnings that nobody has said yes to.
    """
    report = row.report
    if row.sha256 != sha256 or report is None:
        raise Conflict("version_not_checked", "This version was saved again since it was checked. Check it once more.")
    if _is_overtaken(tx, row):
        raise Conflict("version_overtaken", OVERTAKEN)
    if has_errors(report):
        raise Unacceptable("version_has_errors", "Put the errors right first, save, and check once more.")
    if has_warnings(report) and not confirmed:
        raise Unacceptable("version_not_confirmed", "Read the warnings and say that you want to publish all the same.")
    row.move(WrittenState.PUBLISHING)
    row.asked_at, row.said = clock.now(), None
    tx.flush()
    jobs.enqueue(tx, PublishVersion(row.id, row.sha256))


def publish_version(run: JobRun, message: PublishVersion) -> None:
    """Handle `PublishVersion`."""
    runtime = run.runtime
    with runtime.db.transaction() as tx:
        work = _read(tx, message)
    if work is None:
        return
    try:
        with alone(runtime.settings.courses_dir, work.slug, waits=False) as staging:
            with runtime.db.transaction() as tx:  # another one may have been asked for at the same time
                row = lock_written(tx, message.written_id, message.sha256, WrittenState.PUBLISHING)
                if row is None or _is_overtaken(tx, row):
                    run.finish(tx)
                    _end(tx, message, WrittenState.CHECKED, OVERTAKEN)
                    return
            given, problems = clean_files(runtime, work.files)
            if problems:
                raise CourseFolderError(problems)
            write_source(staging / "source" / work.assignment, given)
            installed = install_version(runtime, work.slug, staging, work.assignment, work.due_at, work.conditions)
            reach("version.installed")
            with runtime.db.transaction() as tx:
                run.finish(tx)
                course = lock_course(tx, work.slug)
                before = grading.list_max_points(tx, {work.slug}).get((work.slug, work.assignment))
                revision = note_version(tx, course.id, work.slug, installed, work.author)
                now = installed.done.releases[work.assignment].max_score
                if work.shows:
                    show_saved(tx, course, work.shows)
                _record_act(tx, work, message.sha256, revision.number, before, now)
                _settle(tx, message, revision.number)
            reach("version.published")
    except Conflict as busy:
        with runtime.db.transaction() as tx:
            run.postpone(tx, clock.now() + AGAIN, busy.message)
    except CourseFolderError as refused:
        _refuse(run, message, " ".join(refused.problems))
    except Invalid as refused:  # what its page in the editor says cannot be published
        _refuse(run, message, refused.message)


def _refuse(run: JobRun, message: PublishVersion, why: str) -> None:
    with run.runtime.db.transaction() as tx:
        run.finish(tx)
        _end(tx, message, WrittenState.CHECKED, why)


def _is_overtaken(tx: Tx, row: Written) -> bool:
    newest = find_published(tx, row.course_id, row.assignment)
    return row.report is None or (newest.number if newest else 0) != row.report["against"]


def give_up_publishing(tx: Tx, message: PublishVersion, error: str) -> None:
    """After the last try."""
    _end(tx, message, WrittenState.FAILED, GIVEN_UP)


def _read(tx: Tx, message: PublishVersion) -> Work | None:
    """None: it is not there any more."""
    row = lock_written(tx, message.written_id, message.sha256, WrittenState.PUBLISHING)
    if row is None:
        return None
    course = tx.get_one(Course, row.course_id)
    item = tx.scalar(select(Item).where(Item.course_id == course.id, Item.assignment == row.assignment).limit(1))
    return Work(
        slug=course.slug,
        assignment=row.assignment,
        author=Author(row.user_id, row.author_name),
        due_at=item.due_at if item is not None else None,
        conditions=conditions_of(item) if item is not None else grading.Conditions(),
        shows=item.slug if item is not None and _shows(row, item) else "",
        files=load_written(tx, row),
    )


def _shows(row: Written, item: Item) -> bool:
    """Whoever releases a quiz by nbgrader's command publishes it; on the pages that is a step of its own."""
    return row.way is WrittenWay.COMMAND and item.state is PartState.DRAFT


def _record_act(tx: Tx, work: Work, sha256: str, number: int, before: Decimal | None, now: Decimal) -> None:
    by = Actor(work.author.name, AuditVia.COURSE, work.author.user_id)
    was = None if before is None else f"{before.normalize():f}"
    after = {"points": f"{now.normalize():f}", "version": number, "sha256": sha256}
    record(tx, by, "quiz.publish", f"quiz {work.slug}/{work.assignment}", before={"points": was}, after=after)


def _settle(tx: Tx, message: PublishVersion, number: int) -> None:
    row = lock_written(tx, message.written_id, message.sha256, WrittenState.PUBLISHING)
    if row is not None:  # else its writer was erased
        row.move(WrittenState.PUBLISHED)
        row.base, row.said, row.asked_at = number, None, clock.now()


def _end(tx: Tx, message: PublishVersion, state: WrittenState, said: str) -> None:
    row = lock_written(tx, message.written_id, message.sha256, WrittenState.PUBLISHING)
    if row is not None:
        row.move(state)
        row.said = said

"""How a version of a course's quizzes comes into the course: made aside, asked of every gradebook, then put in place.

Imports and the editor go this way: under one lock, with a staging folder, and with one transaction at the end.
"""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select

from grading import public as grading
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti import public as lti
from plugins.courses.course_file import CourseFolderError
from plugins.courses.models import Course, Item, PartState
from plugins.courses.quiz_rules import rules_of
from plugins.courses.writing import note_points

MOST_NAMED = 5
"""LMS courses that one line of a refusal names."""


@contextmanager
def alone(courses: Path, slug: str, *, waits: bool = True) -> Iterator[Path]:
    """Hold the course's lock among all processes of this machine, with an empty staging folder.

    Raises: Conflict: somebody else holds it, and `waits` is False.
    """
    courses.mkdir(parents=True, exist_ok=True)
    staging = courses / f".import-{slug}"
    with (courses / f".import-{slug}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = "The quizzes of this course are being changed right now. Wait a minute and send yours again."
            raise Conflict("course_being_changed", message) from error
        shutil.rmtree(staging, ignore_errors=True)  # of an import that was killed
        staging.mkdir()
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def require_installed(runtime: Runtime, slug: str, done: grading.Installation) -> None:
    """Raises: CourseFolderError: a quiz cannot be released, or does not fit what was handed in; says where."""
    if done.problems:
        raise CourseFolderError(done.problems)
    with runtime.db.reading() as tx:
        titles = {placement.id: placement.title or placement.key for placement in lti.list_placements(tx, slug)}
    problems = []
    for name in dict.fromkeys(assignment for _placement, assignment in done.misfits):
        found = sorted(titles.get(number, str(number)) for number, assignment in done.misfits if assignment == name)
        more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
        problems.append(f"source/{name}/: {grading.HANDED_IN} Handed in in: {', '.join(found[:MOST_NAMED])}{more}.")
    if problems:
        raise CourseFolderError(problems)


def publish_installed(tx: Tx, slug: str, done: grading.Installation) -> None:
    """Have grading and the items say what is in place now. A quiz whose item is a draft takes nothing."""
    course = tx.scalars(select(Course).where(Course.slug == slug)).one()
    grading.publish_course(tx, slug, course.title, done.structure_sha256)
    query = select(Item).where(Item.course_id == course.id, Item.assignment.in_(done.releases)).order_by(Item.position)
    for item in tx.scalars(query):
        assert item.assignment is not None
        grading.publish_assignment(
            tx,
            slug,
            item.assignment,
            title=item.title,
            item_ref=f"courses/{slug}/{item.slug}",
            release=done.releases[item.assignment],
            rules=rules_of(item),
            summary=item.summary,
        )
        if item.state is PartState.DRAFT:
            grading.close_assignment(tx, slug, item.assignment)
    grading.record_prepared(tx, done.followed, done.structure_sha256)
    note_points(tx, slug)

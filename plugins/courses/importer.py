"""Imports a course folder: all of it or nothing, again and again without losing a learner's work.

Everything is tried first: every quiz is released in a staging folder, on a copy of the gradebook without its marks.
What is wrong with the last notebook, or does not fit what learners have handed in, leaves the course as it was. Only
then the sources are replaced, the releases made in the real gradebook (nbgrader keeps submissions and marks), and the
rows written in one transaction. An import that was killed half-way is completed by running it again.
"""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grading import public as grading
from lti_tool.kernel.crashpoints import reach
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict, NotFound
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti import public as lti
from plugins.courses.changes import Shown, describe_changes, read_shown
from plugins.courses.course_file import CourseFolderError, QuizItem
from plugins.courses.folder import CourseFolder, read_course_folder
from plugins.courses.overwriting import refuse_to_overwrite
from plugins.courses.service import find_course
from plugins.courses.writing import note_points, write_course


@dataclass(frozen=True)
class Imported:
    """What an import did."""

    slug: str
    title: str
    lessons: int
    quizzes: int
    max_points: dict[str, str]
    """Points of each assignment."""
    notes: list[str]
    """What changed for people who have the course already; each a sentence or two."""


def import_course(
    runtime: Runtime,
    path: Path,
    *,
    registration_id: int | None = None,
    change_platform: bool = False,
    overwrite: bool = False,
) -> Imported:
    """Import a course folder. `registration_id` limits it to one platform's teachers; None: every platform.

    Waits while the same course is being imported. `change_platform`: give a course that is there to another platform.
    `overwrite`: replace what teachers wrote in the browser since; it stays in the history.

    Raises: CourseFolderError, Conflict, NotFound: nothing was changed; the message says what to do, one line for each
        problem.
    """
    folder = read_course_folder(path, max_quiz_bytes=runtime.settings.grading.max_submission_bytes)
    slug, root = folder.course.slug, runtime.settings.courses_dir / folder.course.slug
    with _alone(runtime.settings.courses_dir, slug) as staging:
        with runtime.db.reading() as tx:
            _check_platform(tx, slug, registration_id, change_platform=change_platform)
            refuse_to_overwrite(tx, folder, overwrite=overwrite)
        gradebook_url = runtime.settings.gradebook_url(slug)
        _rehearse(folder, staging, gradebook_url)
        _install_sources(folder, root)
        reach("import.sources")
        releases = _release_all(folder, root, gradebook_url)
        reach("import.released")
        with runtime.db.transaction() as tx:
            refuse_to_overwrite(tx, folder, overwrite=overwrite)
            before = read_shown(tx, slug)
            write_course(tx, folder, registration_id)
            _publish(tx, folder, before, releases)
            note_points(tx, slug)
            notes = describe_changes(tx, before, read_shown(tx, slug))
    points = {name: f"{release.max_score.normalize():f}" for name, release in releases.items()}
    return Imported(slug, folder.course.title, len(folder.lessons), len(folder.quizzes), points, notes)


@contextmanager
def _alone(courses: Path, slug: str) -> Iterator[Path]:
    """Hold the course's lock among all processes of this machine, with an empty staging folder."""
    courses.mkdir(parents=True, exist_ok=True)
    staging = courses / f".import-{slug}"
    with (courses / f".import-{slug}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(staging, ignore_errors=True)  # of an import that was killed
        staging.mkdir()
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _check_platform(tx: Tx, slug: str, registration_id: int | None, *, change_platform: bool) -> None:
    """A course is never taken from the platform that has it, nor given to others, by accident."""
    if registration_id is not None and lti.find_platform_name(tx, registration_id) is None:
        raise NotFound(
            "platform_not_found", f"There is no platform {registration_id}. `coursebridge platform list` shows them."
        )
    course = find_course(tx, slug)
    if course is None or course.registration_id == registration_id or change_platform:
        return
    owner = "every platform" if course.registration_id is None else f"platform {course.registration_id}"
    option = "no --platform" if course.registration_id is None else f"--platform {course.registration_id}"
    raise Conflict(
        "course_of_another_platform",
        f"There is a course {slug} already, for {owner}. To import it again use {option}; "
        "for another course choose another slug in course.toml; to move it add --change-platform.",
    )


def _rehearse(folder: CourseFolder, staging: Path, gradebook_url: str) -> None:
    """Do on copies what is to be done. Raises: CourseFolderError."""
    try:
        _install_sources(folder, staging)
        copy_url = f"sqlite:///{staging / 'gradebook.db'}"
        grading.copy_gradebook_structure(gradebook_url, copy_url)
        _release_all(folder, staging, copy_url)
    except OSError as error:
        raise CourseFolderError([f"{error.filename}: cannot be read or written ({error.strerror})."]) from error


def _install_sources(folder: CourseFolder, root: Path) -> None:
    """Put each quiz's source folder in place by renaming, so that none is ever half there."""
    (root / "source").mkdir(parents=True, exist_ok=True)
    header, its_place = folder.header(), root / "source" / "header.ipynb"
    if header is None:
        its_place.unlink(missing_ok=True)
    else:
        shutil.copyfile(header, root / ".new-header")
        (root / ".new-header").replace(its_place)
    for quiz in folder.quizzes:
        _install_source(folder, quiz, root)


def _install_source(folder: CourseFolder, quiz: QuizItem, root: Path) -> None:
    target = root / "source" / quiz.assignment
    fresh, old = root / f".new-{quiz.assignment}", root / f".old-{quiz.assignment}"
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    for name, file in folder.source(quiz).files:
        (fresh / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, fresh / name)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _release_all(folder: CourseFolder, root: Path, gradebook_url: str) -> dict[str, grading.Release]:
    releases, problems = {}, []
    for quiz in folder.quizzes:
        try:
            releases[quiz.assignment] = grading.make_release(root, gradebook_url, quiz.assignment, due_at=quiz.due)
        except grading.ContentError as error:
            problems.append(f"source/{error}")
    if problems:
        raise CourseFolderError(problems)
    return releases


def _publish(tx: Tx, folder: CourseFolder, before: Shown, releases: dict[str, grading.Release]) -> None:
    slug = folder.course.slug
    grading.publish_course(tx, slug, folder.course.title)
    for quiz in folder.quizzes:
        grading.publish_assignment(
            tx,
            slug,
            quiz.assignment,
            title=quiz.title,
            item_ref=f"courses/{slug}/{quiz.slug}",
            release=releases[quiz.assignment],
            max_attempts=quiz.attempts,
            due_at=quiz.due,
            summary=quiz.summary,
        )
    for name in before.points.keys() - releases.keys():
        grading.close_assignment(tx, slug, name)

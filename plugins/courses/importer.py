"""Imports a course folder: all of it or nothing, again and again without losing a learner's work.

Everything is tried first: every quiz is released in a staging folder, and every gradebook of the course (one for each
LMS course that uses it) is asked whether the release fits what was handed in there. What is wrong with the last
notebook, or does not fit the work in a single LMS course, leaves everything as it was. Only then the staging folder
becomes the course by one rename, the gradebooks follow (nbgrader's rules keep submissions and marks), and the rows are
written in one transaction. An import that was killed half-way is completed by running it again; until then, marking
goes by what the rename made the course.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from grading import public as grading
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import AppError, Conflict, NotFound
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti import public as lti
from plugins.courses.carried_files import bring_files, clean_files, describe_files, put_files
from plugins.courses.carried_videos import clean_posters, describe_videos, put_videos
from plugins.courses.changes import describe_changes, read_shown
from plugins.courses.course_file import CourseFolderError
from plugins.courses.folder import CourseFolder, read_course_folder
from plugins.courses.library import describe_missing
from plugins.courses.media import is_shown, media_type
from plugins.courses.overwriting import refuse_to_overwrite
from plugins.courses.service import find_course
from plugins.courses.staging import alone, publish_installed, require_installed
from plugins.courses.writing import write_course
from plugins.files import public as files


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
    limit = runtime.settings.grading.max_submission_bytes
    folder = read_course_folder(path, max_quiz_bytes=limit, settings=runtime.settings)
    slug = folder.course.slug
    with alone(runtime.settings.courses_dir, slug) as staging, files.temporary_folder(runtime) as pictures:
        folder.cleaned = _clean_pictures(runtime, folder, pictures)
        posters = clean_posters(runtime, folder, pictures)
        uploads = clean_files(runtime, folder, pictures)
        with runtime.db.reading() as tx:
            _check_platform(tx, slug, registration_id, change_platform=change_platform)
            refuse_to_overwrite(tx, folder, overwrite=overwrite)
        _stage(folder, staging)
        due_at = {quiz.assignment: quiz.due for quiz in folder.quizzes}
        done = grading.install_quizzes(runtime.settings.course_dir(slug), staging, due_at)
        require_installed(runtime, slug, done)
        with runtime.db.transaction() as tx:
            refuse_to_overwrite(tx, folder, overwrite=overwrite)
            before = read_shown(tx, slug)
            put_files(tx, slug, uploads)
            write_course(tx, folder, registration_id, runtime.settings.quizzes.versions_kept)
            put_videos(tx, runtime, folder, posters)
            publish_installed(tx, slug, done)
            for name in before.points.keys() - done.releases.keys():
                grading.close_assignment(tx, slug, name)
            notes = describe_changes(tx, before, read_shown(tx, slug)) + describe_missing(tx, slug)
            notes += describe_files(tx, slug, uploads) + describe_videos(tx, folder)
        notes += bring_files(runtime, slug, uploads)
    points = {name: f"{release.max_score.normalize():f}" for name, release in done.releases.items()}
    return Imported(slug, folder.course.title, len(folder.lessons), len(folder.quizzes), points, notes)


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


def _clean_pictures(runtime: Runtime, folder: CourseFolder, target: Path) -> dict[str, Path]:
    """The pictures that say more than their pixels, or are too large, made anew: by path below `media/`.

    Raises: CourseFolderError: some cannot be read.
    """
    cleaned, problems = {}, []
    for number, (name, file) in enumerate(folder.media.files):
        if is_shown(name) and media_type(name) != "image/svg+xml":
            made = target / str(number)
            try:
                if files.clean_picture(runtime, file, made):
                    cleaned[name] = made
            except AppError as error:
                problems.append(f"media/{name}: {error.message}")
    if problems:
        raise CourseFolderError(problems)
    return cleaned


def _stage(folder: CourseFolder, staging: Path) -> None:
    """Copy the sources into the staging folder. Raises: CourseFolderError."""
    try:
        _copy_sources(folder, staging / "source")
    except OSError as error:
        raise CourseFolderError([f"{error.filename}: cannot be read or written ({error.strerror})."]) from error


def _copy_sources(folder: CourseFolder, target: Path) -> None:
    target.mkdir()
    header = folder.header()
    if header is not None:
        shutil.copyfile(header, target / "header.ipynb")
    for quiz in folder.quizzes:
        for name, file in folder.source(quiz).files:
            copy = target / quiz.assignment / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)

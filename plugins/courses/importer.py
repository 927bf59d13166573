"""Imports a course folder: all of it or nothing, again and again without losing a learner's work.

Every quiz is first released in a staging folder with a gradebook of its own, so that an error in the last notebook
leaves the course that learners use as it was. Only then the sources are replaced, the releases made in the real
gradebook (nbgrader keeps submissions and marks of cells that stay), and the rows written in one transaction.
"""

import hashlib
import mimetypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import selectinload

from grading import public as grading
from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.runtime import Runtime
from plugins.courses.folder import CourseFolder, CourseFolderError, LessonItem, QuizItem, read_course_folder
from plugins.courses.models import Course, Item, ItemKind, Media, Module

SHARED_FILES = ("header.ipynb",)


@dataclass(frozen=True)
class Imported:
    """What an import did."""

    slug: str
    title: str
    lessons: int
    quizzes: int
    max_points: dict[str, str]
    """Points of each assignment."""


def import_course(runtime: Runtime, path: Path, *, registration_id: int | None = None) -> Imported:
    """Import a course folder. `registration_id` limits it to one platform's teachers; None: every platform.

    Raises: CourseFolderError: nothing was changed; the message names each file and cell and what to do.
    """
    folder = read_course_folder(path)
    with _staging(runtime, folder) as staging:
        _release_all(folder, staging, f"sqlite:///{staging / 'gradebook.db'}")
    root = runtime.settings.courses_dir / folder.course.slug
    _install_sources(folder, root)
    releases = _release_all(folder, root, runtime.settings.gradebook_url(folder.course.slug))
    with runtime.db.transaction() as tx:
        _write_rows(tx, folder, registration_id)
        grading.publish_course(tx, folder.course.slug, folder.course.title)
        for quiz in folder.quizzes:
            grading.publish_assignment(
                tx,
                folder.course.slug,
                quiz.assignment,
                title=quiz.title,
                item_ref=f"courses/{folder.course.slug}/{quiz.slug}",
                release=releases[quiz.assignment],
                max_attempts=quiz.attempts,
                due_at=quiz.due,
            )
    points = {name: str(release.max_score) for name, release in releases.items()}
    lessons = sum(isinstance(item, LessonItem) for item in folder.items)
    return Imported(folder.course.slug, folder.course.title, lessons, len(folder.quizzes), points)


@contextmanager
def _staging(runtime: Runtime, folder: CourseFolder) -> Iterator[Path]:
    staging = runtime.settings.courses_dir / f".import-{folder.course.slug}-{os.getpid()}"
    shutil.rmtree(staging, ignore_errors=True)
    try:
        _install_sources(folder, staging)
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _install_sources(folder: CourseFolder, root: Path) -> None:
    """Put each quiz's source folder in place by renaming, so that none is ever half there."""
    (root / "source").mkdir(parents=True, exist_ok=True)
    for name in SHARED_FILES:
        if (folder.path / "source" / name).is_file():
            shutil.copyfile(folder.path / "source" / name, root / "source" / name)
    for quiz in folder.quizzes:
        target = root / "source" / quiz.assignment
        fresh, old = root / f".new-{quiz.assignment}", root / f".old-{quiz.assignment}"
        for leftover in (fresh, old):
            shutil.rmtree(leftover, ignore_errors=True)
        hidden = shutil.ignore_patterns(".*", "__pycache__")
        shutil.copytree(folder.path / "source" / quiz.assignment, fresh, ignore=hidden)
        if target.exists():
            target.rename(old)
        fresh.rename(target)
        shutil.rmtree(old, ignore_errors=True)


def _release_all(folder: CourseFolder, root: Path, gradebook_url: str) -> dict[str, grading.Release]:
    releases, problems = {}, []
    for quiz in folder.quizzes:
        try:
            releases[quiz.assignment] = grading.make_release(root, gradebook_url, quiz.assignment)
        except grading.ContentError as error:
            problems.append(str(error))
    if problems:
        raise CourseFolderError(problems)
    return releases


def _write_rows(tx: Tx, folder: CourseFolder, registration_id: int | None) -> None:
    said = folder.course
    loaded = (
        select(Course).where(Course.slug == said.slug).options(selectinload(Course.modules), selectinload(Course.items))
    )
    course = tx.scalar(loaded) or Course(slug=said.slug, modules=[], items=[])
    course.title, course.summary, course.language = said.title, said.summary, said.language
    course.authors, course.licence = list(said.authors), said.licence
    course.registration_id, course.imported_at = registration_id, clock.now()
    tx.add(course)
    tx.flush()
    before = {item.slug: item for item in course.items}
    old_modules, position = list(course.modules), 0
    for number, said_module in enumerate(said.module):
        module = Module(course_id=course.id, position=number, title=said_module.title, summary=said_module.summary)
        tx.add(module)
        tx.flush()
        for said_item in said_module.item:
            item = before.pop(said_item.slug, None) or Item(course_id=course.id, slug=said_item.slug)
            _fill_item(item, said_item, folder, module.id, position)
            tx.add(item)
            position += 1
    tx.flush()
    for gone in [*before.values(), *old_modules]:
        tx.delete(gone)
    _write_media(tx, folder, course.id)
    tx.flush()


def _fill_item(item: Item, said: LessonItem | QuizItem, folder: CourseFolder, module_id: int, position: int) -> None:
    item.module_id, item.position, item.title = module_id, position, said.title
    if isinstance(said, LessonItem):
        item.kind, item.summary, item.assignment, item.markdown = ItemKind.LESSON, "", None, folder.read_lesson(said)
    else:
        item.kind, item.summary, item.assignment, item.markdown = ItemKind.QUIZ, said.summary, said.assignment, ""


def _write_media(tx: Tx, folder: CourseFolder, course_id: int) -> None:
    tx.execute(delete(Media).where(Media.course_id == course_id))
    for path, file in folder.media():
        content = file.read_bytes()
        tx.add(
            Media(
                course_id=course_id,
                path=path,
                content_type=mimetypes.guess_type(path)[0] or "application/octet-stream",
                sha256=hashlib.sha256(content).hexdigest(),
                content=content,
            )
        )

"""Writes a course folder into the tables. What stays keeps its row."""

import hashlib

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from plugins.courses.course_file import LessonItem, QuizItem
from plugins.courses.folder import CourseFolder
from plugins.courses.media import media_type
from plugins.courses.models import Course, Item, ItemKind, Media, Module


def write_course(tx: Tx, folder: CourseFolder, registration_id: int | None) -> None:
    """Make the tables say what the folder says."""
    course = _write_head(tx, folder, registration_id)
    before = {item.slug: item for item in course.items}
    old_modules, position = list(course.modules), 0
    for number, said_module in enumerate(folder.course.module):
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
    tx.flush()
    _write_media(tx, folder, course.id)
    tx.flush()


def _write_head(tx: Tx, folder: CourseFolder, registration_id: int | None) -> Course:
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
    return course


def _fill_item(item: Item, said: LessonItem | QuizItem, folder: CourseFolder, module_id: int, position: int) -> None:
    item.module_id, item.position, item.title = module_id, position, said.title
    if isinstance(said, LessonItem):
        item.kind, item.summary, item.assignment = ItemKind.LESSON, "", None
        item.file, item.markdown = said.file, folder.read_lesson(said)
    else:
        item.kind, item.summary, item.assignment = ItemKind.QUIZ, said.summary, said.assignment
        item.file, item.markdown = "", ""


def _write_media(tx: Tx, folder: CourseFolder, course_id: int) -> None:
    before = {media.path: media for media in tx.scalars(select(Media).where(Media.course_id == course_id))}
    for path, file in folder.media.files:
        content = file.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        media = before.pop(path, None) or Media(course_id=course_id, path=path, sha256="")
        media.content_type = media_type(path)
        if media.sha256 != sha256:
            media.sha256, media.content = sha256, content
        tx.add(media)
    for gone in before.values():
        tx.delete(gone)

"""Writes a course folder into the tables. What stays keeps its row; what changes becomes a revision."""

import hashlib
import secrets

from sqlalchemy import func, select
from sqlalchemy.orm import selectinload, undefer

from grading import public as grading
from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from plugins.courses.catalogue import index_course
from plugins.courses.course_file import LessonItem, QuizItem
from plugins.courses.folder import CourseFolder
from plugins.courses.library import forget_library, note_description, note_library
from plugins.courses.media import media_type
from plugins.courses.models import Course, Item, Media, Module, Origin, PartState
from plugins.courses.parts import (
    COURSE,
    OUTLINE,
    Content,
    fill_course,
    fill_item,
    fill_module,
    item_content,
    item_part,
    module_part,
    said_course,
    said_item,
    said_module,
    said_source,
    source_part,
)
from plugins.courses.progress_outline import publish_progress_outline
from plugins.courses.revisions import COMMAND_LINE, add_revision
from plugins.courses.service import get_outline
from plugins.courses.source_versions import keep_source
from plugins.courses.videos import take_up_video
from plugins.files import public as files


def said_parts(folder: CourseFolder) -> dict[str, Content]:
    """What a folder says of each part of its course."""
    said = folder.course
    parts = {COURSE: said_course(said)}
    parts[OUTLINE] = {"modules": [[module.slug, [item.slug for item in module.item]] for module in said.module]}
    for module in said.module:
        parts[module_part(module.slug)] = said_module(module)
        for item in module.item:
            text = folder.read_lesson(item) if isinstance(item, LessonItem) else ""
            parts[item_part(item.slug)] = said_item(item, text)
            if isinstance(item, QuizItem):
                parts[source_part(item.assignment)] = said_source(folder.source(item).files)
    return parts


def write_course(tx: Tx, folder: CourseFolder, registration_id: int | None, versions_kept: int) -> None:
    """Make the tables say what the folder says, and keep that many versions of each quiz's notebooks."""
    parts = said_parts(folder)
    course = _write_head(tx, folder, parts[COURSE], registration_id)
    modules = {module.slug: module for module in course.modules}
    items = {item.slug: item for item in course.items}
    position = 0
    for number, said in enumerate(folder.course.module):
        module = modules.pop(said.slug, None) or Module(course_id=course.id, slug=said.slug)
        module.position = number
        fill_module(module, parts[module_part(said.slug)])
        tx.add(module)
        tx.flush()
        for said_one in said.item:
            item = items.pop(said_one.slug, None) or Item(course_id=course.id, slug=said_one.slug)
            item.module_id, item.position = module.id, position
            if _says_something_else(item, said_one.state, parts[item_part(said_one.slug)]):
                item.state, item.has_changes = said_one.state, False
                fill_item(item, parts[item_part(said_one.slug)])
            if item.has_changes:  # saved in the browser and not published: it stays so
                del parts[item_part(said_one.slug)]
            tx.add(item)
            position += 1
    tx.flush()
    for item in items.values():
        forget_library(tx, course.slug, item)
    for gone in [*items.values(), *modules.values()]:
        tx.delete(gone)
    tx.flush()
    for part, content in parts.items():
        add_revision(tx, course.id, part, content, COMMAND_LINE, base=None, origin=Origin.IMPORT, is_published=True)
    _keep_sources(tx, folder, course.id, versions_kept)
    index_course(tx, course)
    _write_media(tx, folder, course.id)
    tx.flush()
    note_description(tx, course)
    for item in get_outline(tx, course.slug).items:
        note_library(tx, course.slug, item)
    publish_progress_outline(tx, course.slug)
    for item in get_outline(tx, course.slug).published().items:
        take_up_video(tx, course.slug, item)


def _keep_sources(tx: Tx, folder: CourseFolder, course_id: int, most: int) -> None:
    for module in folder.course.module:
        for item in module.item:
            if isinstance(item, QuizItem):
                keep_source(tx, course_id, item.assignment, folder.source(item).files, most)


def _says_something_else(item: Item, state: PartState, content: Content) -> bool:
    return item.id is None or item.state is not state or item_content(item) != content


def note_points(tx: Tx, slug: str) -> None:
    """Take over from grading what the quizzes are worth."""
    points = {name: worth for (_slug, name), worth in grading.list_max_points(tx, {slug}).items()}
    query = select(Item).join(Course, Course.id == Item.course_id).where(Course.slug == slug)
    for item in tx.scalars(query.where(Item.assignment.is_not(None))):
        item.points = points.get(item.assignment or "")
    tx.flush()


def _write_head(tx: Tx, folder: CourseFolder, content: Content, registration_id: int | None) -> Course:
    loaded = (
        select(Course)
        .where(Course.slug == folder.course.slug)
        .options(
            selectinload(Course.modules), selectinload(Course.items).undefer(Item.markdown), undefer(Course.description)
        )
        .with_for_update()
    )
    course = tx.scalar(loaded)
    if course is None:
        course = Course(slug=folder.course.slug, uid=secrets.token_hex(4), modules=[], items=[])
    fill_course(course, content)
    course.state, course.toml = folder.course.state, folder.read_toml()
    course.registration_id, course.imported_at = registration_id, clock.now()
    tx.add(course)
    tx.flush()
    return course


def _write_media(tx: Tx, folder: CourseFolder, course_id: int) -> None:
    before = {media.path: media for media in tx.scalars(select(Media).where(Media.course_id == course_id))}
    for path, file in folder.media.files:
        content = folder.cleaned.get(path, file).read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        media = before.pop(path, None) or Media(course_id=course_id, path=path, sha256="", from_browser=False)
        if media.from_browser:  # it is the folder's now, which has a limit of its own
            size = tx.scalars(select(func.length(Media.content)).where(Media.id == media.id)).one()
            files.give_back_room(tx, folder.course.slug, size)
        media.content_type, media.from_browser = media_type(path), False
        if media.sha256 != sha256:
            media.sha256, media.content = sha256, content
        tx.add(media)
    for gone in before.values():
        if not gone.from_browser:
            tx.delete(gone)

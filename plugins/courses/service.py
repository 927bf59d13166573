"""Questions about courses."""

from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import undefer

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from plugins.courses.models import Course, Item, Media, Module


@dataclass(frozen=True)
class Outline:
    """A course with its modules and items in reading order."""

    course: Course
    modules: list[tuple[Module, list[Item]]]

    @property
    def items(self) -> list[Item]:
        """All items in reading order."""
        return [item for _, items in self.modules for item in items]


def get_outline(tx: Tx, slug: str) -> Outline:
    """A course for its page. Three queries. Raises: NotFound."""
    course = tx.scalar(select(Course).where(Course.slug == slug))
    if course is None:
        raise NotFound("course_not_found", "This course is no longer here. Ask your teacher where it has gone.")
    modules = tx.scalars(select(Module).where(Module.course_id == course.id).order_by(Module.position)).all()
    items = tx.scalars(select(Item).where(Item.course_id == course.id).order_by(Item.position)).all()
    return Outline(course, [(module, [item for item in items if item.module_id == module.id]) for module in modules])


def get_media(tx: Tx, slug: str, path: str) -> Media:
    """A file with its content. Raises: NotFound."""
    query = select(Media).join(Course, Course.id == Media.course_id).where(Course.slug == slug, Media.path == path)
    media = tx.scalar(query.options(undefer(Media.content)))
    if media is None:
        raise NotFound("media_not_found", "There is no such file in this course.")
    return media


def list_courses(tx: Tx, registration_id: int | None = None) -> list[Course]:
    """Courses by title; with a registration only those that its teachers may place."""
    query = select(Course).order_by(Course.title)
    if registration_id is not None:
        query = query.where(or_(Course.registration_id.is_(None), Course.registration_id == registration_id))
    return list(tx.scalars(query))

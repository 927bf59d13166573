"""Questions about courses."""

from dataclasses import dataclass

from sqlalchemy import select

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


def find_course(tx: Tx, slug: str) -> Course | None:
    """The course of that slug."""
    return tx.scalar(select(Course).where(Course.slug == slug))


def get_outline(tx: Tx, slug: str) -> Outline:
    """A course for its page, without the text of its lessons. Three queries. Raises: NotFound."""
    course = find_course(tx, slug)
    if course is None:
        raise NotFound("course_not_found", "This course is no longer here. Ask your teacher where it has gone.")
    modules = tx.scalars(select(Module).where(Module.course_id == course.id).order_by(Module.position)).all()
    items = tx.scalars(select(Item).where(Item.course_id == course.id).order_by(Item.position)).all()
    return Outline(course, [(module, [item for item in items if item.module_id == module.id]) for module in modules])


def read_markdown(tx: Tx, item: Item) -> str:
    """The text of a lesson."""
    return tx.scalar(select(Item.markdown).where(Item.id == item.id)) or ""


def get_media(tx: Tx, slug: str, path: str) -> Media:
    """A file without its content. Raises: NotFound."""
    query = select(Media).join(Course, Course.id == Media.course_id).where(Course.slug == slug, Media.path == path)
    media = tx.scalar(query)
    if media is None:
        raise NotFound("media_not_found", "There is no such file in this course.")
    return media


def read_media(tx: Tx, media: Media) -> bytes:
    """The content of a file."""
    return tx.scalars(select(Media.content).where(Media.id == media.id)).one()


def list_courses(tx: Tx) -> list[Course]:
    """All courses by title."""
    return list(tx.scalars(select(Course).order_by(Course.title)))

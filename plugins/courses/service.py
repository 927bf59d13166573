"""Questions about courses."""

from dataclasses import dataclass

from sqlalchemy import and_, bindparam, select
from sqlalchemy.orm import undefer

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from plugins.courses.models import Course, Enrolment, Item, ItemKind, Media, Module, PartState, Standing


@dataclass(frozen=True)
class Outline:
    """A course with its modules and items in reading order."""

    course: Course
    modules: list[tuple[Module, list[Item]]]
    standing: Standing | None = None
    """Of the person it was read for; None: never enrolled, or nobody asked."""

    @property
    def items(self) -> list[Item]:
        """All items in reading order."""
        return [item for _, items in self.modules for item in items]

    def published(self) -> "Outline":
        """What learners see: without drafts, and without modules that hold nothing else."""
        shown = [
            (module, [item for item in items if item.state is PartState.PUBLISHED]) for module, items in self.modules
        ]
        return Outline(self.course, [(module, items) for module, items in shown if items], self.standing)

    def find_item(self, slug: str) -> Item | None:
        """The item of that slug."""
        return next((item for item in self.items if item.slug == slug), None)


_OUTLINE = (
    select(Course, Module, Item, Enrolment.standing)
    .outerjoin(Module, Module.course_id == Course.id)
    .outerjoin(Item, Item.module_id == Module.id)
    .outerjoin(Enrolment, and_(Enrolment.course_id == Course.id, Enrolment.user_id == bindparam("user_id")))
    .where(Course.slug == bindparam("slug"))
    .order_by(Module.position, Item.position)
)
_WHOLE = _OUTLINE.options(undefer(Course.description))


def find_course(tx: Tx, slug: str) -> Course | None:
    """The course of that slug."""
    return tx.scalar(select(Course).where(Course.slug == slug))


def get_outline(tx: Tx, slug: str, *, with_description: bool = False, user_id: int | None = None) -> Outline:
    """A course with drafts, without the text of its lessons, read for somebody. One query. Raises: NotFound."""
    rows = tx.execute(_WHOLE if with_description else _OUTLINE, {"slug": slug, "user_id": user_id}).all()
    if not rows:
        raise NotFound("course_not_found", "This course is no longer here. Ask your teacher where it has gone.")
    modules: dict[int, tuple[Module, list[Item]]] = {}
    for _course, module, item, _standing in rows:
        if module is not None:
            entry = modules.setdefault(module.id, (module, []))
            if item is not None:
                entry[1].append(item)
    return Outline(rows[0][0], list(modules.values()), rows[0][3])


def get_item(tx: Tx, course_id: int, slug: str) -> Item:
    """An item with its text. Raises: NotFound."""
    query = select(Item).where(Item.course_id == course_id, Item.slug == slug)
    item = tx.scalar(query.options(undefer(Item.markdown)))
    if item is None:
        raise NotFound("item_not_found", "This is no longer in the course. Open the course page to see what is.")
    return item


def get_module(tx: Tx, course_id: int, slug: str) -> Module:
    """A module. Raises: NotFound."""
    module = tx.scalar(select(Module).where(Module.course_id == course_id, Module.slug == slug))
    if module is None:
        raise NotFound("module_not_found", "This module is no longer in the course. Open the outline to see what is.")
    return module


def read_markdown(tx: Tx, item: Item) -> str:
    """The text of a lesson."""
    return tx.scalar(select(Item.markdown).where(Item.id == item.id)) or ""


def link_targets(outline: Outline) -> list[tuple[str, str]]:
    """(slug, file that links name, or "") of every item, for `links.Place.of`."""
    return [(item.slug, item.file if item.kind is ItemKind.LESSON else "") for item in outline.items]


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


def list_media_paths(tx: Tx, course_id: int) -> set[str]:
    """Paths below `media/` of all files of a course."""
    return set(tx.scalars(select(Media.path).where(Media.course_id == course_id)))


def list_courses(tx: Tx) -> list[Course]:
    """All courses by title."""
    return list(tx.scalars(select(Course).order_by(Course.title)))

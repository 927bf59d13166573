"""Which files of a course somebody may open: those of an item that is closed to them are closed with it."""

from collections.abc import Collection
from urllib.parse import quote

from sqlalchemy import or_, select

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from lti_tool.web.session import SignedIn
from plugins.courses.access import may_be_closed
from plugins.courses.models import Admission, Course, Item, ItemKind, Media, Module, PartState
from plugins.courses.reading import read_course
from plugins.courses.service import get_media, read_media


def require_media(tx: Tx, session: SignedIn, slug: str, media: Media) -> None:
    """One query, and those of `read_course` where something that shows the file may be closed.

    What no item names stays open: the description of the course or a notebook may show it.

    Raises: NotFound: the course, or every item that shows this file, is a draft or closed to this person.
    """
    if session.role.is_staff:
        return
    names = {media.path, quote(media.path)}
    shows = or_(Item.file == f"media/{media.path}", *(Item.markdown.contains(name, autoescape=True) for name in names))
    query = (
        select(Course.state, Course.admission, Item, Module)
        .outerjoin(Item, (Item.course_id == Course.id) & shows)
        .outerjoin(Module, Module.id == Item.module_id)
        .where(Course.id == media.course_id)
    )
    rows = tx.execute(query).all()
    naming = [(item, module) for _state, _admission, item, module in rows if item is not None]
    is_paid = bool(rows) and rows[0][1] is Admission.PAID
    is_free = not naming or (not is_paid and any(not may_be_closed(item, module) for item, module in naming))
    if is_free and rows and rows[0][0] is PartState.PUBLISHED:
        return
    reading = read_course(tx, session, slug)
    open_items = [item for item in reading.outline.items if item.slug not in reading.locks]
    is_open = is_free or not {item.slug for item, _module in naming}.isdisjoint(item.slug for item in open_items)
    if not is_open and not _is_in_a_notebook(tx, slug, open_items, names):
        raise NotFound("media_not_found", "There is no such file in this course.")


def _is_in_a_notebook(tx: Tx, slug: str, items: Collection[Item], names: Collection[str]) -> bool:
    """Does a notebook among these items show the file?"""
    for item in items:
        if item.kind is ItemKind.NOTEBOOK and item.file:
            try:
                content = read_media(tx, get_media(tx, slug, item.file.removeprefix("media/")))
            except NotFound:
                continue
            if any(name.encode() in content for name in names):
                return True
    return False

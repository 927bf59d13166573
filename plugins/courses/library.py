"""Files of the course's library: an item names one as `file:<slug>`, and so does a link in a text.

Texts are lessons, text cells of notebooks, and the description of the course.
"""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import undefer

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict, NotFound
from lti_tool.web.session import SignedIn
from plugins.courses.course_file import find_library_file
from plugins.courses.links import list_library_files
from plugins.courses.models import Course, Item, ItemKind
from plugins.courses.notebook_html import list_texts
from plugins.courses.parts import Content, item_content, item_part
from plugins.courses.reading import read_course, ref_of
from plugins.courses.revisions import find_newest
from plugins.courses.service import get_media, list_media_paths, read_media
from plugins.files import public as files


def named_files(tx: Tx, slug: str, content: Content) -> set[str]:
    """Slugs of the library's files that an item names."""
    name = find_library_file(content["url"])
    texts = [content["markdown"]]
    if content["type"] == ItemKind.NOTEBOOK.value and content["file"]:
        texts += read_notebook_texts(tx, slug, content["file"])
    return _list_names(*texts) | ({name} if name is not None else set())


def _list_names(*texts: str) -> set[str]:
    return {name for text in texts if "file:" in text for name in list_library_files(text)}


def read_notebook_texts(tx: Tx, slug: str, file: str) -> list[str]:
    """The text cells of a notebook in `media/`; none if it is not there."""
    try:
        return list_texts(read_media(tx, get_media(tx, slug, file.removeprefix("media/"))))
    except NotFound:
        return []


def find_library_problems(tx: Tx, slug: str, *texts: str) -> list[str]:
    """A sentence for each file that texts link to and that the course does not have."""
    names = _list_names(*texts)
    here = files.list_named(tx, slug, names)
    return [
        f"there is no file file:{name} in the course's Files; correct the name." for name in sorted(names - here.keys())
    ]


def note_description(tx: Tx, course: Course) -> None:
    """Tell `files` what the description links to: it is not deleted. The description must be loaded."""
    _note(tx, course.slug, f"courses/{course.slug}", _list_names(course.description))


def note_library(tx: Tx, slug: str, item: Item) -> None:
    """Tell `files` what an item shows, and what it would show if it were published: none of that is deleted."""
    newest = find_newest(tx, item.course_id, item_part(item.slug))
    contents = [item_content(item), *([newest.content] if newest else [])]
    _note(tx, slug, ref_of(slug, item), {name for content in contents for name in named_files(tx, slug, content)})


def note_named(tx: Tx, slug: str, name: str) -> None:
    """A file has come that something may have named before: tell `files` what shows it."""
    course = tx.scalar(select(Course).where(Course.slug == slug).options(undefer(Course.description)))
    if course is None:
        return
    if f"file:{name}" in course.description:
        note_description(tx, course)
    query = select(Item).where(Item.course_id == course.id).options(undefer(Item.markdown))
    for item in tx.scalars(query).all():
        may_name = item.has_changes or item.kind is ItemKind.NOTEBOOK
        if may_name or f"file:{name}" in item.markdown or find_library_file(item.url) == name:
            note_library(tx, slug, item)


def forget_library(tx: Tx, slug: str, item: Item) -> None:
    """An item that is taken out shows nothing."""
    files.set_uses(tx, ref_of(slug, item), ())


def _note(tx: Tx, slug: str, ref: str, names: set[str]) -> None:
    files.set_uses(tx, ref, {file.id for file in files.list_named(tx, slug, names).values()})


def find_library(tx: Tx, slug: str, name: str) -> files.StoredFile | None:
    """A file of this course's library, whatever its state."""
    return files.list_named(tx, slug, {name}).get(name)


def list_link_targets(tx: Tx, slug: str, course_id: int, text: str) -> set[str]:
    """What links of a text may name below `media/`: files of the course, and those of its library."""
    named = {f"file:{name}" for name in files.list_named(tx, slug, list_library_files(text))}
    return list_media_paths(tx, course_id) | named


def list_library_choices(tx: Tx, slug: str, chosen: str) -> list[tuple[str, str]]:
    """Options of the ready files of a course; the chosen one stays there, also if it is gone."""
    ready = [file for file in files.list_files(tx, slug) if file.state is files.FileState.READY]
    names = [file.name for file in ready]
    choices = [
        (f"file:{file.slug}", file.name if names.count(file.name) == 1 else f"{file.name} ({file.slug})")
        for file in ready
    ]
    if find_library_file(chosen) is not None and chosen not in dict(choices):
        choices.append((chosen, chosen))
    return choices


def get_open_file(tx: Tx, session: SignedIn, slug: str, name: str) -> files.StoredFile:
    """A file that an item open to this person names; staff get any.

    Raises: NotFound: none, or it is closed. Conflict: it is being checked, or has not come yet.
    """
    file = find_library(tx, slug, name)
    if file is None or not (session.role.is_staff or _is_named_in_what_is_open(tx, session, slug, name)):
        raise NotFound("file_not_found", "There is no such file in this course, or it is not open to you yet.")
    if file.state is files.FileState.MISSING:
        raise Conflict("file_missing", "This file has not been uploaded here yet. Tell your teacher.")
    if file.state is not files.FileState.READY:
        raise Conflict("file_not_ready", "This file is still being checked. Open it again in a few minutes.")
    return file


def describe_missing(tx: Tx, slug: str) -> list[str]:
    """A sentence for each file that an item names and that the course does not have here."""
    return [
        f"{f'“{item.title}” ({item.slug})' if item else 'The description'} names file:{name}, which is not among the "
        "files of this course here. Upload it on the page Files, and choose it in the editor."
        for item, name in _list_gone(tx, slug)
    ]


def list_gone(tx: Tx, slug: str) -> list[str]:
    """What items name and the course does not have: `file:slides.pdf (gone, in “Slides”)`."""
    return [
        f"file:{name} (gone, in {f'“{item.title}”' if item else 'the description'})"
        for item, name in _list_gone(tx, slug)
    ]


def _list_gone(tx: Tx, slug: str) -> list[tuple[Item | None, str]]:
    named = list(_list_named(tx, slug))
    here = files.list_named(tx, slug, {name for _item, name in named})
    return [(item, name) for item, name in named if name not in here]


def _list_named(tx: Tx, slug: str) -> Iterator[tuple[Item | None, str]]:
    """Which item (None: the description) names which slug."""
    description = tx.scalar(select(Course.description).where(Course.slug == slug)) or ""
    for name in sorted(_list_names(description)):
        yield None, name
    query = select(Item).join(Course, Course.id == Item.course_id).where(Course.slug == slug)
    for item in tx.scalars(query.options(undefer(Item.markdown)).order_by(Item.position)).all():
        for name in sorted(named_files(tx, slug, item_content(item))):
            yield item, name


def _is_named_in_what_is_open(tx: Tx, session: SignedIn, slug: str, name: str) -> bool:
    reading = read_course(tx, session, slug)
    if reading.is_dropped:
        return False
    open_slugs = {item.slug for item in reading.outline.items} - set(reading.locks)
    return any(found == name and (item is None or item.slug in open_slugs) for item, found in _list_named(tx, slug))

"""Files of the course's library: an item names one as `file:<number>`, and so does a link in a text.

Texts are lessons, text cells of notebooks, and the description of the course.
"""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import undefer

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
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


def named_files(tx: Tx, slug: str, content: Content) -> set[int]:
    """Numbers of the library's files that an item names."""
    number = find_library_file(content["url"])
    texts = [content["markdown"]]
    if content["type"] == ItemKind.NOTEBOOK.value and content["file"]:
        texts += read_notebook_texts(tx, slug, content["file"])
    found = {each for text in texts for each in _list_numbers(text)}
    return found | ({number} if number is not None else set())


def _list_numbers(text: str) -> set[int]:
    return list_library_files(text) if "file:" in text else set()


def read_notebook_texts(tx: Tx, slug: str, file: str) -> list[str]:
    """The text cells of a notebook in `media/`; none if it is not there."""
    try:
        return list_texts(read_media(tx, get_media(tx, slug, file.removeprefix("media/"))))
    except NotFound:
        return []


def find_library_problems(tx: Tx, slug: str, *texts: str) -> list[str]:
    """A sentence for each file that texts link to and that the course does not have ready."""
    numbers = sorted({number for text in texts for number in _list_numbers(text)})
    return [
        f"there is no ready file file:{number} in the course's Files; correct the number."
        for number in numbers
        if find_library(tx, slug, number) is None
    ]


def note_description(tx: Tx, course: Course) -> None:
    """Tell `files` what the description links to: it is not deleted. The description must be loaded."""
    files.set_uses(tx, f"courses/{course.slug}", _find_here(tx, course.slug, _list_numbers(course.description)))


def note_library(tx: Tx, slug: str, item: Item) -> None:
    """Tell `files` what an item shows, and what it would show if it were published: none of that is deleted."""
    newest = find_newest(tx, item.course_id, item_part(item.slug))
    contents = [item_content(item), *([newest.content] if newest else [])]
    here = _find_here(tx, slug, {number for content in contents for number in named_files(tx, slug, content)})
    files.set_uses(tx, ref_of(slug, item), here)


def forget_library(tx: Tx, slug: str, item: Item) -> None:
    """An item that is taken out shows nothing."""
    files.set_uses(tx, ref_of(slug, item), ())


def find_library(tx: Tx, slug: str, number: int) -> files.StoredFile | None:
    """A file of this course's library that can be given out."""
    file = files.find_file(tx, number)
    is_ours = file is not None and file.course_slug == slug and file.state is files.FileState.READY
    return file if is_ours else None


def list_link_targets(tx: Tx, slug: str, course_id: int, text: str) -> set[str]:
    """What links of a text may name below `media/`: files of the course, and those of its library."""
    named = {f"file:{number}" for number in list_library_files(text) if find_library(tx, slug, number) is not None}
    return list_media_paths(tx, course_id) | named


def list_library_choices(tx: Tx, slug: str, chosen: str) -> list[tuple[str, str]]:
    """Options of the ready files of a course; the chosen one stays there, also if it is gone."""
    ready = [file for file in files.list_files(tx, slug) if file.state is files.FileState.READY]
    choices = [(f"file:{file.id}", file.name) for file in ready]
    if find_library_file(chosen) is not None and chosen not in dict(choices):
        choices.append((chosen, chosen))
    return choices


def get_open_file(tx: Tx, session: SignedIn, slug: str, number: int) -> files.StoredFile:
    """A file that an item open to this person names; staff get any. Raises: NotFound: none, or it is closed."""
    file = find_library(tx, slug, number)
    if file is None or not (session.role.is_staff or _is_named_in_what_is_open(tx, session, slug, number)):
        raise NotFound("file_not_found", "There is no such file in this course, or it is not open to you yet.")
    return file


def describe_missing(tx: Tx, slug: str) -> list[str]:
    """A sentence for each file that an item names and that the course does not have here."""
    notes = []
    for item, number, file in _list_named(tx, slug):
        if file is None:
            which = f"“{item.title}” ({item.slug})" if item else "The description"
            notes.append(
                f"{which} names file:{number}, which is not among the files of this course here. "
                "Upload it on the page Files, and choose it in the editor."
            )
    return notes


def list_left_behind(tx: Tx, slug: str) -> list[str]:
    """What items name and a folder does not hold: `file:12 (slides.pdf, in “Slides”)`."""
    return [
        f"file:{number} ({file.name if file else 'gone'}, in {f'“{item.title}”' if item else 'the description'})"
        for item, number, file in _list_named(tx, slug)
    ]


def _list_named(tx: Tx, slug: str) -> Iterator[tuple[Item | None, int, files.StoredFile | None]]:
    """Which item (None: the description) names which number, and the file if it is there."""
    description = tx.scalar(select(Course.description).where(Course.slug == slug)) or ""
    for number in sorted(_list_numbers(description)):
        yield None, number, find_library(tx, slug, number)
    query = select(Item).join(Course, Course.id == Item.course_id).where(Course.slug == slug)
    for item in tx.scalars(query.options(undefer(Item.markdown)).order_by(Item.position)).all():
        for number in sorted(named_files(tx, slug, item_content(item))):
            yield item, number, find_library(tx, slug, number)


def _find_here(tx: Tx, slug: str, numbers: set[int]) -> set[int]:
    found = (files.find_file(tx, number) for number in numbers)
    return {file.id for file in found if file is not None and file.course_slug == slug}


def _is_named_in_what_is_open(tx: Tx, session: SignedIn, slug: str, number: int) -> bool:
    reading = read_course(tx, session, slug)
    if reading.is_dropped:
        return False
    open_slugs = {item.slug for item in reading.outline.items} - set(reading.locks)
    named = ((item, found) for item, found, _file in _list_named(tx, slug))
    return any(found == number and (item is None or item.slug in open_slugs) for item, found in named)

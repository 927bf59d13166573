"""Small files that teachers add in the browser: pictures, notebooks, data."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from sqlalchemy import func, select

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Invalid, TooLarge, Unacceptable
from lti_tool.kernel.runtime import Runtime
from plugins.courses.editing import Editor, open_for_editing
from plugins.courses.folder import MAX_ALL_MEDIA_BYTES, MAX_MEDIA_BYTES
from plugins.courses.media import SAVED, SHOWN, is_shown, media_type
from plugins.courses.models import Course, Media
from plugins.courses.notebook_html import find_notebook_problem
from plugins.files import public as files


@dataclass(frozen=True)
class Given:
    """A file that was checked and can be kept."""

    path: str
    """Below `media/`; its ending says what the content is."""
    content: bytes


def check_upload(runtime: Runtime, name: str, content: bytes) -> Given:
    """Check a file as `files` checks every upload. Not within a transaction: it may have to be scanned.

    Raises: Invalid: empty, a type that is not taken, or an unreadable notebook. TooLarge. Unacceptable: what it holds
    is not accepted. ExternalError: the virus scanner did not answer.
    """
    path = _clean(name)
    if len(content) > MAX_MEDIA_BYTES:
        raise TooLarge("file_too_large", f"This file is larger than {MAX_MEDIA_BYTES // 1_000_000} MB.")
    _check(path, content)
    checked = files.check_bytes(runtime, name, content)
    return Given(_named_by(path, checked.content_type), checked.content)


def add_media(tx: Tx, runtime: Runtime, slug: str, given: Given, editor: Editor) -> Media:
    """Keep a file in the course; the same content under the same name is there once.

    Raises: NotFound, Forbidden. TooLarge: there is no room in the course.
    """
    course = open_for_editing(tx, slug, editor)
    there = {media.path: media for media in tx.scalars(select(Media).where(Media.course_id == course.id))}
    sha256, path = hashlib.sha256(given.content).hexdigest(), given.path
    stem, suffix = PurePosixPath(path).stem, PurePosixPath(path).suffix
    number = 1
    while path in there and there[path].sha256 != sha256:
        number += 1
        path = f"{stem}-{number}{suffix}"
    if path in there:
        return there[path]
    _take_room(tx, runtime, course, len(given.content))
    media = Media(course_id=course.id, path=path, content_type=media_type(path), sha256=sha256, content=given.content)
    media.from_browser = True
    tx.add(media)
    tx.flush()
    return media


def _take_room(tx: Tx, runtime: Runtime, course: Course, size: int) -> None:
    """Of what a course folder may hold, and of the course's quota."""
    query = select(func.coalesce(func.sum(func.length(Media.content)), 0)).where(Media.course_id == course.id)
    if tx.scalars(query).one() + size > MAX_ALL_MEDIA_BYTES:
        raise TooLarge("course_full", f"The course has {MAX_ALL_MEDIA_BYTES // 1_000_000} MB of files already.")
    files.take_room(tx, runtime, course.slug, size)


def markdown_of(media: Media, lesson_file: str) -> str:
    """How a lesson shows or offers the file."""
    depth = "../" * (lesson_file.count("/") or 0)
    name = PurePosixPath(media.path).stem.replace("[", "").replace("]", "")
    return f"{'!' if is_shown(media.path) else ''}[{name}]({depth}media/{media.path})"


def _clean(name: str) -> str:
    bare = name.replace("\\", "/").rpartition("/")[2]
    stem, _dot, suffix = bare.rpartition(".")
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-")[:80] or "file"
    return f"{stem}.{suffix.lower()[:10]}"


def _check(path: str, content: bytes) -> None:
    suffix = PurePosixPath(path).suffix
    if suffix not in SHOWN | SAVED:
        known = " ".join(sorted(name.removeprefix(".") for name in SHOWN | SAVED))
        raise Invalid("file_type", f"Files of this type are not taken here. These are: {known}.")
    if not content:
        raise Invalid("file_empty", "This file is empty. Choose another.")
    problem = find_notebook_problem(content) if suffix == ".ipynb" else None
    if problem:
        raise Invalid("notebook_invalid", f"{path} {problem}")


def _named_by(path: str, content_type: str) -> str:
    """The path with an ending that is true. Raises: Unacceptable: it is something else than its name says."""
    if media_type(path).partition(";")[0] == content_type:
        return path
    ending = next((suffix for suffix, kind in SHOWN.items() if kind == content_type), None)
    if ending is None or not is_shown(path):
        message = "This file is something else than its name says. Save it again in the format that the name promises."
        raise Unacceptable("file_misnamed", message)
    return str(PurePosixPath(path).with_suffix(ending))

"""Small files that teachers add in the browser: pictures, notebooks, data."""

import hashlib
import re
from pathlib import PurePosixPath

from sqlalchemy import func, select

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Invalid, TooLarge
from plugins.courses.editing import Editor, open_for_editing
from plugins.courses.folder import MAX_ALL_MEDIA_BYTES, MAX_MEDIA_BYTES
from plugins.courses.media import SAVED, SHOWN, is_shown, media_type
from plugins.courses.models import Media
from plugins.courses.notebook_html import find_notebook_problem


def add_media(tx: Tx, slug: str, name: str, content: bytes, editor: Editor) -> Media:
    """Keep a file in the course; the same content under the same name is there once.

    Raises: NotFound, Forbidden. Invalid: empty, a type that is not taken, or an unreadable notebook. TooLarge.
    """
    course = open_for_editing(tx, slug, editor)
    path = _clean(name)
    if len(content) > MAX_MEDIA_BYTES:
        raise TooLarge("file_too_large", f"This file is larger than {MAX_MEDIA_BYTES // 1_000_000} MB.")
    _check(path, content)
    used = tx.scalars(
        select(func.coalesce(func.sum(func.length(Media.content)), 0)).where(Media.course_id == course.id)
    )
    if used.one() + len(content) > MAX_ALL_MEDIA_BYTES:
        raise TooLarge("course_full", f"The course has {MAX_ALL_MEDIA_BYTES // 1_000_000} MB of files already.")
    sha256 = hashlib.sha256(content).hexdigest()
    there = {media.path: media for media in tx.scalars(select(Media).where(Media.course_id == course.id))}
    stem, suffix = PurePosixPath(path).stem, PurePosixPath(path).suffix
    number = 1
    while path in there and there[path].sha256 != sha256:
        number += 1
        path = f"{stem}-{number}{suffix}"
    if path in there:
        return there[path]
    media = Media(course_id=course.id, path=path, content_type=media_type(path), sha256=sha256, content=content)
    media.from_browser = True
    tx.add(media)
    tx.flush()
    return media


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

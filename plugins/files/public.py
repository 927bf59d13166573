"""What other plugins may ask of files and have them do. Plain values in and out."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict, TooLarge, Unacceptable
from lti_tool.kernel.runtime import Runtime
from plugins.files import quota, scanning, service
from plugins.files.boxes import upload_box
from plugins.files.carrying import FileFacts, bring_file, list_awaited, list_carried, put_files
from plugins.files.check import check_file, hash_file
from plugins.files.images import clean_image, is_bare
from plugins.files.models import FileState
from plugins.files.names import SLUG, clean_name, free_file_slug
from plugins.files.refusals import REFUSALS, Refused, say_refusal
from plugins.files.service import (
    ROW_KEY,
    StoredFile,
    delete_file,
    find_file,
    list_files,
    list_named,
    list_uses,
    set_uses,
)
from plugins.files.serving import is_shown
from plugins.files.stores import links_of, storage_of, temporary_folder

__all__ = [
    "SLUG",
    "SMALL_MAX",
    "Checked",
    "FileFacts",
    "FileState",
    "StoredFile",
    "bring_file",
    "check_bytes",
    "clean_picture",
    "delete_file",
    "file_url",
    "find_file",
    "free_file_slug",
    "give_back_room",
    "hash_file",
    "list_awaited",
    "list_carried",
    "list_files",
    "list_named",
    "list_uses",
    "local_copy",
    "open_file",
    "put_files",
    "quota_left",
    "say_refusal",
    "set_uses",
    "store_bytes",
    "take_room",
    "temporary_folder",
    "upload_box",
]

SMALL_MAX = 25_000_000
"""Most bytes that `store_bytes` takes."""


def store_bytes(
    tx: Tx,
    runtime: Runtime,
    *,
    course_slug: str,
    owner_id: int | None,
    name: str,
    content: bytes,
    is_part: bool = False,
    keeps_bare: bool = False,
) -> StoredFile:
    """Check and keep something small: a pasted image, a file of an import. Nothing is kept if the transaction fails.

    It is ready at once, unless the operator has a virus scanner: then it is `scanning` until that has passed it.
    `is_part`: it belongs to something else, as a poster to its video, and is not listed among the files. `keeps_bare`:
    an image that is nothing but its pixels is not made anew.
    Raises: Unacceptable: the content is not accepted, its code is `file_<refusal>`. TooLarge: larger than SMALL_MAX, or
    there is no room in the course.
    """
    settings = runtime.settings.files
    if len(content) > min(SMALL_MAX, settings.max_bytes):
        raise TooLarge("file_too_large", "This file is too large. Upload it on the course's page of files.")
    with temporary_folder(runtime) as folder:
        path = folder / "given"
        path.write_bytes(content)
        try:
            checked = check_file(path, clean_name(name), settings, keeps_bare=keeps_bare)
        except Refused as refused:
            raise Unacceptable(f"file_{refused.code}", REFUSALS[refused.code]) from refused
        kept = checked.path.read_bytes()
    quota.take(tx, course_slug, len(kept), settings.quota_bytes)
    return service.add_small_file(
        tx,
        course_slug=course_slug,
        owner_id=owner_id,
        name=name,
        content=kept,
        found=checked.content,
        is_clean=not scanning.is_wanted(settings),
        is_part=is_part,
    )


@dataclass(frozen=True)
class Checked:
    """Something small that was accepted, and what it is."""

    content: bytes
    """An image: made anew, without EXIF and place, not larger than `files.image_side`."""
    content_type: str
    """Decided by the content."""


def check_bytes(runtime: Runtime, name: str, content: bytes) -> Checked:
    """Check something small that another part keeps itself, as every upload is. Not within a transaction.

    The name tells kinds of text apart. Raises: Unacceptable: its code is `file_<refusal>`. ExternalError: the virus
    scanner did not answer.
    """
    settings = runtime.settings.files
    with temporary_folder(runtime) as folder:
        path = folder / "given"
        path.write_bytes(content)
        try:
            if scanning.is_wanted(settings):
                scanning.scan(path, settings)
            checked = check_file(path, clean_name(name), settings)
        except Refused as refused:
            raise Unacceptable(f"file_{refused.code}", REFUSALS[refused.code]) from refused
        return Checked(checked.path.read_bytes(), checked.content.content_type)


def clean_picture(runtime: Runtime, source: Path, target: Path) -> bool:
    """Make a picture of an import anew in `target` if it says more than its pixels, or is too large.

    False: nothing was written, for it can stay as it is. Raises: Unacceptable: it cannot be read.
    """
    settings = runtime.settings.files
    limits = {"side": settings.image_side, "max_pixels": settings.image_pixels}
    try:
        if is_bare(source, **limits):
            return False
        clean_image(source, target, **limits)
    except Refused as refused:
        raise Unacceptable(f"file_{refused.code}", REFUSALS[refused.code]) from refused
    return True


def take_room(tx: Tx, runtime: Runtime, course_slug: str, size: int) -> None:
    """Count bytes that another part keeps for a course. Raises: TooLarge: there is no room for them."""
    quota.take(tx, course_slug, size, runtime.settings.files.quota_bytes)


def give_back_room(tx: Tx, course_slug: str, size: int) -> None:
    """Count bytes less that were counted by `take_room`."""
    quota.give_back(tx, course_slug, size)


def quota_left(tx: Tx, runtime: Runtime, course_slug: str) -> int:
    """How much more a course may take, in bytes, never negative."""
    return max(0, runtime.settings.files.quota_bytes - quota.used_bytes(tx, course_slug))


def file_url(runtime: Runtime, file: StoredFile, *, inline: bool = False, expires_s: int | None = None) -> str:
    """An address to get a ready file from without being signed in, for `expires_s` seconds (default: the setting).

    A path of the tool, or an address of the S3 store. `inline` lets a browser show it, where that is safe (images but
    SVG, audio, video, captions); everything else is saved, whatever is asked. In `<img>` an SVG is shown all the same.
    Raises: Conflict: the file is not ready.
    """
    if file.state is not FileState.READY:
        raise Conflict("file_not_ready", "This file is still being checked, or was refused.")
    maker = links_of(runtime).make if file.key.startswith(ROW_KEY) else storage_of(runtime).download_url
    shown = inline and is_shown(file.content_type)
    return maker(file.key, file.name, file.content_type, expires_s or runtime.settings.files.link_s, inline=shown)


def open_file(runtime: Runtime, file: StoredFile, start: int = 0, length: int | None = None) -> Iterator[bytes]:
    """The bytes of a ready file, for jobs. Not within a transaction. Raises: NotFound. Conflict: it is not ready."""
    _require_ready(file)
    if not file.key.startswith(ROW_KEY):
        return storage_of(runtime).open(file.key, start, length)
    with runtime.db.reading() as tx:
        content = service.read_content(tx, file.id)
        moved = service.find_file(tx, file.id) if content is None else None
    if content is None:
        return open_file(runtime, service.require(moved), start, length)
    return iter((content[start:][:length],))


@contextmanager
def local_copy(runtime: Runtime, file: StoredFile) -> Iterator[Path]:
    """A ready file as a file of this machine to read, for programs. Not within a transaction. Raises: as open_file."""
    _require_ready(file)
    storage = storage_of(runtime)
    with temporary_folder(runtime) as folder:
        if not file.key.startswith(ROW_KEY):
            with storage.local_copy(file.key, folder) as path:
                yield path
            return
        path = folder / "copy"
        with path.open("wb") as copy:
            copy.writelines(open_file(runtime, file))
        yield path


def _require_ready(file: StoredFile) -> None:
    if file.state is not FileState.READY:
        raise Conflict("file_not_ready", "This file is still being checked, or was refused.")

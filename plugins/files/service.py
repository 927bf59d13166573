"""Files of a course: what they are, who shows them, and how they go away."""

import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx, affect
from lti_tool.kernel.errors import Conflict, NotFound
from lti_tool.kernel.jobs import emit, enqueue
from plugins.files import quota
from plugins.files.messages import CheckFile, DropContent, FileDeleted, FileStored
from plugins.files.models import UNCOUNTED, ContentRow, FileRow, FileState, UploadRow, UseRow
from plugins.files.names import clean_name, free_file_slug

ROW_KEY = "row/"
"""Keys that begin so name a file whose content is still in the database."""


@dataclass(frozen=True)
class StoredFile:
    """A file as other parts see it."""

    id: int
    owner_id: int | None
    course_slug: str
    slug: str
    """What texts call it, `file:<slug>`; empty: nothing can name it."""
    name: str
    content_type: str
    """Decided by the content; empty while it is being checked."""
    size: int
    """In bytes."""
    sha256: str
    """Hexadecimal; empty while it is being checked. Of a missing file: what its content will have."""
    width: int | None
    """Of an image, in pixels."""
    height: int | None
    state: FileState
    refusal: str
    """Of a refused file: why, a stable code."""
    created_at: datetime
    key: str
    """Where its content is; for `public.file_url` and its like."""


@dataclass(frozen=True)
class Content:
    """What a check found."""

    content_type: str
    size: int
    sha256: str
    width: int | None = None
    height: int | None = None


def describe(row: FileRow) -> StoredFile:
    """The row as plain values."""
    key = row.key if row.is_stored else f"{ROW_KEY}{row.id}"
    names = ("id", "owner_id", "course_slug", "name", "content_type", "size", "sha256", "width", "height", "state")
    return StoredFile(
        **{name: getattr(row, name) for name in names},
        slug=row.slug or "",
        refusal=row.refusal,
        created_at=row.created_at,
        key=key,
    )


def find_file(tx: Tx, file_id: int) -> StoredFile | None:
    """A file, whatever its state."""
    row = tx.get(FileRow, file_id)
    return None if row is None else describe(row)


def list_named(tx: Tx, course_slug: str, slugs: Collection[str]) -> dict[str, StoredFile]:
    """Those of these slugs that name a file of the course, whatever its state. One query, none for no slugs."""
    if not slugs:
        return {}
    query = select(FileRow).where(FileRow.course_slug == course_slug, FileRow.slug.in_(slugs))
    return {file.slug: file for file in map(describe, tx.scalars(query))}


def free_name(tx: Tx, course_slug: str, name: str) -> str:
    """A slug for a file of this name that no other file of the course has, or gets before the transaction ends."""
    quota.hold(tx, course_slug)
    query = select(FileRow.slug).where(FileRow.course_slug == course_slug, FileRow.slug.is_not(None))
    return free_file_slug(name, (slug for slug in tx.scalars(query) if slug))


def find_wanted(tx: Tx, course_slug: str, sha256: str) -> FileRow | None:
    """The missing file of a course that this content belongs to, locked."""
    mine = (FileRow.course_slug == course_slug, FileRow.state == FileState.MISSING, FileRow.sha256 == sha256)
    return tx.scalar(select(FileRow).where(*mine).order_by(FileRow.id).limit(1).with_for_update())


def require(file: StoredFile | None) -> StoredFile:
    """Raises: NotFound: there is none."""
    if file is None:
        raise NotFound("file_not_found", "This file is no longer here.")
    return file


def get_row(tx: Tx, course_slug: str, file_id: int) -> FileRow:
    """A file of this course. Raises: NotFound."""
    row = tx.scalar(select(FileRow).where(FileRow.id == file_id, FileRow.course_slug == course_slug))
    if row is None:
        raise NotFound("file_not_found", "This file is no longer here. Open the course's files to see what is.")
    return row


def list_files(tx: Tx, course_slug: str) -> list[StoredFile]:
    """The files of a course by name, those being checked, missing and refused too.

    Left out are replacements under way, and what is only a part of something else.
    """
    mine = (FileRow.course_slug == course_slug, FileRow.replaces_id.is_(None), ~FileRow.is_part)
    query = select(FileRow).where(*mine)
    return [describe(row) for row in tx.scalars(query.order_by(func.lower(FileRow.name), FileRow.id))]


def list_newer(tx: Tx, course_slug: str) -> list[FileRow]:
    """What is to replace files of a course, the newest last: being checked, or refused."""
    query = select(FileRow).where(FileRow.course_slug == course_slug, FileRow.replaces_id.is_not(None))
    return list(tx.scalars(query.order_by(FileRow.id)))


def find_newer(tx: Tx, file_id: int) -> FileRow | None:
    """The newest that is to replace a file."""
    return tx.scalar(select(FileRow).where(FileRow.replaces_id == file_id).order_by(FileRow.id.desc()).limit(1))


def add_small_file(
    tx: Tx,
    *,
    course_slug: str,
    owner_id: int | None,
    name: str,
    content: bytes,
    found: Content,
    is_clean: bool,
    is_part: bool,
) -> StoredFile:
    """Keep a small file in the transaction; a job moves it to the storage. `is_clean`: nothing has to scan it first.

    It may be one that is missing, whose name it gets then.
    """
    moment = clock.now()
    row = find_wanted(tx, course_slug, found.sha256) if is_clean and not is_part else None
    if row is None:
        row = FileRow(course_slug=course_slug, name=clean_name(name), key=new_key(), is_part=is_part)
        row.slug = None if is_part else free_name(tx, course_slug, row.name)
    row.owner_id, row.created_at = owner_id, moment
    for field in ("content_type", "size", "sha256", "width", "height"):
        setattr(row, field, getattr(found, field))
    row.state, row.ready_at = (FileState.READY, moment) if is_clean else (FileState.SCANNING, None)
    tx.add(row)
    tx.flush()
    tx.add(ContentRow(file_id=row.id, content=content))
    tx.flush()
    enqueue(tx, CheckFile(row.id))
    if is_clean:
        emit(tx, FileStored(row.id, course_slug, found.content_type))
    return describe(row)


def read_content(tx: Tx, file_id: int) -> bytes | None:
    """The content of a file that is still in the database."""
    return tx.scalar(select(ContentRow.content).where(ContentRow.file_id == file_id))


def set_uses(tx: Tx, ref: str, file_ids: Iterable[int]) -> None:
    """From now on `ref` shows these files and no others; none: nothing any more. Files that are gone are skipped."""
    wanted = set(file_ids)
    here = set(tx.scalars(select(FileRow.id).where(FileRow.id.in_(wanted)))) if wanted else set()
    before = set(tx.scalars(select(UseRow.file_id).where(UseRow.ref == ref)))
    if gone := before - here:
        affect(tx, delete(UseRow).where(UseRow.ref == ref, UseRow.file_id.in_(gone)))
    tx.add_all(UseRow(ref=ref, file_id=file_id) for file_id in sorted(here - before))
    tx.flush()


def list_uses(tx: Tx, file_ids: Iterable[int]) -> dict[int, list[str]]:
    """What shows these files, by file."""
    found: dict[int, list[str]] = {}
    query = select(UseRow).where(UseRow.file_id.in_(list(file_ids))).order_by(UseRow.ref)
    for use in tx.scalars(query):
        found.setdefault(use.file_id, []).append(use.ref)
    return found


def delete_file(tx: Tx, file_id: int) -> None:
    """Delete a file for good. Raises: NotFound. Conflict: something shows it."""
    row = tx.scalar(select(FileRow).where(FileRow.id == file_id).with_for_update())
    if row is None:
        raise NotFound("file_not_found", "This file is no longer here. Open the course's files to see what is.")
    if uses := list_uses(tx, [file_id]).get(file_id):
        message = "This file is used in the course. Take it out there first, or replace it with another."
        raise Conflict("file_used", message, {"uses": uses})
    for newer in tx.scalars(select(FileRow).where(FileRow.replaces_id == file_id)).all():
        remove_row(tx, newer)
    for upload in tx.scalars(select(UploadRow).where(UploadRow.replaces_id == file_id)).all():
        remove_upload(tx, upload)
    remove_row(tx, row)
    emit(tx, FileDeleted(file_id, row.course_slug))


def remove_row(tx: Tx, row: FileRow) -> None:
    """Take a file's row, room and content away."""
    if row.state not in UNCOUNTED:
        quota.give_back(tx, row.course_slug, row.size)
    affect(tx, delete(ContentRow).where(ContentRow.file_id == row.id))
    upload = tx.get(UploadRow, row.upload_id) if row.upload_id else None
    drop_content(tx, row.key)
    tx.delete(row)
    tx.flush()
    if upload is not None:
        drop_pieces(tx, upload)


def remove_upload(tx: Tx, upload: UploadRow) -> None:
    """Give an open upload up: its room and its pieces."""
    quota.give_back(tx, upload.course_slug, upload.length)
    drop_pieces(tx, upload)


def drop_pieces(tx: Tx, upload: UploadRow) -> None:
    """Take an upload's row away and its pieces soon after. Its room stays counted."""
    enqueue(tx, DropContent(pieces_prefix(upload.id)))
    tx.delete(upload)
    tx.flush()


def drop_content(tx: Tx, key: str) -> None:
    """Delete what is under the key of a file, soon after the transaction."""
    enqueue(tx, DropContent(f"{key.rpartition('/')[0]}/"))


def pieces_prefix(upload_id: str) -> str:
    """Beginning of the keys of an upload's pieces."""
    return f"pieces/{upload_id}/"


def new_key() -> str:
    """A key for the content of a file, never used twice. Its folder is its own."""
    return f"content/{secrets.token_hex(16)}/file"

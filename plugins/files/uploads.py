"""Uploads in pieces: begun, continued from where they are, finished once.

A piece is in the storage before the row moves on, and the row moves on only from where the piece began: a process that
is killed loses at most the piece that was under way, and of two that send the same bytes one is told to look again.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Exists, exists, select, update

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx, affect
from lti_tool.kernel.errors import Conflict, Invalid, NotFound, TooLarge
from lti_tool.kernel.jobs import enqueue
from lti_tool.kernel.runtime import Runtime
from plugins.files import quota
from plugins.files.messages import CheckFile
from plugins.files.models import FileRow, FileState, PieceRow, UploadRow
from plugins.files.names import clean_name
from plugins.files.service import free_name, get_row, new_key, pieces_prefix


@dataclass(frozen=True)
class Wanted:
    """What somebody is about to upload."""

    course_slug: str
    owner_id: int | None
    """None: an import."""
    name: str
    length: int
    """In bytes."""
    fingerprint: str = ""
    """Anything by which the client knows its file again."""
    replaces_id: int | None = None


def begin(tx: Tx, runtime: Runtime, wanted: Wanted) -> UploadRow:
    """Make room for an upload. Raises: TooLarge: the file, or all files of the course. Invalid; NotFound; Conflict."""
    settings = runtime.settings.files
    if wanted.length <= 0:
        raise Invalid("file_empty", "The file is empty. Choose another.")
    if wanted.length > settings.max_bytes:
        raise TooLarge("file_too_large", "This file is larger than is accepted here. Make it smaller, or split it.")
    replaced = get_row(tx, wanted.course_slug, wanted.replaces_id) if wanted.replaces_id is not None else None
    if replaced is not None and replaced.state is FileState.SCANNING:
        raise Conflict("file_busy", "This file is still being checked. Replace it once that is done.")
    quota.take(tx, wanted.course_slug, wanted.length, settings.quota_bytes)
    upload = UploadRow(
        id=secrets.token_hex(16),
        course_slug=wanted.course_slug,
        owner_id=wanted.owner_id,
        name=clean_name(wanted.name),
        length=wanted.length,
        fingerprint=wanted.fingerprint.replace("\0", "")[:300],
        replaces_id=wanted.replaces_id,
        created_at=clock.now(),
        expires_at=_expiry(runtime),
    )
    tx.add(upload)
    tx.flush()
    return upload


def get_upload(tx: Tx, upload_id: str, course_slug: str, owner_id: int, *, lock: bool = False) -> UploadRow:
    """Somebody's own upload in their course; with `lock` it stays where it is until the transaction ends.

    Raises: NotFound: there is none, or it has expired.
    """
    row = tx.get(UploadRow, upload_id, with_for_update=lock or None)
    is_theirs = row is not None and (row.course_slug, row.owner_id) == (course_slug, owner_id)
    if row is None or not is_theirs or (row.expires_at <= clock.now() and row.position < row.length):
        raise NotFound("upload_not_found", "This upload is no longer here. Begin it again.")
    return row


def find_begun(tx: Tx, wanted: Wanted) -> UploadRow | None:
    """An upload of just this that was begun and not finished: an import goes on where one before was killed."""
    names = ("course_slug", "owner_id", "length", "fingerprint", "replaces_id")
    same = [getattr(UploadRow, name).is_not_distinct_from(getattr(wanted, name)) for name in names]
    return tx.scalar(select(UploadRow).where(*same, UploadRow.expires_at > clock.now(), ~_is_whole()).limit(1))


def list_open(tx: Tx, course_slug: str, owner_id: int) -> list[UploadRow]:
    """Somebody's unfinished uploads in a course, the newest first."""
    mine = (UploadRow.course_slug == course_slug, UploadRow.owner_id == owner_id)
    query = select(UploadRow).where(*mine, UploadRow.expires_at > clock.now(), ~_is_whole())
    return list(tx.scalars(query.order_by(UploadRow.created_at.desc()).limit(50)))


def add_pieces(tx: Tx, runtime: Runtime, upload_id: str, position: int, pieces: list[tuple[str, int]]) -> int | None:
    """Move an upload on by pieces (key, size) that are in the storage; the id of the file once it is whole.

    Raises: Conflict: somebody else moved it on from `position` meanwhile, or it is gone.
    """
    new = position + sum(size for _key, size in pieces)
    here = (UploadRow.id == upload_id, UploadRow.position == position, UploadRow.length >= new)
    values = {"position": new, "expires_at": _expiry(runtime)}
    if not affect(tx, update(UploadRow).where(*here).values(values)):
        raise Conflict("upload_offset", "This upload is not where you think it is. Ask for its offset and go on there.")
    start = position
    for key, size in pieces:
        tx.add(PieceRow(upload_id=upload_id, start=start, size=size, key=key))
        start += size
    tx.flush()
    upload = tx.get_one(UploadRow, upload_id, populate_existing=True)
    return _finish(tx, upload) if upload.position == upload.length else None


def find_file_id(tx: Tx, upload_id: str) -> int | None:
    """The file that a whole upload has become."""
    return tx.scalar(select(FileRow.id).where(FileRow.upload_id == upload_id))


def new_piece_key(upload_id: str, position: int) -> str:
    """A key for the piece that begins at `position`; two that try the same piece do not meet."""
    return f"{pieces_prefix(upload_id)}{position:013d}-{secrets.token_hex(6)}"


def _finish(tx: Tx, upload: UploadRow) -> int:
    row = FileRow(
        course_slug=upload.course_slug,
        owner_id=upload.owner_id,
        name=upload.name,
        size=upload.length,
        upload_id=upload.id,
        replaces_id=upload.replaces_id,
        key=new_key(),
        created_at=clock.now(),
    )
    if upload.replaces_id is None:
        row.slug = free_name(tx, upload.course_slug, upload.name)
    tx.add(row)
    tx.flush()
    enqueue(tx, CheckFile(row.id))
    return row.id


def _is_whole() -> Exists:
    return exists().where(FileRow.upload_id == UploadRow.id)


def _expiry(runtime: Runtime) -> datetime:
    return clock.now() + timedelta(hours=runtime.settings.files.upload_hours)

"""The job that makes a file of what was received: put together, scanned, checked, moved to where it stays.

It may run twice or die at any point: the key of the content is in the row from the start, everything else happens in
one transaction at the end.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, select

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx, affect
from lti_tool.kernel.errors import TooLarge
from lti_tool.kernel.jobs import JobRun, emit
from lti_tool.kernel.runtime import Runtime
from plugins.files import quota, scanning
from plugins.files.check import check_file, hash_file
from plugins.files.messages import CheckFile, FileStored
from plugins.files.models import UNCOUNTED, ContentRow, FileRow, FileState, PieceRow, UploadRow, UseRow
from plugins.files.refusals import Refused
from plugins.files.service import Content, drop_content, drop_pieces, find_wanted, free_name
from plugins.files.stores import storage_of, temporary_folder

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Received:
    """What there is of a file before it is stored."""

    name: str
    key: str
    state: FileState
    content: bytes | None
    pieces: list[str]
    known: Content
    wanted: frozenset[str]
    """Checksums of the files that the course misses."""


def check_received(run: JobRun, message: CheckFile) -> None:
    """Check one file and keep it. Raises: ExternalError: storage or scanner did not answer; the job comes again."""
    received = _load(run.runtime, message.file_id)
    if received is None:
        return
    with temporary_folder(run.runtime) as folder:
        path = folder / "received"
        with path.open("wb") as file:
            file.writelines(_read(run.runtime, received))
        try:
            found = _keep(run.runtime, received, path)
        except Refused as refused:
            with run.runtime.db.transaction() as tx:
                refuse(tx, message.file_id, refused.code)
                run.finish(tx)
            return
    with run.runtime.db.transaction() as tx:
        _settle(tx, run.runtime, message.file_id, received, found)
        run.finish(tx)


def refuse(tx: Tx, file_id: int, code: str) -> None:
    """The file is not accepted: its room, its content and what texts call it go, the reason stays."""
    row = tx.scalar(select(FileRow).where(FileRow.id == file_id).with_for_update())
    if row is None or row.state is not FileState.SCANNING:
        return
    row.state, row.refusal, row.slug = FileState.REFUSED, code, None
    affect(tx, delete(UseRow).where(UseRow.file_id == row.id))
    quota.give_back(tx, row.course_slug, row.size)
    affect(tx, delete(ContentRow).where(ContentRow.file_id == row.id))
    _drop_pieces_of(tx, row)
    drop_content(tx, row.key)
    log.info("file_refused", extra={"file": file_id, "why": code})


def give_up_checking(tx: Tx, message: CheckFile, error: str) -> None:
    """The job is dead: what nobody could check is refused. (A small file that was checked before stays as it is.)"""
    refuse(tx, message.file_id, "scan_failed" if scanning.SCAN_FAILED in error else "failed")


def _load(runtime: Runtime, file_id: int) -> _Received | None:
    """None: there is nothing to do any more."""
    with runtime.db.reading() as tx:
        row = tx.get(FileRow, file_id)
        if row is None or row.is_stored or row.state is FileState.REFUSED:
            return None
        content = tx.scalar(select(ContentRow.content).where(ContentRow.file_id == file_id))
        query = select(PieceRow.key).where(PieceRow.upload_id == row.upload_id).order_by(PieceRow.start)
        pieces = list(tx.scalars(query)) if row.upload_id else []
        known = Content(row.content_type, row.size, row.sha256, row.width, row.height)
        missing = (FileRow.course_slug == row.course_slug, FileRow.state == FileState.MISSING)
        wanted = frozenset(tx.scalars(select(FileRow.sha256).where(*missing)))
        return _Received(row.name, row.key, row.state, content, pieces, known, wanted)


def _read(runtime: Runtime, received: _Received) -> Iterator[bytes]:
    if received.content is not None:
        yield received.content
    storage = storage_of(runtime)
    for key in received.pieces:
        yield from storage.open(key)


def _keep(runtime: Runtime, received: _Received, path: Path) -> Content:
    """Scan, check and store. Raises: Refused; ExternalError."""
    settings, storage = runtime.settings.files, storage_of(runtime)
    if path.stat().st_size != received.known.size:
        raise Refused("failed")
    if received.content is not None and received.known.sha256:  # it was checked when it came, all but for viruses
        if hash_file(path) != received.known.sha256:
            raise Refused("failed")
        if received.state is FileState.SCANNING:
            scanning.scan(path, settings)
        storage.put_file(received.key, path, received.known.content_type)
        return received.known
    scanning.scan(path, settings)
    is_wanted = bool(received.wanted) and hash_file(path) in received.wanted  # it was made anew where it comes from
    checked = check_file(path, received.name, settings, keeps_bare=is_wanted)
    storage.put_file(received.key, checked.path, checked.content.content_type)
    return checked.content


def _settle(tx: Tx, runtime: Runtime, file_id: int, received: _Received, found: Content) -> None:
    row = tx.scalar(select(FileRow).where(FileRow.id == file_id).with_for_update())
    if row is None:  # deleted meanwhile
        return drop_content(tx, received.key)
    if not _fits(tx, runtime, row, found.size):
        return refuse(tx, file_id, "quota")
    is_news = row.state is FileState.SCANNING
    row.content_type, row.size, row.sha256 = found.content_type, found.size, found.sha256
    row.width, row.height = found.width, found.height
    row.state, row.is_stored, row.ready_at = FileState.READY, True, row.ready_at or clock.now()
    affect(tx, delete(ContentRow).where(ContentRow.file_id == row.id))
    _drop_pieces_of(tx, row)
    older_id = row.replaces_id
    if older_id is None and is_news and not row.is_part:
        wanted = find_wanted(tx, row.course_slug, row.sha256)
        older_id = wanted.id if wanted is not None else None
    if older_id is not None:
        row = _take_place(tx, row, older_id)
    if row.slug is None and not row.is_part:
        row.slug = free_name(tx, row.course_slug, row.name)
    if is_news:
        emit(tx, FileStored(row.id, row.course_slug, row.content_type))
    return None


def _fits(tx: Tx, runtime: Runtime, row: FileRow, size: int) -> bool:
    """Count the final size. The quota may have changed since the upload began."""
    limit = runtime.settings.files.quota_bytes
    if size < row.size:
        quota.give_back(tx, row.course_slug, row.size - size)
        return True
    try:
        quota.take(tx, row.course_slug, size - row.size, limit)
    except TooLarge:
        return row.state is FileState.READY  # a small file that counted already
    return True


def _take_place(tx: Tx, newer: FileRow, file_id: int) -> FileRow:
    """The older file gets the newer one's content; what shows it stays as it is, and so does what texts call it."""
    older = tx.scalar(select(FileRow).where(FileRow.id == file_id).with_for_update())
    if older is None:
        newer.replaces_id = None
        return newer
    if older.state not in UNCOUNTED:
        quota.give_back(tx, older.course_slug, older.size)
    drop_content(tx, older.key)
    affect(tx, delete(ContentRow).where(ContentRow.file_id == older.id))
    affect(tx, delete(UseRow).where(UseRow.file_id == newer.id))  # of the name that it had while it was checked
    names = ("name", "content_type", "size", "sha256", "width", "height", "state", "key", "is_stored", "ready_at")
    values = {name: getattr(newer, name) for name in (*names, "owner_id")}
    if older.state is FileState.MISSING and older.sha256 == newer.sha256:
        del values["name"]  # known again by its content
    tx.delete(newer)
    tx.flush()
    for name, value in values.items():
        setattr(older, name, value)
    older.refusal = ""
    return older


def _drop_pieces_of(tx: Tx, row: FileRow) -> None:
    upload = tx.get(UploadRow, row.upload_id) if row.upload_id else None
    if upload is not None:
        row.upload_id = None
        tx.flush()
        drop_pieces(tx, upload)

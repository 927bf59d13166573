"""Files of a course as a course folder has them: named, known by their checksum, and maybe not here yet."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import exists, select

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.runtime import Runtime
from plugins.files import quota, uploads
from plugins.files.models import FileRow, FileState, UseRow
from plugins.files.names import clean_name
from plugins.files.receiving import receive
from plugins.files.service import StoredFile, describe, new_key


@dataclass(frozen=True)
class FileFacts:
    """A file as a course folder names it."""

    slug: str
    name: str
    sha256: str
    """Hexadecimal."""
    size: int
    """In bytes."""


def list_carried(tx: Tx, course_slug: str) -> list[StoredFile]:
    """The files of a course that have a slug, by it: those being checked and those missing too. One query."""
    query = select(FileRow).where(FileRow.course_slug == course_slug, FileRow.slug.is_not(None))
    return [describe(row) for row in tx.scalars(query.order_by(FileRow.slug))]


def list_awaited(tx: Tx, course_slug: str) -> list[StoredFile]:
    """The missing files of a course whose content is not being checked either, by slug. One query."""
    newer = select(FileRow.replaces_id).where(FileRow.state == FileState.SCANNING, FileRow.replaces_id.is_not(None))
    mine = (FileRow.course_slug == course_slug, FileRow.state == FileState.MISSING, FileRow.id.not_in(newer))
    return [describe(row) for row in tx.scalars(select(FileRow).where(*mine).order_by(FileRow.slug))]


def put_files(tx: Tx, course_slug: str, said: Collection[FileFacts]) -> None:
    """Make the course have files of these slugs. One that is nowhere is missing until its content comes.

    A file that is here stays, also if the folder has another of that slug.
    """
    quota.hold(tx, course_slug)
    query = select(FileRow).where(FileRow.course_slug == course_slug, FileRow.slug.is_not(None))
    here = {row.slug: row for row in tx.scalars(query)}
    for facts in said:
        row = here.get(facts.slug)
        if row is None:
            row = _find_unnamed(tx, here.values(), facts, {each.slug for each in said}) or _make_row(course_slug)
            row.slug = facts.slug
            tx.add(row)
        if row.state is FileState.MISSING:
            row.sha256, row.size = facts.sha256, facts.size
        if row.sha256 == facts.sha256:
            row.name = clean_name(facts.name)
    tx.flush()


def _find_unnamed(tx: Tx, rows: Iterable[FileRow], facts: FileFacts, said: Collection[str]) -> FileRow | None:
    """The same content under a slug that nothing names: somebody uploaded it before."""
    for row in rows:
        is_same = row.sha256 == facts.sha256 and row.state is FileState.READY and row.slug not in said
        if is_same and not tx.scalar(select(exists().where(UseRow.file_id == row.id))):
            return row
    return None


def _make_row(course_slug: str) -> FileRow:
    return FileRow(course_slug=course_slug, key=new_key(), state=FileState.MISSING, created_at=clock.now())


def bring_file(runtime: Runtime, file: StoredFile, path: Path) -> None:
    """Take up the content of a missing file as if somebody had uploaded it; a job checks it.

    What was killed on the way goes on where it was. Not within a transaction.
    Raises: TooLarge: the file, or all files of the course. Conflict: somebody else does it. ExternalError: no storage.
    """
    wanted = uploads.Wanted(file.course_slug, None, file.name, path.stat().st_size, file.sha256, file.id)
    with runtime.db.transaction() as tx:
        upload = uploads.find_begun(tx, wanted) or uploads.begin(tx, runtime, wanted)
    with path.open("rb") as stream:
        stream.seek(upload.position)
        receive(runtime, upload, stream)

"""Versions of quizzes that teachers write: kept for each of them, whole, until they are published or thrown away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, insert, select
from sqlalchemy.exc import IntegrityError

from config.settings import Settings
from grading import public as grading
from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict, NotFound
from plugins.courses.editing import Editor
from plugins.courses.models import Course, Revision
from plugins.courses.parts import SOURCE, source_part
from plugins.courses.quiz_sources import find_source_files
from plugins.courses.revisions import find_newest, get_revision
from plugins.courses.source_versions import load_source
from plugins.courses.written_models import Written, WrittenBlob, WrittenState, WrittenWay


@dataclass(frozen=True)
class ToWrite:
    """What somebody begins with, or goes on with."""

    files: Mapping[str, bytes]
    base: int
    saved_at: datetime | None
    """None: nothing of theirs is kept; these are the files that learners' version is made of."""


def find_written(
    tx: Tx, course_id: int, assignment: str, user_id: int, way: WrittenWay = WrittenWay.JUPYTER
) -> Written | None:
    """The version of one teacher."""
    return tx.scalar(select(Written).where(*_theirs(course_id, assignment, user_id, way)))


def find_published(tx: Tx, course_id: int, assignment: str) -> Revision | None:
    """The newest revision of a quiz's source, by whatever way it came."""
    return find_newest(tx, course_id, source_part(assignment))


def read_to_write(tx: Tx, settings: Settings, course: Course, assignment: str, editor: Editor) -> ToWrite:
    """What an editor has written and not published, or else what was published last, by whomever."""
    row, newest = find_written(tx, course.id, assignment, editor.user_id), find_published(tx, course.id, assignment)
    number = newest.number if newest else 0
    if row is not None and (row.state is not WrittenState.PUBLISHED or row.base == number):
        return ToWrite(load_written(tx, row), row.base, row.saved_at)
    return ToWrite(read_published(settings, course.slug, assignment), number, None)


def read_published(settings: Settings, slug: str, assignment: str) -> dict[str, bytes]:
    """The files that learners' version is made of, with solutions."""
    return {name: path.read_bytes() for name, path in find_source_files(settings, slug, assignment)}


def save_written(
    tx: Tx,
    course: Course,
    assignment: str,
    editor: Editor,
    version: grading.Packed,
    base: int,
    saved_at: datetime,
    way: WrittenWay = WrittenWay.JUPYTER,
) -> datetime:
    """Keep what an editor has written; an older save than the one kept changes nothing. Returns the time of that.

    `base` counts for their first save, and for the first one after they have published. A time in the future (a wrong
    clock) counts as now. Raises: Conflict: the one before is being published; save again when that has ended.
    """
    saved_at = min(saved_at, clock.now())
    for _ in range(2):
        mine = select(Written).where(*_theirs(course.id, assignment, editor.user_id, way))
        row = tx.scalar(mine.with_for_update().execution_options(populate_existing=True))
        if row is not None:
            if saved_at > row.saved_at:
                _replace(tx, row, version, base, saved_at)
            return row.saved_at
        try:
            with tx.begin_nested():
                row = Written(course_id=course.id, assignment=assignment, user_id=editor.user_id, way=way, base=base)
                row.author_name, row.files, row.sha256 = editor.name, [], ""
                row.saved_at, row.state = saved_at, WrittenState.WRITING
                tx.add(row)
                tx.flush()
                _replace(tx, row, version, base, saved_at)
            return saved_at
        except IntegrityError:  # two first saves at once: the other one is there now
            continue
    raise Conflict("version_busy", "This version is being saved elsewhere. Save again.")


def restore_source(tx: Tx, course: Course, part: str, number: int, editor: Editor) -> None:
    """Make an old version the next one that this editor has checked and publishes. Learners notice nothing yet.

    Raises: NotFound: it is not there or not kept. Conflict: the editor has written another one.
    """
    assignment = part.removeprefix(SOURCE)
    row, newest = find_written(tx, course.id, assignment, editor.user_id), find_published(tx, course.id, assignment)
    if row is not None and row.state is not WrittenState.PUBLISHED:
        raise Conflict(
            "version_waits", "You have a version that is not published. Publish it or throw it away, then restore."
        )
    files = load_source(tx, get_revision(tx, course.id, part, number))
    base = newest.number if newest else 0
    save_written(tx, course, assignment, editor, grading.pack_files(files), base, clock.now())


def load_written(tx: Tx, row: Written) -> dict[str, bytes]:
    """The files of a version."""
    query = select(WrittenBlob.sha256, WrittenBlob.packed).where(WrittenBlob.written_id == row.id)
    return grading.unpack(row.files, {found.sha256: found.packed for found in tx.execute(query)})


def keep_released(tx: Tx, row: Written, released: grading.Packed) -> None:
    """Keep what a check made for learners of these files, in the place of what an earlier one made."""
    row.report = {**(row.report or {}), "released": released.listing}
    wanted = {entry["sha256"] for entry in row.files} | released.blobs.keys()
    tx.execute(delete(WrittenBlob).where(WrittenBlob.written_id == row.id, WrittenBlob.sha256.not_in(wanted)))
    known = set(tx.scalars(select(WrittenBlob.sha256).where(WrittenBlob.written_id == row.id)))
    fresh = [{"written_id": row.id, **released.blobs[each]} for each in sorted(released.blobs.keys() - known)]
    if fresh:
        tx.execute(insert(WrittenBlob), fresh)


def list_released(row: Written) -> list[str]:
    """Paths of the notebooks that a check made for learners; none before it has ended well."""
    return [entry["path"] for entry in (row.report or {}).get("released", ())]


def load_released(tx: Tx, row: Written, path: str) -> bytes:
    """One of them. Raises: NotFound."""
    listing = [entry for entry in (row.report or {}).get("released", ()) if entry["path"] == path]
    if not listing:
        raise NotFound("version_not_checked", "There is nothing to preview. Have the version checked first.")
    found = tx.scalars(
        select(WrittenBlob.packed).where(WrittenBlob.written_id == row.id, WrittenBlob.sha256 == listing[0]["sha256"])
    ).one()
    return grading.unpack(listing, {listing[0]["sha256"]: found})[path]


def forget_written(tx: Tx, row: Written) -> None:
    """Throw a version away. Raises: Conflict: it is being checked or published."""
    if row.state.is_busy:
        raise Conflict("version_busy", "This version is being checked or published right now. Wait until that ends.")
    tx.execute(delete(WrittenBlob).where(WrittenBlob.written_id == row.id))
    tx.delete(row)
    tx.flush()


def lock_written(tx: Tx, written_id: int, sha256: str, state: WrittenState) -> Written | None:
    """A version that is still in this state with these files; nobody changes it until the transaction ends."""
    row = tx.get(Written, written_id, with_for_update=True, populate_existing=True)
    return row if row is not None and (row.sha256, row.state) == (sha256, state) else None


def _theirs(course_id: int, assignment: str, user_id: int, way: WrittenWay) -> Sequence[ColumnElement[bool]]:
    return (
        Written.course_id == course_id,
        Written.assignment == assignment,
        Written.user_id == user_id,
        Written.way == way,
    )


def _replace(tx: Tx, row: Written, version: grading.Packed, base: int, saved_at: datetime) -> None:
    """Other files than before are another version: what was found out of those says nothing of these."""
    if row.sha256 == version.sha256:
        row.saved_at = saved_at
        return
    if row.state is WrittenState.PUBLISHED:
        row.base = max(row.base, base)  # whoever has not opened it since says an older one
    row.move(WrittenState.WRITING)
    row.files, row.sha256, row.saved_at = version.listing, version.sha256, saved_at
    row.report, row.checked_at, row.asked_at, row.said = None, None, None, None
    mine = WrittenBlob.written_id == row.id
    known = set(tx.scalars(select(WrittenBlob.sha256).where(mine)))
    if gone := known - version.blobs.keys():
        tx.execute(delete(WrittenBlob).where(mine, WrittenBlob.sha256.in_(gone)))
    fresh = [{"written_id": row.id, **version.blobs[each]} for each in sorted(version.blobs.keys() - known)]
    if fresh:
        tx.execute(insert(WrittenBlob), fresh)
    tx.flush()

"""Versions of a quiz's notebooks that counted: kept with their files, so that they can be compared and restored."""

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import undefer

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from plugins.courses.models import Revision
from plugins.courses.parts import SOURCE, source_part
from plugins.courses.written_models import SourceBlob


def keep_source(tx: Tx, course_id: int, assignment: str, files: Iterable[tuple[str, Path]], most: int) -> None:
    """Keep what the newest revision of a quiz's source names, and let go of what only the older than `most` name."""
    newest = _named(tx, course_id, source_part(assignment), most)
    of_quiz = SourceBlob.course_id == course_id, SourceBlob.assignment == assignment
    tx.execute(delete(SourceBlob).where(*of_quiz, SourceBlob.sha256.not_in({one for said in newest for one in said})))
    wanted = newest[0] - set(tx.scalars(select(SourceBlob.sha256).where(*of_quiz)))
    for _name, file in files:
        content = file.read_bytes() if wanted else b""
        sha256 = hashlib.sha256(content).hexdigest()
        if sha256 in wanted:
            wanted.remove(sha256)
            row = SourceBlob(course_id=course_id, assignment=assignment, sha256=sha256, size=len(content))
            row.packed = zlib.compress(content, 6)
            tx.add(row)
    tx.flush()


def list_kept(tx: Tx, course_id: int, part: str, most: int) -> list[bool]:
    """Of each of the `most` newest revisions of a quiz's source, the newest first: are all its files kept?"""
    assignment = part.removeprefix(SOURCE)
    query = select(SourceBlob.sha256).where(SourceBlob.course_id == course_id, SourceBlob.assignment == assignment)
    there = set(tx.scalars(query))
    return [named <= there for named in _named(tx, course_id, part, most)]


def load_source(tx: Tx, revision: Revision) -> dict[str, bytes]:
    """The files of a revision of a quiz's source. Raises: NotFound: they are not kept any more."""
    said: Mapping[str, str] = revision.content["files"]
    query = select(SourceBlob.sha256, SourceBlob.packed).where(
        SourceBlob.course_id == revision.course_id,
        SourceBlob.assignment == revision.part.removeprefix(SOURCE),
        SourceBlob.sha256.in_(said.values()),
    )
    packed = {row.sha256: row.packed for row in tx.execute(query)}
    if not packed.keys() >= set(said.values()):
        raise NotFound("version_not_kept", "The files of this version are not kept any more. Choose a newer one.")
    return {name: zlib.decompress(packed[sha256]) for name, sha256 in said.items()}


def _named(tx: Tx, course_id: int, part: str, most: int) -> list[set[str]]:
    query = select(Revision).where(Revision.course_id == course_id, Revision.part == part)
    newest = query.options(undefer(Revision.content)).order_by(Revision.number.desc()).limit(most)
    return [set(revision.content["files"].values()) for revision in tx.scalars(newest)]

"""A placement as an nbgrader course: a folder and a gradebook that stock nbgrader opens.

What came from an nbgrader course and nobody has changed goes out as it came, row by row and byte by byte.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from importlib import import_module
from pathlib import Path

from sqlalchemy import select

from grading.engine.files import keep_safe
from grading.engine.portable_folder import (
    CONFIG,
    GRADEBOOK,
    INBOUND,
    OWN,
    SHARED,
    TIMESTAMP,
    list_attempts,
    list_folders,
    list_inbound,
)
from grading.engine.portable_rows import TABLES, NotAGradebook, Rows, moment_of, read_rows, rename_students
from grading.engine_nbgrader import open_placement_at
from grading.filesets import Listing, load_files
from grading.group_work import list_group_names
from grading.models import AssignmentRow, SubmissionRow
from grading.portable_import import get_placement_by_key
from grading.portable_models import ArrivalRow, ArrivedStudentRow
from grading.portable_placing import ensure_placed
from grading.portable_shared import digest_shared
from grading.portable_work import read_pages
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict, Invalid
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti import public as lti

RECEIPT = ".coursebridge.json"
"""Ours, beside marked notebooks."""


@dataclass(frozen=True)
class Given:
    """What an export wrote."""

    placement: lti.Placement
    students: int
    submissions: int
    """In the gradebook."""
    attempts: int
    """In `inbound/` besides."""


@dataclass(frozen=True)
class _Names:
    """What people are called outside."""

    ids: Mapping[str, str]
    """Student id by hub name, of those who came from an nbgrader course."""
    people: Mapping[str, lti.Person]
    """By hub name."""
    groups: Mapping[str, str]
    """Names of groups by what the gradebook calls them."""

    def of(self, hub_name: str) -> str:
        return self.ids.get(hub_name, hub_name)


def hand_out(runtime: Runtime, key: str, path: Path) -> Given:
    """Write the nbgrader course of a placement into a folder that is new or empty: all of it or nothing.

    Only the account that runs this can read it: it has marks and solutions.
    Raises: Invalid, Conflict, NotFound: with what to do.
    """
    placement = get_placement_by_key(runtime, key)
    path = path.absolute()
    if path.is_symlink() or (path.exists() and (not path.is_dir() or any(path.iterdir()))):
        raise Invalid("folder_not_empty", f"{path} is there already. Name a folder that is new or empty.")
    ensure_placed(runtime, placement.id)
    try:
        with _written_aside(path) as fresh:
            given = _write(runtime, placement, fresh)
    except NotAGradebook as error:
        message = f"The gradebook of {key} was changed by more than marks. {error}"
        raise Conflict("gradebook_changed", message) from error
    except OSError as error:
        raise Invalid("folder_not_written", f"{error.filename}: cannot be written ({error.strerror}).") from error
    return given


@contextmanager
def _written_aside(path: Path) -> Iterator[Path]:
    """A folder beside that takes the place of `path` if the block ends well."""
    fresh = path.with_name(f".{path.name}.coursebridge-export")
    shutil.rmtree(fresh, ignore_errors=True)  # of an export that was killed
    fresh.parent.mkdir(parents=True, exist_ok=True)
    fresh.mkdir(mode=0o700)
    try:
        yield fresh
        fresh.rename(path)  # an empty folder is replaced, one that is filled by now is not
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _write(runtime: Runtime, placement: lti.Placement, fresh: Path) -> Given:
    settings = runtime.settings
    work = settings.placement_dir(placement.course_slug, placement.id)
    engine = open_placement_at(settings, placement, settings.gradebook_url(placement.course_slug, placement.id))
    engine.prepare()
    if not engine.site.is_there():
        raise Conflict(
            "nothing_released", f"The course {placement.course_slug} has no quiz yet, so there is no gradebook."
        )
    portable = import_module("grading.engine.portable_gradebook")
    with engine.site.held(), runtime.db.reading() as tx:  # nobody marks meanwhile, so that all of it is of one moment
        names = _read_names(tx, placement)
        rows: Rows = portable.read_gradebook(engine.site.gradebook_url)
        outside = _named(rows, names)
        portable.write_gradebook(fresh / GRADEBOOK, outside)
        arrival = tx.get(ArrivalRow, placement.id)
        _write_shared(runtime, placement, fresh, {} if arrival is None else arrival.shared)
        for part in OWN:
            _copy_part(work / part, fresh / part, names)
        _copy(work / INBOUND, fresh / INBOUND)
        attempts = _write_attempts(tx, placement, fresh, _held(rows), names)
    if read_rows(fresh / GRADEBOOK) != outside:
        raise NotAGradebook("What was written is not what was read; nothing was exported.")
    return Given(placement, len(outside["student"]), len(outside["submitted_assignment"]), attempts)


def _read_names(tx: Tx, placement: lti.Placement) -> _Names:
    query = select(ArrivedStudentRow).where(
        ArrivedStudentRow.placement_id == placement.id, ArrivedStudentRow.hub_name.is_not(None)
    )
    ids = {row.hub_name: row.student_id for row in tx.scalars(query) if row.hub_name}
    people = [each.person for each in lti.list_members(tx, placement.context_id)]
    return _Names(ids, {person.hub_name: person for person in people}, list_group_names(tx, placement.id))


def _named(rows: Rows, names: _Names) -> Rows:
    """The rows as they go out: students by their own ids, and who has no name in the gradebook with that of the LMS."""
    columns = list(TABLES["student"])
    told = []
    for row in rows["student"]:
        said = dict(zip(columns, row, strict=True))
        person = names.people.get(str(said["id"]))
        if person is not None and str(said["id"]) not in names.ids:
            said["last_name"] = said["last_name"] or person.display_name[:128]
            said["lms_user_id"] = said["lms_user_id"] or (person.sub if len(person.sub) <= 128 else None)
        if str(said["id"]) in names.groups:
            said["last_name"] = said["last_name"] or names.groups[str(said["id"])][:128]
        told.append(tuple(said.values()))
    return rename_students({**rows, "student": told}, names.ids)


def _held(rows: Rows) -> dict[tuple[str, str], str | None]:
    """When the attempt that the gradebook holds was handed in, by (hub name, assignment)."""
    names = {row[0]: str(row[1]) for row in rows["assignment"]}
    at = [list(TABLES["submitted_assignment"]).index(name) for name in ("student_id", "assignment_id", "timestamp")]
    found = ([row[place] for place in at] for row in rows["submitted_assignment"])
    return {(str(who), names.get(what, "")): None if when is None else str(when) for who, what, when in found}


def _write_shared(runtime: Runtime, placement: lti.Placement, fresh: Path, before: Mapping[str, str]) -> None:
    """Source and release: as they came if the course has not changed them since, else as the course has them."""
    settings, slug = runtime.settings, placement.course_slug
    root, kept = settings.course_dir(slug), settings.placement_dir(slug, placement.id) / "kept"
    now = digest_shared(settings, slug)
    folders = set(now) | {f"{part}/{name}" for part in SHARED for name in list_folders(kept / part)}
    for folder in sorted(folders):
        as_it_came = (kept / folder).is_dir() and before.get(folder) == now.get(folder)
        _copy((kept if as_it_came else root) / folder, fresh / folder)
    _copy_files(root / "source", fresh / "source")
    for part in SHARED:
        _copy_files(kept / part, fresh / part)
    if (kept / CONFIG).is_file():
        shutil.copy2(kept / CONFIG, fresh / CONFIG, follow_symlinks=False)


def _copy_files(source: Path, target: Path) -> None:
    """The files right in a folder: a header, and what came beside the assignments."""
    if source.is_dir():
        target.mkdir(exist_ok=True)
        for path in source.iterdir():
            if path.is_file() and not path.is_symlink() and not path.name.startswith(".coursebridge"):
                shutil.copy2(path, target / path.name, follow_symlinks=False)


def _copy_part(source: Path, target: Path, names: _Names) -> None:
    if not source.is_dir():
        return
    for name in list_folders(source):
        if not name.startswith((".new-", ".old-")):
            _copy(source / name, target / names.of(name))
    _copy_files(source, target)


def _copy(source: Path, target: Path) -> None:
    """All regular files below a folder, but ours."""
    if not source.is_dir():
        return
    for path in sorted(source.rglob("*")):
        if path.is_symlink() or not path.is_file() or path.name == RECEIPT:
            continue
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy, follow_symlinks=False)


def _write_attempts(
    tx: Tx, placement: lti.Placement, fresh: Path, held: Mapping[tuple[str, str], str | None], names: _Names
) -> int:
    """What the gradebook does not hold: earlier attempts and unmarked ones; and pages of feedback made here."""
    query = select(SubmissionRow, AssignmentRow.name).join(
        AssignmentRow, AssignmentRow.id == SubmissionRow.assignment_id
    )
    query = query.where(SubmissionRow.placement_id == placement.id).order_by(SubmissionRow.id)
    written, inbound = 0, list_inbound(fresh)
    for row, quiz in tx.execute(query).all():
        student, is_held = names.of(row.hub_name), (row.hub_name, quiz) in held
        moment = held.get((row.hub_name, quiz))
        held_at = moment_of(moment) if moment else None
        there = list_attempts(fresh, student, quiz, inbound.get((student, quiz), []), is_held, held_at)
        if any(each.is_marked and each.submitted_at == row.submitted_at for each in there):
            _write_feedback(tx, fresh / "feedback" / student / quiz, row.feedback)
        elif not any(each.folder and each.submitted_at == row.submitted_at for each in there):
            stamp = row.submitted_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC")
            folder = fresh / INBOUND / f"{student}+{quiz}+{stamp}+{row.receipt}"
            files = keep_safe(load_files(tx, row.files), reserved=[TIMESTAMP])
            _write_files(folder, files | {TIMESTAMP: f"{stamp}\n".encode()})
            written += 1
    return written


def _write_feedback(tx: Tx, folder: Path, feedback: Listing | None) -> None:
    """Pages that were made anew take the place of those that came."""
    if not feedback:
        return
    pages = load_files(tx, feedback)
    if read_pages(folder) != pages:
        shutil.rmtree(folder, ignore_errors=True)
        _write_files(folder, pages)


def _write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)

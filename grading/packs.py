"""A whole course as a file for nbgrader: asked for on a page, packed by a job, fetched within a day, then deleted."""

import logging
import re
import shutil
import zipfile
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from sqlalchemy import delete, select

from config.settings import Settings
from grading.messages import PackCourse
from grading.pack_models import PACK_TRANSITIONS, PackRow, PackState
from grading.portable_export import hand_out
from lti_tool.kernel import audit, clock, jobs
from lti_tool.kernel.audit import Actor
from lti_tool.kernel.crashpoints import reach
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import AppError, Conflict, ExternalError, Gone, NotFound
from lti_tool.kernel.jobs import JobRun
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti import public as lti

log = logging.getLogger(__name__)

KEPT = timedelta(hours=24)
"""How long it can be fetched; and how long packing may take."""
CLEAR_S = 600.0
_NAME = re.compile(r"\d+-([0-9a-f]{32})(?:\.zip|\.new)?")


def ask_for_pack(tx: Tx, placement: lti.Placement, by: Actor) -> None:
    """Have the placement packed, in the place of what was packed before; nothing to do while it is being packed."""
    row = tx.get(PackRow, placement.id, with_for_update=True)
    now = clock.now()
    if row is not None and row.state is PackState.PACKING and now < row.expires_at:
        return
    if row is not None:
        tx.delete(row)
        tx.flush()
    serial = uuid4().hex
    row = PackRow(placement_id=placement.id, serial=serial, state=PackState.PACKING, asked_at=now)
    row.expires_at = now + KEPT
    tx.add(row)
    audit.record(tx, by, "course.pack", f"course {placement.course_slug} in placement {placement.id}")
    jobs.enqueue(tx, PackCourse(placement.id, serial))


def find_pack(tx: Tx, placement_id: int) -> PackRow | None:
    """What was packed, or is being packed, and can still be used."""
    row = tx.get(PackRow, placement_id)
    return row if row is not None and clock.now() < row.expires_at else None


def get_packed(tx: Tx, settings: Settings, placement_id: int) -> Path:
    """The file. Raises: NotFound: nobody asked. Conflict: not ready. Gone: expired."""
    row = tx.get(PackRow, placement_id)
    if row is None:
        raise NotFound("pack_not_found", "This course is not packed. Pack it on the page Submissions first.")
    if row.state is PackState.PACKING:
        raise Conflict(
            "pack_not_ready", "The course is still being packed. The page Submissions says when it is ready."
        )
    path = _file(settings, placement_id, row.serial)
    if row.state is PackState.FAILED or clock.now() >= row.expires_at or not path.is_file():
        raise Gone("pack_gone", "This file is not there any more. Pack the course again on the page Submissions.")
    return path


def pack_course(run: JobRun, message: PackCourse) -> None:
    """Handle `PackCourse`. Killed at any point, it starts anew; the file is there before the page says so."""
    runtime, settings = run.runtime, run.runtime.settings
    with runtime.db.reading() as tx:
        placement = lti.find_placement(tx, message.placement_id)
        is_wanted = _find(tx, message) is not None
    if placement is None or not is_wanted:
        return
    path = _file(settings, placement.id, message.serial)
    try:
        _pack(runtime, placement, path)
    except ExternalError:
        raise
    except AppError as error:  # nothing that another try would change
        with runtime.db.transaction() as tx:
            run.finish(tx)
            give_up_packing(tx, message, error.message)
        return
    reach("pack.written")
    with runtime.db.transaction() as tx:
        run.finish(tx)
        row = _find(tx, message)
        if row is not None:
            _move(row, PackState.READY)
            row.size, row.expires_at = path.stat().st_size, clock.now() + KEPT


def give_up_packing(tx: Tx, message: PackCourse, error: str) -> None:
    """Say why there is no file."""
    row = _find(tx, message)
    if row is not None and row.state is PackState.PACKING:
        _move(row, PackState.FAILED)
        row.problem = error


def forget_packs(tx: Tx, placement_id: int) -> None:
    """What was packed has somebody in it who is not to be there any more. The file goes with the next clearing."""
    tx.execute(delete(PackRow).where(PackRow.placement_id == placement_id))


def clear_packs(runtime: Runtime) -> None:
    """Delete what has expired, and every file that no row names."""
    folder = _folder(runtime.settings)
    found = sorted(folder.iterdir()) if folder.is_dir() else []  # before the rows: a file is younger than its row
    with runtime.db.transaction() as tx:
        tx.execute(delete(PackRow).where(PackRow.expires_at <= clock.now()))
        named = set(tx.scalars(select(PackRow.serial)))
    for path in found:
        name = _NAME.fullmatch(path.name)
        if name is not None and name[1] not in named:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
            log.info("pack_deleted", extra={"file": path.name})


def _pack(runtime: Runtime, placement: lti.Placement, path: Path) -> None:
    """The file, whole or not at all, readable for this account only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder, fresh = path.with_suffix(""), path.with_suffix(".new")
    shutil.rmtree(folder, ignore_errors=True)  # of a try that was killed
    try:
        hand_out(runtime, placement.key, folder / placement.key)
        fresh.touch(mode=0o600)
        with zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as packed:
            for each in sorted(folder.rglob("*")):
                packed.write(each, each.relative_to(folder))
        fresh.replace(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        fresh.unlink(missing_ok=True)


def _find(tx: Tx, message: PackCourse) -> PackRow | None:
    row = tx.get(PackRow, message.placement_id, with_for_update=True, populate_existing=True)
    return row if row is not None and row.serial == message.serial else None


def _move(row: PackRow, state: PackState) -> None:
    assert state in PACK_TRANSITIONS[row.state]
    row.state = state


def _folder(settings: Settings) -> Path:
    return settings.data_dir / "packs"


def _file(settings: Settings, placement_id: int, serial: str) -> Path:
    return _folder(settings) / f"{placement_id}-{serial}.zip"

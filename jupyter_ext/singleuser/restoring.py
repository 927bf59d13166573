"""Bring lost files of a quiz back, and start a quiz again without losing the work that was done."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jupyter_ext.singleuser.contract import Call, Draft, Release, get_draft, get_release
from jupyter_ext.singleuser.fileset import add_missing_files, replace_folder, snapshot_sha256
from jupyter_ext.singleuser.folders import Note, Place, write_note
from jupyter_ext.singleuser.tool_client import ToolError

log = logging.getLogger(__name__)

Send = Callable[[Call[Any]], Awaitable[Any]]


@dataclass(frozen=True)
class Restored:
    """What came back."""

    from_saved: tuple[str, ...]
    """Files as the course had stored them, at `saved_at`."""
    saved_at: str
    from_release: tuple[str, ...]
    """Files as the quiz began."""


async def restore_files(send: Send, folder: Path, place: Place) -> Restored:
    """Write the files that a folder lacks: from the stored copy, else from the release. Nothing is written over.

    Raises: ToolError, FileSetError.
    """
    draft, release = await _find_draft(send, place), None
    try:
        release = await send(get_release(place.course, place.assignment))
    except ToolError as error:
        if error.status != 403 or draft is None:  # closed meanwhile: one's own work stays one's own
            raise
    saved = dict(draft.files) if draft else {}
    released = dict(release.files) if release else {}
    added = await asyncio.to_thread(add_missing_files, folder, released | saved)
    log.info("files.restored course=%s assignment=%s files=%d", place.course, place.assignment, len(added))
    return Restored(
        from_saved=tuple(path for path in added if path in saved),
        saved_at=draft.saved_at if draft else "",
        from_release=tuple(path for path in added if path not in saved),
    )


async def start_again(send: Send, folder: Path, place: Place) -> Path | None:
    """Put the release in the place of the folder; gives where the old one is kept, None if there was none.

    Raises: ToolError, FileSetError.
    """
    release: Release = await send(get_release(place.course, place.assignment))
    note = Note(place.course, place.assignment, release.sha256, snapshot_sha256(release.files))
    kept = await asyncio.to_thread(replace_folder, folder, release.files, folder.with_name(kept_name(folder.name)))
    with contextlib.suppress(OSError):  # the folder is right without it; only a newer release is not noticed
        write_note(folder, note)
    log.info("assignment.started_again course=%s assignment=%s", place.course, place.assignment)
    return kept


def kept_name(name: str) -> str:
    """The name of an old folder: `quiz-1 kept 2026-11-26 1403`, in the time of this machine."""
    return f"{name} kept {datetime.now().astimezone():%Y-%m-%d %H%M}"


async def _find_draft(send: Send, place: Place) -> Draft | None:
    try:
        draft: Draft = await send(get_draft(place.course, place.assignment))
    except ToolError as error:
        if error.status != 404:
            raise
        return None
    return draft

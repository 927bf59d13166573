"""Keep a copy of saved work in the course: after every save, in the background, until the tool has it.

Each assignment has at most one task. It waits a moment so that saves come together, reads the folder, and stores it;
what is read at that moment is the newest, so an older copy never follows a newer one. When the tool cannot be reached
it tries again, ever less often.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jupyter_ext.singleuser.contract import Call, Files, put_draft
from jupyter_ext.singleuser.fileset import FileSetError, read_folder, snapshot_sha256
from jupyter_ext.singleuser.folders import Place, list_noted_places, read_note, remember_stored
from jupyter_ext.singleuser.tool_client import ToolError

log = logging.getLogger(__name__)

SETTLE_S = 2.0
"""How long to wait after a save for further ones, in seconds."""

_FIRST_RETRY_S, _LONGEST_RETRY_S = 2.0, 30.0

SendText = Callable[[Call[str]], Awaitable[str]]
IsAssignment = Callable[[Place], Awaitable[bool]]
MakeCall = Callable[[str, str, Files, str], Call[str]]
"""`(course, assignment, files, time of saving)` → what stores them."""


@dataclass(frozen=True)
class DraftStatus:
    """How safe the work of one assignment is."""

    state: str
    """none | waiting | stored | failing (will be tried again) | refused (will not, until the next save)"""
    saved_at: str = ""
    """When the course last stored a copy, ISO 8601; empty when it never did."""
    message: str = ""


class DraftBackup:
    """Stores drafts of the assignment folders below `root`. Lives on one event loop."""

    def __init__(
        self,
        root: Path,
        send: SendText,
        is_assignment: IsAssignment,
        *,
        settle_s: float = SETTLE_S,
        make_call: MakeCall = put_draft,
    ) -> None:
        self._root = root
        self._make_call = make_call
        self._send = send
        self._is_assignment = is_assignment
        self._settle_s = settle_s
        self._unsaved: set[Place] = set()
        self._tasks: dict[Place, asyncio.Task[None]] = {}
        self._status: dict[Place, DraftStatus] = {}
        self._closing = asyncio.Event()

    def note_save(self, place: Place) -> None:
        """Something in this place's folder was saved."""
        self._unsaved.add(place)
        if place in self._tasks or self._closing.is_set():
            return
        self._set(place, "waiting")
        task = asyncio.get_running_loop().create_task(self._store_until_settled(place))
        self._tasks[place] = task
        task.add_done_callback(lambda done: self._finished(place, done))

    def status(self, place: Place) -> DraftStatus:
        """How safe the work of a place is now."""
        status = self._status.get(place)
        if status is None:
            note = read_note(place.folder(self._root), place)
            stored_at = note.stored_at if note else ""
            status = self._status[place] = DraftStatus("stored" if stored_at else "none", stored_at)
        return status

    def forget(self, place: Place) -> None:
        """The folder of a place is another one now: what was to be stored of the old one is not."""
        self._unsaved.discard(place)
        self._status.pop(place, None)

    async def resume(self) -> None:
        """Store what an earlier server left unstored: folders that differ from what the course last got."""
        for place in await asyncio.to_thread(self._list_unstored):
            log.info("draft.resume course=%s assignment=%s", place.course, place.assignment)
            self.note_save(place)

    async def close(self, timeout_s: float = 4.0) -> None:
        """Store what is still waiting, at once and with one try each, within `timeout_s` seconds."""
        self._closing.set()
        running = list(self._tasks.values())
        if running:
            await asyncio.wait(running, timeout=timeout_s)
        for task in running:
            task.cancel()

    async def _store_until_settled(self, place: Place) -> None:
        failures = 0
        while place in self._unsaved:
            await self._pause(self._settle_s if not failures else _retry_delay_s(failures))
            if place not in self._unsaved:  # forgotten meanwhile
                break
            self._unsaved.discard(place)
            try:
                await self._store(place)
                failures = 0
            except (ToolError, FileSetError) as error:
                if not isinstance(error, ToolError) or not error.retryable:
                    self._fail(place, "refused", error)
                else:
                    failures += 1
                    self._fail(place, "failing", error)
                    if not self._closing.is_set():
                        self._unsaved.add(place)

    async def _store(self, place: Place) -> None:
        folder = place.folder(self._root)
        if read_note(folder, place) is None and not await self._is_assignment(place):
            self._status.pop(place, None)
            return
        saved_at = datetime.now(UTC).isoformat()
        files = await asyncio.to_thread(read_folder, folder)
        stored_at = await self._send(self._make_call(place.course, place.assignment, files, saved_at))
        self._status[place] = DraftStatus("waiting" if place in self._unsaved else "stored", stored_at)
        log.info("draft.stored course=%s assignment=%s files=%d", place.course, place.assignment, len(files))
        with contextlib.suppress(OSError):  # only spares a repeated upload at the next start
            remember_stored(folder, place, snapshot_sha256(files), stored_at)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)

    def _list_unstored(self) -> list[Place]:
        unstored = []
        for place in list_noted_places(self._root):
            folder = place.folder(self._root)
            note = read_note(folder, place)
            try:
                if note and note.stored_sha256 != snapshot_sha256(read_folder(folder)):
                    unstored.append(place)
            except FileSetError as error:
                log.warning("draft.unreadable course=%s assignment=%s: %s", place.course, place.assignment, error)
        return unstored

    def _fail(self, place: Place, state: str, error: Exception) -> None:
        log.warning("draft.%s course=%s assignment=%s: %s", state, place.course, place.assignment, error)
        self._set(place, state, str(error))

    def _set(self, place: Place, state: str, message: str = "") -> None:
        self._status[place] = DraftStatus(state, self.status(place).saved_at, message)

    def _finished(self, place: Place, task: "asyncio.Task[None]") -> None:
        del self._tasks[place]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._set(place, "failing", "The copy in the course failed. Your files are safe here. Save again to retry.")
            log.error("draft.crashed course=%s assignment=%s", place.course, place.assignment, exc_info=error)


def _retry_delay_s(failures: int) -> float:
    longest: float = min(_LONGEST_RETRY_S, _FIRST_RETRY_S * 2 ** (failures - 1))
    return longest * random.uniform(0.7, 1.0)

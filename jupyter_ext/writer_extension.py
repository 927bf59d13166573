"""Jupyter server extension for a writer's server: the sources of a course's quizzes, kept by the tool at every save.

What is here is `source/<quiz>/`, as nbgrader has it. The tool keeps what this person wrote; learners have it when it is
published there. Nothing that was written is overwritten: what gives way to a newer version is put aside.
"""

import asyncio
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_ext.singleuser.answers import OpenPage
from jupyter_ext.singleuser.backup import SETTLE_S, DraftBackup
from jupyter_ext.singleuser.contract import Call, Files, Source, get_source, put_source
from jupyter_ext.singleuser.fileset import FileSetError, read_folder, snapshot_sha256, write_new_folder
from jupyter_ext.singleuser.folders import BadName, Note, Place, find_place, first_notebook, read_note, write_note
from jupyter_ext.singleuser.keeping import KeepingExtension
from jupyter_ext.singleuser.quiz_sessions import CourseKernels, choose_kernels, name_usual_kernel
from jupyter_ext.singleuser.tool_client import AsyncToolClient, ToolAddress, ToolError

log = logging.getLogger(__name__)

SOURCE = "source"
ASIDE = "put aside"
"""Where a folder goes that gives way to a newer version."""
SERVICE_SETTING = "coursebridge_writing"
T = TypeVar("T")


class WritingService:
    """One per server; `root` is the folder that the server shows, `course` the key of the course."""

    def __init__(self, root: Path, course: str, *, settle_s: float = SETTLE_S) -> None:
        self.root, self._course = root, course
        self.backup = DraftBackup(root, self.send, _is_noted_only, settle_s=settle_s, make_call=self._keep)
        self._client: AsyncToolClient | None = None
        self._opening = asyncio.Lock()
        self.kernels = CourseKernels(self.send, course)
        self._learning: asyncio.Task[None] | None = None

    async def send(self, call: Call[T]) -> T:
        """Send a call to the tool. Raises: ToolError."""
        if self._client is None:
            self._client = AsyncToolClient(ToolAddress.from_env())
        return await self._client.send(call)

    def begin(self) -> None:
        """The server is up: have the kernels of all quizzes."""
        self._learning = asyncio.create_task(self.kernels.learn())

    async def close(self) -> None:
        """Store what waits, then close the connections."""
        if self._learning is not None:
            self._learning.cancel()
        await self.backup.close()
        if self._client is not None:
            await self._client.close()

    def note_saved_path(self, path: str) -> None:
        """A file below the root was saved."""
        place = find_place(path)
        if place is not None and place.course == SOURCE:
            self.backup.note_save(place)

    async def open(self, assignment: str) -> str:
        """Have the newest source of a quiz here, and give the path of its first notebook below the root.

        What was changed here and is not stored yet stays. Raises: ToolError, FileSetError, BadName.
        """
        place = Place(SOURCE, assignment)
        folder = place.folder(self.root)
        async with self._opening:
            found = await self.send(get_source(self._course, assignment))
            if await asyncio.to_thread(_make_way, self.root, folder, place, found):
                await asyncio.to_thread(_lay_down, folder, place, found)
                log.info("source.fetched course=%s assignment=%s files=%d", self._course, assignment, len(found.files))
            elif read_note(folder, place) is not None:
                self.backup.note_save(place)
        name = first_notebook(folder)
        return f"{SOURCE}/{assignment}" + (f"/{name}" if name else "")

    def _keep(self, _source: str, assignment: str, files: Files, saved_at: str) -> Call[str]:
        place = Place(SOURCE, assignment)
        note = read_note(place.folder(self.root), place)
        return put_source(self._course, assignment, files, int(note.release_sha256 or 0) if note else 0, saved_at)


async def _is_noted_only(_place: Place) -> bool:
    """A folder that was not fetched from the tool is the person's own affair."""
    return False


def _make_way(root: Path, folder: Path, place: Place, found: Source) -> bool:
    """Whether the source is to be laid down: nothing is there, or what was there is stored, old, and put aside now."""
    if not folder.exists():
        return True
    note, here = read_note(folder, place), snapshot_sha256(read_folder(folder))
    if here == snapshot_sha256(found.files):
        write_note(folder, _note_of(place, found))
        return False
    if note is not None and note.stored_sha256 != here:
        return False
    aside = root / ASIDE
    aside.mkdir(exist_ok=True)
    folder.rename(aside / f"{place.assignment} {datetime.now(UTC):%Y-%m-%d %H.%M.%S.%f}")
    return True


def _lay_down(folder: Path, place: Place, found: Source) -> None:
    write_new_folder(folder, found.files)
    write_note(folder, _note_of(place, found))


def _note_of(place: Place, found: Source) -> Note:
    """Its `release_sha256` is the number of the published version here."""
    return Note(place.course, place.assignment, str(found.base), snapshot_sha256(found.files), found.saved_at)


class WriteHandler(OpenPage):
    """GET /coursebridge/write?assignment=A: have the source here, then show it in JupyterLab."""

    @web.authenticated
    @authorized("write")
    async def get(self) -> None:
        """Redirect to the first notebook, or tell why that is not possible."""
        service: WritingService = self.settings[SERVICE_SETTING]
        assignment = self.get_query_argument("assignment", "")
        try:
            path = await service.open(assignment)
        except (ToolError, FileSetError, BadName) as error:
            self.show(error, {"assignment": assignment})
            return
        self.lead_to(path)


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    return [{"module": "jupyter_ext.writer_extension", "app": WriterExtension}]


class WriterExtension(KeepingExtension):
    """Sources of quizzes: fetch them, and keep every save."""

    name = "coursebridge_writer"
    description = "Sources of the course's quizzes: fetch them, and keep every save."
    service: WritingService

    def make_service(self, root: Path) -> WritingService:
        """For the server's root folder."""
        made = WritingService(root, os.environ["COURSEBRIDGE_WRITE"], settle_s=self.settle_s)
        self.settings[SERVICE_SETTING] = made
        return made

    def initialize_handlers(self) -> None:
        """Add the address."""
        self.handlers.append((r"/coursebridge/write", WriteHandler))

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        """Then store what an earlier server could not."""
        await super()._start_jupyter_server_extension(serverapp)
        serverapp.contents_manager.register_pre_save_hook(name_usual_kernel)
        choose_kernels(serverapp, self.service.kernels.find_kernel)
        self.service.begin()
        await self.service.backup.resume()

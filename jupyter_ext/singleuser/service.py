"""What the handlers do, without HTTP: fetch a quiz, hand it in, and tell how it stands."""

import asyncio
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from jupyter_ext.singleuser.backup import SETTLE_S, DraftBackup
from jupyter_ext.singleuser.catalogue import Catalogue
from jupyter_ext.singleuser.contract import (
    Assignment,
    Call,
    Files,
    Receipt,
    get_draft,
    get_feedback,
    get_reading,
    get_release,
    submit,
)
from jupyter_ext.singleuser.feedback import tell_feedback
from jupyter_ext.singleuser.fileset import add_missing_files, read_folder, snapshot_sha256, write_new_folder
from jupyter_ext.singleuser.folders import (
    Note,
    Place,
    ReadingPlace,
    find_place,
    first_notebook,
    list_notebooks,
    read_note,
    write_note,
)
from jupyter_ext.singleuser.kernels import QuizKernels, environments_place, kernels_place
from jupyter_ext.singleuser.quiz_sessions import kernel_of
from jupyter_ext.singleuser.quizzes import ASKED_S, SEEN_S, list_quizzes, problem_as_json, tell_assignment
from jupyter_ext.singleuser.restoring import Restored, restore_files, start_again
from jupyter_ext.singleuser.tool_client import AsyncToolClient, ToolAddress, ToolError
from jupyter_ext.singleuser.validation import Validations

log = logging.getLogger(__name__)

KERNELS_WAIT_S = 5.0
_SUBMIT_PAUSES_S = (1.0, 3.0)

T = TypeVar("T")


class LearnerService:
    """One per Jupyter server; `root` is the folder that the server shows."""

    def __init__(self, root: Path, *, settle_s: float = SETTLE_S, asked_s: float = ASKED_S) -> None:
        self.root = root
        self._asked_s = asked_s
        self.kernels = QuizKernels(kernels_place(), environments_place())
        self.catalogue = Catalogue(self.send, self.kernels.offer)
        self._learning: asyncio.Task[None] | None = None
        self.backup = DraftBackup(root, self.send, self._is_assignment, settle_s=settle_s)
        self.validations = Validations()
        self._client: AsyncToolClient | None = None
        self._receipts: dict[Place, Receipt] = {}
        self._fetching: dict[Place | ReadingPlace, asyncio.Lock] = {}

    async def send(self, call: Call[T]) -> T:
        """Send a call to the tool. Raises: ToolError."""
        if self._client is None:
            self._client = AsyncToolClient(ToolAddress.from_env())
        return await self._client.send(call)

    def begin(self) -> None:
        """The server is up: have the kernels of all quizzes."""
        self._learning = asyncio.create_task(self._learn_kernels())

    async def find_kernel(self, path: str) -> str:
        """The kernel of the quiz that the notebook of this path belongs to; empty: it is no quiz with packages."""
        place = find_place(path)
        return await kernel_of(self.catalogue, place) if place else ""

    async def close(self) -> None:
        """End a validation, store what waits, then close the connections."""
        if self._learning is not None:
            self._learning.cancel()
        await self.validations.close()
        await self.backup.close()
        if self._client is not None:
            await self._client.close()

    def note_saved_path(self, path: str) -> None:
        """A file below the root was saved."""
        place = find_place(path)
        if place is not None:
            self.backup.note_save(place)

    async def open(self, place: Place) -> str:
        """Make sure that the learner's folder is there, and give the path of its first notebook below the root.

        A folder with a notebook is used as it is, without asking the tool.

        Raises: ToolError, FileSetError.
        """
        folder = place.folder(self.root)
        async with self._fetching.setdefault(place, asyncio.Lock()):
            if first_notebook(folder) is None:
                await self._fetch(place, folder)
        if self._learning is not None:  # JupyterLab asks only once which kernels there are
            await asyncio.wait([self._learning], timeout=KERNELS_WAIT_S)
        name = first_notebook(folder)
        return f"{place.course}/{place.assignment}" + (f"/{name}" if name else "")

    async def restore(self, place: Place) -> Restored:
        """Bring back what the learner's folder lacks. Raises: ToolError, FileSetError."""
        async with self._fetching.setdefault(place, asyncio.Lock()):
            return await restore_files(self.send, place.folder(self.root), place)

    async def start_again(self, place: Place) -> str:
        """Begin with the release; gives the path of the kept old folder below the root, empty if there was none.

        Raises: ToolError, FileSetError.
        """
        async with self._fetching.setdefault(place, asyncio.Lock()):
            kept = await start_again(self.send, place.folder(self.root), place)
            self.backup.forget(place)
        return kept.relative_to(self.root).as_posix() if kept else ""

    async def validate(self, place: Place) -> dict[str, Any]:
        """Begin to validate the notebooks of the release as they are here; without the tool, all that are here.

        Raises: ToolError: another quiz is being validated, or nothing is here.
        """
        folder, known = place.folder(self.root), (await self.catalogue.find(place)).assignment
        names = [f"{name}.ipynb" for name in known.notebooks] if known else list_notebooks(folder)
        return self.validations.start(place, folder, names).tell()

    async def feedback(self, place: Place, number: int) -> dict[str, Any]:
        """The marked notebooks of an attempt, see `feedback.tell_feedback`. Raises: ToolError."""
        return tell_feedback(number, await self.send(get_feedback(place.course, place.assignment, number)))

    async def open_reading(self, place: ReadingPlace) -> str:
        """Make sure that the notebook lesson is there, and give the path of its notebook below the root.

        What is there stays as it is, also if the course has a newer one. Raises: ToolError, FileSetError.
        """
        folder = self.root / place.path
        async with self._fetching.setdefault(place, asyncio.Lock()):
            if first_notebook(folder) is None:
                files = await self.send(get_reading(place.course, place.name))
                if not await asyncio.to_thread(write_new_folder, folder, files):
                    await asyncio.to_thread(add_missing_files, folder, files)
                log.info("reading.fetched course=%s name=%s files=%d", place.course, place.name, len(files))
        name = first_notebook(folder)
        return place.path + (f"/{name}" if name else "")

    async def submit(self, place: Place, request_id: str) -> Receipt:
        """Hand in the folder as it is on disk; repeated with the same `request_id` until the tool has answered.

        Raises: ToolError, FileSetError.
        """
        files = await asyncio.to_thread(read_folder, place.folder(self.root))
        call = submit(place.course, place.assignment, files, "jupyterlab", request_id)
        receipt = await self._send_patiently(call)
        self._receipts[place] = receipt
        self.catalogue.forget(place.course)
        log.info("submission.stored course=%s assignment=%s n=%d", place.course, place.assignment, receipt.attempt)
        return receipt

    async def status(self, path: str) -> dict[str, Any]:
        """Which quiz a path belongs to and how it stands; `assignment` is None for any other file."""
        place = find_place(path)
        if place is None:
            return {"course": None, "assignment": None}
        answer = await self.catalogue.find(place)
        noted = read_note(place.folder(self.root), place) is not None
        if answer.assignment is None and not (noted and answer.problem):
            return {"course": None, "assignment": None}
        draft = self.backup.status(place)
        told = tell_assignment(place, answer.assignment, self.kernels) | {
            "draft": asdict(draft),
            "last_receipt": self._last_receipt(place, answer.assignment),
            "problem": problem_as_json(answer.problem),
        }
        if not draft.saved_at and not noted and answer.assignment is not None and answer.assignment.draft_saved_at:
            told["draft"]["saved_at"] = answer.assignment.draft_saved_at
        return told

    async def list_quizzes(self, *, fresh: bool) -> dict[str, Any]:
        """The quizzes of all courses, see `quizzes.list_quizzes`; never an error because of the tool.

        `fresh`: the person asks for it, so what is known counts for less long.
        """
        max_age_s = self._asked_s if fresh else SEEN_S
        return await list_quizzes(self.root, self.catalogue, self.backup, self.kernels, max_age_s=max_age_s)

    async def _is_assignment(self, place: Place) -> bool:
        answer = await self.catalogue.find(place)
        if answer.assignment is None and answer.problem is not None:
            raise answer.problem
        return answer.assignment is not None

    async def _learn_kernels(self) -> None:
        courses = await self.catalogue.courses()
        await asyncio.gather(*(self.catalogue.quizzes(course.key) for course in courses.items))

    async def _fetch(self, place: Place, folder: Path) -> None:
        release_sha256, files, stored_at = await self._get_start(place)
        if await asyncio.to_thread(write_new_folder, folder, files):
            note = Note(place.course, place.assignment, release_sha256, snapshot_sha256(files), stored_at)
            write_note(folder, note)
        else:
            await asyncio.to_thread(add_missing_files, folder, files)
        self.catalogue.forget(place.course)
        await self.catalogue.find(place)  # it may be new, and so its kernel
        log.info("assignment.fetched course=%s assignment=%s files=%d", place.course, place.assignment, len(files))

    async def _get_start(self, place: Place) -> tuple[str, Files, str]:
        """What a missing folder starts from: the stored draft, or else the release."""
        try:
            draft = await self.send(get_draft(place.course, place.assignment))
        except ToolError as error:
            if error.status != 404:
                raise
            release = await self.send(get_release(place.course, place.assignment))
            return release.sha256, release.files, ""
        return "", draft.files, draft.saved_at

    async def _send_patiently(self, call: Call[T]) -> T:
        for pause_s in _SUBMIT_PAUSES_S:
            try:
                return await self.send(call)
            except ToolError as error:
                if not error.retryable:
                    raise
                log.warning("submission.retry code=%s", error.code)
            await asyncio.sleep(pause_s)
        return await self.send(call)

    def _last_receipt(self, place: Place, assignment: Assignment | None) -> dict[str, Any] | None:
        if assignment is not None and assignment.attempts:
            last = assignment.attempts[-1]
            return {
                "attempt": last.number,
                "receipt": last.receipt,
                "submitted_at": last.submitted_at,
                "state": last.state,
                "state_text": last.state_text,
            }
        receipt = self._receipts.get(place)
        return asdict(receipt) if receipt else None

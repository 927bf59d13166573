"""Starts kernels: a Python notebook in the folder of a quiz gets the kernel of that quiz, whichever Python it names."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import PurePosixPath
from typing import Any

from jupyter_server.services.sessions.sessionmanager import KernelName, ModelName, SessionManager

from jupyter_ext.singleuser.catalogue import Catalogue, Send
from jupyter_ext.singleuser.folders import BadName, Place
from jupyter_ext.singleuser.kernels import QuizKernels, environments_place, kernels_place

FindKernel = Callable[[str], Awaitable[str]]
"""The kernel of the quiz that the notebook of this path belongs to; empty: it is no quiz with packages."""
PYTHONS = re.compile(r"(python3?|quiz-[a-z0-9-]+)?")
"""Names that notebooks give the usual Python, or the quiz of another course."""
OWN = re.compile(r"quiz-[a-z0-9-]+")
WAIT_S = 3.0
"""How long the tool may take to say which kernel it is."""


class QuizSessionManager(SessionManager):
    """The server's sessions; the extension sets `find_kernel`."""

    find_kernel: FindKernel | None = None

    async def start_kernel_for_session(
        self,
        session_id: str,
        path: str | None,
        name: ModelName | None,
        type: str | None,
        kernel_name: KernelName | None,
        kernel_id: str | None = None,
    ) -> str:
        """Start a kernel for a notebook, of the quiz if it is one's; gives its id."""
        chosen = KernelName(await self._choose(kernel_name or "", path or ""))
        return await super().start_kernel_for_session(session_id, path, name, type, chosen, kernel_id)

    async def _choose(self, asked: str, path: str) -> str:
        if not PYTHONS.fullmatch(asked):
            return asked
        found = ""
        if self.find_kernel is not None:
            try:
                found = await asyncio.wait_for(self.find_kernel(path), WAIT_S)
            except TimeoutError:
                self.log.warning("The tool does not say which kernel %s has", path)
        if found:
            return found
        is_here = asked in self.kernel_manager.kernel_spec_manager.find_kernel_specs()
        return asked if is_here else str(self.kernel_manager.default_kernel_name)


class CourseKernels:
    """The kernels of the quizzes of one course, on a server for marking or writing it."""

    def __init__(self, send: Send, course: str) -> None:
        self._course = course
        self._catalogue = Catalogue(send, QuizKernels(kernels_place(), environments_place()).offer)

    async def learn(self) -> None:
        """Have them all."""
        await self._catalogue.quizzes(self._course)

    async def find_kernel(self, path: str) -> str:
        """As `FindKernel`: the folder that the notebook is in has the name of its quiz."""
        try:
            place = Place(self._course, PurePosixPath(path).parent.name)
        except BadName:
            return ""
        return await kernel_of(self._catalogue, place)


def choose_kernels(server: Any, find_kernel: FindKernel) -> None:
    """Have notebooks in folders of quizzes run in the kernels of these quizzes."""
    if isinstance(server.session_manager, QuizSessionManager):
        server.session_manager.find_kernel = find_kernel


async def kernel_of(catalogue: Catalogue, place: Place) -> str:
    """The kernel of a quiz with packages; empty: it has none, or nothing is known of it."""
    quiz = (await catalogue.find(place)).assignment
    return quiz.environment.kernel if quiz is not None and quiz.environment and quiz.environment.folder else ""


def name_usual_kernel(model: Any, **_: Any) -> None:
    """A hook before each save: a quiz's source names the usual Python, as nbgrader's courses do everywhere."""
    if model["type"] != "notebook" or not isinstance(model.get("content"), dict):
        return
    kernel = model["content"].get("metadata", {}).get("kernelspec", {})
    if OWN.fullmatch(str(kernel.get("name", ""))):
        kernel.update(name="python3", display_name="Python 3 (ipykernel)", language="python")

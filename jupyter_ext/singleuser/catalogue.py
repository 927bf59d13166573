"""What the tool last said about each course's quizzes, kept for a short while so that the page may ask often."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from jupyter_ext.singleuser.contract import Assignment, Call, list_assignments
from jupyter_ext.singleuser.folders import Place
from jupyter_ext.singleuser.tool_client import ToolError

FRESH_S = 20.0
"""How long an answer counts as fresh, in seconds."""

_RETRY_S = 5.0
_NOT_MINE = frozenset({403, 404})

SendList = Callable[[Call[list[Assignment]]], Awaitable[list[Assignment]]]


@dataclass(frozen=True)
class Answer:
    """An assignment as last known, and the problem when the tool could not be asked just now."""

    assignment: Assignment | None
    problem: ToolError | None = None


@dataclass(frozen=True)
class _Known:
    assignments: dict[str, Assignment]
    problem: ToolError | None
    fresh_until: float


class Catalogue:
    """The quizzes by course."""

    def __init__(self, send: SendList) -> None:
        self._send = send
        self._known: dict[str, _Known] = {}

    async def find(self, place: Place) -> Answer:
        """Look an assignment up; a course or quiz that is not the person's is an answer too (None)."""
        known = self._known.get(place.course)
        if known is None or known.fresh_until < time.monotonic():
            known = self._known[place.course] = await self._ask(place.course, known)
        return Answer(known.assignments.get(place.assignment), known.problem)

    def forget(self, course: str) -> None:
        """Ask anew next time: something changed."""
        known = self._known.get(course)
        if known is not None:
            self._known[course] = _Known(known.assignments, known.problem, 0.0)

    async def _ask(self, course: str, before: _Known | None) -> _Known:
        try:
            found = await self._send(list_assignments(course))
        except ToolError as error:
            if error.status in _NOT_MINE:
                return _Known({}, None, time.monotonic() + FRESH_S)
            return _Known(before.assignments if before else {}, error, time.monotonic() + _RETRY_S)
        return _Known({one.name: one for one in found}, None, time.monotonic() + FRESH_S)

"""What the tool last said about the person's courses and quizzes, kept for a while so that the page may ask often."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from jupyter_ext.singleuser.contract import Assignment, Call, Course, list_assignments, list_courses
from jupyter_ext.singleuser.folders import Place
from jupyter_ext.singleuser.tool_client import ToolError

FRESH_S = 20.0
"""How long an answer counts as fresh for who asks about one quiz, in seconds."""

_RETRY_S = 5.0
_NOT_MINE = frozenset({403, 404})
_COURSES = ""
"""Key of the list of courses: no course has it."""

T = TypeVar("T")
Send = Callable[[Call[Any]], Awaitable[Any]]


@dataclass(frozen=True)
class Answer:
    """An assignment as last known, and the problem when the tool could not be asked just now."""

    assignment: Assignment | None
    problem: ToolError | None = None


@dataclass(frozen=True)
class Listed(Generic[T]):
    """A list as last known, and the problem when the tool could not be asked just now."""

    items: tuple[T, ...]
    problem: ToolError | None
    asked_at: float
    """On the monotonic clock, in seconds."""
    is_outdated: bool = False


class Catalogue:
    """The courses, and the quizzes by course."""

    def __init__(self, send: Send, heard: Callable[[Iterable[Assignment]], None] | None = None) -> None:
        """`heard` is told of the quizzes of a course whenever the tool has named them."""
        self._send, self._heard = send, heard
        self._known: dict[str, Listed[Any]] = {}
        self._asking: dict[Hashable, asyncio.Lock] = {}

    async def find(self, place: Place) -> Answer:
        """Look an assignment up; a course or quiz that is not the person's is an answer too (None)."""
        known = await self.quizzes(place.course)
        return Answer(next((one for one in known.items if one.name == place.assignment), None), known.problem)

    async def courses(self, max_age_s: float = FRESH_S) -> Listed[Course]:
        """The person's courses, asked for anew if what is known is older than `max_age_s` seconds."""
        return await self._get(_COURSES, list_courses(), max_age_s)

    async def quizzes(self, course: str, max_age_s: float = FRESH_S) -> Listed[Assignment]:
        """The quizzes of a course, in the same way."""
        return await self._get(course, list_assignments(course), max_age_s, self._heard)

    def forget(self, course: str) -> None:
        """Ask anew next time: something changed."""
        known = self._known.get(course)
        if known is not None:
            self._known[course] = Listed(known.items, known.problem, known.asked_at, is_outdated=True)

    async def _get(
        self, key: str, call: Call[list[Any]], max_age_s: float, heard: Callable[[Any], None] | None = None
    ) -> Listed[Any]:
        async with self._asking.setdefault(key, asyncio.Lock()):
            known = self._known.get(key)
            if known is None or not _is_fresh(known, max_age_s):
                known = self._known[key] = await self._ask(call, known)
                if heard is not None and known.problem is None:
                    heard(known.items)
            return known

    async def _ask(self, call: Call[list[Any]], before: Listed[Any] | None) -> Listed[Any]:
        try:
            found = await self._send(call)
        except ToolError as error:
            if error.status in _NOT_MINE:
                return Listed((), None, time.monotonic())
            return Listed(before.items if before else (), error, time.monotonic())
        return Listed(tuple(found), None, time.monotonic())


def _is_fresh(known: Listed[Any], max_age_s: float) -> bool:
    limit_s = max_age_s if known.problem is None else min(max_age_s, _RETRY_S)
    return not known.is_outdated and time.monotonic() - known.asked_at < limit_s

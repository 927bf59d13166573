"""The line in front of the machine: so many servers start at the same time, the others wait, and are told how long.

JupyterHub's own limit turns people away with an error. A whole class that clicks at once should wait instead. It works
in front of any spawner class, because it waits in the `pre_spawn_hook`, where no start timeout counts yet.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

FIRST_GUESS_S = 8.0
LOOK_S = 0.2
TELL_S = 1.0


class Line:
    """Who starts, who waits, and how long a start has taken lately."""

    def __init__(self, most: int) -> None:
        """`most` servers start at the same time; 0: as many as want to."""
        self._most = most
        self._starting = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._usual_s = FIRST_GUESS_S
        self._watches: set[asyncio.Task[None]] = set()

    async def enter(self, spawner: Any) -> None:
        """Wait for a place; it is free again when the server is up or has failed."""
        spawner.coursebridge_place = place = Place(self)
        if self._most and self._starting >= self._most:
            place.turn = asyncio.get_running_loop().create_future()
            self._waiting.append(place.turn)
            try:
                await place.turn
            except asyncio.CancelledError:
                self._give_up(place.turn)
                raise
        else:
            self._starting += 1
        place.began = time.monotonic()
        watch = asyncio.get_running_loop().create_task(self._until_done(spawner, place.began))
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)

    def ahead_of(self, turn: "asyncio.Future[None] | None") -> int:
        """How many wait in front of somebody who waits."""
        return self._waiting.index(turn) if turn in self._waiting else 0

    def wait_s(self, ahead: int) -> float:
        """How long somebody with so many before them still needs, start included."""
        rounds = math.floor(ahead / max(self._most, 1)) + 2
        return rounds * self._usual_s

    def left_s(self, began: float) -> float:
        """How long a start that began then still needs."""
        return max(1.0, self._usual_s - (time.monotonic() - began))

    async def _until_done(self, spawner: Any, began: float) -> None:
        try:
            while spawner.pending == "spawn":  # noqa: ASYNC110 - JupyterHub has no event for any spawner's end
                await asyncio.sleep(LOOK_S)
            if spawner.ready:
                self._usual_s += (time.monotonic() - began - self._usual_s) / 4
        finally:
            self._next()

    def _next(self) -> None:
        """The place goes to whoever waits longest."""
        while self._waiting:
            turn = self._waiting.pop(0)
            if not turn.done():
                turn.set_result(None)
                return
        self._starting -= 1

    def _give_up(self, turn: "asyncio.Future[None]") -> None:
        if turn in self._waiting:
            self._waiting.remove(turn)
        elif turn.done() and not turn.cancelled():
            self._next()  # it was just given the place


class Place:
    """Where one server is in the line; `spawner.coursebridge_place`."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.turn: asyncio.Future[None] | None = None
        self.began: float | None = None

    async def tell(self) -> AsyncIterator[dict[str, Any]]:
        """Progress events until the server may start: how many are before it, and about how many seconds are left."""
        while self.began is None:
            ahead = self._line.ahead_of(self.turn)
            left = math.ceil(self._line.wait_s(ahead))
            yield {"progress": 0, "message": f"{ahead} before you.", "ahead": ahead, "seconds": left}
            await asyncio.sleep(TELL_S)
        yield {"progress": 5, "message": "Your turn.", "seconds": math.ceil(self._line.left_s(self.began))}


def in_line(line: Line, then: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    """A `pre_spawn_hook` that waits in the line before another one."""

    async def hook(spawner: Any) -> None:
        await line.enter(spawner)
        await then(spawner)

    return hook

"""The line in front of the machine."""

import asyncio
from typing import Any

from jupyter_ext.hub.line import Line, in_line


class Start:
    """As much of a spawner as the line looks at."""

    def __init__(self) -> None:
        self.pending: str | None = "spawn"
        self.ready = False
        self.coursebridge_place: Any = None

    def end(self, *, ready: bool = True) -> None:
        """The server is up, or has failed."""
        self.ready, self.pending = ready, None


async def settle(turns: int = 5) -> None:
    """Let everybody else run; a place is free a moment after the server is up."""
    await asyncio.sleep(0.25)
    for _ in range(turns):
        await asyncio.sleep(0)


def test_so_many_start_and_the_others_wait_in_order() -> None:
    async def story() -> None:
        line, entered = Line(2), []
        starts = [Start() for _ in range(4)]

        async def enter(number: int) -> None:
            await line.enter(starts[number])
            entered.append(number)

        tasks = [asyncio.create_task(enter(number)) for number in range(4)]
        await settle()
        assert entered == [0, 1]
        told = await anext(starts[3].coursebridge_place.tell())
        assert told["ahead"] == 1
        assert told["seconds"] > 0
        starts[1].end(ready=False)  # one that failed makes room too
        await settle()
        assert entered == [0, 1, 2]
        starts[0].end()
        await settle()
        assert entered == [0, 1, 2, 3]
        for start in starts:
            start.end()
        await asyncio.gather(*tasks)
        await settle()

    asyncio.run(story())


def test_somebody_who_gives_up_keeps_no_place() -> None:
    async def story() -> None:
        line = Line(1)
        first, second, third = Start(), Start(), Start()
        await line.enter(first)
        gone = asyncio.create_task(line.enter(second))
        last = asyncio.create_task(line.enter(third))
        await settle()
        gone.cancel()
        first.end()
        await asyncio.wait_for(last, 5)
        third.end()
        await settle()
        await asyncio.wait_for(line.enter(Start()), 5)

    asyncio.run(story())


def test_without_a_limit_nobody_waits_and_a_refusal_comes_through() -> None:
    async def refuse(spawner: Any) -> None:
        raise ValueError("no")

    async def story() -> None:
        hook = in_line(Line(0), refuse)
        for _ in range(20):
            start = Start()
            try:
                await asyncio.wait_for(hook(start), 5)
            except ValueError:
                start.end(ready=False)
            else:
                raise AssertionError("not refused")
            told = [event async for event in start.coursebridge_place.tell()]
            assert [event["progress"] for event in told] == [5]
        await settle()

    asyncio.run(story())

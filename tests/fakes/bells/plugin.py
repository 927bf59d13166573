"""Jobs that ring a bell, and a clock that ticks."""

import os
import threading
import time
from dataclasses import dataclass
from typing import ClassVar

from config.settings import Settings
from lti_tool.contract import Plugin, Recurring, WarmUp
from lti_tool.kernel.jobs import JobRun
from lti_tool.kernel.messages import Handler, Job
from lti_tool.kernel.runtime import Runtime

LONGEST_S = 60
_loaded_by: list[int] = []


@dataclass(frozen=True)
class Ring(Job):
    """Ring a bell; the bell `slow` waits for the file `go`."""

    name: ClassVar[str] = "bells.ring"
    bell: str


@dataclass(frozen=True)
class RingLoudly(Job):
    """The same on the queue for marking, which has a worker of its own."""

    name: ClassVar[str] = "bells.ring_loudly"
    bell: str


def ring(run: JobRun, message: Ring | RingLoudly) -> None:
    folder = run.runtime.settings.data_dir
    _note(run.runtime, "begun", message.bell)
    deadline = time.monotonic() + LONGEST_S
    while message.bell == "slow" and not (folder / "go").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    _note(run.runtime, "rung", message.bell)


def load() -> None:
    """Bring the metal."""
    _loaded_by.append(os.getpid())


def warm(settings: Settings) -> None:
    """Heat the metal; with the file `hold` it is never hot."""
    with (settings.data_dir / "warmed.txt").open("a") as file:
        file.write(f"loaded-{'here' if _loaded_by == [os.getpid()] else 'before'}\n")
    if (settings.data_dir / "hold").exists():
        threading.Event().wait()
    raise RuntimeError("the fire is out")


def tick(runtime: Runtime) -> None:
    _note(runtime, "ticks", "tick")


def _note(runtime: Runtime, name: str, line: str) -> None:
    with (runtime.settings.data_dir / f"{name}.txt").open("a") as file:
        file.write(f"{line}\n")


PLUGIN = Plugin(
    name="bells",
    summary="For tests",
    handlers=(Handler("bells.ring", Ring, ring), Handler("bells.ring_loudly", RingLoudly, ring, queue="grade")),
    recurring=(Recurring("bells.tick", 1.0, tick),),
    warm_ups=(WarmUp("grade", warm, load),),
)

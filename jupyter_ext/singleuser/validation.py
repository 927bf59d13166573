"""Validate a quiz in the learner's own server, one quiz at a time, in a process that can be watched and ended."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_ext.singleuser.folders import Place
from jupyter_ext.singleuser.tool_client import ToolError
from jupyter_ext.singleuser.validation_words import explain_end

log = logging.getLogger(__name__)

LIMIT_S = 900.0
"""How long the notebooks of a quiz may take together, in seconds. nbgrader itself gives each cell 30."""
_GRACE_S = 3.0
_LONGEST_LINE = 4 * 1024 * 1024


@dataclass
class Run:
    """One validation. `task` ends when it does."""

    place: Place
    names: tuple[str, ...]
    missing: tuple[str, ...]
    done: list[dict[str, Any]] = field(default_factory=list)
    problem: str = ""
    is_cancelled: bool = False
    task: "asyncio.Task[None] | None" = None

    @property
    def is_running(self) -> bool:
        """Is it still at work?"""
        return self.task is not None and not self.task.done()

    def tell(self) -> dict[str, Any]:
        """How it stands: `state` (running | done | cancelled), counts, `notebooks`, and a `problem` in words."""
        state = "running" if self.is_running else "cancelled" if self.is_cancelled else "done"
        missing = [{"notebook": name, "problem": "This notebook is missing.", "cells": []} for name in self.missing]
        return {
            "course": self.place.course,
            "assignment": self.place.assignment,
            "state": state,
            "total": len(self.names),
            "checked": len(self.done),
            "notebooks": self.done + missing,
            "problem": self.problem,
        }


class Validations:
    """The validation of this server; lives on one event loop."""

    def __init__(self, *, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._run: Run | None = None

    def start(self, place: Place, folder: Path, names: list[str]) -> Run:
        """Begin, or join the one of this quiz that runs. Raises: ToolError: another quiz is being validated."""
        if self._run is not None and self._run.is_running:
            if self._run.place == place:
                return self._run
            message = f"{self._run.place.assignment} is being validated. Wait until that is done, or cancel it."
            raise ToolError(409, "validation_busy", message)
        here = [name for name in names if (folder / name).is_file()]
        if not here:
            raise ToolError(409, "no_notebook", "There is no notebook of this quiz here. Fetch it first.")
        run = Run(place, tuple(here), tuple(name for name in names if name not in here))
        run.task = asyncio.get_running_loop().create_task(self._validate(run, folder))
        self._run = run
        return run

    async def wait(self, place: Place, seconds: float) -> dict[str, Any]:
        """How the last one of a quiz stands, after at most `seconds` if it runs. Raises: ToolError: there is none."""
        run = self._of(place)
        if run.task is not None:
            await asyncio.wait([run.task], timeout=seconds)
        return run.tell()

    async def cancel(self, place: Place) -> dict[str, Any]:
        """End it. Raises: ToolError: there is none."""
        run = self._of(place)
        if run.is_running and run.task is not None:
            run.is_cancelled = True
            run.task.cancel()
            await asyncio.wait([run.task])
        return run.tell()

    async def close(self) -> None:
        """End what runs."""
        if self._run is not None:
            await self.cancel(self._run.place)

    def _of(self, place: Place) -> Run:
        if self._run is None or self._run.place != place:
            raise ToolError(404, "no_validation", "This quiz was not validated lately.")
        return self._run

    async def _validate(self, run: Run, folder: Path) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "jupyter_ext.singleuser.validating", *run.names),
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            limit=_LONGEST_LINE,
        )
        try:
            async with asyncio.timeout(self._limit_s):
                await _read_lines(process, run)
                await process.wait()
        except TimeoutError:
            run.problem = f"It took longer than {self._limit_s / 60:.0f} minutes and was ended."
        finally:
            await _end(process)
        if not run.problem and len(run.done) < len(run.names):
            run.problem = "The check ended before it was done. Your server may have run out of memory. Try again."
        log.info("validation.done notebooks=%d of=%d", len(run.done), len(run.names))


async def _read_lines(process: asyncio.subprocess.Process, run: Run) -> None:
    assert process.stdout is not None, "asked for above"
    async for line in process.stdout:
        told = json.loads(line)
        problem = explain_end(told["error"]) if "error" in told else ""
        run.done.append({"notebook": told["notebook"], "problem": problem, "cells": told.get("cells", [])})


async def _end(process: asyncio.subprocess.Process) -> None:
    """Let it end its kernel, then end whatever is left of it."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), _GRACE_S)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

"""A control group around a sandbox: the kernel bounds memory and processes of all that is in it, at every moment.

Control groups have to be delegated to the worker (`grading.control_groups`): one directory of version 2, or those of
memory and of pids of version 1. Where none can be had, the limits of each process and the watch over their sum hold, as
ever: nothing here keeps a submission from being marked.

The group lets a submission have all that its other limits allow, files in memory included, and no more. What was there
before it, a warm process say, comes on top.
"""

import itertools
import os
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

NAME = "coursebridge"
OWN_TASKS = 16
"""Processes and threads in a group that are ours, at the most."""
OWN_BYTES = 32 << 20
PATIENCE_S = 1.0
"""How long processes that were killed may take to leave a group."""
ENTER = 'while [ "$1" != -- ]; do { echo 0 > "$1/cgroup.procs"; } 2>/dev/null; shift; done; shift; exec "$@"'
BOUNDS = ("memory.max", "memory.limit_in_bytes", "pids.max")
EVENTS = ("memory.events", "memory.oom_control")
_numbers = itertools.count()


class SealedGroup:
    """The group of one sandbox; without a delegated directory it does nothing."""

    def __init__(self, delegated: Sequence[Path]) -> None:
        self.problem = ""
        """Why there is none, or only part of one."""
        self.folders: list[Path] = []
        self._bounds: dict[str, int] = {}
        for directory in delegated:
            try:
                self.folders.append(_make(directory))
            except OSError as error:
                self.problem = f"{directory}: {error.strerror or error}"

    def entry(self) -> list[str]:
        """What a command begins with that is to be in the group from its first moment on."""
        return ["/bin/sh", "-c", ENTER, "sh", *map(str, self.folders), "--"] if self.folders else []

    def bound(self, *, memory_bytes: int, disk_bytes: int, processes: int, own_bytes: int = 0) -> None:
        """Let all processes together have this much. `own_bytes`: what is in it without a submission."""
        if not self.folders:
            return
        most = memory_bytes + disk_bytes + disk_bytes // 2 + own_bytes + OWN_BYTES  # half of it once more for /dev/shm
        wanted = dict.fromkeys(BOUNDS, most) | {"pids.max": processes + OWN_TASKS}
        wanted |= {"memory.swap.max": 0, "memory.swappiness": 0}
        if wanted == self._bounds:
            return
        self._bounds = wanted
        for path in (folder / name for folder in self.folders for name in wanted):
            with suppress(OSError):
                if path.exists():
                    path.write_text(str(wanted[path.name]))

    def count_kills(self) -> int:
        """How often the kernel has ended a process because the memory was used up."""
        for path in (folder / name for folder in self.folders for name in EVENTS):
            with suppress(OSError, ValueError, KeyError):
                return int(dict(line.split() for line in path.read_text().splitlines())["oom_kill"])
        return 0

    def close(self) -> None:
        """Take it away, once its processes are gone. What cannot be removed is, by the next worker."""
        deadline = time.monotonic() + PATIENCE_S
        while self.folders:
            try:
                self.folders[-1].rmdir()
            except FileNotFoundError:
                pass
            except OSError:
                if time.monotonic() < deadline:
                    time.sleep(0.01)
                    continue
            self.folders.pop()


def read_directories(said: str) -> tuple[Path, ...]:
    """Those of the setting."""
    return tuple(Path(each) for each in said.split(":") if each)


def find_group_problem(delegated: Sequence[Path]) -> str:
    """Why control groups that are wanted cannot be had, and what to do; empty: they can, or are not wanted."""
    group = SealedGroup(delegated)
    try:
        problem = group.problem
        for folder in group.folders:
            told = subprocess.run([*group.entry(), "/bin/cat", "/proc/self/cgroup"], capture_output=True, text=True)
            if folder.name not in told.stdout:
                problem = f"{folder.parent}: no process may be moved into a group of it"
    finally:
        group.close()
    if not problem:
        return ""
    return (
        f"{problem}. Submissions are marked with the limits of each process. Delegate memory and pids to the worker, "
        "and have it run in a group below that directory (systemd: Delegate=memory pids, DelegateSubgroup=worker), "
        "or empty grading.control_groups."
    )


def _make(directory: Path) -> Path:
    """A new group in a directory. Raises: OSError: that is not possible."""
    controllers = directory / "cgroup.subtree_control"
    if controllers.exists():
        for each in ("+memory", "+pids"):
            with suppress(OSError):
                controllers.write_text(each)
    _clear(directory)
    folder = directory / f"{NAME}-{os.getpid()}-{next(_numbers)}"
    folder.mkdir()
    if not any((folder / name).exists() for name in BOUNDS):
        folder.rmdir()
        raise OSError("it has no groups that bound memory or pids")
    return folder


def _clear(directory: Path) -> None:
    """Remove what workers left that were killed. A group with a process in it stays."""
    for folder in directory.glob(f"{NAME}-*-*"):
        with suppress(OSError, ValueError):
            try:
                os.kill(int(folder.name.split("-")[1]), 0)
            except ProcessLookupError:
                folder.rmdir()

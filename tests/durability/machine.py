"""The machine that the workers run on: starts them as `coursebridge up` does, kills them, and looks for what is left.

While it is there, processes that lose their parent become children of the test (`PR_SET_CHILD_SUBREAPER`), so none
escapes the count.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from redis import Redis

from config.settings import Settings
from grading import sealed_zygote
from grading.engine.execution import RUNNER
from lti_tool.app.up import list_processes
from lti_tool.kernel.crashpoints import VARIABLE
from tests.durability.process import GUARD_OFF

ROOT = Path(__file__).parents[2]
PR_SET_CHILD_SUBREAPER = 36
SERVERS = ("postgres", "redis-server")
"""What a test stops and starts while the workers run is not theirs."""
GONE_WITHIN_S = 15.0
DIES_WITHIN_S = 150.0
FORKING = f"-I {RUNNER}", f"-I {sealed_zygote.__file__}"
"""What forks the process that a notebook runs in."""


class Machine:
    """Two workers, marking and everything else."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        """Nothing runs yet."""
        _adopt_orphans(True)
        self.settings = settings
        self.environment = {**os.environ, **environment}
        self.log = settings.data_dir / "workers.log"
        self._commands = [part.argv for part in list_processes(settings) if part.name != "web"]
        self._running: list[subprocess.Popen[bytes]] = []
        self._not_ours = set(descendants())

    def start(self, *, crash_at: str = "", guard_off: str = "", more: int = 0) -> None:
        """Start both, and as many `more` for marking, as a second machine would."""
        environment = self.environment | {VARIABLE: crash_at, GUARD_OFF: guard_off}
        with self.log.open("ab") as log:
            for argv in self._commands[:1] * more + self._commands:
                assert argv[1:3] == ["-m", "lti_tool.app"], "the commands of `coursebridge up`"
                command = [sys.executable, "-m", "tests.durability.process", *argv[3:]]
                self._running.append(
                    subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True, stdout=log, stderr=log)
                )

    def wait_for_death(self) -> None:
        """Until one of them has killed itself."""
        deadline = time.monotonic() + DIES_WITHIN_S
        while time.monotonic() < deadline:
            if any(process.poll() is not None for process in self._running):
                return
            time.sleep(0.02)
        raise AssertionError(f"No worker has reached the point. {self.said()}")

    def kill_one(self) -> None:
        """`kill -9` of one of the workers for marking; the others go on."""
        killed = self._running.pop(0)
        killed.kill()
        killed.wait()

    def kill(self) -> list[str]:
        """`kill -9` of both, and the broker emptied; returns the command lines of what did not end with them."""
        for process in self._running:
            process.kill()
        for process in self._running:
            process.wait()
        self._running.clear()
        left = self._wait_until_gone()
        self.empty_broker()
        return left

    def empty_broker(self) -> None:
        """Every message is lost."""
        if self.settings.jobs.broker_url:
            with Redis.from_url(self.settings.jobs.broker_url) as redis:
                redis.flushall()
        shutil.rmtree(self.settings.data_dir / "broker", ignore_errors=True)

    def clear(self) -> None:
        """After the test: nothing keeps running, whatever has happened, and later orphans are not ours."""
        for pid in self._left():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.kill()
        _adopt_orphans(False)
        _reap()

    def wait_for_kernel(self) -> None:
        """Until a notebook runs in a sandbox: in a process forked for it."""
        deadline = time.monotonic() + DIES_WITHIN_S
        while time.monotonic() < deadline:
            if any(is_forked(pid) for pid in self._left()):
                time.sleep(1)
                return
            time.sleep(0.02)
        raise AssertionError(f"No notebook runs. {self.said()}")

    def said(self) -> str:
        """The end of what the workers have written."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""

    def _left(self) -> list[int]:
        return [pid for pid in descendants() if pid not in self._not_ours and name_of(pid) not in SERVERS]

    def _wait_until_gone(self) -> list[str]:
        deadline, seen_empty = time.monotonic() + GONE_WITHIN_S, 0
        while seen_empty < 5 and time.monotonic() < deadline:
            # more than once: a process that changes its parent while we read is not seen
            seen_empty = 0 if self._left() else seen_empty + 1
            time.sleep(0.02)
        return [command_line(pid) for pid in self._left()]


def _adopt_orphans(adopt: bool) -> None:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(adopt), 0, 0, 0)


def _reap() -> None:
    """Take leave of every child that has ended: nobody else does of orphans."""
    with suppress(ChildProcessError):
        while os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG) is not None:
            pass


def descendants() -> list[int]:
    """Living processes below this one."""
    children: dict[int, list[int]] = {}
    dead = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            children.setdefault(int(parent), []).append(int(folder.name))
            if state == "Z":
                dead.add(int(folder.name))
    found, waiting = [], list(children.get(os.getpid(), ()))
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, ())
    return [pid for pid in found if pid not in dead]


def is_forked(pid: int) -> bool:
    """Whether it was forked by one that notebooks are forked from, each of which a worker has before any notebook."""
    with suppress(OSError):
        parent = int(Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[1])
        return any(each in command_line(pid) and each in command_line(parent) for each in FORKING)
    return False


def name_of(pid: int) -> str:
    """Of the program."""
    try:
        return Path("/proc", str(pid), "comm").read_text().strip()
    except OSError:
        return ""


def command_line(pid: int) -> str:
    """What a process was started as."""
    try:
        return Path("/proc", str(pid), "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:300]
    except OSError:
        return ""

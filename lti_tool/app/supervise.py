"""Runs a set of processes as one: starts them, waits until they are ready, restarts what dies, stops them all."""

import errno
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)

QUICK_DEATH_S = 10.0
MAX_QUICK_DEATHS = 5


@dataclass(frozen=True)
class Process:
    """One process to run."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to our own environment."""
    ready_url: str | None = None
    """Answers without an error once the process is ready; None: ready at once."""
    ports: Sequence[tuple[str, int]] = ()
    """(host, port) that it will listen on, checked before anything starts."""
    port_setting: str = ""
    """The environment variable that moves those ports."""
    stop_s: float = 15.0
    """How long it may take to stop, in seconds; then it is killed."""


class StartError(Exception):
    """Something cannot start; the text is one line that says what to do."""


class Supervisor:
    """Holds running processes."""

    def __init__(self, processes: Sequence[Process], log_dir: Path | None = None) -> None:
        """Nothing is started yet. With `log_dir` each process writes to a file there instead of our output."""
        self._log_dir = log_dir
        self._specs = {process.name: process for process in processes}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._started: dict[str, float] = {}
        self._quick_deaths: dict[str, int] = {}
        self._stopping = threading.Event()

    def check(self) -> None:
        """Raises StartError when a port that will be needed is taken."""
        for process in self._specs.values():
            check_ports(process)

    def start(self, ready_s: float = 60.0) -> None:
        """Start all and wait until each is ready. Raises: StartError (everything is stopped again)."""
        self.check()
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in `coursebridge up &`: children would inherit it
            signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            for process in self._specs.values():
                self._spawn(process)
            for process in self._specs.values():
                self._wait_ready(process, ready_s)
        except BaseException:
            self.stop()
            raise

    def run(self) -> None:
        """Wait for Ctrl-C or SIGTERM, restarting what dies; then stop all. Raises: StartError when one keeps dying."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._stopping.set())
        try:
            while not self._stopping.wait(0.5):
                for name, running in list(self._running.items()):
                    if running.poll() is not None:
                        self._restart(name, running.returncode)
        finally:
            self.stop()

    def stop(self) -> None:
        """Ask all to stop, newest first, kill what takes too long, and whatever any of them has left behind."""
        family = list_descendants({process.pid for process in self._running.values()})
        running = list(reversed(self._running.items()))
        for _name, process in running:
            process.terminate()
        began = time.monotonic()
        for name, process in running:
            try:
                process.wait(max(0.1, began + self._specs[name].stop_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("process_killed", extra={"part": name})
            _kill_group(process)
            process.wait()
        for pid in family & list_processes():
            with suppress(ProcessLookupError):
                os.kill(pid.number, signal.SIGKILL)
        self._running.clear()

    def _spawn(self, process: Process) -> None:
        # In its own session, so that Ctrl-C reaches us alone and we stop the others in order.
        # If we are killed, they end too.
        guard = [setpriv, "--pdeathsig", "TERM", "--"] if (setpriv := shutil.which("setpriv")) else []
        with self._open_log(process.name) as output:
            self._running[process.name] = subprocess.Popen(
                [*guard, *process.argv],
                env={**os.environ, **process.env},
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self._started[process.name] = time.monotonic()

    def _open_log(self, name: str) -> AbstractContextManager[IO[bytes] | None]:
        if self._log_dir is None:
            return nullcontext()
        self._log_dir.mkdir(parents=True, exist_ok=True)
        return self._log_path(name, self._log_dir).open("ab")

    def _log_path(self, name: str, log_dir: Path) -> Path:
        return log_dir / f"{name.lower().replace(' ', '-')}.log"

    def _why(self, name: str) -> str:
        """Where to read what a process said, with its last lines."""
        if self._log_dir is None:
            return "the lines above say why"
        path = self._log_path(name, self._log_dir)
        lines = path.read_text(errors="replace").splitlines()[-12:]
        return f"{path} says why:\n" + "\n".join(f"  {line}" for line in lines)

    def _restart(self, name: str, code: int) -> None:
        quick = time.monotonic() - self._started[name] < QUICK_DEATH_S
        self._quick_deaths[name] = self._quick_deaths.get(name, 0) + 1 if quick else 0
        if self._quick_deaths[name] >= MAX_QUICK_DEATHS:
            raise StartError(f"{name} keeps ending (exit code {code}); {self._why(name)}")
        log.warning("process_restarted", extra={"part": name, "exit_code": code})
        _kill_group(self._running[name])  # a web server's own workers would go on answering
        self._spawn(self._specs[name])

    def _wait_ready(self, process: Process, ready_s: float) -> None:
        deadline = time.monotonic() + ready_s
        while process.ready_url and not _answers(process.ready_url):
            code = self._running[process.name].poll()
            if code is not None:
                raise StartError(f"{process.name} ended at its start (exit code {code}); {self._why(process.name)}")
            if time.monotonic() > deadline:
                why = self._why(process.name)
                raise StartError(f"{process.name} does not answer at {process.ready_url} after {ready_s:.0f} s; {why}")
            time.sleep(0.1)


def check_ports(process: Process) -> None:
    """Raises StartError when a port is taken."""
    choose = f"choose another with {process.port_setting}" if process.port_setting else "choose another"
    for host, port in process.ports:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    why = f"cannot be opened ({error.strerror}). C{choose[1:]}."
                else:
                    why = f"is in use. Stop what uses it or {choose}."
                raise StartError(f"Port {port} on {host}, which {process.name} needs, {why}") from error


@dataclass(frozen=True)
class Pid:
    """A process of this machine, told apart from a later one of the same number."""

    number: int
    started: str


def list_processes() -> set[Pid]:
    """All processes that run now."""
    return set(_parents())


def list_descendants(numbers: set[int]) -> set[Pid]:
    """Processes that these have started, and theirs."""
    parents = _parents()
    found: set[Pid] = set()
    while new := {pid for pid, parent in parents.items() if parent in numbers} - found:
        found |= new
        numbers = {pid.number for pid in new}
    return found


def _parents() -> dict[Pid, int]:
    """The number of each process's parent (Linux; elsewhere nothing is known)."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
            if fields[0] != "Z":
                found[Pid(int(path.parent.name), fields[19])] = int(fields[1])
    return found


def python(*arguments: str) -> list[str]:
    """The command line of a module of ours under this interpreter."""
    return [sys.executable, *arguments]


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and whatever it left behind."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own loopback address
            return True
    except OSError:
        return False

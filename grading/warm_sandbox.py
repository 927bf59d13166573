"""Sandboxes that are kept: a warm process waits in each, and every submission is forked from it and sealed off.

`grading.sandbox` starts a sandbox for each command, which costs the start of Python and of all that is imported. Here
that is paid once. A kept sandbox serves one submission at a time; how that is sealed off is in `grading.sealed_zygote`.
The fork for the next one is made and sealed off before that is there, while the worker writes down what the last one
gave; it has seen nothing yet, and waits.
All that comes back is to be treated as written by the learner: this module bounds it, and takes it from the forked
process only, not from processes that this one has started.
"""

import contextlib
import json
import os
import select
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from grading import sealed_zygote
from grading.sandbox import WATCH_EVERY_S, Limits, SandboxUnavailable, sealed_environment
from grading.sealed_group import SealedGroup
from grading.sealed_layout import layout_arguments, shown_in_tmp
from grading.sealed_slots import take_slot
from grading.sealed_watch import holds_more, resident_bytes
from grading.seccomp import build_filter
from grading.warm_fork import WarmFork

START_S = 60.0
"""How long a sandbox may take to load what it shares."""
ANSWER_S = 10.0
FAREWELL_MS = 1000
CREDENTIALS = struct.Struct("iII")
HEADER = struct.Struct("<I")
CHUNK = 1 << 18

RunEnded = Literal["died", "memory", "flood"]


class Ended(Exception):
    """The submission will send nothing more."""

    def __init__(self, reason: RunEnded) -> None:
        super().__init__(reason)
        self.reason: RunEnded = reason


@dataclass(frozen=True)
class WarmOrder:
    """What a kept sandbox is made of."""

    program: Path
    """Loaded by the warm process; has `warm`, `run` and `report`."""
    python: str
    path: list[str]
    """Folders of packages behind those that this interpreter finds by itself."""
    variables: dict[str, str]
    shown: tuple[Path, ...] = ()
    """Folders that it must be able to read."""
    control_groups: tuple[Path, ...] = ()
    """As in `Limits`."""


class WarmSandbox:
    """One kept sandbox, with the process that submissions are forked from."""

    def __init__(self, order: WarmOrder) -> None:
        """Start it, and wait until it is warm.

        Raises: SandboxUnavailable: it cannot be started here.
        """
        self.order = order
        self.runs = 0
        self.bytes = 0
        """What it holds once it is warm."""
        self._next: WarmFork | None = None
        self._is_ending = False
        """Was `end` said, and is `ended` not heard yet?"""
        self._stack = ExitStack()
        try:
            self._start(order)
        except BaseException:
            self.close()
            raise

    def _start(self, order: WarmOrder) -> None:
        bwrap, zygote = shutil.which("bwrap"), Path(sealed_zygote.__file__)
        shown = [zygote, order.program, *order.shown]
        if bwrap is None or shown_in_tmp(shown):
            raise SandboxUnavailable("bubblewrap is missing, or Python is installed below /tmp")
        self.uid = self._stack.enter_context(take_slot()) if os.geteuid() == 0 else None
        self.group = SealedGroup(order.control_groups)
        self._stack.callback(self.group.close)
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._stack.callback(self._control.close)
        self._control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        with theirs:
            arguments, kept = layout_arguments(shown, 1 << 20, zygote, self.uid, warm=True)
            for name, value in sealed_environment(order.variables).items():
                arguments += ["--setenv", name, value]
            try:
                self._process = subprocess.Popen(
                    [
                        *self.group.entry(),
                        bwrap,
                        *arguments,
                        "--",
                        order.python,
                        "-I",
                        str(zygote),
                        str(theirs.fileno()),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    pass_fds=(*kept, theirs.fileno()),
                    env={},
                    cwd="/",
                    start_new_session=True,
                )
            finally:
                for fd in kept:
                    os.close(fd)
        self._stack.callback(self._kill)
        seccomp = build_filter()
        start = {"path": order.path, "program": str(order.program), "seccomp": seccomp.hex() if seccomp else ""}
        self._control.send(json.dumps(start).encode())
        self.pid = self._greet()
        self.bytes = resident_bytes(self.pid)

    def _greet(self) -> int:
        """The process id of the zygote, as this process sees it, once it is ready."""
        self._control.settimeout(START_S)
        try:
            message, pid = _receive_from(self._control, CHUNK)
        except OSError:
            message, pid = b"", 0
        if not message:
            self._process.kill()
            assert self._process.stderr is not None
            words = self._process.stderr.read()[-2000:].decode(errors="replace")
            raise SandboxUnavailable(f"A warm sandbox could not be started: {words.strip()}")
        self._control.settimeout(ANSWER_S)
        return pid

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def close(self) -> None:
        """End it, and everything in it."""
        if self._next is not None:
            self._next.close()
        self._stack.close()

    @contextmanager
    def run(self, limits: Limits, message_bytes: int) -> Iterator["WarmRun"]:
        """A process for one submission, forked and sealed off; when the block ends, it is, with all that it started.

        They are gone when the sandbox `is_ready` again, before anything else is forked.

        `message_bytes`: the size of a message that it may send; eight times as much in all.

        Raises: SandboxUnavailable: it could not be done; nothing of the submission has run.
        """
        self.runs += 1
        order = {"uid": self.uid, "limits": limits.of_process(), "disk_bytes": limits.disk_bytes}
        bounds = {"memory_bytes": limits.memory_bytes, "disk_bytes": limits.disk_bytes, "processes": limits.processes}
        self.group.bound(**bounds, own_bytes=self.bytes)
        fork = self._take_fork(json.dumps(order).encode())
        try:
            yield WarmRun(self, self._control, fork.commands, fork.messages, limits.memory_bytes, message_bytes)
        finally:
            fork.close()
            self._end_run()
            self._prepare(fork.order)

    def _take_fork(self, order: bytes) -> WarmFork:
        """The one that waits, if it is as wanted and well, or a new one."""
        if not self.is_ready():
            raise SandboxUnavailable("the warm sandbox is gone")
        waiting, self._next = self._next, None
        try:
            if waiting is not None:
                if waiting.order == order and not self._has_something_to_say():
                    return waiting
                waiting.close()
                self._end_run()
                if not self.is_ready():
                    raise SandboxUnavailable("the warm sandbox is gone")
            return WarmFork(self._control, order)
        except OSError as error:
            raise SandboxUnavailable(f"the warm sandbox is gone: {error}") from error

    def _prepare(self, order: bytes) -> None:
        """Have a fork made for the next submission, which will most probably have the same limits."""
        if self.is_usable:
            try:
                self._next = WarmFork(self._control, order)
            except OSError:
                self.close()

    def _has_something_to_say(self) -> bool:
        """Of a fork that waits the zygote says only that it has failed."""
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        return bool(poll.poll(0))

    def _end_run(self) -> None:
        """Have all processes of the submission ended."""
        try:
            self._control.send(b"end")
            self._is_ending = True
        except OSError:
            self.close()

    def is_ready(self) -> bool:
        """Whether all processes of the last submission have ended. If that is not confirmed, the sandbox is ended."""
        if self._is_ending and self.is_usable:
            try:
                while b"ended" not in (answer := self._control.recv(CHUNK)):
                    if not answer:
                        raise OSError("the warm sandbox is gone")
            except OSError:
                self.close()
            self._is_ending = False
        return self.is_usable

    @property
    def is_usable(self) -> bool:
        """Whether it lives."""
        return self._control.fileno() != -1 and self._process.poll() is None


class WarmRun:
    """The socket to a forked process, bounded in time, size and memory."""

    def __init__(
        self,
        sandbox: WarmSandbox,
        control: socket.socket,
        commands: socket.socket,
        messages: socket.socket,
        memory_bytes: int,
        message_bytes: int,
    ) -> None:
        self._sandbox, self._control, self._commands, self._messages = sandbox, control, commands, messages
        self._memory_bytes, self._message_bytes = memory_bytes, message_bytes
        self._pid: int | None = None
        self._buffer = bytearray()
        self._next_watch = time.monotonic() + WATCH_EVERY_S
        self._has_exited = False
        self._room = 8 * message_bytes
        self._interrupts = 0
        self._kills = sandbox.group.count_kills()
        commands.settimeout(ANSWER_S)

    def send(self, *bodies: bytes) -> None:
        """Send a command, and what belongs to it. A process that does not take it counts as dead."""
        while self._interrupts and not self._has_exited:  # one that is on its way must not meet the next cell
            self._listen()
        try:
            self._commands.sendall(HEADER.pack(len(bodies[0])))
            for body in bodies:
                self._commands.sendall(body)
        except OSError as error:
            raise self._died() from error

    def _died(self) -> Ended:
        """The process has ended: of itself, or because there was no memory left for it."""
        return Ended("memory" if self._sandbox.group.count_kills() > self._kills else "died")

    def interrupt(self) -> None:
        """SIGINT to the process and its children."""
        with contextlib.suppress(OSError):
            self._control.send(b"interrupt")
            self._interrupts += 1

    def receive(self, until: float) -> tuple[str, str, dict[str, Any]] | None:
        """The next message: kind, cell, content. None: it is `until` now.

        Raises: Ended: there will be none.
        """
        while True:
            message = self._take()
            if message is not None:
                return message
            now = time.monotonic()
            if now >= until:
                return None
            if now >= self._next_watch:
                if holds_more(self._sandbox.pid, self._memory_bytes):
                    raise Ended("memory")
                self._next_watch = time.monotonic() + WATCH_EVERY_S
            self._wait(max(0.0, min(until, self._next_watch) - now))

    def _wait(self, seconds: float) -> None:
        """Take in what comes within this time."""
        poll = select.poll()
        poll.register(self._messages, select.POLLIN)
        if not self._has_exited:
            poll.register(self._control, select.POLLIN)
        ready = {fd for fd, _ in poll.poll(0 if self._has_exited else seconds * 1000)}
        if self._messages.fileno() in ready:
            data, pid = _receive_from(self._messages, CHUNK)
            if data:
                self._accept(data, pid)
                return
        if self._messages.fileno() in ready and not self._has_exited:
            self._ask_why()
        if self._has_exited or self._messages.fileno() in ready:
            raise self._died()
        if self._control.fileno() in ready:
            self._listen()

    def _ask_why(self) -> None:
        """The process has closed its end: because it has ended, or because the whole sandbox has?"""
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        if poll.poll(FAREWELL_MS):
            self._listen()

    def _accept(self, data: bytes, pid: int) -> None:
        """Keep what the forked process itself has sent; the first word is certainly its own."""
        if self._pid is None:
            self._pid = pid
        if pid != self._pid:
            return
        self._room -= len(data)
        if self._room < 0:
            raise Ended("flood")
        self._buffer += data

    def _listen(self) -> None:
        """What the zygote says: that the process has ended, or never began."""
        try:
            message = self._control.recv(CHUNK)
        except OSError:  # it does not answer: its sandbox is of no more use
            message = b""
        if not message:
            self._sandbox.close()
            raise SandboxUnavailable("the warm sandbox has ended in the middle of a submission")
        said = json.loads(message)
        if "failure" in said:
            raise SandboxUnavailable(f"a submission could not be sealed off: {said['failure']}")
        if "interrupted" in said:
            self._interrupts -= 1
        else:
            self._has_exited = True

    def _take(self) -> tuple[str, str, dict[str, Any]] | None:
        """The first whole message of the buffer."""
        if len(self._buffer) < HEADER.size:
            return None
        (size,) = HEADER.unpack_from(self._buffer)
        if size > self._message_bytes:
            raise Ended("flood")
        if len(self._buffer) < HEADER.size + size:
            return None
        body = bytes(self._buffer[HEADER.size : HEADER.size + size])
        del self._buffer[: HEADER.size + size]
        try:
            kind, cell, content = json.loads(body)
        except (ValueError, TypeError, RecursionError):
            return "", "", {}
        if not (isinstance(kind, str) and isinstance(cell, str) and isinstance(content, dict)):
            return "", "", {}
        return kind, cell, content


def _receive_from(source: socket.socket, size: int) -> tuple[bytes, int]:
    """Bytes, and the process that sent them. There is room for its credentials only, not for descriptors."""
    data, extra, _, _ = source.recvmsg(size, socket.CMSG_SPACE(CREDENTIALS.size))
    for level, kind, body in extra:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS) and len(body) >= CREDENTIALS.size:
            return data, CREDENTIALS.unpack_from(body)[0]
    return data, 0

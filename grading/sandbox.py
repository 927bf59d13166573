"""Run one command sealed off with bubblewrap: no network, no host files, hard limits.

What the command sees: the Python installation, `/usr`, a few harmless files of `/etc`, and
a private `/home/learner` in memory. Inputs go in and files come out through pipes; no path inside the
sandbox is ever opened from outside. Everything that comes back is bounded, and is to be
treated as written by the learner.

As root, the command runs as an account of its own (one per sandbox at work on this machine), so
that the process limit counts its processes only; as an ordinary user, in a user namespace.
Memory is limited per process by rlimits and for the whole tree by a watch on its resident size.
"""

import json
import os
import selectors
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Literal

from grading.sealed_group import SealedGroup
from grading.sealed_init import HELLO
from grading.sealed_init import __file__ as init_path
from grading.sealed_layout import interpreter, layout_arguments
from grading.sealed_slots import take_slot
from grading.sealed_watch import holds_more

WORK = "/home/learner"
"""The command's private folder inside the sandbox."""

WATCH_EVERY_S = 0.2
CHUNK = 1 << 16
HEADER_LIMIT = 1 << 20

Outcome = Literal["ok", "timeout", "memory", "killed", "output", "disk", "failed"]


class SandboxUnavailable(RuntimeError):
    """The sandbox itself could not be started; says what the operator can do."""


@dataclass(frozen=True)
class Limits:
    """What one sealed command may use."""

    wall_s: float = 120.0
    """Seconds on the clock, after which the whole process tree is killed."""
    cpu_s: int = 120
    """Processor seconds of each process."""
    memory_bytes: int = 1 << 30
    """Private memory of each process, and resident memory of all of them together."""
    processes: int = 128
    """Processes and threads, all together."""
    file_bytes: int = 64 << 20
    """Size of one file that the command writes or that is collected."""
    disk_bytes: int = 256 << 20
    """Size of the private folder, which lives in memory."""
    output_bytes: int = 1 << 20
    """Standard output, and standard error, each."""
    open_files: int = 512
    """File descriptors of each process."""
    control_groups: tuple[Path, ...] = ()
    """Directories that are delegated for groups around sandboxes; see `grading.sealed_group`."""

    def of_process(self) -> dict[str, int]:
        """What every process inside is limited to, by the name in `resource`; memory is what it may add."""
        return {
            "RLIMIT_CORE": 0,
            "RLIMIT_CPU": int(self.cpu_s),
            "RLIMIT_DATA": self.memory_bytes,
            "RLIMIT_AS": 2 * self.memory_bytes + (1 << 30),
            "RLIMIT_FSIZE": self.file_bytes,
            "RLIMIT_NOFILE": self.open_files,
            "RLIMIT_NPROC": self.processes,
            "RLIMIT_MEMLOCK": 0,
            "RLIMIT_MSGQUEUE": 0,
        }


@dataclass(frozen=True)
class SealedResult:
    """How a sealed command ended, and what it left."""

    outcome: Outcome
    exit_code: int | None
    """The exit code; minus the signal number if a signal ended it; None if we did."""
    stdout: bytes
    stderr: bytes
    files: dict[str, bytes]
    """Those of the wanted files that exist, are regular and keep to the size limit."""
    wall_s: float
    has_run_out_of_memory: bool = False
    """Whether the control group has ended one of its processes for that."""


@dataclass
class _Streams:
    """The bytes that have come back so far."""

    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    result: bytearray = field(default_factory=bytearray)


def run_sealed(
    argv: Sequence[str],
    *,
    limits: Limits,
    read_only: Sequence[Path] = (),
    inputs: Mapping[str, bytes] | None = None,
    collect: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    cwd: str = ".",
) -> SealedResult:
    """Run `argv` sealed and wait for its end.

    `read_only` paths appear inside under their own names. `inputs`, `collect` and `cwd` are
    relative to `WORK`.

    Raises:
        SandboxUnavailable: bubblewrap is missing or is not allowed to work here.
    """
    started = time.monotonic()
    with ExitStack() as stack:
        uid = stack.enter_context(take_slot()) if os.geteuid() == 0 else None
        request = _request(argv, limits, inputs or {}, collect, env or {}, cwd, uid)
        group = SealedGroup(limits.control_groups)
        stack.callback(group.close)
        group.bound(memory_bytes=limits.memory_bytes, disk_bytes=limits.disk_bytes, processes=limits.processes)
        process, result = stack.enter_context(_start(limits, read_only, uid, group.entry()))
        streams = _Streams()
        reason = _exchange(process, result, request, limits, streams)
        _end(process)
        kills = group.count_kills()
    found = _read_result(process, streams, reason, limits, set(collect), time.monotonic() - started)
    outcome = "memory" if kills and found.outcome == "killed" else found.outcome
    return replace(found, outcome=outcome, has_run_out_of_memory=bool(kills))


def python() -> str:
    """The interpreter that works inside the sandbox."""
    return interpreter()


def _request(
    argv: Sequence[str],
    limits: Limits,
    inputs: Mapping[str, bytes],
    collect: Sequence[str],
    env: Mapping[str, str],
    cwd: str,
    uid: int | None,
) -> bytes:
    """The request that `grading.sealed_init` reads, as one message."""
    for name in (*inputs, *collect):
        if name.startswith("/") or "\0" in name or {"..", ""} & set(name.split("/")):
            raise ValueError(f"not a path inside the sandbox: {name!r}")
    header = json.dumps(
        {
            "argv": list(argv),
            "env": sealed_environment(env),
            "cwd": cwd,
            "uid": uid,
            "collect": list(collect),
            "limits": limits.of_process(),
            "file_bytes": limits.file_bytes,
            "files": [[name, len(body)] for name, body in inputs.items()],
        }
    ).encode()
    return b"".join([struct.pack("<I", len(header)), header, *inputs.values()])


def sealed_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment variables inside."""
    return {
        "PATH": f"{Path(interpreter()).parent}:/usr/bin:/bin",
        "HOME": WORK,
        "TMPDIR": f"{WORK}/tmp",
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        # many small threads would each reserve memory; a quiz needs one
        "MALLOC_ARENA_MAX": "2",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        **extra,
    }


@contextmanager
def _start(
    limits: Limits, read_only: Sequence[Path], uid: int | None, entry: Sequence[str]
) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """Start bubblewrap with the launcher in it; ends it in any case."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise SandboxUnavailable(
            "bubblewrap is not installed, so notebooks cannot be marked safely. Install it: apt-get install bubblewrap"
        )
    with ExitStack() as stack:
        read_end, write_end = os.pipe()
        result = stack.enter_context(os.fdopen(read_end, "rb", buffering=0))
        writer = stack.enter_context(os.fdopen(write_end, "wb", buffering=0))
        arguments, kept = layout_arguments(read_only, limits.disk_bytes, Path(init_path), uid)
        for fd in kept:
            stack.callback(os.close, fd)
        process = subprocess.Popen(
            [*entry, bwrap, *arguments, "--", interpreter(), "-I", "-S", init_path, str(write_end)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(*kept, write_end),
            env={},
            cwd="/",
            start_new_session=True,
        )
        writer.close()
        stack.callback(_end, process)
        yield process, result


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the tree, if it lives, and let go of its pipes."""
    if process.poll() is None:
        process.kill()  # pid 1 of the sandbox dies with its parent, and all others with it
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None and not stream.closed:
            stream.close()


def _exchange(
    process: subprocess.Popen[bytes],
    result: IO[bytes],
    request: bytes,
    limits: Limits,
    streams: _Streams,
) -> Outcome | None:
    """Feed the request and gather output until the end; the reason if we must end it."""
    assert process.stdin and process.stdout and process.stderr
    room = limits.disk_bytes + HEADER_LIMIT
    sinks = {
        process.stdout.fileno(): (streams.stdout, limits.output_bytes),
        process.stderr.fileno(): (streams.stderr, limits.output_bytes),
        result.fileno(): (streams.result, room),
    }
    deadline = time.monotonic() + limits.wall_s
    pending = memoryview(request)
    with selectors.DefaultSelector() as selector:
        for fd in sinks:
            selector.register(fd, selectors.EVENT_READ)
        os.set_blocking(process.stdin.fileno(), False)
        selector.register(process.stdin, selectors.EVENT_WRITE)
        next_watch = time.monotonic() + WATCH_EVERY_S
        while selector.get_map():
            now = time.monotonic()
            if now >= deadline:
                return "timeout"
            if now >= next_watch:
                if holds_more(process.pid, limits.memory_bytes):
                    return "memory"
                next_watch = time.monotonic() + WATCH_EVERY_S
            for key, _ in selector.select(max(0.0, min(next_watch, deadline) - now)):
                if key.fd not in sinks:
                    pending = _feed(process.stdin, pending)
                    if not pending:
                        selector.unregister(process.stdin)
                        process.stdin.close()
                    continue
                if not _drain(key.fd, *sinks[key.fd]):
                    selector.unregister(key.fd)
                elif len(sinks[key.fd][0]) > sinks[key.fd][1]:
                    return "output"
    return None


def _feed(stdin: IO[bytes], pending: memoryview) -> memoryview:
    """Write a piece; an early end of the reader counts as all written."""
    try:
        return pending[os.write(stdin.fileno(), pending[:CHUNK]) :]
    except BlockingIOError:
        return pending
    except BrokenPipeError:
        return pending[len(pending) :]


def _drain(fd: int, sink: bytearray, limit: int) -> bool:
    """Read a piece, at most one byte beyond the limit; False at the end of the stream."""
    piece = os.read(fd, min(CHUNK, limit + 1 - len(sink)))
    sink += piece
    return bool(piece)


def _read_result(
    process: subprocess.Popen[bytes],
    streams: _Streams,
    reason: Outcome | None,
    limits: Limits,
    wanted: set[str],
    wall_s: float,
) -> SealedResult:
    """Read the result stream, which the command may have forged or cut short."""
    if not streams.result.startswith(HELLO) and reason is None:
        raise SandboxUnavailable(
            "bubblewrap could not start a sandbox "
            f"(exit code {process.returncode}): {bytes(streams.stderr[-2000:]).decode(errors='replace').strip()}. "
            "On Ubuntu 24.04 and later, allow it with an AppArmor profile for /usr/bin/bwrap; "
            "in a container, allow user namespaces."
        )
    code, disk_full, files = _parse_result(bytes(streams.result[1:]), wanted, limits.file_bytes)
    return SealedResult(
        outcome=reason or _outcome(code, disk_full),
        exit_code=code if reason is None else None,
        stdout=bytes(streams.stdout[: limits.output_bytes]),
        stderr=bytes(streams.stderr[: limits.output_bytes]),
        files=files if reason is None else {},
        wall_s=wall_s,
    )


def _outcome(code: int | None, disk_full: bool) -> Outcome:
    if code == 0:
        return "ok"
    if disk_full:
        return "disk"
    return "killed" if code is None or code < 0 else "failed"


def _parse_result(data: bytes, wanted: set[str], file_limit: int) -> tuple[int | None, bool, dict[str, bytes]]:
    """Exit code, whether the disk was full, files; nothing of a malformed message."""
    nothing: tuple[int | None, bool, dict[str, bytes]] = (None, False, {})
    if len(data) < 4:
        return nothing
    (length,) = struct.unpack("<I", data[:4])
    if length > HEADER_LIMIT or len(data) < 4 + length:
        return nothing
    try:
        header = json.loads(data[4 : 4 + length])
        code, disk_full, listed = header["status"], header["disk_full"], header["files"]
        if type(code) is not int or type(disk_full) is not bool:
            return nothing
        files, offset = {}, 4 + length
        for name, size in listed:
            if name not in wanted or type(size) is not int or not 0 <= size <= file_limit:
                return nothing
            files[name] = data[offset : offset + size]
            offset += size
    except (ValueError, KeyError, TypeError, RecursionError):
        return nothing
    return (code, disk_full, files) if offset == len(data) else nothing

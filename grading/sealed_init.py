"""The first process inside the sandbox; run by `grading.sandbox`, never imported by it.

Standard library only, because it starts with `python -I -S`. It reads one request from
standard input, gives up its rights, runs the command, ends whatever the command left
behind, and writes the exit code and the wanted files to the result pipe. As root it
stays uid 0 (without capabilities that matter) so that the command cannot touch it.
"""

import ctypes
import json
import os
import resource
import signal
import stat
import struct
import sys
from typing import Any, NoReturn

ROOT = "/home/learner"
HELLO = b"+"
PR_SET_DUMPABLE, PR_CAPBSET_DROP = 4, 24


def read_exactly(fd: int, count: int) -> bytes:
    """Read `count` bytes or raise EOFError."""
    parts = []
    while count:
        part = os.read(fd, min(count, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def write_all(fd: int, data: bytes) -> None:
    """Write every byte of `data`."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def drop_rights(uid: int | None) -> None:
    """Become the slot's account; nothing to do where we are unprivileged already."""
    if uid is None:
        return
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def prefer_to_be_killed() -> None:
    """Where memory is used up, the command ends, and not what is to tell of it."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass


def set_limits(limits: dict[str, int]) -> None:
    """Set the resource limits that every descendant inherits, by their names in `resource`."""
    for name, wanted in limits.items():
        which = getattr(resource, name)
        hard = resource.getrlimit(which)[1]
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(which, (value, value))


def write_inputs(files: list[tuple[str, bytes]]) -> None:
    """Put the inputs into the work directory, as the account that will own them."""
    os.makedirs(os.path.join(ROOT, "tmp"), exist_ok=True)
    for name, body in files:
        path = os.path.join(ROOT, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(body)


def run_command(request: dict[str, Any], files: list[tuple[str, bytes]], result_fd: int) -> NoReturn:
    """In the child: give up rights, write the inputs, set limits, become the command."""
    try:
        os.close(result_fd)
        prefer_to_be_killed()
        drop_rights(request["uid"])
        os.umask(0o022)
        write_inputs(files)
        set_limits(request["limits"])
        os.chdir(os.path.join(ROOT, request["cwd"]))
        os.execve(request["argv"][0], request["argv"], request["env"])
    except OSError as error:
        sys.stderr.write(f"cannot start: {error}\n")
        sys.stderr.flush()
    os._exit(127)


def read_file(name: str, limit: int) -> bytes | None:
    """Read one regular file below the work directory, following no link on the way."""
    folders = name.split("/")
    last = folders.pop()
    fd = os.open(ROOT, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for folder in folders:
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
            os.close(fd)
            fd = inner
        file_fd = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=fd)
    except OSError:
        return None
    finally:
        os.close(fd)
    try:
        info = os.fstat(file_fd)
        if not stat.S_ISREG(info.st_mode) or info.st_size > limit:
            return None
        return read_exactly(file_fd, info.st_size)
    except (OSError, EOFError):
        return None
    finally:
        os.close(file_fd)


def send_result(request: dict[str, Any], status: int, result_fd: int) -> None:
    """End every process that is left, then send the exit status and the files."""
    try:
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        pass
    space = os.statvfs(ROOT)
    found = [(n, read_file(n, request["file_bytes"])) for n in request["collect"]]
    files = [(name, body) for name, body in found if body is not None]
    header = json.dumps(
        {
            "status": os.waitstatus_to_exitcode(status),
            "disk_full": space.f_bavail == 0,
            "files": [[name, len(body)] for name, body in files],
        }
    ).encode()
    write_all(result_fd, struct.pack("<I", len(header)) + header)
    for _, body in files:
        write_all(result_fd, body)


def main() -> None:
    """Serve one request."""
    result_fd = int(sys.argv[1])
    os.set_inheritable(result_fd, False)
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    for capability in range(64):
        prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # bubblewrap leaves this set alone for root
    (length,) = struct.unpack("<I", read_exactly(0, 4))
    request = json.loads(read_exactly(0, length))
    files = [(name, read_exactly(0, size)) for name, size in request["files"]]
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    write_all(result_fd, HELLO)
    child = os.fork()
    if child == 0:
        run_command(request, files, result_fd)
    del files
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            break
    if request["uid"] is None:
        send_result(request, status, result_fd)
        return
    collector = os.fork()
    if collector == 0:
        drop_rights(request["uid"])
        send_result(request, status, result_fd)
        os._exit(0)
    os.waitpid(collector, 0)


if __name__ == "__main__":
    main()

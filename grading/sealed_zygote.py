"""The warm process inside a sandbox, from which submissions are forked; run by `grading.warm_sandbox`, never imported.

It has loaded what submissions need, holds the rights to seal a process off, and knows nothing of any submission: the
files and the code of one go from the worker to the forked process over sockets that this process passes on unread.
One submission at a time. Each has namespaces of its own for processes, mounts, network, IPC and users, a private
folder in memory, and no way back: it cannot name, signal or read this process, and its rights are gone before it
reads a byte of the submission.

It speaks with the worker only: `run` (with two sockets), `interrupt`, `end`. When the worker is gone, it ends.
"""

import contextlib
import ctypes
import fcntl
import gc
import importlib.util
import json
import os
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from typing import Any, NoReturn

HOME = "/home/learner"
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 2, 4, 8, 1 << 14, 1 << 18
PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_SECUREBITS, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = (
    4, 22, 24, 28, 38, 47,
)  # fmt: skip
SECBIT_NOROOT_LOCKED, PR_CAP_AMBIENT_CLEAR_ALL, SECCOMP_MODE_FILTER = 3, 4, 2
CAPABILITY_VERSION_3 = 0x20080522
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
MESSAGE = 1 << 16

LIBC = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: Any) -> None:
    """A function of the C library, or OSError."""
    if getattr(LIBC, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def prctl(option: int, second: Any = 0, third: Any = 0) -> None:
    """Set something of this process; only two arguments are ever of interest."""
    call("prctl", option, ctypes.c_ulong(second), third, 0, 0)


def mount(kind: str, target: str, flags: int, options: str = "") -> None:
    """A new file system."""
    call("mount", kind.encode(), target.encode(), kind.encode(), flags, options.encode())


def bring_up_loopback() -> None:
    """As everywhere, 127.0.0.1 is there; nothing else is."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def drop_capabilities() -> None:
    """All of them, for good; the bounding set only where we may."""
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    for capability in range(64):
        LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = struct.pack("Ii", CAPABILITY_VERSION_3, 0)
    call("capset", header, bytes(24))


def become_account(uid: int | None) -> None:
    """The slot's account; where we are unprivileged, a user namespace in which this process counts alone."""
    if uid is not None:
        for capability in range(64):
            LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    else:
        user, group = os.getuid(), os.getgid()
        prctl(PR_SET_DUMPABLE, 1)  # or the maps could not be written
        call("unshare", CLONE_NEWUSER)
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    drop_capabilities()
    prctl(PR_SET_DUMPABLE, 1)  # its own /proc files are its own again, as after an exec


def memory_in_use() -> tuple[int, int]:
    """Bytes of private and of all memory that come with the fork, and are not the submission's fault."""
    with open("/proc/self/status") as file:
        sizes = dict(line.split(":", 1) for line in file if line.startswith(("VmData", "VmSize")))
    return int(sizes["VmData"].split()[0]) << 10, int(sizes["VmSize"].split()[0]) << 10


def set_limits(limits: dict[str, int]) -> None:
    """Set the resource limits that every descendant inherits, beside what came with the fork."""
    private, total = memory_in_use()
    came = {"RLIMIT_DATA": private, "RLIMIT_AS": total}
    for name, wanted in limits.items():
        which = getattr(resource, name)
        value, hard = wanted + came.get(name, 0), resource.getrlimit(which)[1]
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(which, (value, value))


def install_filter(program: bytes) -> None:
    """The seccomp filter of `grading.seccomp`; it cannot be taken off again."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    kept = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(kept))
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header)


def keep_only(descriptors: tuple[int, ...]) -> None:
    """Close every other descriptor; the standard ones lead nowhere."""
    nothing = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    first = 3
    for fd in sorted(descriptors):
        os.closerange(first, fd)
        first = fd + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))


def seal(order: dict[str, Any], seccomp: bytes | None, descriptors: tuple[int, ...]) -> None:
    """In the forked process, before it has seen anything of the submission: give up everything, for good."""
    os.setsid()
    keep_only(descriptors)
    call("unshare", CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)
    call("mount", None, b"/", None, MS_REC | MS_PRIVATE, None)
    disk_bytes = order["disk_bytes"]
    private = MS_NOSUID | MS_NODEV
    mount("proc", "/proc", private | MS_NOEXEC)
    mount("tmpfs", HOME, private, f"size={max(disk_bytes, 1 << 20)},mode=1777")
    mount("tmpfs", "/dev/shm", private, f"size={max(disk_bytes // 2, 1 << 20)},mode=1777")
    bring_up_loopback()
    become_account(order["uid"])
    os.umask(0o022)
    os.mkdir(f"{HOME}/tmp")
    os.chdir(HOME)
    set_limits(order["limits"])
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # where memory is used up, this process ends, and not the one that it is forked from
    if seccomp is not None:
        install_filter(seccomp)


class Submission:
    """The processes of one submission."""

    def __init__(
        self, program: Any, order: dict[str, Any], seccomp: bytes | None, descriptors: tuple[int, ...]
    ) -> None:
        self.program, self.order, self.seccomp, self.descriptors = program, order, seccomp, descriptors
        self.pid = 0
        self.init: subprocess.Popen[bytes] | None = None
        self.failure = ""
        # a process space is entered by a thread's children: this thread, and not the whole process, asks for one
        thread = threading.Thread(target=self._start, name="MainThread", daemon=True)
        thread.start()
        thread.join()

    def _start(self) -> None:
        try:
            call("unshare", CLONE_NEWPID)
            # the first process there: it takes orphans, who vanish unnoticed, and with it all others end
            self.init = subprocess.Popen(
                ["/bin/sh", "-c", "trap '' CHLD; exec sleep infinity"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
            )
            self.pid = os.fork()
        except OSError as error:
            self.failure = str(error)
            return
        if self.pid == 0:
            self._become()

    def _become(self) -> NoReturn:
        status = 1
        try:
            seal(self.order, self.seccomp, self.descriptors)
            self.program.run(*self.descriptors)
            status = 0
        except BaseException as error:  # whatever it is, this process must not go on as a zygote
            self.program.report(self.descriptors[1], repr(error))
        finally:
            os._exit(status)

    def interrupt(self) -> None:
        """What "interrupt kernel" does: SIGINT to the process and its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGINT)

    def end(self) -> None:
        """End every process of it."""
        if self.init is not None:
            self.init.kill()
            if self.pid:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(self.pid, 0)  # first, because the kernel keeps the other until this one is gone
            self.init.wait()


def serve(control: socket.socket, program: Any, seccomp: bytes | None) -> None:
    """Run what the worker asks for, until it is gone."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, MESSAGE, 2)
        if not message:
            return
        submission = Submission(program, json.loads(message), seccomp, tuple(descriptors))
        for fd in descriptors:
            os.close(fd)
        try:
            if submission.failure:
                control.send(json.dumps({"failure": submission.failure}).encode())
            elif not accompany(control, submission):
                return
        finally:
            submission.end()
        control.send(b'{"ended": true}')


def accompany(control: socket.socket, submission: Submission) -> bool:
    """Until the worker has enough of the submission. False: the worker is gone."""
    watched = os.pidfd_open(submission.pid)
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(watched, select.POLLIN)
    try:
        while True:
            for fd, _ in poll.poll():
                if fd == watched:
                    poll.unregister(watched)
                    _, status = os.waitpid(submission.pid, 0)
                    code = os.waitstatus_to_exitcode(status)
                    control.send(json.dumps({"exit": code}).encode())
                    continue
                message = control.recv(MESSAGE)
                if message == b"interrupt":
                    submission.interrupt()
                    control.send(b'{"interrupted": true}')
                else:
                    return message == b"end"
    finally:
        os.close(watched)


def main() -> None:
    """Load everything, say so, serve."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    prctl(PR_SET_DUMPABLE, 0)
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    if os.getuid() == 0:
        prctl(PR_SET_SECUREBITS, SECBIT_NOROOT_LOCKED)  # what it starts has none of its rights
    start = json.loads(control.recv(MESSAGE))
    sys.path += [path for path in start["path"] if path not in sys.path]
    found = importlib.util.spec_from_file_location("sealed_program", start["program"])
    assert found is not None and found.loader is not None
    program: Any = importlib.util.module_from_spec(found)
    sys.modules["sealed_program"] = program
    found.loader.exec_module(program)
    program.warm()
    gc.collect()
    gc.freeze()  # or collecting in a child would copy every page
    control.send(b'{"ready": true}')
    seccomp = bytes.fromhex(start["seccomp"]) if start["seccomp"] else None
    serve(control, program, seccomp)


if __name__ == "__main__":
    main()
    os._exit(0)

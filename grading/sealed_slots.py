"""Accounts for sandboxes started by root: each one at work on this machine has its own.

The kernel counts processes per account, so two sandboxes must never share one. A slot is
held by a file lock, which the kernel lets go of when its holder dies.
"""

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FIRST_UID = 60800
"""60706 to 61183 are unassigned in Debian and systemd."""
SLOTS = 64
FOLDER = Path("/run/coursebridge-sandbox")


@contextmanager
def take_slot(folder: Path = FOLDER) -> Iterator[int]:
    """A user id that no other sandbox on this machine uses; waits while all are taken."""
    folder.mkdir(mode=0o700, exist_ok=True)
    owner = folder.lstat()
    if not stat.S_ISDIR(owner.st_mode) or owner.st_uid != os.geteuid():
        raise PermissionError(f"{folder} must be a folder of this account")
    fd, number = _lock_any(folder)
    try:
        yield FIRST_UID + number
    finally:
        os.close(fd)


def _lock_any(folder: Path) -> tuple[int, int]:
    while True:
        uids = _uids_at_work()  # a sandbox that was killed may need a moment to die after its slot is free
        for number in range(SLOTS):
            fd = os.open(folder / f"slot-{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(fd)
                continue
            if FIRST_UID + number not in uids:
                return fd, number
            os.close(fd)
        time.sleep(0.05)


def _uids_at_work() -> set[int]:
    """Accounts that have a process now."""
    found = set()
    for process in os.scandir("/proc"):
        with suppress(FileNotFoundError, ProcessLookupError):
            found.add(process.stat().st_uid)
    return found

"""How much memory a process tree holds, read from /proc."""

import os

PAGE = os.sysconf("SC_PAGESIZE")


def resident_bytes(root_pid: int) -> int:
    """Resident bytes of all descendants of `root_pid`, pages they share counted each time."""
    children: dict[int, list[int]] = {}
    resident: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                # the command's name is in brackets and may hold anything
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue  # it has just ended
        pid = int(name)
        children.setdefault(int(fields[1]), []).append(pid)
        resident[pid] = int(fields[21]) * PAGE
    total, waiting = 0, list(children.get(root_pid, ()))
    while waiting:
        pid = waiting.pop()
        total += resident[pid]
        waiting += children.get(pid, ())
    return total

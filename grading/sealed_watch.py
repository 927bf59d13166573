"""How much memory a process tree holds, read from /proc: cheaply, then exactly if need be."""

import os

PAGE = os.sysconf("SC_PAGESIZE")


def holds_more(root_pid: int, limit: int) -> bool:
    """Whether the descendants of `root_pid` together hold more than `limit` bytes.

    A page that forked processes share counts once, where the kernel lets us see that.
    """
    children, resident = _processes()
    tree, waiting = [], list(children.get(root_pid, ()))
    while waiting:
        pid = waiting.pop()
        tree.append(pid)
        waiting += children.get(pid, ())
    if sum(resident[pid] for pid in tree) <= limit:
        return False
    return sum(_share(pid, resident[pid]) for pid in tree) > limit


def resident_bytes(pid: int) -> int:
    """What one process holds; 0 if it has ended."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * PAGE
    except OSError:
        return 0


def _processes() -> tuple[dict[int, list[int]], dict[int, int]]:
    """Every process on the machine: the children of each, and its resident bytes."""
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
        children.setdefault(int(fields[1]), []).append(int(name))
        resident[int(name)] = int(fields[21]) * PAGE
    return children, resident


def _share(pid: int, resident: int) -> int:
    """The process's proportional share of memory, or its resident size if that is hidden."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        return 0  # it has just ended
    except OSError:
        return resident
    return resident

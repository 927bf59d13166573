"""Runs inside a learner's server: how much memory, how many processes and how large a file are to be had?"""

import errno
import json
import os
import resource
import signal
from contextlib import suppress
from pathlib import Path

MB = 2**20
ENOUGH = 400
"""Processes at which it gives up trying."""


def memory(size_mb: int) -> str:
    """Whether a block of this size is given; it is not filled, so that a machine without a limit does not suffer."""
    try:
        bytearray(size_mb * MB)
    except MemoryError:
        return "refused"
    return "given"


def processes() -> tuple[int, str]:
    """How many children can be had at once, and what ended it."""
    children: list[int] = []
    try:
        while len(children) < ENOUGH:
            child = os.fork()
            if child == 0:
                signal.pause()
                os._exit(0)
            children.append(child)
    except OSError as error:
        return len(children), errno.errorcode[error.errno or 0]
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return len(children), "none"


def file_mb() -> tuple[int, str]:
    """How many megabytes go into one file, and what ended it."""
    path = Path.home() / "large"
    try:
        with path.open("wb", buffering=0) as file:
            for number in range(64):
                file.write(b"x" * MB)
                written = number
    except OSError as error:
        return path.stat().st_size // MB, errno.errorcode[error.errno or 0]
    finally:
        with suppress(OSError):
            path.unlink()
    return written + 1, "none"


def cpu_s() -> tuple[tuple[int, int], str]:
    """The limit of processor time, and whether it can be doubled."""
    limit = resource.getrlimit(resource.RLIMIT_CPU)
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (2 * limit[0], 2 * limit[1]))
    except ValueError:
        return limit, "refused"
    return limit, "given"


def main() -> None:
    """Write what was found to ~/eaten.json."""
    found = {
        "memory": {size: memory(size) for size in (64, 2000)},
        "processes": processes(),
        "file": file_mb(),
        "cpu": cpu_s(),
    }
    Path.home().joinpath("eaten.json").write_text(json.dumps(found))


main()

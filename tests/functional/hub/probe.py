"""Runs inside a learner's server: what can be seen and done from there?"""

import json
import os
import socket
import sys
from pathlib import Path


def reads(path: str) -> bool:
    """Whether the path exists and can be listed or read."""
    try:
        if Path(path).is_dir():
            return any(Path(path).iterdir())
        return bool(Path(path).read_bytes()[:1])
    except OSError:
        return False


def writes(path: str) -> bool:
    """Whether the file can be opened for writing."""
    try:
        with Path(path).open("r+b" if Path(path).exists() else "wb"):
            return True
    except OSError:
        return False


def main() -> None:
    """Write what was found to ~/found.json."""
    asked = json.loads(Path.home().joinpath("asked.json").read_text())
    found = {
        "read": [path for path in asked["read"] if reads(path)],
        "written": [path for path in asked["write"] if writes(path)],
        "processes": [path.name for path in Path("/proc").iterdir() if path.name.isdigit()],
        "environment": sorted(os.environ),
        "values": "\n".join([*os.environ.values(), *sys.argv]),
        "uid": os.getuid(),
        "capabilities": [
            line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("Cap")
        ],
        "mounts": Path("/proc/self/mountinfo").read_text(),
        "host": socket.gethostname(),
    }
    Path.home().joinpath("found.json").write_text(json.dumps(found))


main()

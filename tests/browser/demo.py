"""The whole demo as its own processes: tool, workers, JupyterHub with real kernels, and the demo LMS."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_S = 120
STOP_S = 120


@dataclass(frozen=True)
class Demo:
    """Where a running demo is."""

    profile: str
    tool: str
    lms: str
    hub: str
    folder: Path

    def ask_lms(self, path: str) -> Any:
        """What the LMS itself says, by its test API."""
        with urllib.request.urlopen(f"{self.lms}/_test/{path}", timeout=120) as answer:
            return json.load(answer)

    def grade(self, username: str, title: str) -> float | None:
        """The final grade of a person in the newest gradebook column of that title."""
        row = self.ask_lms("gradebook")[username]
        grades: list[float | None] = [cell["final"] for cell in row if cell["line_item"]["label"] == title]
        return grades[-1]

    def maximum(self, title: str) -> float:
        """What the newest gradebook column of that title is worth."""
        columns = [item for item in self.ask_lms("state")["line_items"] if item["label"] == title]
        return float(columns[-1]["score_maximum"])

    def read_logs(self) -> str:
        """The last lines of every process, for a failed test."""
        logs = sorted(self.folder.glob("demo-*/logs/*.log"))
        return "\n".join(f"== {log.name}\n" + "\n".join(log.read_text().splitlines()[-40:]) for log in logs)


@contextmanager
def running_demo(profile: str, folder: Path) -> Iterator[Demo]:
    """`coursebridge demo` on free ports with an empty data directory; stopped as by Ctrl-C."""
    tool, lms, hub = free_ports()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COURSEBRIDGE_")}
    environment |= {
        "COURSEBRIDGE_DATA_DIR": str(folder),
        "COURSEBRIDGE_DEMO_TOOL_PORT": str(tool),
        "COURSEBRIDGE_DEMO_LMS_PORT": str(lms),
        "COURSEBRIDGE_DEMO_HUB_PORT": str(hub),
    }
    said = folder / "said.log"
    with_us = ["setpriv", "--pdeathsig", "INT", "--"] if shutil.which("setpriv") else []  # a killed test ends it too
    with said.open("wb") as output:
        process = subprocess.Popen(
            [*with_us, sys.executable, "-m", "lti_tool.app", "demo", "--profile", profile],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait_until_running(process, said)
        yield Demo(
            profile, f"http://localhost:{tool}", f"http://127.0.0.1:{lms}", f"http://hub.localhost:{hub}", folder
        )
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(STOP_S)


def _wait_until_running(process: subprocess.Popen[bytes], said: Path) -> None:
    deadline = time.monotonic() + START_S
    while "The demo is running" not in said.read_text():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The demo did not start:\n{said.read_text()}")
        time.sleep(0.1)


def free_ports() -> tuple[int, int, int]:
    """Ports for tool, LMS and Hub, the two after the Hub's free as well.

    They are below those that the system gives away by itself, so no notebook server is started on one of them.
    """
    while True:
        first = random.randrange(20_000, 32_000)
        if all(_free(port) for port in range(first, first + 5)):
            return first, first + 1, first + 2


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True

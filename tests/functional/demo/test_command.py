"""The campus as a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx


def test_process_serves_keeps_its_file_and_stops_cleanly(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "lti_tool.demo", "--profile", "canvas", "--port", str(port), "--test-api"]
    command += ["--database", str(tmp_path / "campus.sqlite3")]
    subs = []
    for _ in range(2):
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            state = wait_for(f"http://127.0.0.1:{port}/_test/state", process)
            subs.append(state.json()["people"][2]["sub"])
            process.terminate()
            _, noise = process.communicate(timeout=120)
        assert process.returncode == 0
        assert noise == b""
    assert subs[0] == subs[1]


def test_port_in_use_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "lti_tool.demo", "--port", str(port)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert f"127.0.0.1:{port}" in ended.stderr


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[bytes]) -> httpx.Response:
    while process.poll() is None:
        try:
            return httpx.get(url, trust_env=False, timeout=120)
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("The campus ended at once.")

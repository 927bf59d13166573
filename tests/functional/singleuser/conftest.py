"""A real JupyterLab server with our extension, and a fake tool that it talks to."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.tool_api import TOKEN, FakeTool

JUPYTER_TOKEN = "token-of-the-jupyter-server"
_START_S, _STOP_S, _END_S = 120, 60, 20
LAB = "import jupyter_ext; from jupyterlab.labapp import main; main()"
"""`jupyter lab`, as quick to start as our own servers."""


def notebook(source: str = "x = 1") -> bytes:
    """A small notebook."""
    cell: dict[str, Any] = {
        "cell_type": "code",
        "id": "a1",
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.dumps({"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}).encode()


def wait_until(is_true: Callable[[], object], seconds: float = 120) -> None:
    """Wait for something that happens in another process; fails after `seconds`."""
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@dataclass
class Jupyter:
    """A running Jupyter server of one learner."""

    home: Path
    process: "subprocess.Popen[bytes]"
    port: int

    @property
    def url(self) -> str:
        """The server's base URL, with a slash at its end."""
        return f"http://127.0.0.1:{self.port}/"

    def get(self, path: str, **more: Any) -> httpx.Response:
        """GET with the token."""
        return httpx.get(self.url + path, headers=_HEADERS, timeout=120, **more)

    def post(self, path: str, data: Any) -> httpx.Response:
        """POST JSON with the token."""
        return httpx.post(self.url + path, headers=_HEADERS, json=data, timeout=60)

    def delete(self, path: str, **more: Any) -> httpx.Response:
        """DELETE with the token."""
        return httpx.delete(self.url + path, headers=_HEADERS, timeout=120, **more)

    def save(self, path: str, content: bytes) -> None:
        """Save a notebook as JupyterLab does, through the contents API."""
        model = {"type": "notebook", "format": "json", "content": json.loads(content)}
        httpx.put(self.url + f"api/contents/{path}", headers=_HEADERS, json=model, timeout=120).raise_for_status()

    def status(self, path: str) -> Any:
        """What the page is told about a path."""
        response = self.get("coursebridge/status", params={"path": path})
        assert response.status_code == 200, response.text
        return response.json()

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> None:
        """End the server and wait for its end."""
        self.process.send_signal(with_signal)
        self.process.wait(_STOP_S)

    def end(self) -> None:
        """End the server in good time: jupyter_server may wait for ever for a thread that was busy when it was told."""
        try:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(_STOP_S)


_HEADERS = {"Authorization": f"token {JUPYTER_TOKEN}"}


def learner_environment(home: Path, tool: FakeTool) -> dict[str, str]:
    """The environment that the Hub would give to a single-user server."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    kept["PATH"] = f"{Path(sys.executable).parent}:{kept.get('PATH', '')}"
    return kept | {
        "HOME": str(home),
        "COURSEBRIDGE_URL": tool.url,
        "JUPYTERHUB_API_TOKEN": TOKEN,
        "JUPYTERHUB_USER": "u-learner",
        "NO_PROXY": "127.0.0.1",
    }


def make_home(folder: Path) -> Path:
    """A learner's home, with nbgrader set up as the Hub's configuration does."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / ".jupyter"
    settings.mkdir(exist_ok=True)
    lines = ["from jupyter_ext.singleuser.exchange import configure", "configure(get_config())"]
    (settings / "nbgrader_config.py").write_text("\n".join(lines))
    return folder


def start_jupyter(home: Path, tool: FakeTool, settle_s: float = 0.2) -> Jupyter:
    """Start JupyterLab and wait until it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": home,
        "ServerApp.allow_root": True,
        "IdentityProvider.token": JUPYTER_TOKEN,
        "LabApp.news_url": None,
        "CoursebridgeExtension.settle_s": settle_s,
        "CoursebridgeExtension.asked_s": 0,
    }
    command = [
        sys.executable,
        "-c",
        LAB,
        "--no-browser",
        *(f"--{key}={value}" for key, value in options.items()),
    ]
    with (home / ".jupyter" / "server.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=home, env=learner_environment(home, tool), stdout=log, stderr=log)
    jupyter = Jupyter(home, process, port)

    def answers() -> bool:
        assert process.poll() is None, (home / ".jupyter" / "server.log").read_text()
        try:
            return jupyter.get("api/status").status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_until(answers, _START_S)
    except BaseException:
        process.kill()
        raise
    return jupyter


@pytest.fixture(scope="module")
def tool() -> Iterator[FakeTool]:
    """The tool, without courses: each test adds its own."""
    tool = FakeTool()
    yield tool
    tool.stop()


@pytest.fixture(scope="module")
def jupyter(tool: FakeTool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """One learner's server for all tests of a module."""
    jupyter = start_jupyter(make_home(tmp_path_factory.mktemp("learner") / "home"), tool)
    yield jupyter
    jupyter.end()

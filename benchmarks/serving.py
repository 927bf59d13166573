"""The web server of `coursebridge up` for the benchmarks, in processes of its own."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from config.settings import Settings, WebSettings
from lti_tool.app.supervise import list_descendants
from lti_tool.app.up import serve_command
from tests.servers import free_port

TICKS_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Serving:
    """A server that answers."""

    port: int
    pid: int

    def cpu_s(self) -> float:
        """CPU time of its processes until now, in seconds."""
        pids = {self.pid, *(process.number for process in list_descendants({self.pid}))}
        stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
        return sum(int(fields[11]) + int(fields[12]) for fields in stats) / TICKS_S


@contextmanager
def serving(settings: Settings, processes: int) -> Iterator[Serving]:
    """A server with these settings. Raises: RuntimeError: it does not answer within two minutes."""
    port = free_port()
    web = settings.web.model_copy(update={"port": port, "workers": processes})
    env = {name: value for name, value in os.environ.items() if not name.startswith("COURSEBRIDGE_")} | {
        "COURSEBRIDGE_DATA_DIR": str(settings.data_dir),
        "COURSEBRIDGE_SECRET_KEY": settings.secret_key.get_secret_value(),
        "COURSEBRIDGE_DATABASE__URL": settings.database.url,
        "COURSEBRIDGE_LOG_LEVEL": "WARNING",
    }
    server = subprocess.Popen(serve_command(settings.model_copy(update={"web": web})), env=env)
    try:
        _wait_ready(port)
        yield Serving(port, server.pid)
    finally:
        server.terminate()
        server.wait(20)


@contextmanager
def serving_app(
    factory: str, environment: Mapping[str, str], processes: int, threads: int = WebSettings().threads
) -> Iterator[Serving]:
    """Any WSGI application that answers `/readyz`, under granian. Raises: RuntimeError: as `serving`."""
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith("COURSEBRIDGE_")}
    serve = [sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", factory, "--no-access-log"]
    serve += ["--host", "127.0.0.1", "--port", str(port), "--workers", str(processes), "--log-level", "warning"]
    server = subprocess.Popen([*serve, "--blocking-threads", str(threads)], env={**env, **environment})
    try:
        _wait_ready(port)
        yield Serving(port, server.pid)
    finally:
        server.terminate()
        server.wait(20)


def environment_of(settings: Settings) -> dict[str, str]:
    """What a process of the tool has to be told to run with these settings."""
    return {
        "COURSEBRIDGE_DATA_DIR": str(settings.data_dir),
        "COURSEBRIDGE_SECRET_KEY": settings.secret_key.get_secret_value(),
        "COURSEBRIDGE_DATABASE__URL": settings.database.url,
        "COURSEBRIDGE_LOG_LEVEL": "WARNING",
    }


def _wait_ready(port: int) -> None:
    for _attempt in range(1200):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("The web server does not answer.")

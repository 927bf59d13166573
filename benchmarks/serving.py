"""The web server of `coursebridge up` for the benchmarks, in processes of its own."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from config.settings import Settings
from tests.servers import free_port

THREADS = 16
"""Of each process."""


@dataclass(frozen=True)
class Served:
    """A running server."""

    port: int
    pid: int
    """Of the process whose children serve."""


@contextmanager
def serving(settings: Settings, processes: int) -> Iterator[int]:
    """A server with these settings; its port. Raises: RuntimeError: it does not answer within half a minute."""
    with serving_app("lti_tool.app.factory:create_app", environment_of(settings), processes) as served:
        yield served.port


def environment_of(settings: Settings) -> dict[str, str]:
    """What a process of the tool has to be told to run with these settings."""
    return {
        "COURSEBRIDGE_DATA_DIR": str(settings.data_dir),
        "COURSEBRIDGE_SECRET_KEY": settings.secret_key.get_secret_value(),
        "COURSEBRIDGE_DATABASE__URL": settings.database.url,
        "COURSEBRIDGE_LOG_LEVEL": "WARNING",
    }


@contextmanager
def serving_app(factory: str, environment: Mapping[str, str], processes: int) -> Iterator[Served]:
    """Any WSGI application that answers `/readyz`, under the same server.

    Raises: RuntimeError: it does not answer within half a minute.
    """
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith("COURSEBRIDGE_")}
    serve = [sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", factory]
    serve += ["--no-access-log", "--host", "127.0.0.1", "--port", str(port), "--workers", str(processes)]
    serve += ["--blocking-threads", str(THREADS), "--log-level", "warning"]
    server = subprocess.Popen(serve, env={**env, **environment})
    try:
        _wait_ready(port)
        yield Served(port, server.pid)
    finally:
        server.terminate()
        server.wait(20)


def _wait_ready(port: int) -> None:
    for _attempt in range(300):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("The web server does not answer.")

"""The web server of `coursebridge up` for the benchmarks, in processes of its own."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from config.settings import Settings
from tests.servers import free_port

THREADS = 16
"""Of each process."""


@contextmanager
def serving(settings: Settings, processes: int) -> Iterator[int]:
    """A server with these settings; its port. Raises: RuntimeError: it does not answer within half a minute."""
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith("COURSEBRIDGE_")} | {
        "COURSEBRIDGE_DATA_DIR": str(settings.data_dir),
        "COURSEBRIDGE_SECRET_KEY": settings.secret_key.get_secret_value(),
        "COURSEBRIDGE_DATABASE__URL": settings.database.url,
        "COURSEBRIDGE_LOG_LEVEL": "WARNING",
    }
    serve = [sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", "lti_tool.app.factory:create_app"]
    serve += ["--no-access-log", "--host", "127.0.0.1", "--port", str(port), "--workers", str(processes)]
    server = subprocess.Popen([*serve, "--blocking-threads", str(THREADS), "--log-level", "warning"], env=env)
    try:
        _wait_ready(port)
        yield port
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

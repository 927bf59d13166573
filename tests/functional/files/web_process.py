"""The real web server in a process of its own, which a test may kill."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx

from config.settings import Settings
from tests.servers import free_port

ROOT = Path(__file__).parents[3]


class WebProcess:
    """granian over the data and the database of some settings."""

    def __init__(self, settings: Settings, **changes: str) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self._settings = settings
        self._changes = changes
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, crash_at: str = "") -> None:
        """Start, and wait until it answers."""
        environment = {
            **os.environ,
            "COURSEBRIDGE_DATA_DIR": str(self._settings.data_dir),
            "COURSEBRIDGE_DATABASE__URL": self._settings.database.url,
            "COURSEBRIDGE_SECRET_KEY": self._settings.secret_key.get_secret_value(),
            "COURSEBRIDGE_PLUGINS": '["lti_tool.lti", "grading", "plugins.files"]',
            **self._changes,
            **({"COURSEBRIDGE_CRASH_AT": crash_at} if crash_at else {}),
        }
        command = [
            sys.executable,
            "-m",
            "granian",
            "--interface",
            "wsgi",
            "--factory",
            "lti_tool.app.factory:create_app",
        ]
        command += ["--host", "127.0.0.1", "--port", self.url.rpartition(":")[2], "--blocking-threads", "4"]
        self._process = subprocess.Popen(
            command,
            env=environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for _ in range(1200):
            with suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/readyz").status_code == 200:
                    return
            time.sleep(0.1)
        raise RuntimeError("granian does not answer")

    def kill(self) -> None:
        """SIGKILL to all of it."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

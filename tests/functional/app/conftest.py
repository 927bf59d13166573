"""Commands as processes of their own, over an empty migrated database and a plugin that leaves traces in files."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from config.settings import Settings, load_settings
from lti_tool.app.migrate import migrate
from lti_tool.app.process import make_process
from lti_tool.kernel.runtime import Runtime
from tests.servers import running_redis

ROOT = Path(__file__).parents[3]
PATIENCE_S = 120


def wait_until(holds: Callable[[], object], what: str) -> None:
    """Wait for something that other processes do."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@dataclass
class Place:
    """A data directory and the environment that commands run in."""

    folder: Path
    database_url: str
    broker_url: str = ""
    more: dict[str, str] = field(default_factory=dict)

    @property
    def data_dir(self) -> Path:
        return self.folder / "var"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "COURSEBRIDGE_DATA_DIR": str(self.data_dir),
            "COURSEBRIDGE_DATABASE__URL": self.database_url,
            "COURSEBRIDGE_JOBS__BROKER_URL": self.broker_url,
            "COURSEBRIDGE_PLUGINS": json.dumps(["tests.fakes.bells"]),
            **self.more,
        }

    def settings(self) -> Settings:
        """The same settings for this process."""
        return load_settings(
            data_dir=self.data_dir,
            database={"url": self.database_url},
            jobs={"broker_url": self.broker_url},
            plugins=["tests.fakes.bells"],
        )

    @contextmanager
    def open(self) -> Iterator[Runtime]:
        """The runtime over the migrated database; hints go nowhere."""
        runtime, _plugins = make_process(self.settings())
        try:
            migrate(runtime.db)
            yield runtime
        finally:
            runtime.http.close()
            runtime.db.close()

    def read(self, name: str) -> list[str]:
        """The traces of one kind."""
        path = self.data_dir / f"{name}.txt"
        return path.read_text().split() if path.exists() else []

    @contextmanager
    def start(self, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
        """Run a command; what it says is in `said.log`. It is stopped at the end, if it still runs."""
        with (
            (self.folder / "said.log").open("ab") as said,
            subprocess.Popen(
                [sys.executable, "-m", "lti_tool.app", *arguments],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                process_group=0,
            ) as process,
        ):
            try:
                yield process
            finally:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(60)
                process.kill()

    def said(self) -> str:
        return (self.folder / "said.log").read_text()


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Place:
    """An empty data directory; the broker is folders in it."""
    return Place(tmp_path, database_url)


@pytest.fixture
def redis() -> Iterator[str]:
    """URL of an empty Redis."""
    with running_redis() as url:
        yield url

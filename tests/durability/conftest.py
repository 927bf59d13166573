"""The whole path for the durability tests: a strict LMS, the real course import, engine, sandbox, workers and broker.

On SQLite the broker is the folder of messages; with COURSEBRIDGE_TEST_DATABASE=postgresql it is Redis.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from config.settings import DEFAULT_PLUGINS, Settings, load_settings
from lti_tool.app.worker import publish_with
from lti_tool.contract import Plugin, load_plugins
from lti_tool.demo.model import Tool
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel.runtime import Runtime
from tests.conftest import BASE_URL
from tests.databases import KIND
from tests.durability.machine import Machine
from tests.durability.scene import Scene, write_course
from tests.fakes.fixtures import registration_id, served, tool
from tests.servers import running_redis

__all__ = ["registration_id", "served", "tool"]

LEASE_S = 3


@pytest.fixture
def plugins() -> list[Plugin]:
    """What the processes load."""
    return load_plugins(DEFAULT_PLUGINS)


@pytest.fixture
def broker_url() -> Iterator[str]:
    """Empty for the folder."""
    if KIND == "sqlite":
        yield ""
        return
    with running_redis() as url:
        yield url


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path, database_url: str, broker_url: str) -> Settings:
    """Settings that the processes share, one for marking: a test may give more of `jobs`."""
    more: dict[str, int] = getattr(request, "param", {})
    return load_settings(
        base_url=BASE_URL,
        data_dir=tmp_path / "var",
        secret_key="a secret for tests only, long enough to sign with",
        database={"url": database_url},
        lti={"allow_private_hosts": True},
        jobs={"concurrency": 1, "lease_s": LEASE_S, "sweep_s": 0.3, "broker_url": broker_url, **more},
    )


@pytest.fixture(params=["canvas"])
def campus(request: pytest.FixtureRequest) -> Iterator[CampusServer]:
    """The LMS; Canvas says whether a submission was announced twice."""
    with CampusServer(request.param) as server:
        yield server


@pytest.fixture
def machine(settings: Settings, database_url: str) -> Iterator[Machine]:
    """Where the workers run."""
    environment = {
        "COURSEBRIDGE_BASE_URL": BASE_URL,
        "COURSEBRIDGE_DATA_DIR": str(settings.data_dir),
        "COURSEBRIDGE_DATABASE__URL": database_url,
        "COURSEBRIDGE_SECRET_KEY": settings.secret_key.get_secret_value(),
        "COURSEBRIDGE_LTI__ALLOW_PRIVATE_HOSTS": "true",
        "COURSEBRIDGE_JOBS__LEASE_S": json.dumps(settings.jobs.lease_s),
        "COURSEBRIDGE_JOBS__SWEEP_S": json.dumps(settings.jobs.sweep_s),
        "COURSEBRIDGE_JOBS__BROKER_URL": settings.jobs.broker_url,
    }
    made = Machine(settings, environment)
    yield made
    made.clear()


@pytest.fixture
def scene(
    runtime: Runtime,
    app: Flask,
    campus: CampusServer,
    tool: Tool,
    registration_id: int,
    machine: Machine,
    tmp_path: Path,
) -> Scene:
    """Everything in place."""
    publish_with(runtime.settings, runtime.db.router)
    return Scene(runtime, app, campus, machine, write_course(tmp_path / "course"))

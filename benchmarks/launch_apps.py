"""The two applications that `launches` measures, each as a factory for the web server."""

import mmap
import os
import struct
import time
from pathlib import Path
from typing import Any

from flask import Flask, Response, request
from pylti1p3.contrib.flask import FlaskCacheDataStorage, FlaskMessageLaunch, FlaskOIDCLogin, FlaskRequest
from pylti1p3.tool_config import ToolConfDict
from sqlalchemy import event

from lti_tool.app import factory
from lti_tool.web.runtime import RUNTIME_KEY

SLOTS = 4096
"""One number of seconds for each process, chosen by its id."""
DATABASE_CPU, JWKS_URL, ISSUER = "BENCH_DATABASE_CPU", "BENCH_JWKS_URL", "https://lms.example"


def create_tool() -> Flask:
    """The tool, which notes its CPU time inside of statements (driver, and SQLite itself) in a shared file."""
    app = factory.create_app()
    with Path(os.environ[DATABASE_CPU]).open("r+b") as file:
        shared = mmap.mmap(file.fileno(), 8 * SLOTS)
    slot, spent = 8 * (os.getpid() % SLOTS), [0.0]
    engine = app.extensions[RUNTIME_KEY].db.engine

    @event.listens_for(engine, "before_cursor_execute")
    def begin(connection: Any, cursor: Any, statement: Any, parameters: Any, context: Any, many: bool) -> None:
        connection.info["began"] = time.thread_time()

    @event.listens_for(engine, "after_cursor_execute")
    def end(connection: Any, cursor: Any, statement: Any, parameters: Any, context: Any, many: bool) -> None:
        spent[0] += time.thread_time() - connection.info["began"]
        struct.pack_into("d", shared, slot, spent[0])

    return app


def read_database_cpu(path: Path) -> float:
    """Seconds, of all processes."""
    return sum(value for (value,) in struct.iter_unpack("d", path.read_bytes()))


class _ProcessCache:
    """What Flask-Caching's SimpleCache is: a dictionary of this process."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self._kept.get(key)

    def set(self, key: str, value: Any, timeout: int | None = None) -> None:
        self._kept[key] = value


def create_pylti() -> Flask:
    """PyLTI1p3 as its own Flask example has it: login, launch, a page that says who came."""
    app = Flask(__name__)
    app.secret_key = "for a benchmark"
    client = {
        "client_id": "bench",
        "auth_login_url": f"{ISSUER}/auth",
        "auth_token_url": f"{ISSUER}/token",
        "key_set_url": os.environ[JWKS_URL],
        "deployment_ids": ["1"],
    }
    tool, cache = ToolConfDict({ISSUER: [{"default": True, **client}]}), _ProcessCache()

    @app.post("/lti/login")
    def login() -> Any:
        flow = FlaskOIDCLogin(FlaskRequest(), tool, launch_data_storage=FlaskCacheDataStorage(cache))
        return flow.redirect(request.form["target_link_uri"])

    @app.post("/lti/launch")
    def launch() -> Response:
        flow = FlaskMessageLaunch(FlaskRequest(), tool, launch_data_storage=FlaskCacheDataStorage(cache))
        name = flow.get_launch_data()["name"]
        return Response(f"<!doctype html><title>Launched</title><h1>Hello {name}</h1>")

    @app.get("/readyz")
    def ready() -> str:
        return "ready"

    return app

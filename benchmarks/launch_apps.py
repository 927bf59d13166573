"""The applications that `launches` measures, each as a factory for the web server."""

import json
import mmap
import os
import secrets
import struct
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jwt
from flask import Flask, Response, abort, redirect, request
from itsdangerous import URLSafeTimedSerializer
from pylti1p3.contrib.flask import FlaskCacheDataStorage, FlaskMessageLaunch, FlaskOIDCLogin, FlaskRequest
from pylti1p3.tool_config import ToolConfDict
from sqlalchemy import event

from lti_tool.app import factory
from lti_tool.web.runtime import RUNTIME_KEY

LTI = "https://purl.imsglobal.org/spec/lti/claim/"
SLOTS = 4096
"""One number of seconds for each process, chosen by its id."""
DATABASE_CPU, JWKS_URL, ISSUER = "BENCH_DATABASE_CPU", "BENCH_JWKS_URL", "https://lms.example"


def create_tool() -> Flask:
    """The tool, which notes its CPU time inside of statements and commits (driver, SQLite itself) in a shared file."""
    app = factory.create_app()
    with Path(os.environ[DATABASE_CPU]).open("r+b") as file:
        shared = mmap.mmap(file.fileno(), 8 * SLOTS)
    slot, spent = 8 * (os.getpid() % SLOTS), [0.0]
    engine = app.extensions[RUNTIME_KEY].db.engine

    @event.listens_for(engine, "before_cursor_execute")
    def begin(connection: Any, cursor: Any, statement: Any, parameters: Any, context: Any, many: bool) -> None:
        connection.info["began"] = time.thread_time()

    def note(began: float) -> None:
        spent[0] += time.thread_time() - began
        struct.pack_into("d", shared, slot, spent[0])

    @event.listens_for(engine, "after_cursor_execute")
    def end(connection: Any, cursor: Any, statement: Any, parameters: Any, context: Any, many: bool) -> None:
        note(connection.info["began"])

    commit = engine.dialect.do_commit

    def do_commit(connection: Any) -> None:
        began = time.thread_time()
        commit(connection)
        note(began)

    engine.dialect.do_commit = do_commit
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


PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{{ quiz }} · {{ course }}</title>
<link rel="stylesheet" href="/static/app.css"><script src="/static/app.js" defer></script></head>
<body><header>{{ course }}<nav><a href="/">Course</a> <a href="/progress">Progress</a></nav></header>
<main><h1>{{ quiz }}</h1><p>Four puzzles.</p><form method="post" action="/open"><button>Open</button></form></main>
<footer>Signed in as {{ name }}, {{ role }} · {{ platform }}</footer></body></html>"""


def create_minimal() -> Flask:
    """About the least that a careful person writes by hand: login, a launch that is verified, a page. No database.

    What a tool needs a database for is left out: a nonce works more than once, and nothing is remembered.
    """
    app, keys = Flask(__name__), jwt.PyJWKClient(os.environ[JWKS_URL], cache_keys=True)
    page = app.jinja_env.from_string(PAGE)
    states = URLSafeTimedSerializer("for a benchmark", "state")
    sessions = URLSafeTimedSerializer("for a benchmark", "session")

    @app.post("/lti/login")
    def login() -> Any:
        if request.form["iss"] != ISSUER or request.form["client_id"] != "bench":
            abort(400)
        browser = request.cookies.get("browser") or secrets.token_urlsafe(32)
        nonce = secrets.token_urlsafe(32)
        asked = {
            "scope": "openid", "response_type": "id_token", "response_mode": "form_post", "prompt": "none",
            "client_id": "bench", "redirect_uri": f"{ISSUER}/lti/launch", "login_hint": request.form["login_hint"],
            "state": states.dumps([nonce, browser]), "nonce": nonce,
        }  # fmt: skip
        response = redirect(f"{ISSUER}/auth?{urlencode(asked)}", 303)
        response.set_cookie("browser", browser, secure=True, httponly=True, samesite="None", partitioned=True)
        return response

    @app.post("/lti/launch")
    def launch() -> Any:
        nonce, browser = states.loads(request.form["state"], max_age=600)
        token = request.form["id_token"]
        key = keys.get_signing_key_from_jwt(token).key
        claims = jwt.decode(token, key, algorithms=["RS256"], audience="bench", issuer=ISSUER)
        if claims["nonce"] != nonce or request.cookies.get("browser") != browser:
            abort(403)
        if claims[LTI + "deployment_id"] != "1" or claims[LTI + "version"] != "1.3.0":
            abort(403)
        role = claims[LTI + "roles"][0].rpartition("#")[2]
        facts = [claims["name"], role, claims[LTI + "resource_link"]["title"], claims[LTI + "context"]["title"]]
        return redirect(f"/quiz?session={sessions.dumps(json.dumps(facts))}", 303)

    @app.get("/quiz")
    def quiz() -> str:
        name, role, title, course = json.loads(sessions.loads(request.args["session"], max_age=3600))
        return page.render(name=name, role=role, quiz=title, course=course, platform="Bench")

    @app.get("/readyz")
    def ready() -> str:
        return "ready"

    return app

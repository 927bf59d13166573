"""Scores for one platform that answers in 50 ms: from the outbox into its gradebook, by the real job.

The platform is an HTTP server in a process of its own that takes tokens and scores and counts them. The database is
SQLite and commits to disk. Scores cross as many connections at once as the dialect allows: Canvas one, Moodle four.
"""

import json
import multiprocessing
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select

from benchmarks.rows import Row
from config.settings import load_settings
from lti_tool.app.process import make_process
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.db import Base
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.ags import SCORE_SCOPE
from lti_tool.lti.dialects import DIALECTS
from lti_tool.lti.models import Context, Deployment, Link, Registration, User
from lti_tool.lti.outbox import ensure_delivery
from lti_tool.lti.score_models import ScoreRow, ScoreState

SCORES = {"moodle": 10_000, "canvas": 1_000}
"""How many; Canvas, one after another, would take nine minutes for all."""
ANSWER_S = 0.05
PART = 1_000
"""Memory is looked at after so many scores."""


class _Platform(BaseHTTPRequestHandler):
    """A platform that does nothing but answer, a moment later."""

    protocol_version = "HTTP/1.1"
    hits: dict[str, int] = {}  # noqa: RUF012 - one server a process, counted for all its requests

    def do_POST(self) -> None:
        """A token or a score."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        name = "token" if self.path == "/token" else "scores"
        self.hits[name] = self.hits.get(name, 0) + 1
        time.sleep(ANSWER_S)
        body = json.dumps({"access_token": "t", "token_type": "bearer", "expires_in": 3600}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def _serve(line: Connection) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Platform)
    server.daemon_threads = True
    line.send(server.server_port)
    server.timeout = 0.2
    while not line.poll():
        server.handle_request()
    line.send(_Platform.hits)


def run(rounds: int) -> list[Row]:
    """Deliver; `rounds` divides how many, for a quick look."""
    return [_measure(dialect, max(PART, number // rounds)) for dialect, number in SCORES.items()]


def _measure(dialect: str, number: int) -> Row:
    here, there = multiprocessing.Pipe()
    platform = multiprocessing.get_context("fork").Process(target=_serve, args=(there,), daemon=True)
    platform.start()
    with tempfile.TemporaryDirectory() as folder:
        runtime = _make_runtime(Path(folder))
        _fill(runtime, dialect, here.recv(), number)
        took_s, memory, runs = _deliver(runtime)
        with runtime.db.reading() as tx:
            sent = tx.scalar(select(func.count()).where(ScoreRow.state == ScoreState.SENT))
        runtime.http.close()
        runtime.db.close()
    here.send("stop")
    hits = here.recv()
    platform.join(5)
    if sent != number or hits != {"token": 1, "scores": number}:
        raise RuntimeError(f"{sent} of {number} are sent, and the platform had {hits}.")
    at_once = DIALECTS[dialect].scores_at_once
    ideal_s = number * ANSWER_S / at_once
    return Row(
        name=f"delivery/{dialect}/{number}",
        ours=took_s,
        baseline=ideal_s,
        baseline_name=f"nothing but the platform's {ANSWER_S * 1000:.0f} ms, {at_once} at once",
        ratio=ideal_s / took_s,
        unit="s",
        n=number,
        includes=(
            f"outbox, one token, HTTP, database on disk, {runs} turns; "
            f"RSS {memory[0]} MiB after the first {PART}, {memory[-1]} MiB at the end"
        ),
    )


def _make_runtime(folder: Path) -> Runtime:
    settings = load_settings(
        base_url="http://localhost",
        data_dir=folder,
        secret_key="a secret for benchmarks only, long enough to sign with",
        database={"url": f"sqlite:///{folder / 'coursebridge.sqlite3'}"},
        lti={"allow_private_hosts": True},
    )
    runtime, _plugins = make_process(settings)
    Base.metadata.create_all(runtime.db.engine)
    return runtime


def _fill(runtime: Runtime, dialect: str, port: int, number: int) -> None:
    base, moment = f"http://127.0.0.1:{port}", clock.now()
    with runtime.db.transaction() as tx:
        registration = Registration(
            name=dialect, issuer=base, client_id="c", dialect=dialect, created_at=moment,
            auth_url=f"{base}/auth", token_url=f"{base}/token", jwks_url=f"{base}/jwks",
        )  # fmt: skip
        tx.add(registration)
        tx.flush()
        ours = {"registration_id": registration.id}
        deployment = Deployment(**ours, deployment_id="1", created_at=moment)
        tx.add(deployment)
        tx.flush()
        context = Context(**ours, deployment_row_id=deployment.id, context_id="c")
        tx.add(context)
        tx.flush()
        link = Link(**ours, deployment_row_id=deployment.id, context_id=context.id, resource_link_id="l", item_ref="q")
        link.lineitem_url, link.scopes = f"{base}/lineitems/1", [SCORE_SCOPE]
        tx.add(link)
        tx.flush()
        people = [{**ours, "sub": str(n), "hub_name": f"u-{n}", "display_name": f"Learner {n}"} for n in range(number)]
        tx.execute(insert(User), people)
        facts: dict[str, Any] = {
            "link_id": link.id, "placement_id": 1, "source": "grading", "item_ref": "q", "item_id": 1, "points": 3,
            "max_points": 4, "is_final": True, "activity_progress": "Completed", "submitted_at": moment, "version": 1,
            "due_at": moment, "changed_at": moment,
        }  # fmt: skip
        rows = [{**ours, **facts, "user_id": user_id, "subject_id": user_id} for user_id in tx.scalars(select(User.id))]
        tx.execute(insert(ScoreRow), rows)
        ensure_delivery(tx, registration.id)


def _deliver(runtime: Runtime) -> tuple[float, list[int], int]:
    """(seconds, RSS in MiB at each thousand, turns)."""
    memory: list[int] = []
    began, runs, sent = time.perf_counter(), 0, 0
    while True:
        with runtime.db.reading() as tx:
            due = jobs.due_ids(tx)
            sent = tx.scalar(select(func.count()).where(ScoreRow.state == ScoreState.SENT)) or 0
        if sent >= PART or not due:
            memory.append(_rss_mib())
        if not due:
            return time.perf_counter() - began, memory, runs
        for job_id in due:
            runs += jobs.run_job(runtime, runtime.db.router, job_id)


def _rss_mib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 // 2**20

"""The quiz page while a class is marked on the same two cores, against the page while marking rests.

Web server and worker are those of `coursebridge up`. The worker is stopped and let go on in turns (SIGSTOP), so that a
busy machine is busy for both.
"""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import func, select

from benchmarks.marking import small
from benchmarks.marking_whole import SLUG, Bench, opened
from benchmarks.rows import Row
from benchmarks.serving import environment_of, serving
from grading.models import SubmissionRow, SubmissionState
from lti_tool.app.factory import build_app
from lti_tool.app.supervise import list_descendants
from lti_tool.app.worker import publish_with
from lti_tool.contract import load_plugins
from tests.factories import grading as people

ASKED = 25
"""Pages in each turn."""
TURNS = 16
"""Of each kind, in a round."""
WAITING = 1200
PATIENCE_S = 120
SETTLE_S = 0.2
INCLUDES = "over HTTP, one request at a time, SQLite; two worker processes mark small submissions meanwhile"


def run(rounds: int) -> list[Row]:
    """Percentiles of both, of `rounds` rounds."""
    quiz = small()
    with opened(quiz.name, quiz.source, quiz.answers) as bench:
        path = _sign_in(bench)
        publish_with(bench.runtime.settings, bench.runtime.db.router)
        bench.hand_in(WAITING * rounds)
        with serving(bench.runtime.settings, 1) as server, _marking(bench) as worker:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
            _wait_until(lambda: _count_marked(bench) > 2)
            rested, beside = [], []
            before, began = _count_marked(bench), time.monotonic()
            for _turn in range(TURNS * rounds):
                beside += _ask(connection, path)
                with _stopped(worker):
                    rested += _ask(connection, path)
            marked, spent_s = _count_marked(bench) - before, time.monotonic() - began
            if _count_marked(bench) == WAITING * rounds:
                raise RuntimeError("Nothing was left to be marked.")
    print(f"{marked} were marked in {spent_s:.0f} s, of which marking rested about half")
    return [_row(percent, beside, rested) for percent in (50, 95, 99)]


def _row(percent: int, beside: list[float], rested: list[float]) -> Row:
    ours, theirs = (sorted(spent)[len(spent) * percent // 100] for spent in (beside, rested))
    ratio = round(theirs / ours, 2)
    name = f"quiz page beside marking, p{percent}"
    return Row(name, round(ours, 2), round(theirs, 2), "the same, marking stopped", ratio, "ms", len(beside), INCLUDES)


def _sign_in(bench: Bench) -> str:
    with bench.runtime.db.transaction() as tx:
        learner = people.make_person(tx, bench.place)
    app = build_app(bench.runtime, load_plugins(bench.runtime.settings.plugins))
    return people.sign_in(app, learner, SLUG) + f"/grading/{SLUG}/{bench.name}"


@contextmanager
def _marking(bench: Bench) -> Iterator[int]:
    """A worker as `coursebridge up` starts it; its process id."""
    command = [sys.executable, "-m", "lti_tool.app", "worker", "--queues", "grade", "--concurrency", "2"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("COURSEBRIDGE_")}
    worker = subprocess.Popen(command, env=env | environment_of(bench.runtime.settings))
    try:
        yield worker.pid
    finally:
        worker.terminate()
        worker.wait(60)


@contextmanager
def _stopped(worker: int) -> Iterator[None]:
    """The worker, its pool and their sandboxes rest."""
    family = [worker, *(process.number for process in list_descendants({worker}))]
    _signal(family, signal.SIGSTOP)
    time.sleep(SETTLE_S)
    try:
        yield
    finally:
        _signal(family, signal.SIGCONT)
        time.sleep(SETTLE_S)


def _signal(family: list[int], number: signal.Signals) -> None:
    for pid in family:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _ask(connection: http.client.HTTPConnection, path: str) -> list[float]:
    spent = []
    for _request in range(ASKED):
        began = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"The page answered {answer.status}.")
        spent.append((time.perf_counter() - began) * 1000)
    return spent


def _count_marked(bench: Bench) -> int:
    query = select(func.count()).where(SubmissionRow.state == SubmissionState.GRADED)
    with bench.runtime.db.reading() as tx:
        return tx.scalar(query) or 0


def _wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        if time.monotonic() > deadline:
            raise RuntimeError("The worker marks nothing.")
        time.sleep(0.1)

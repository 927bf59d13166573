"""The queue with 10,000 submissions waiting: what handing in, a page and claiming cost, against a queue with none.

No worker runs, so that only the queue is measured; marking takes cores itself, and `marking` says how much. Two web
servers, one over each database, are asked in turns, so that a busy machine is busy for both. Then, how long comparing
300 submissions with each other takes.
"""

import http.client
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from sqlalchemy import create_engine, insert, select, text

from benchmarks.rows import Row
from benchmarks.serving import serving
from config.settings import load_settings
from grading.assignments import get_assignment
from grading.messages import Autograde, CompareSubmissions
from grading.similarity_models import ComparisonRow
from grading.submissions import make_snapshot, store_submission
from lti_tool.app.factory import build_app
from lti_tool.app.migrate import migrate
from lti_tool.app.process import make_process
from lti_tool.app.worker import publish_with
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.jobs import JobRow, JobState
from lti_tool.kernel.messages import Handler, Router
from lti_tool.kernel.runtime import Runtime
from tests.factories import grading as make
from tests.factories import notebooks
from tests.servers import running_postgresql

WAITING = 10_000
CLASS = 300
TARGET = "the target"
STORED = "from files in memory to commit and hint in the folder broker"
CLAIMED = "claim and finish of a job that does nothing"
SEEN = "over HTTP, one request at a time, with the place in line and the time it may take; target: 0.83 and more"
STATE = {"lease": None, "hinted_at": clock.now(), "created_at": clock.now(), "due_at": clock.now(), "attempts": 0}


@dataclass(frozen=True)
class Place:
    """A tool with a course, a learner who has handed in, and as many others before them as `waiting` says."""

    runtime: Runtime
    learner: make.Someone
    path: str
    """Of the quiz page in the learner's session."""


def run(rounds: int) -> list[Row]:
    """Both databases; `rounds` times 200 of everything."""
    rows = []
    with running_postgresql(is_durable=True) as server:
        for database in ("SQLite", "PostgreSQL"):
            url = server.format(database="postgres") if database == "PostgreSQL" else ""
            rows += _measure(database, url, 200 * rounds)
    return [*rows, _compare_class()]


def _measure(database: str, url: str, times: int) -> list[Row]:
    with ExitStack() as stack:
        idle, full = [stack.enter_context(_place(url, waiting)) for waiting in (0, WAITING)]
        stored = _in_turns([lambda: _hand_in(idle), lambda: _hand_in(full)], times)
        claimed = _in_turns([lambda: _claim(idle), lambda: _claim(full)], times)
        servers = [stack.enter_context(serving(place.runtime.settings, 1)) for place in (idle, full)]
        lines = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=30) for server in servers]
        asks = [_asking(connection, place.path) for connection, place in zip(lines, (idle, full), strict=True)]
        _in_turns(asks, 20)  # warms up
        pages = _in_turns(asks, times)
    print(f"{database}: load {os.getloadavg()[0]:.1f}")
    none = f"the same with nothing waiting, {database}"
    return [
        _row(f"hand in, {WAITING:,} waiting, p95, {database}", stored[1], 95, [50.0], TARGET, STORED),
        _row(f"hand in, {WAITING:,} waiting against none, p50, {database}", stored[1], 50, stored[0], none, "as above"),
        _row(f"claim the next, {WAITING:,} waiting, p50, {database}", claimed[1], 50, claimed[0], none, CLAIMED),
        _row(f"quiz page, {WAITING:,} waiting, p99, {database}", pages[1], 99, pages[0], none, SEEN),
        _row(f"quiz page, {WAITING:,} waiting, p50, {database}", pages[1], 50, pages[0], none, "as above"),
    ]


def _row(name: str, ours: list[float], percent: int, baseline: list[float], against: str, includes: str) -> Row:
    mine, theirs = _percentile(ours, percent), _percentile(baseline, percent)
    return Row(name, round(mine, 2), round(theirs, 2), against, round(theirs / mine, 2), "ms", len(ours), includes)


def _percentile(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def _in_turns(actions: list[Callable[[], object]], times: int) -> list[list[float]]:
    """Milliseconds of each, in an order that changes."""
    spent: list[list[float]] = [[] for _action in actions]
    for turn in range(times):
        for number in sorted(range(len(actions)), reverse=turn % 2 == 1):
            began = time.perf_counter()
            actions[number]()
            spent[number].append((time.perf_counter() - began) * 1000)
    return spent


@contextmanager
def _place(url: str, waiting: int) -> Iterator[Place]:
    with tempfile.TemporaryDirectory() as folder:
        if url:
            url = _new_database(url)
        settings = load_settings(data_dir=Path(folder), database={"url": url, "pool_size": 3})
        runtime, plugins = make_process(settings)
        migrate(runtime.db)
        with runtime.db.transaction() as tx:
            make.publish(tx)
            place = make.make_place(tx)
            learner, newcomer = make.make_person(tx, place), make.make_person(tx, place, "New N.")
        _crowd(runtime, place, waiting)
        make.submit(runtime, learner)
        publish_with(settings, runtime.db.router)
        path = make.sign_in(build_app(runtime, plugins), learner) + f"/grading/{make.SLUG}/{make.NAME}"
        with runtime.db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))
        yield Place(runtime, newcomer, path)
        runtime.db.close()


def _new_database(url: str) -> str:
    name = f"queue_{uuid4().hex}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return f"{url.rpartition('/')[0]}/{name}"


def _crowd(runtime: Runtime, place: make.Place, number: int) -> None:
    """Learners of one LMS course who wait, and as many jobs that are done."""
    if not number:
        return
    job = STATE | {"handler": Autograde.name, "message": Autograde.name, "queue": "grade"}
    job |= {"lane": f"placement {place.placement_id}"}
    done = {"state": JobState.DONE, "turn": None, "finished_at": clock.now(), "took_ms": 120}
    waits = {"state": JobState.QUEUED, "finished_at": None, "took_ms": None}
    with runtime.db.engine.begin() as connection:
        payload = {"submission_id": 0}
        connection.execute(
            insert(JobRow), [job | done | {"payload": payload, "message_id": uuid4().hex} for _ in range(number)]
        )
        connection.execute(
            insert(JobRow),
            [job | waits | {"payload": payload, "message_id": uuid4().hex, "turn": n + 1} for n in range(number)],
        )


def _hand_in(place: Place) -> None:
    files = {f"{make.NAME}.ipynb": json.dumps({"cells": [], "said": uuid4().hex}).encode()}
    snapshot = make_snapshot(files, make.LIMIT)
    with place.runtime.db.transaction() as tx:
        row = get_assignment(tx, make.SLUG, make.NAME)
        store_submission(tx, row, place.learner.submitter, snapshot, via="page", request_id=uuid4().hex)


def _claim(place: Place) -> None:
    """The job whose turn it is, with a handler that does nothing."""
    router = Router([Handler(Autograde.name, Autograde, lambda run, message: None, queue="grade")])
    if not jobs.run_next(place.runtime, router, "grade"):
        raise RuntimeError("Nothing waits.")


def _asking(connection: http.client.HTTPConnection, path: str) -> Callable[[], None]:
    def ask() -> None:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200 or b"attempt-status" not in body:
            raise RuntimeError(f"The page answered {answer.status}.")

    return ask


def _compare_class() -> Row:
    """A class whose answers are all different, 1,000 words and signs each: what is similar is quicker."""
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        runtime, _plugins = make_process(load_settings(data_dir=Path(folder)))
        migrate(runtime.db)
        with runtime.db.transaction() as tx:
            assignment_id, place = make.publish(tx), make.make_place(tx)
            row = get_assignment(tx, make.SLUG, make.NAME)
            for number in range(CLASS):
                who = make.make_person(tx, place, f"Learner {number}").submitter
                files = {f"{make.NAME}.ipynb": notebooks.notebook(notebooks.code(_write_code(chance)))}
                snapshot = make_snapshot(files, make.LIMIT)
                store_submission(tx, row, who, snapshot, via="page", request_id=uuid4().hex)
            job_id = jobs.enqueue(tx, CompareSubmissions(place.placement_id, assignment_id))
            tx.add(ComparisonRow(placement_id=place.placement_id, assignment_id=assignment_id, job_id=job_id))
        began = time.perf_counter()
        jobs.run_job(runtime, runtime.db.router, job_id)
        took_s = time.perf_counter() - began
        with runtime.db.reading() as tx:
            if tx.scalars(select(ComparisonRow.number)).one() != CLASS:
                raise RuntimeError("They were not all compared.")
        runtime.db.close()
    includes = f"{CLASS * (CLASS - 1) // 2:,} pairs; from files in the database to stored pairs, one process"
    return Row(f"compare {CLASS} submissions", round(took_s, 1), 10, TARGET, round(10 / took_s, 2), "s", 1, includes)


def _write_code(chance: random.Random) -> str:
    lines = ("a = b + {}", "if a > {}:\n    b = max(a, {})", "c = [x * {} for x in range({})]", "print(c, {})")
    return "\n".join(chance.choice(lines).replace("{}", str(chance.randrange(30))) for _ in range(110))

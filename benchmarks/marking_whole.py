"""Marking as a worker does it, from a stored submission to the committed grade: claim, engine, gradebook, one commit.

Through the tool's own database (SQLite), job table, engine and sandbox; nothing is left out but the broker. How long
the feedback pages take is told apart.
"""

import json
import os
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from uuid import uuid4

from sqlalchemy import select

from benchmarks.rows import Row
from config.settings import Settings, load_settings
from grading.assignments import get_assignment
from grading.engine_nbgrader import open_placement
from grading.engine_port import MarkingEngine
from grading.messages import PrepareGradebook
from grading.models import SubmissionRow, SubmissionState
from grading.submissions import make_snapshot, store_submission
from lti_tool.app.migrate import migrate
from lti_tool.app.process import make_process
from lti_tool.app.supervise import list_descendants
from lti_tool.kernel import jobs
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.public import Placement
from plugins.courses.importer import import_course
from tests.factories import grading as people
from tests.factories import notebooks as make

SLUG = "measured"
AT_ONCE = 2
MOST_BYTES = 1_000_000
COURSE = """slug = "measured"
title = "Measured"
[[module]]
title = "All"
[[module.item]]
type = "quiz"
slug = "{name}"
title = "Quiz"
assignment = "{name}"
"""
INCLUDES = (
    "from a submission in the database to its committed grade, marks in the gradebook and the autograded notebook; "
    "sealed. Median"
)


@dataclass
class Bench:
    """A tool with one quiz in one LMS course."""

    runtime: Runtime
    name: str
    place: people.Place
    kinds: list[bytes]
    """Notebooks that learners hand in."""
    feedback_ms: list[float] = field(default_factory=list)

    def hand_in(self, number: int) -> None:
        """So many learners hand in."""
        with self.runtime.db.transaction() as tx:
            row = get_assignment(tx, SLUG, self.name)
            for turn in range(number):
                who = people.make_person(tx, self.place).submitter
                snapshot = make_snapshot({f"{self.name}.ipynb": self.kinds[turn % len(self.kinds)]}, MOST_BYTES)
                store_submission(tx, row, who, snapshot, via="page", request_id=uuid4().hex)

    def mark_next(self) -> float:
        """Milliseconds from the job to the commit. Raises: RuntimeError: nothing waits."""
        began = time.perf_counter()
        if not jobs.run_next(self.runtime, self.runtime.db.router, "grade"):
            raise RuntimeError("Nothing waits.")
        return (time.perf_counter() - began) * 1000

    def check(self, number: int) -> None:
        """Everything that was handed in has a score. Raises: RuntimeError."""
        with self.runtime.db.reading() as tx:
            states = list(tx.scalars(select(SubmissionRow.state)))
        if states != [SubmissionState.GRADED] * number:
            raise RuntimeError(f"Not all were marked: {states}")


class _Timed:
    """An engine that notes how long feedback takes."""

    def __init__(self, engine: MarkingEngine, spent_ms: list[float]) -> None:
        self._engine, self._spent_ms = engine, spent_ms
        self.mark = engine.mark

    def render_feedback(self, assignment: str, learner: str) -> object:
        began = time.perf_counter()
        pages = self._engine.render_feedback(assignment, learner)
        self._spent_ms.append((time.perf_counter() - began) * 1000)
        return pages


@contextmanager
def opened(name: str, source: bytes, answers: tuple[dict[str, str], ...]) -> Iterator[Bench]:
    """A tool that has the quiz, and nobody's work."""
    with tempfile.TemporaryDirectory() as folder:
        course = Path(folder, "course")
        (course / "source" / name).mkdir(parents=True)
        (course / "source" / name / f"{name}.ipynb").write_bytes(source)
        (course / "course.toml").write_text(COURSE.format(name=name))
        runtime, _plugins = make_process(load_settings(data_dir=Path(folder, "var")))
        migrate(runtime.db)
        import_course(runtime, course)
        with runtime.db.transaction() as tx:
            place = people.make_place(tx, slug=SLUG)
            job_id = jobs.enqueue(tx, PrepareGradebook(place.placement_id))
        jobs.run_job(runtime, runtime.db.router, job_id)
        released = (runtime.settings.course_dir(SLUG) / "release" / name / f"{name}.ipynb").read_bytes()
        kinds = [json.dumps(make.fill(released, each)).encode() for each in answers]
        bench = Bench(runtime, name, place, kinds)
        _time_feedback(bench)
        try:
            yield bench
        finally:
            runtime.db.close()


def _time_feedback(bench: Bench) -> None:
    handlers = bench.runtime.db.router.by_name
    real = handlers["grading.autograde"]
    assert isinstance(real.run, partial)

    def open_timed(settings: Settings, placement: Placement) -> object:
        return _Timed(open_placement(settings, placement), bench.feedback_ms)

    handlers["grading.autograde"] = replace(real, run=partial(real.run.func, open_timed))


def measure_whole(bench: Bench, number: int, target_ms: float) -> list[Row]:
    """The median of so many; one more warms up."""
    bench.hand_in(number + 1)
    bench.mark_next()
    bench.feedback_ms.clear()
    spent = [bench.mark_next() for _ in range(number)]
    bench.check(number + 1)
    grade = statistics.median(all_ms - pages_ms for all_ms, pages_ms in zip(spent, bench.feedback_ms, strict=True))
    pages = statistics.median(bench.feedback_ms)
    return [
        _row(f"stored submission to grade, {bench.name}", grade, target_ms, number, INCLUDES),
        _row(f"its feedback pages, {bench.name}", pages, 300, number, "rendered before the commit, not in the above"),
    ]


def _row(name: str, ours: float, target: float, number: int, includes: str) -> Row:
    return Row(name, round(ours, 1), target, "the target", round(target / ours, 2), "ms", number, includes)


def sustain_whole(bench: Bench, number: int) -> Row:
    """How many a second two worker processes mark out of one queue, feedback included."""
    with bench.runtime.db.reading() as tx:
        before = len(tx.scalars(select(SubmissionRow.id)).all())
    bench.hand_in(number)
    with ProcessPoolExecutor(AT_ONCE, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(_work, str(bench.runtime.settings.data_dir)) for _ in range(AT_ONCE)]
        ended = [future.result() for future in waiting]
    bench.check(before + number)
    since = max(moments[0] for moments in ended)  # both have marked one: their sandboxes are warm
    later = [moment for moments in ended for moment in moments if moment > since]
    rate = len(later) / (max(later) - since)
    includes = "stored submissions to committed grades with feedback, one queue, one gradebook, SQLite"
    name = f"submissions a second, stored to graded, {bench.name}"
    return Row(name, round(rate, 1), 10, "the target", round(rate / 10, 2), "/s", len(later), includes)


def _work(data_dir: str) -> list[float]:
    """In a process of its own: mark until nothing waits; when each was done."""
    runtime, _plugins = make_process(load_settings(data_dir=Path(data_dir)))
    moments = []
    while jobs.run_next(runtime, runtime.db.router, "grade"):
        moments.append(time.time())
    runtime.db.close()
    return moments


def measure_memory(bench: Bench, number: int) -> list[Row]:
    """The most that worker and warm process hold in the first tenth of so many submissions, and in the last.

    Looked at in the middle of every hundred: between two warm processes there is none.
    """
    held: list[tuple[float, float]] = []
    for _hundred in range(number // 100):
        bench.hand_in(100)
        for marked in range(100):
            bench.mark_next()
            if marked == 50:
                held.append(_held_mb())
    tenth = max(1, len(held) // 10)
    (worker, warm), (worker_later, warm_later) = (
        tuple(max(each) for each in zip(*some, strict=True)) for some in (held[:tenth], held[-tenth:])
    )
    includes = (
        f"resident memory in the first tenth of {number:,} submissions and in the last; one process, one LMS course"
    )
    return [
        Row(
            f"memory of the {what}",
            round(later),
            round(first),
            "the same earlier",
            round(first / later, 2),
            "MB",
            number,
            includes,
        )
        for what, first, later in (("worker", worker, worker_later), ("warm process", warm, warm_later))
    ]


def _held_mb() -> tuple[float, float]:
    mine = os.getpid()
    others = [process.number for process in list_descendants({mine})]
    return _resident_mb(mine), sum(map(_resident_mb, others))


def _resident_mb(pid: int) -> float:
    told = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(told[1]) / 1024 if told else 0.0

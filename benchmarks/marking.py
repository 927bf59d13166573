"""Submission to score: our engine against nbgrader's own autograde, by its API and by its command, and against otter.

All mark the same notebooks. Ours and the API run in this process, which has imported everything and marked once before.
The runs are interleaved, so that a busy machine is busy for all, and the scores are compared. Then, how many
submissions a second two processes mark, and the same with all that a worker does (`marking_whole`).
"""

import json
import logging
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from benchmarks.marking_whole import measure_memory, measure_whole, opened, sustain_whole
from benchmarks.otter import VERSION, Otter
from benchmarks.rows import Row
from grading.engine.course import CourseRoot
from grading.engine.files import replace_tree
from grading.engine.gradebook import list_grades
from grading.engine.model import MarkLimits
from tests.factories import notebooks as make

AT = datetime(2026, 1, 1, tzinfo=UTC)
OURS = "our engine"
API = "nbgrader 0.9.6 NbGraderAPI.autograde, long-lived process, no sandbox"
COMMAND = "nbgrader 0.9.6 autograde, one command for each submission, no sandbox"
OTTER = f"otter-grader {VERSION}: otter run, one command for each submission, no sandbox"
KERNEL = "our engine with a kernel for each submission, sealed"
TARGET = "the target"
INCLUDES = (
    "from files in memory to scores in gradebook.db and the autograded folder: all cells run; ours sealed in a "
    "sandbox, theirs not (otter: from and to files of its own). Median of interleaved runs"
)
AT_ONCE = 2


@dataclass(frozen=True)
class Quiz:
    """One assignment and the answers that learners give."""

    name: str
    source: bytes
    answers: tuple[dict[str, str], ...]
    points: int
    """Of each test cell."""
    checks: dict[str, str]
    """The same tests in one statement each, for graders that have another format, by the function they are about."""


def small() -> Quiz:
    """Three test cells, standard library."""
    cells = [make.text("# Small")]
    for number in range(3):
        name = f"f{number}"
        cells.append(make.solution(name, f"def {name}(x):\n    " + make.SOLUTION.format(f"    return x + {number}")))
        cells.append(make.tests(f"{name}-tests", 1, f"assert {name}(1) == {number + 1}"))
    right = {f"f{n}": f"def f{n}(x):\n    return x + {n}" for n in range(3)}
    wrong = right | {"f1": "def f1(x):\n    return 0", "f2": "def f2(x:\n    syntax error"}
    checks = {f"f{n}": f"assert f{n}(1) == {n + 1}" for n in range(3)}
    return Quiz("small", make.notebook(*cells), (right, wrong), 1, checks)


def medium() -> Quiz:
    """Eight test cells, numpy and pandas, hidden tests, partial credit."""
    cells = [make.text("# Medium"), make.code("import numpy as np\nimport pandas as pd")]
    right = {}
    for number in range(8):
        name = f"g{number}"
        body = f"return pd.Series(np.arange(n)).mul({number + 1}).sum()"
        right[name] = f"def {name}(n):\n    {body}"
        cells.append(make.solution(name, f"def {name}(n):\n    " + make.SOLUTION.format(f"    {body}")))
        check = f"assert {name}(4) == {6 * (number + 1)}\n" + make.HIDDEN.format(f"assert {name}(1) == 0")
        partial = f"2 if {name}(3) == {3 * (number + 1)} else 0.5"
        cells.append(make.tests(f"{name}-tests", 2, partial if number % 4 == 3 else check))
    wrong = right | {"g2": "def g2(n):\n    return 1", "g3": "def g3(n):\n    raise ValueError"}
    checks = {f"g{n}": f"assert g{n}(4) == {6 * (n + 1)} and g{n}(1) == 0" for n in range(8)}
    return Quiz("medium", make.notebook(*cells), (right, wrong), 2, checks)


def quiet() -> None:
    """Stop nbgrader from logging every step."""
    for name in ("traitlets", "nbgrader"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def prepare(folder: Path, quiz: Quiz) -> CourseRoot:
    """A released course."""
    (folder / "source" / quiz.name).mkdir(parents=True)
    (folder / "source" / quiz.name / f"{quiz.name}.ipynb").write_bytes(quiz.source)
    course = CourseRoot(folder)
    course.make_release(quiz.name)
    return course


def submissions(course: CourseRoot, quiz: Quiz) -> Iterator[dict[str, bytes]]:
    """The files of each kind of learner."""
    released = course.read_release(quiz.name).files[f"{quiz.name}.ipynb"]
    for answers in quiz.answers:
        yield {f"{quiz.name}.ipynb": json.dumps(make.fill(released, answers)).encode()}


def timed(action: Callable[[], None]) -> float:
    """Milliseconds."""
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1000


def measure(quiz: Quiz, rounds: int) -> list[Row]:
    """Mark every submission `rounds` times in every way; by commands, which take seconds, half as often."""
    folder = Path(tempfile.mkdtemp())
    spent: dict[str, list[float]] = {OURS: [], KERNEL: [], API: [], COMMAND: [], OTTER: []}
    try:
        places = {name: prepare(folder / str(number), quiz) for number, name in enumerate(spent) if name != OTTER}
        otter = Otter(folder / "otter", quiz.points, quiz.checks)
        stock = NbGraderAPI(
            coursedir=CourseDirectory(
                root=str(places[API].path), course_id="default_course", db_url=places[API].gradebook_url()
            ),
            config=Config({"Execute": {"extra_arguments": ["--log-level=40"]}}),  # its kernels warn at every start
        )
        quiet()
        for turn in range(-1, rounds):  # the first turn warms up
            print(f"{quiz.name}: round {turn + 1} of {rounds}", flush=True)
            for kind, files in enumerate(submissions(places[OURS], quiz)):
                learner = f"u-{turn + 1}-{kind}"
                ways = {
                    OURS: partial(mark_ours, places[OURS], quiz, learner, files),
                    KERNEL: partial(mark_ours, places[KERNEL], quiz, learner, files, warm=False),
                    API: partial(mark_stock, stock, places[API], quiz, learner, files),
                    COMMAND: partial(mark_by_command, places[COMMAND], quiz, learner, files),
                    OTTER: partial(otter.mark, learner, files),
                }
                if (turn + kind) % 2:
                    del ways[COMMAND], ways[OTTER]
                for name, action in ways.items() if turn % 2 else reversed(ways.items()):
                    took = timed(action)
                    if turn >= 0:
                        spent[name].append(took)
                same([places[name] for name in ways if name in places], quiz, learner, otter.points)
    finally:
        shutil.rmtree(folder)
    ours = statistics.median(spent[OURS])
    return [
        Row(
            f"submission to score, {quiz.name}, {short}",
            round(ours, 1),
            round(statistics.median(spent[name]), 1),
            name,
            round(statistics.median(spent[name]) / ours, 2),
            "ms",
            len(spent[name]),
            INCLUDES,
        )
        for short, name in (("API", API), ("command", COMMAND), ("otter", OTTER), ("kernel", KERNEL))
    ]


def mark_ours(course: CourseRoot, quiz: Quiz, learner: str, files: dict[str, bytes], *, warm: bool = True) -> None:
    """One submission, sealed."""
    course.mark(quiz.name, learner, files, submitted_at=AT, attempt=1, limits=MarkLimits(warm=warm))


def mark_stock(stock: NbGraderAPI, course: CourseRoot, quiz: Quiz, learner: str, files: dict[str, bytes]) -> None:
    """One submission with nbgrader alone."""
    replace_tree(course.path / "submitted" / learner / quiz.name, files)
    outcome = stock.autograde(quiz.name, learner)
    if not outcome["success"]:
        raise RuntimeError(outcome.get("log") or outcome.get("error"))


def mark_by_command(course: CourseRoot, quiz: Quiz, learner: str, files: dict[str, bytes]) -> None:
    """One submission with nbgrader's command."""
    replace_tree(course.path / "submitted" / learner / quiz.name, files)
    place = [f"--CourseDirectory.root={course.path}", f"--CourseDirectory.db_url={course.gradebook_url()}"]
    options = ["--CourseDirectory.course_id=default_course", "--log-level=ERROR"]
    command = [sys.executable, "-m", "nbgrader", "autograde", quiz.name, f"--student={learner}", *place, *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=course.path)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)


def same(courses: list[CourseRoot], quiz: Quiz, learner: str, points: dict[str, float]) -> None:
    """All must have given the same marks, or the times mean nothing. `points` are of the learners otter has marked."""
    rows = [
        [(r.grade_id, r.auto_score, r.needs_manual) for r in list_grades(c.gradebook_url(), quiz.name, learner)]
        for c in courses
    ]
    total = float(sum(score or 0 for _, score, _ in rows[0]))
    if any(other != rows[0] for other in rows) or points.get(learner, total) != total:
        raise RuntimeError(f"the scores differ: {rows}, {points.get(learner)}")


def mark_many(path: str, quiz: Quiz, learners: list[str]) -> float:
    """In a process of its own: mark for each of these, after one that warms up. The moment when it began."""
    quiet()
    course = CourseRoot(Path(path))
    kinds = list(submissions(course, quiz))
    mark_ours(course, quiz, f"{learners[0]}-first", kinds[0])
    began = time.time()
    for number, learner in enumerate(learners):
        mark_ours(course, quiz, learner, kinds[number % len(kinds)])
    return began


def sustain(quiz: Quiz, rounds: int) -> Row:
    """How many submissions a second two processes mark into one gradebook."""
    folder, each = Path(tempfile.mkdtemp()), 5 * rounds
    try:
        course = prepare(folder / "ours", quiz)
        with ProcessPoolExecutor(AT_ONCE, mp_context=get_context("spawn")) as pool:
            learners = [[f"u-{process}-{number}" for number in range(each)] for process in range(AT_ONCE)]
            waiting = [pool.submit(mark_many, str(course.path), quiz, names) for names in learners]
            began = min(future.result() for future in waiting)
            rate = AT_ONCE * each / (time.time() - began)
    finally:
        shutil.rmtree(folder)
    name = f"submissions a second, {quiz.name}, {AT_ONCE} processes"
    includes = "as above, one after the other in each process, into one gradebook"
    return Row(name, round(rate, 1), 10, TARGET, round(rate / 10, 2), "/s", AT_ONCE * each, includes)


def run(rounds: int) -> list[Row]:
    """All sizes. `COURSEBRIDGE_BENCH_MANY`: how many submissions memory is watched over, 5,000 unless told."""
    rows = [*measure(small(), rounds), *measure(medium(), rounds), sustain(small(), rounds)]
    for quiz, target_ms in ((small(), 100), (medium(), 250)):
        with opened(quiz.name, quiz.source, quiz.answers) as bench:
            rows += measure_whole(bench, 5 * rounds, target_ms)
            if quiz.name == "small":
                rows.append(sustain_whole(bench, 20 * rounds))
    with opened("small", small().source, small().answers) as bench:
        rows += measure_memory(bench, int(os.environ.get("COURSEBRIDGE_BENCH_MANY", "5000")))
    return rows

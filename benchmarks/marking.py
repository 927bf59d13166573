"""Submission to score: our engine against nbgrader's own autograde, on the same notebooks.

Both run in this process, which has imported everything and marked once before. The runs are
interleaved, so that a busy machine is busy for both, and the scores are compared.
"""

import json
import logging
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from benchmarks.rows import Row
from grading.engine.course import CourseRoot
from grading.engine.files import replace_tree
from grading.engine.gradebook import list_grades
from tests.factories import notebooks as make

AT = datetime(2026, 1, 1, tzinfo=UTC)
BASELINE = "nbgrader 0.9.6 NbGraderAPI.autograde, long-lived process, no sandbox"
INCLUDES = (
    "from files in memory to scores in gradebook.db and the autograded folder; kernel start, all cells; "
    "ours also the bubblewrap sandbox. Median of interleaved runs"
)


@dataclass(frozen=True)
class Quiz:
    """One assignment and the answers that learners give."""

    name: str
    source: bytes
    answers: tuple[dict[str, str], ...]


def small() -> Quiz:
    """Three test cells, standard library."""
    cells = [make.text("# Small")]
    for number in range(3):
        name = f"f{number}"
        cells.append(make.solution(name, f"def {name}(x):\n    " + make.SOLUTION.format(f"    return x + {number}")))
        cells.append(make.tests(f"{name}-tests", 1, f"assert {name}(1) == {number + 1}"))
    right = {f"f{n}": f"def f{n}(x):\n    return x + {n}" for n in range(3)}
    wrong = right | {"f1": "def f1(x):\n    return 0", "f2": "def f2(x:\n    syntax error"}
    return Quiz("small", make.notebook(*cells), (right, wrong))


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
    return Quiz("medium", make.notebook(*cells), (right, wrong))


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


def measure(quiz: Quiz, rounds: int) -> Row:
    """Mark every submission `rounds` times with both."""
    folder = Path(tempfile.mkdtemp())
    try:
        course, theirs = prepare(folder / "ours", quiz), prepare(folder / "theirs", quiz)
        stock = NbGraderAPI(
            coursedir=CourseDirectory(root=str(theirs.path), course_id="default_course", db_url=theirs.gradebook_url()),
            config=Config({"Execute": {"extra_arguments": ["--log-level=40"]}}),  # its kernels warn at every start
        )
        quiet()
        ours_ms: list[float] = []
        stock_ms: list[float] = []
        for turn in range(-1, rounds):  # the first turn warms up
            print(f"{quiz.name}: round {turn + 1} of {rounds}", flush=True)
            for kind, files in enumerate(submissions(course, quiz)):
                learner = f"u-{turn + 1}-{kind}"
                both = [
                    (ours_ms, partial(mark_ours, course, quiz, learner, files)),
                    (stock_ms, partial(mark_stock, stock, theirs, quiz, learner, files)),
                ]
                for times, action in both if turn % 2 else reversed(both):
                    spent = timed(action)
                    if turn >= 0:
                        times.append(spent)
                same(course, theirs, quiz, learner)
    finally:
        shutil.rmtree(folder)
    ours, baseline = statistics.median(ours_ms), statistics.median(stock_ms)
    name = f"submission to score, {quiz.name}"
    return Row(
        name, round(ours, 1), round(baseline, 1), BASELINE, round(baseline / ours, 2), "ms", len(ours_ms), INCLUDES
    )


def mark_ours(course: CourseRoot, quiz: Quiz, learner: str, files: dict[str, bytes]) -> None:
    """One submission, sealed."""
    course.mark(quiz.name, learner, files, submitted_at=AT, attempt=1)


def mark_stock(stock: NbGraderAPI, course: CourseRoot, quiz: Quiz, learner: str, files: dict[str, bytes]) -> None:
    """One submission with nbgrader alone."""
    replace_tree(course.path / "submitted" / learner / quiz.name, files)
    outcome = stock.autograde(quiz.name, learner)
    if not outcome["success"]:
        raise RuntimeError(outcome.get("log") or outcome.get("error"))


def same(ours: CourseRoot, theirs: CourseRoot, quiz: Quiz, learner: str) -> None:
    """Both must have given the same marks, or the times mean nothing."""
    rows = [
        [(r.grade_id, r.auto_score, r.needs_manual) for r in list_grades(c.gradebook_url(), quiz.name, learner)]
        for c in (ours, theirs)
    ]
    if rows[0] != rows[1]:
        raise RuntimeError(f"the scores differ: {rows}")


def run(rounds: int) -> list[Row]:
    """All sizes."""
    return [measure(quiz, rounds) for quiz in (small(), medium())]

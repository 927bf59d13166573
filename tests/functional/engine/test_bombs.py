"""Submissions that attack the machine: stopped, recorded as what they were, and the neighbour is marked as ever.

More of them are in `test_containment` (endless loops, memory, output, disk, forks, network, the host's files).
"""

import io
import json
import signal
import textwrap
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grading.engine.course import CourseRoot
from grading.engine.model import Marking, Release
from tests.factories import notebooks as make
from tests.functional.engine.conftest import LIMITS, RIGHT, SUBMITTED, Mark, scores

SHORT = replace(LIMITS, notebook_s=60, processes=60)


@pytest.fixture(params=[True, False], ids=["warm", "kernel"])
def warm(request: pytest.FixtureRequest) -> bool:
    """Both ways of running cells must hold."""
    return bool(request.param)


def _printed(result: Marking, grade_id: str = "count") -> str:
    cells = json.loads(result.notebooks["quiz.ipynb"])["cells"]
    cell = next(c for c in cells if c["metadata"].get("nbgrader", {}).get("grade_id") == grade_id)
    return json.dumps(cell["outputs"])


def _zip_bomb() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("large.bin", bytes(100 << 20))
    return made.getvalue()


BOMBS = {
    "descriptors": (
        "import os\nheld = []\nwhile True: held.append(os.dup(1))",
        {"graded", "kernel_died"},
        "Too many open files",
    ),
    "threads": (
        "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        {"graded", "kernel_died", "out_of_memory"},
        "can't start new thread",
    ),
    "sleep": ("import time\ntime.sleep(600)", {"timed_out"}, "CellTimeoutError"),
    "zip": ("import zipfile\nzipfile.ZipFile('bomb.zip').extractall()", {"graded"}, "OSError"),
    "symlinks": (
        "import os\nos.symlink('/etc/shadow', 'quiz.html'); os.symlink('/proc/1/environ', 'e'); open('quiz.html')",
        {"graded"},
        "quiz.html",
    ),
    "own-priority": (
        "import os\nos.setpriority(os.PRIO_PROCESS, 0, -20)",
        {"graded"},
        "PermissionError",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_it_is_stopped_and_the_neighbour_is_marked(
    mark: Mark, course: CourseRoot, release: Release, learner: str, name: str, warm: bool
) -> None:
    body, outcomes, shown = BOMBS[name]

    def mark_neighbour() -> Marking:
        files = {**release.files, "quiz.ipynb": json.dumps(make.fill(release.files["quiz.ipynb"], RIGHT)).encode()}
        return course.mark("quiz", f"{learner}-n", files, submitted_at=SUBMITTED, attempt=1, limits=LIMITS)

    with ThreadPoolExecutor(1) as beside:
        neighbour = beside.submit(mark_neighbour)
        limits = replace(SHORT, cell_s=1) if name == "sleep" else SHORT
        result = mark(
            RIGHT | {"count": body}, limits=limits, extra={"bomb.zip": _zip_bomb()} if name == "zip" else None
        )

    assert result.outcome in outcomes
    assert shown in _printed(result)
    assert scores(result) == {"add-tests": 2, "add-hidden": 1, "count-tests": 0, "why": 0}
    assert result.duration_s < SHORT.sealed().wall_s + 5
    assert neighbour.result().outcome == "graded"
    assert neighbour.result().marks.total == 7


SIGNALS = """
    import os, signal
    mine = {int(thread) for thread in os.listdir("/proc/self/task")}
    for number in [-1, *range(2, 3000)]:
        if number not in mine:
            for kind in (signal.SIGSTOP, signal.SIGKILL):
                try: os.kill(number, kind)
                except OSError: pass
"""


def test_signals_reach_nobody_else(mark: Mark, warm: bool) -> None:
    """Nor the worker (this process), nor what ends a sandbox in time: from beside a kernel, it kills its own runner."""
    received: list[int] = []
    before = signal.signal(signal.SIGCONT, lambda number, frame: received.append(number))
    try:
        result = mark(RIGHT | {"count": textwrap.dedent(SIGNALS)}, limits=SHORT)
    finally:
        signal.signal(signal.SIGCONT, before)

    assert received == []
    assert result.marks is not None
    assert result.marks.total == (3 if warm else 0)
    assert result.outcome in ({"graded"} if warm else {"kernel_died", "timed_out"})


def test_proc_shows_nobody_else(mark: Mark, monkeypatch: pytest.MonkeyPatch, warm: bool) -> None:
    monkeypatch.setenv("COURSEBRIDGE_SECRET_KEY", "s3cret")
    probe = """
        import glob, os
        seen = []
        for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
            try: seen.append(open(path, "rb").read())
            except OSError: pass
        print("SECRETS", [text for text in seen if b"s3cret" in text or b"pytest" in text])
        for path in ("/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/vm/drop_caches", "/proc/1/mem"):
            try: open(path, "w").write("1"); print("WROTE", path)
            except OSError: pass
        print("INIT", os.path.exists("/proc/1/root/etc/shadow"), os.path.exists("/proc/1/cwd/pyproject.toml"))
    """
    printed = _printed(mark(RIGHT | {"count": textwrap.dedent(probe)}, limits=SHORT))

    assert "SECRETS []" in printed
    assert "WROTE" not in printed
    assert "INIT False False" in printed


class TestFile:
    """What is too large or has a bad name never gets as far as a sandbox."""

    @pytest.fixture
    def warm(self) -> bool:
        """One way is enough."""
        return True

    def test_notebook_of_200_megabytes(self, course: CourseRoot, release: Release, learner: str) -> None:
        body = b'{"cells": [' + b" " * (200 << 20)

        result = course.mark("quiz", learner, {"quiz.ipynb": body}, submitted_at=SUBMITTED, attempt=1, limits=LIMITS)

        assert result.outcome == "limit_exceeded"
        assert result.marks is None
        assert "not marked and has no score" in result.text

    def test_notebook_of_10000_cells(self, mark: Mark) -> None:
        def many(notebook: dict[str, Any]) -> None:
            notebook["cells"] += [make.code("1") for _ in range(10_000)]

        result = mark(RIGHT, many)

        assert result.outcome == "not_a_notebook"
        assert result.marks is None
        assert "far too many" in result.text

    def test_many_cells_that_each_take_long_end_with_the_notebook(self, mark: Mark) -> None:
        def many(notebook: dict[str, Any]) -> None:
            notebook["cells"][:0] = [make.code("import time; time.sleep(0.4)") for _ in range(500)]

        result = mark(RIGHT, many, limits=replace(SHORT, notebook_s=2))

        assert result.outcome == "timed_out"
        assert result.marks is not None
        assert result.marks.total == 0

    def test_bad_names_are_left_out(self, mark: Mark, course: CourseRoot) -> None:
        names = ["../escape.txt", "/tmp/escape.txt", "a/../../escape.txt", "escape\0.txt", "escape" + "x" * 400]

        assert mark(RIGHT, extra=dict.fromkeys(names, b"x")).outcome == "graded"
        assert list(course.path.parent.rglob("escape*")) == []
        assert not Path("/tmp/escape.txt").exists()

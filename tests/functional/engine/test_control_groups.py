"""A control group around each sandbox, where one can be had; and marking as ever where none can."""

import os
import subprocess
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nbformat import v4

from grading import sandbox, warm_sandbox
from grading.engine.execution import execute
from grading.engine.model import MarkLimits
from grading.engine.warm_execution import POOL
from grading.sandbox import python, run_sealed
from grading.sealed_group import OWN_TASKS, SealedGroup, find_group_problem, read_directories
from tests.functional.engine.conftest import LIMITS

MOUNT = Path("/sys/fs/cgroup")


def _delegate() -> list[Path]:
    """Directories of this test alone, in which groups can be made; none: it may make none on this machine."""
    found = []
    for parent in (MOUNT, MOUNT / "memory", MOUNT / "pids"):
        directory = parent / f"coursebridge-test-{os.getpid()}"
        if (parent / "cgroup.procs").exists():
            with suppress(OSError):
                directory.mkdir()
                found.append(directory)
    if found and not find_group_problem(found):
        return found
    _remove(found)
    return []


def _remove(directories: list[Path]) -> None:
    for directory in directories:
        for inner in directory.glob("*/"):
            inner.rmdir()
        directory.rmdir()


@pytest.fixture
def delegated() -> Iterator[tuple[Path, ...]]:
    found = _delegate()
    if not found:
        pytest.skip("no control groups of memory and pids can be made here")
    yield tuple(found)
    for each in [each for each in POOL.idle if each.order.control_groups]:
        POOL.idle.remove(each)
        each.close()
    _remove(found)


@pytest.fixture
def nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the kernel looks at the sum of memory."""
    for module in (sandbox, warm_sandbox):
        monkeypatch.setattr(module, "WATCH_EVERY_S", 3600.0)


def _run(limits: MarkLimits, *sources: str) -> tuple[str, list[list[Any]]]:
    notebook = v4.new_notebook(cells=[v4.new_code_cell(textwrap.dedent(source)) for source in sources])
    end = execute(notebook, {}, limits).end
    return end, [cell.outputs for cell in notebook.cells]


def _groups(delegated: tuple[Path, ...]) -> list[Path]:
    return sorted(group for directory in delegated for group in directory.glob("*/"))


SHARED = """
    import mmap, time
    m = mmap.mmap(-1, 1200 << 20)
    for i in range(0, len(m), 4096): m[i] = 1
    time.sleep(20)
"""
TOGETHER = """
    import os, time
    for n in range(12):
        if os.fork() == 0:
            held = bytearray(b"x") * (150 << 20)
            time.sleep(20)
    os.wait()
    os._exit(1)
"""


@pytest.mark.usefixtures("nobody_watches")
@pytest.mark.parametrize("bomb", [SHARED, TOGETHER], ids=["shared", "many processes"])
@pytest.mark.parametrize("warm", [True, False], ids=["warm", "kernel"])
def test_kernel_bounds_the_memory_of_all_processes_together(delegated: tuple[Path, ...], bomb: str, warm: bool) -> None:
    limits = replace(LIMITS, cell_s=15, control_groups=delegated, warm=warm)
    end, outputs = _run(limits, "print('kept')", bomb)

    assert end == "memory"
    assert outputs[0][0]["text"] == "kept\n"
    assert _run(replace(limits, control_groups=()), "print('next')")[0] == "ok"
    if warm:
        assert _run(limits, "print('next')")[0] == "ok"
        assert len(_groups(delegated)) == len(delegated)  # the same sandbox: the process that forks was left alone


def test_bounds_are_those_of_the_submission_and_end_with_the_sandbox(delegated: tuple[Path, ...]) -> None:
    limits = replace(LIMITS, processes=50, control_groups=delegated)
    end, outputs = _run(limits, "print(open('/proc/self/oom_score_adj').read())")
    groups = _groups(delegated)

    assert (end, outputs[0][0]["text"].strip()) == ("ok", "1000")
    assert POOL.idle[-1].group.folders == groups
    assert all(len((group / "cgroup.procs").read_text().split()) >= 3 for group in groups)
    (most,) = {(group / "pids.max").read_text().strip() for group in groups if (group / "pids.max").exists()}
    assert int(most) == 50 + OWN_TASKS

    _run(replace(limits, processes=40), "1")
    assert _groups(delegated) == groups
    (most,) = {(group / "pids.max").read_text().strip() for group in groups if (group / "pids.max").exists()}
    assert int(most) == 40 + OWN_TASKS

    POOL.idle.pop().close()
    assert _groups(delegated) == []


def test_group_of_a_command_ends_with_it(delegated: tuple[Path, ...]) -> None:
    code = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)"
    result = run_sealed([python(), "-I", "-c", code], limits=replace(LIMITS.sealed(), control_groups=delegated))

    assert result.outcome == "ok"
    assert _groups(delegated) == []


def test_what_a_killed_worker_has_left_is_cleared_away(delegated: tuple[Path, ...]) -> None:
    code = "import sys, pathlib, grading.sealed_group as g; g.SealedGroup([pathlib.Path(p) for p in sys.argv[1:]])"
    subprocess.run([python(), "-c", code, *map(str, delegated)], check=True, cwd=Path(__file__).parents[3])
    assert len(_groups(delegated)) == len(delegated)

    SealedGroup(delegated).close()

    assert _groups(delegated) == []


@pytest.mark.parametrize("warm", [True, False], ids=["warm", "kernel"])
def test_without_groups_marking_goes_on(tmp_path: Path, warm: bool) -> None:
    wanted = (tmp_path, tmp_path / "missing", Path("/proc"))
    end, outputs = _run(replace(LIMITS, control_groups=wanted, warm=warm), "print('marked')")

    assert (end, outputs[0][0]["text"]) == ("ok", "marked\n")
    assert list(tmp_path.iterdir()) == []
    if warm:
        POOL.idle.pop().close()


@pytest.mark.parametrize("name", ["", "missing"])
def test_problem_says_what_to_do(tmp_path: Path, name: str) -> None:
    problem = find_group_problem([tmp_path / name])

    assert problem.startswith(str(tmp_path / name) if name else str(tmp_path))
    assert "Delegate memory and pids to the worker" in problem
    assert find_group_problem([]) == ""


def test_setting_names_directories_like_a_path() -> None:
    assert read_directories("") == ()
    assert read_directories("/a:/b") == (Path("/a"), Path("/b"))

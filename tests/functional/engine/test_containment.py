"""Submissions that misbehave end in a clear state, hurt nobody, and keep what they earned."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grading.engine.course import CourseRoot
from grading.engine.model import Release, Superseded
from grading.engine.outputs import clean_outputs
from tests.functional.engine.conftest import LIMITS, RIGHT, SUBMITTED, WRONG, Mark, scores

real_kernel = pytest.mark.parametrize("warm", [False], ids=["kernel"])
"""What is about the process that reports from beside a real kernel; `test_warm` has the other side."""


@pytest.fixture(params=[True, False], ids=["warm", "kernel"])
def warm(request: pytest.FixtureRequest) -> bool:
    """Both ways of running cells must hold."""
    return bool(request.param)


FIRST = {"add-tests": 2, "add-hidden": 1}
REST_LOST = {"count-tests": 0, "why": 0}


def _count(body: str) -> dict[str, str]:
    """Right answers up to the second question, where this code runs."""
    return RIGHT | {"count": textwrap.dedent(body)}


def _printed(result: Any, grade_id: str = "count") -> str:
    cells = json.loads(result.notebooks["quiz.ipynb"])["cells"]
    cell = next(c for c in cells if c["metadata"].get("nbgrader", {}).get("grade_id") == grade_id)
    return json.dumps(cell["outputs"])


def test_endless_loop_fails_its_cell_and_the_next_ones_run(mark: Mark) -> None:
    answers = _count("while True: pass") | {"add": RIGHT["add"]}

    result = mark(answers, limits=replace(LIMITS, cell_s=1))

    assert result.outcome == "timed_out"
    assert "took too long" in result.text
    assert scores(result) == FIRST | REST_LOST
    assert "the quiz" in result.notebooks["quiz.ipynb"].decode()  # the last cell has run
    assert "CellTimeoutError" in _printed(result)


def test_loop_that_refuses_the_interrupt_ends_the_notebook(mark: Mark) -> None:
    stubborn = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"

    result = mark(_count(stubborn), limits=replace(LIMITS, cell_s=1))

    assert result.outcome == "timed_out"
    assert scores(result) == FIRST | REST_LOST


def test_notebook_that_takes_too_long_in_all_is_stopped(mark: Mark) -> None:
    result = mark(RIGHT | {"add": "import time\ntime.sleep(60)"}, limits=replace(LIMITS, cell_s=30, notebook_s=1.5))

    assert result.outcome == "timed_out"
    assert result.marks.total == 0
    assert result.duration_s < 20


def test_memory_bomb(mark: Mark) -> None:
    result = mark(_count("x = []\nwhile True: x.append(bytearray(10**7))"))

    assert result.outcome == "out_of_memory"
    assert "more memory than is allowed" in result.text
    assert scores(result) == FIRST | REST_LOST


def test_memory_shared_by_many_processes(mark: Mark, warm: bool) -> None:
    bomb = """
        import mmap, time
        m = mmap.mmap(-1, 900 << 20)
        for i in range(0, len(m), 4096): m[i] = 1
        time.sleep(20)
    """
    result = mark(_count(bomb))

    assert result.outcome == "out_of_memory"
    assert result.marks.total == (3 if warm else 0)  # from a real kernel nothing came back


@pytest.mark.parametrize("end", ["os._exit(0)", "os.kill(os.getpid(), 9)", "os.kill(os.getppid(), 9)"])
def test_kernel_death(mark: Mark, end: str, warm: bool) -> None:
    result = mark(_count(f"import os\n{end}"))

    assert result.outcome == "kernel_died"
    assert "Python ended" in result.text
    if warm or "ppid" not in end:
        assert scores(result) == FIRST | REST_LOST
        assert "KernelDied" in _printed(result)
    else:
        assert result.marks.total == 0  # it ended what would have reported


def test_fork_bomb(mark: Mark) -> None:
    result = mark(_count("import os\nwhile True: os.fork()"), limits=replace(LIMITS, cell_s=2, processes=60))

    assert result.outcome in {"timed_out", "kernel_died", "out_of_memory", "graded"}
    assert scores(result)["count-tests"] == 0
    assert "while True: os.fork()" not in subprocess.run(["ps", "axo", "args"], capture_output=True, text=True).stdout


def test_huge_output(mark: Mark) -> None:
    result = mark(_count("while True: print('x' * 10_000)"))

    assert result.outcome == "too_much_output"
    assert scores(result) == FIRST | REST_LOST
    assert len(result.notebooks["quiz.ipynb"]) < 4 << 20


def test_full_disk_is_the_learners_problem_only(mark: Mark) -> None:
    result = mark(_count("with open('big', 'wb') as f:\n    while True: f.write(b'x' * (1 << 20))"))

    assert scores(result) == FIRST | REST_LOST
    assert "OSError" in _printed(result)


def test_network_is_unreachable(mark: Mark) -> None:
    probe = """
        import socket
        for address in [("1.1.1.1", 53), ("127.0.0.1", 80), ("169.254.169.254", 80)]:
            try: socket.create_connection(address, 2); print("REACHED")
            except OSError as error: print("no", error)
    """
    printed = _printed(mark(_count(probe)))

    assert "REACHED" not in printed
    assert "unreachable" in printed


def test_neither_course_nor_secrets_nor_host_are_in_reach(
    mark: Mark, course: CourseRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSEBRIDGE_SECRET_KEY", "s3cret")
    probe = f"""
        import os, glob
        found = []
        for folder, inner, names in os.walk("/"):
            inner[:] = [n for n in inner if n not in ("proc", "usr", "lib", "site-packages", "include")]
            found += [os.path.join(folder, n) for n in names if n.endswith((".db", ".ipynb"))]
        print("COURSE", os.path.exists({str(course.path)!r}), found)
        print("ENV", [v for v in os.environ.values() if "s3cret" in v], os.path.exists("/proc/1/environ"))
        print("PIDS", len([p for p in os.listdir("/proc") if p.isdigit()]))
        print("FILES", sorted(os.listdir(".")), os.path.exists("../request.json"), os.getuid() != 0)
        for path in ["/etc/shadow", "/root/.bashrc", "/etc/hosts"]:
            try: open(path).read(); print("READ", path)
            except OSError: pass
    """
    printed = _printed(mark(_count(probe)))

    assert "COURSE False []" in printed
    assert "ENV []" in printed
    assert "FILES ['.keep', 'data.txt'] False True" in printed
    assert "READ" not in printed
    assert int(printed.split("PIDS ")[1].split("\\n")[0]) < 10


@real_kernel
@pytest.mark.parametrize(
    "forge",
    [
        "os.symlink('/etc/passwd', '../result.json'); os.kill(os.getppid(), 9)",
        "os.mkfifo('../result.json'); os.kill(os.getppid(), 9)",
        "os.makedirs('../result.json/x')",
        "open('../result.json', 'w').write('{\"end\": \"ok\", \"cells\": []}'); os.kill(os.getppid(), 9)",
        "open('../result.json', 'w').write('[' * 10**6); os.kill(os.getppid(), 9)",
        "open('../result.json', 'wb').write(b'x' * 50_000_000); os.kill(os.getppid(), 9)",
    ],
)
def test_forged_result_file_is_not_followed_and_not_believed(mark: Mark, forge: str) -> None:
    result = mark(_count(f"import os\n{forge}"))

    assert result.outcome == "kernel_died"
    assert result.marks.total == 0
    assert b"root:" not in result.notebooks["quiz.ipynb"]


FORGED = """
    import json, os, time
    good = {"outputs": [], "execution_count": 1, "end": "ok"}
    forged = json.dumps({"end": "ok", "cells": [good] * 6})
"""


@real_kernel
def test_forged_result_is_not_believed_although_it_looks_right(mark: Mark) -> None:
    """The runner is killed and what it would have written is there: every cell without an error."""
    forge = (
        FORGED
        + """
    open('../result.json', 'w').write(forged)
    os.kill(os.getppid(), 9)
    """
    )
    result = mark(_count(forge))

    assert result.outcome == "kernel_died"
    assert set(scores(result).values()) == {0}


@real_kernel
def test_process_left_behind_cannot_change_the_result(mark: Mark) -> None:
    forge = (
        FORGED
        + """
    if os.fork() == 0:
        os.setsid()
        while True:
            try:
                with open('../result.json', 'r+') as file:
                    file.truncate(), file.write(forged)
            except OSError:
                pass
    """
    )
    result = mark(WRONG | {"count": textwrap.dedent(forge) + "\ndef count(s):\n    return 0"})

    assert scores(result) == {"add-tests": 0, "add-hidden": 0, "count-tests": 1.5, "why": 0}


@real_kernel
def test_runner_is_out_of_reach_of_the_notebook(mark: Mark) -> None:
    probe = """
        import os
        for name in ("mem", "fd/1", "environ"):
            try:
                open(f"/proc/{os.getppid()}/{name}", "rb").close()
                print("OPENED", name)
            except OSError:
                print("REFUSED", name)
    """
    printed = _printed(mark(_count(probe)))

    assert "OPENED" not in printed
    assert "REFUSED mem" in printed


@real_kernel
def test_obstacle_in_place_of_the_result_is_cleared_away(mark: Mark) -> None:
    result = mark(_count("import os\nos.mkfifo('../result.json')"))

    assert result.outcome == "graded"
    assert scores(result) == FIRST | REST_LOST


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"\x89PNG", "not text"),
        (b'{"cells": [', "damaged at line 1"),
        (b"[1, 2]", "not a notebook"),
        (b'{"nbformat": 4, "cells": {}}', "no list of cells"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "virus"}]}', "Cell 1 is not"),
        (b'{"nbformat": 4}', "known format"),
        (b'{"nbformat": 3, "worksheets": 7}', "known format"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_file_that_is_no_notebook(course: CourseRoot, release: Release, learner: str, body: bytes, detail: str) -> None:
    result = course.mark("quiz", learner, {"quiz.ipynb": body}, submitted_at=SUBMITTED, attempt=1)

    assert result.outcome == "not_a_notebook"
    assert detail in result.text
    assert "not marked and has no score" in result.text
    assert "points" not in result.text
    assert result.marks is None
    assert learner not in course.list_totals("quiz")
    assert not (course.path / "autograded" / learner).exists()


def test_attempt_that_cannot_be_marked_leaves_the_one_before(mark: Mark, course: CourseRoot, learner: str) -> None:
    before = mark(RIGHT).marks
    course.mark("quiz", learner, {"quiz.ipynb": b"no notebook"}, submitted_at=SUBMITTED, attempt=2)

    assert course.read_marks("quiz", learner) == before
    assert b"def add(a, b)" in (course.path / "submitted" / learner / "quiz" / "quiz.ipynb").read_bytes()


def test_earlier_attempt_never_replaces_a_later_one(mark: Mark, course: CourseRoot, learner: str) -> None:
    later = mark(RIGHT, attempt=2).marks
    with pytest.raises(Superseded):
        mark(WRONG, attempt=1)

    assert course.read_marks("quiz", learner) == later


def test_missing_notebook(course: CourseRoot, release: Release, learner: str) -> None:
    result = course.mark("quiz", learner, {"Untitled.ipynb": b"{}"}, submitted_at=SUBMITTED, attempt=1)

    assert result.outcome == "missing_notebook"
    assert "quiz.ipynb was not among the submitted files" in result.text
    assert "not marked and has no score" in result.text
    assert result.marks is None


def test_submission_that_is_too_large(mark: Mark) -> None:
    result = mark(RIGHT, limits=replace(LIMITS, input_bytes=1000), extra={"big.bin": b"x" * 2000})

    assert result.outcome == "limit_exceeded"
    assert result.marks is None


def test_outputs_from_outside_the_schema_are_left_out() -> None:
    hostile: list[Any] = [
        7,
        {"output_type": "stream", "name": "evil", "text": "x"},
        {"output_type": "stream", "name": "stdout", "text": ["a", 3, "\ud800"]},
        {"output_type": "display_data", "data": {"text/x-evil": "x", "image/png": "not base64!", "text/plain": "ok"}},
        {"output_type": "execute_result", "data": [], "execution_count": "1"},
        {"output_type": "error", "ename": 5, "traceback": "no list"},
    ]
    outputs, _ = clean_outputs(hostile, 10_000)

    assert [o.output_type for o in outputs] == ["stream", "display_data", "execute_result", "error"]
    assert outputs[0].text == "a?"
    assert outputs[1].data == {"text/plain": "ok"}
    assert clean_outputs(hostile, 0)[0] == [outputs[-1]]


UNPRIVILEGED = """
import json, sys
from dataclasses import replace
from pathlib import Path
from tests.functional.engine.conftest import QUIZ, RIGHT, LIMITS, SUBMITTED
from tests.factories import notebooks as make
from grading.engine.course import CourseRoot
from grading.engine.warm_execution import POOL
root = Path(sys.argv[1])
(root / "source" / "quiz").mkdir(parents=True)
(root / "source" / "quiz" / "quiz.ipynb").write_bytes(QUIZ)
(root / "source" / "quiz" / "data.txt").write_text("x")
course = CourseRoot(root)
release = course.make_release("quiz")
look = "import os\\nprint(os.getuid(), os.listdir('/home'))\\n"
bomb = RIGHT | {"count": look + "try:\\n  while True: os.fork()\\nexcept OSError as e: print(e)"}
files = {"quiz.ipynb": json.dumps(make.fill(release.files["quiz.ipynb"], bomb)).encode()}
limits = replace(LIMITS, processes=40, memory_bytes=1 << 30)
result = course.mark("quiz", "u-x", files, submitted_at=SUBMITTED, attempt=1, limits=limits)
print(json.dumps([result.outcome, float(result.marks.total), result.notebooks["quiz.ipynb"].decode(), len(POOL.idle)]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="as an ordinary user, every test here is this test")
def test_it_works_for_an_ordinary_user_too() -> None:
    account, project = 12345, Path(__file__).parents[3]
    packages = [path for path in sys.path if path.endswith("site-packages")]
    system = shutil.which("python3", path="/usr/bin")
    version = "import sys; print(sys.version_info[:2] == " + repr(tuple(sys.version_info[:2])) + ")"
    as_user = ["setpriv", f"--reuid={account}", f"--regid={account}", "--clear-groups", "--"]
    readable = subprocess.run([*as_user, "test", "-r", f"{packages[0]}/nbgrader/__init__.py"]).returncode == 0
    if system is None or not readable or "True" not in subprocess.check_output([system, "-c", version], text=True):
        pytest.skip("no Python of this version, or not this environment, can be read by other accounts")
    folder = tempfile.mkdtemp()
    try:
        os.chown(folder, account, account)
        env = {"PYTHONPATH": f"{project}:{':'.join(packages)}", "PATH": "/usr/bin:/bin", "HOME": folder}
        env |= {"PYTHONDONTWRITEBYTECODE": "1"}
        found = subprocess.run(
            [*as_user, system, "-c", UNPRIVILEGED, folder], cwd=project, env=env, capture_output=True, text=True
        )
    finally:
        shutil.rmtree(folder)
    assert found.returncode == 0, found.stderr
    outcome, total, notebook, warm = json.loads(found.stdout.splitlines()[-1])
    assert outcome != "error"
    assert warm == 1  # it ran in a fork
    assert total == 3
    assert f"{account} ['learner']" in notebook
    assert "Resource temporarily unavailable" in notebook

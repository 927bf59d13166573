"""A quiz in another language: its kernel runs in the same sandbox, and gives the scores that stock nbgrader gives."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.settings_quizzes import QuizSettings
from grading.engine import gradebook as gradebooks
from grading.engine.course import CourseRoot
from grading.engine.files import replace_tree
from grading.kernels import KernelMissing, find_kernel
from tests.factories import notebooks as make
from tests.functional.engine.conftest import LIMITS, SUBMITTED
from tests.functional.engine.stock import mark_with_nbgrader

ANSWERS = {
    "right": {"greet": 'greet() { echo "hello $1"; }', "count": 'count() { wc -w <<< "$1"; }'},
    "partly": {"greet": 'greet() { echo "hello $1"; }', "count": "count() { missing-command; }"},
    "nothing": {},
}
SOURCE = make.notebook(
    make.solution("greet", make.SOLUTION.format('greet() { echo "hello $1"; }')),
    make.tests("greet-test", 2, '[ "$(greet you)" = "hello you" ]'),
    make.solution("count", make.SOLUTION.format('count() { wc -w <<< "$1"; }')),
    make.tests("count-test", 3, '[ "$(count "a b c")" -eq 3 ]\n' + make.HIDDEN.format('[ "$(count "")" -eq 0 ]')),
    make.tests("always", 1, "true"),
)


@pytest.fixture(scope="module")
def jupyter_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the kernel is installed, as `python -m bash_kernel.install` does it."""
    folder = tmp_path_factory.mktemp("jupyter")
    (folder / "kernels" / "bash").mkdir(parents=True)
    argv = [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Bash", "language": "bash", "env": {"PS1": "$"}}
    (folder / "kernels" / "bash" / "kernel.json").write_text(json.dumps(spec))
    return folder


@pytest.fixture(autouse=True)
def installed(jupyter_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_PATH", str(jupyter_path))


def source() -> str:
    notebook = json.loads(SOURCE)
    notebook["metadata"]["kernelspec"] = {"name": "bash", "display_name": "Bash", "language": "bash"}
    return json.dumps(notebook)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> CourseRoot:
    """An assignment with a notebook for each set of answers, and one with a single notebook."""
    root = tmp_path_factory.mktemp("shell")
    for assignment, names in (("all", list(ANSWERS)), ("shell", ["shell"])):
        (root / "source" / assignment).mkdir(parents=True)
        for name in names:
            (root / "source" / assignment / f"{name}.ipynb").write_text(source())
    course = CourseRoot(root)
    for assignment in ("all", "shell"):
        course.make_release(assignment)
    return course


def _submission(course: CourseRoot, answers: dict[str, str]) -> dict[str, bytes]:
    released = course.read_release("shell").files
    return released | {"shell.ipynb": json.dumps(make.fill(released["shell.ipynb"], answers)).encode()}


def _scores(course: CourseRoot, learner: str, assignment: str = "shell") -> dict[tuple[str, str], Any]:
    rows = gradebooks.list_grades(course.gradebook_url(), assignment, learner)
    return {(row.notebook, row.grade_id): (row.auto_score, row.max_score, row.needs_manual) for row in rows}


@pytest.mark.filterwarnings("ignore")
def test_bash_gives_the_scores_of_stock_nbgrader(course: CourseRoot, tmp_path: Path) -> None:
    released = course.read_release("all").files
    made = {f"{name}.ipynb": make.fill(released[f"{name}.ipynb"], answers) for name, answers in ANSWERS.items()}
    files = {name: json.dumps(notebook).encode() for name, notebook in made.items()}
    replace_tree(course.path / "submitted" / "stock" / "all", files)
    done = mark_with_nbgrader(course, "all", "stock", tmp_path, LIMITS.cell_s)
    assert done["success"], done.get("error") or done.get("log")
    limits = replace(LIMITS, environment=find_bash())
    course.mark("all", "ours", files, submitted_at=SUBMITTED, attempt=1, limits=limits)

    ours = _scores(course, "ours", "all")
    assert ours == _scores(course, "stock", "all")
    totals = {name: sum(ours[name, test][0] for test in ("greet-test", "count-test", "always")) for name in ANSWERS}
    assert totals["right"] == 6
    assert totals["partly"] == 3
    assert totals["nothing"] == 1


def find_bash() -> Any:
    return find_kernel("bash", QuizSettings(kernels=["bash"]))


def test_another_kernel_is_sealed_off_as_python_is(course: CourseRoot) -> None:
    probe = "greet() { echo hello you; }; ls -A / /home; cat /proc/net/dev | tail -n +3; id -u"
    files = _submission(course, {"greet": probe, "count": f"ls {course.path} || echo hidden"})
    limits = replace(LIMITS, environment=find_bash())
    marking = course.mark("shell", "probe", files, submitted_at=SUBMITTED, attempt=1, limits=limits)

    cells = json.loads(marking.notebooks["shell.ipynb"])["cells"]
    shown = ["".join("".join(o.get("text", "")) for o in cell.get("outputs", [])) for cell in cells]
    assert "learner" in shown[0]
    assert [line for line in shown[0].splitlines() if ":" in line and "lo:" not in line and line[0] != "/"] == []
    assert shown[0].splitlines()[-1] != "0"
    assert "hidden" in shown[2]


def test_an_endless_cell_is_interrupted_and_the_next_one_runs(course: CourseRoot) -> None:
    limits = replace(LIMITS, cell_s=1, environment=find_bash())
    files = _submission(course, {"greet": "while true; do :; done", "count": ANSWERS["right"]["count"]})
    marking = course.mark("shell", "endless", files, submitted_at=SUBMITTED, attempt=1, limits=limits)

    assert marking.outcome == "timed_out"
    assert _scores(course, "endless")["shell", "count-test"][0] == 3


def test_a_kernel_that_is_not_allowed_or_not_installed_is_not_found() -> None:
    with pytest.raises(KernelMissing, match="not allowed here any more"):
        find_kernel("bash", QuizSettings())
    with pytest.raises(KernelMissing, match="not installed on this machine"):
        find_kernel("fortran", QuizSettings(kernels=["fortran"]))

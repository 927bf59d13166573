"""A quiz in R: Debian's own kernel gives, sealed off, the scores that stock nbgrader gives.

Skipped where it is not installed.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.settings_quizzes import QuizSettings
from grading.engine import gradebook as gradebooks
from grading.engine.course import CourseRoot
from grading.engine.files import replace_tree
from grading.engine.model import Environment
from grading.kernels import KernelMissing, find_kernel
from tests.factories import notebooks as make
from tests.functional.engine.conftest import LIMITS, SUBMITTED
from tests.functional.engine.stock import mark_with_nbgrader

SETTINGS = QuizSettings(kernels=["ir"], kernel_folders=[Path("/etc/R")])
"""As an operator on Debian writes them: R reads its settings there."""
ANSWERS = {
    "right": {"mean": "middle <- function(x) sum(x) / length(x)", "fit": "fit <- lm(y ~ x, data = points)"},
    "partly": {"mean": "middle <- function(x) median(x)", "fit": "fit <- lm(nothing ~ x, data = points)"},
    "nothing": {},
}
SOURCE = make.notebook(
    make.code("points <- data.frame(x = 1:4, y = c(3, 5, 7, 9))\npoints"),
    make.solution("mean", make.SOLUTION.format("middle <- function(x) mean(x)")),
    make.tests("mean-test", 2, "stopifnot(middle(c(1, 2, 3)) == 2)"),
    make.tests("mean-hidden", 1, "TRUE\n" + make.HIDDEN.format("stopifnot(middle(c(1, 2, 9)) == 4)")),
    make.solution("fit", make.SOLUTION.format("fit <- lm(y ~ x, data = points)")),
    make.tests("fit-test", 3, "stopifnot(abs(coef(fit)[['x']] - 2) < 1e-9)"),
    make.code("plot(points)\nSys.getenv('HOME')"),
)


def find_r() -> Environment | None:
    try:
        return find_kernel("ir", SETTINGS)
    except KernelMissing:
        return None


pytestmark = pytest.mark.skipif(find_r() is None, reason="R's kernel is not installed (Debian: r-cran-irkernel)")


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> CourseRoot:
    """A notebook for each set of answers."""
    root = tmp_path_factory.mktemp("r")
    (root / "source" / "all").mkdir(parents=True)
    notebook = json.loads(SOURCE)
    notebook["metadata"]["kernelspec"] = {"name": "ir", "display_name": "R", "language": "R"}
    for name in ANSWERS:
        (root / "source" / "all" / f"{name}.ipynb").write_text(json.dumps(notebook))
    found = CourseRoot(root)
    found.make_release("all")
    return found


@pytest.fixture(scope="module")
def files(course: CourseRoot) -> dict[str, bytes]:
    released = course.read_release("all").files
    made = {f"{name}.ipynb": make.fill(released[f"{name}.ipynb"], answers) for name, answers in ANSWERS.items()}
    return {name: json.dumps(notebook).encode() for name, notebook in made.items()}


def _scores(course: CourseRoot, learner: str) -> dict[tuple[str, str], Any]:
    rows = gradebooks.list_grades(course.gradebook_url(), "all", learner)
    return {(row.notebook, row.grade_id): (row.auto_score, row.max_score, row.needs_manual) for row in rows}


@pytest.mark.filterwarnings("ignore")
def test_r_gives_the_scores_of_stock_nbgrader(course: CourseRoot, files: dict[str, bytes], tmp_path: Path) -> None:
    environment = find_r()
    assert environment is not None
    replace_tree(course.path / "submitted" / "stock" / "all", files)
    done = mark_with_nbgrader(course, "all", "stock", tmp_path, LIMITS.cell_s)
    assert done["success"], done.get("error") or done.get("log")
    limits = replace(LIMITS, environment=environment)
    marking = course.mark("all", "ours", files, submitted_at=SUBMITTED, attempt=1, limits=limits)

    ours = _scores(course, "ours")
    assert ours == _scores(course, "stock")
    tests = ("mean-test", "mean-hidden", "fit-test")
    assert {name: sum(ours[name, test][0] for test in tests) for name in ANSWERS} == {
        "right": 6,
        "partly": 2,
        "nothing": 0,
    }
    assert marking.outcome == "graded"
    assert b"/home/learner" in marking.notebooks["right.ipynb"]
    assert b"image/png" in marking.notebooks["right.ipynb"]

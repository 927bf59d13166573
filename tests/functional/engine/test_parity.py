"""The engine against stock nbgrader: the same marks for every cell, and the same outputs, for many kinds of notebooks.

All of them are notebooks of one assignment, marked by each once.
"""

import json
import re
import shutil
import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from grading.engine import execution
from grading.engine import gradebook as gradebooks
from grading.engine.course import CourseRoot
from grading.engine.files import replace_tree
from grading.engine.model import MarkLimits
from tests.factories import parity, parity_more
from tests.functional.engine.conftest import SUBMITTED
from tests.functional.engine.stock import mark_with_nbgrader

pytestmark = pytest.mark.timeout(900)

CASES = parity_more.list_cases()
LIMITS = MarkLimits(cell_s=20, notebook_s=120)
EVEN = (
    (re.compile(r"0x[0-9a-f]{6,}"), "0x"),
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"(/tmp/|/home/learner/|ipykernel_)[\w./-]*"), "PATH"),
    (re.compile(r"in position \d+"), "in position"),
    (re.compile(re.escape(str(Path.home())) + "/"), "~/"),
)
"""What differs from run to run, and means nothing."""
Marks = dict[tuple[str, str], tuple[float | None, float, bool]]


@dataclass(frozen=True)
class Marked:
    """What came of one way."""

    marks: Marks
    cells: dict[str, list[Any]]
    """Of each notebook, what each code cell shows."""
    in_kernel: frozenset[str] = frozenset()
    suspicion: str | None = None
    rows: tuple[Any, ...] = ()
    """All that the gradebook holds of the learner."""
    watched: int = 0
    """How many notebooks ran once more to see whether tests can fail."""


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> CourseRoot:
    root = tmp_path_factory.mktemp("parity")
    folder = root / "source" / "all"
    folder.mkdir(parents=True)
    for one in CASES:
        (folder / f"{one.name}.ipynb").write_bytes(one.source)
    (folder / "data.txt").write_text("some data\n" * 3)
    found = CourseRoot(root)
    found.make_release("all")
    return found


@pytest.fixture(scope="module")
def files(course: CourseRoot) -> dict[str, bytes]:
    released = course.read_release("all").files
    made = {f"{one.name}.ipynb": parity.submission(one, released[f"{one.name}.ipynb"]) for one in CASES}
    return released | made


def _marks(course: CourseRoot, learner: str) -> Marks:
    rows = gradebooks.list_grades(course.gradebook_url(), "all", learner)
    return {
        (row.notebook, row.grade_id): (
            None if row.auto_score is None else float(row.auto_score),
            float(row.max_score),
            row.needs_manual,
        )
        for row in rows
    }


ROWS = (
    "SELECT first_name, last_name, email, lms_user_id FROM student WHERE id = :learner",
    "SELECT a.name, s.timestamp, s.extension FROM submitted_assignment s JOIN assignment a ON a.id = s.assignment_id"
    " WHERE s.student_id = :learner",
    "SELECT n.name, m.flagged, m.late_submission_penalty FROM submitted_notebook m {mine} ORDER BY n.name",
    "SELECT n.name, c.name, c.type, g.auto_score, typeof(g.auto_score), g.manual_score, g.extra_credit,"
    " g.needs_manual_grade, length(g.id) FROM grade g JOIN base_cell c ON c.id = g.cell_id"
    " JOIN submitted_notebook m ON m.id = g.notebook_id {mine} ORDER BY n.name, c.name, c.type",
    "SELECT n.name, c.name, c.type, k.auto_comment, k.manual_comment, length(k.id) FROM comment k"
    " JOIN base_cell c ON c.id = k.cell_id JOIN submitted_notebook m ON m.id = k.notebook_id {mine}"
    " ORDER BY n.name, c.name, c.type",
)
MINE = (
    "JOIN notebook n ON n.id = m.notebook_id JOIN submitted_assignment s ON s.id = m.assignment_id"
    " WHERE s.student_id = :learner"
)


def _rows(course: CourseRoot, learner: str) -> tuple[Any, ...]:
    """Every value of every row of the learner, ids told by the names that they stand for."""
    with sqlite3.connect(course.path / "gradebook" / "gradebook.db") as database:
        found = [database.execute(each.format(mine=MINE), {"learner": learner}).fetchall() for each in ROWS]
    database.close()
    return tuple(found)


def _even(text: Any) -> str:
    found = "".join(text) if isinstance(text, list) else str(text)
    for pattern, word in EVEN:
        found = pattern.sub(word, found)
    return found


def _shown(folder: Path, name: str) -> list[Any]:
    cells = json.loads((folder / f"{name}.ipynb").read_bytes())["cells"]
    return [(cell["execution_count"], *_outputs(cell)) for cell in cells if cell["cell_type"] == "code"]


def _outputs(cell: dict[str, Any]) -> tuple[dict[str, str], list[Any]]:
    """The text of each stream, and everything else in its order."""
    streams: dict[str, str] = {}
    others: list[Any] = []
    for output in cell["outputs"]:
        kind = output["output_type"]
        if kind == "stream":
            streams[output["name"]] = streams.get(output["name"], "") + _even(output["text"])
        elif kind == "error":
            others.append((kind, output["ename"], _even(output["evalue"]), _even("\n".join(output["traceback"]))))
        else:
            data = {mime: "" if mime == "image/png" else _even(value) for mime, value in output["data"].items()}
            others.append((kind, data))
    return streams, others


@pytest.fixture(scope="module")
def stock(course: CourseRoot, files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Marked:
    """nbgrader's own autograde, unsealed, on a copy of the course."""
    root = tmp_path_factory.mktemp("stock") / "course"
    shutil.copytree(course.path, root)
    theirs = CourseRoot(root)
    stamp = {"timestamp.txt": SUBMITTED.strftime("%Y-%m-%d %H:%M:%S.%f UTC").encode()}
    replace_tree(root / "submitted" / "u" / "all", files | stamp)
    outcome = mark_with_nbgrader(theirs, "all", "u", root / "config", LIMITS.cell_s)
    assert outcome["success"], outcome.get("error") or outcome.get("log")
    folder = root / "autograded" / "u" / "all"
    return Marked(_marks(theirs, "u"), {one.name: _shown(folder, one.name) for one in CASES}, rows=_rows(theirs, "u"))


def _ours(course: CourseRoot, files: dict[str, bytes], learner: str, *, warm: bool) -> Marked:
    names, in_kernel = iter(sorted(one.name for one in CASES)), set()
    real, whole = execution.execute_in_kernel, execution.execute
    current, watched = "", set[str]()

    def execute(*arguments: Any) -> Any:
        nonlocal current
        current = next(names)
        return whole(*arguments)

    def watch(*arguments: Any) -> Any:
        watched.add(current)
        return whole(*arguments)

    def in_a_kernel(*arguments: Any) -> Any:
        in_kernel.add(current)
        return real(*arguments)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("grading.engine.marking.execute", execute)
        patched.setattr("grading.engine.canaries.execute", watch)
        patched.setattr(execution, "execute_in_kernel", in_a_kernel)
        limits = replace(LIMITS, warm=warm)
        marking = course.mark("all", learner, files, submitted_at=SUBMITTED, attempt=1, limits=limits)
    folder = course.path / "autograded" / learner / "all"
    shown = {one.name: _shown(folder, one.name) for one in CASES}
    found = _marks(course, learner), shown, frozenset(in_kernel), marking.suspicion
    return Marked(*found, _rows(course, learner), len(watched))


@pytest.fixture(scope="module")
def warm(course: CourseRoot, files: dict[str, bytes]) -> Marked:
    return _ours(course, files, "u-warm", warm=True)


@pytest.mark.filterwarnings("ignore")
def test_marks_are_those_of_stock_nbgrader(stock: Marked, warm: Marked) -> None:
    assert stock.cells.keys() == {one.name for one in CASES}
    assert warm.marks == stock.marks


def test_corpus_has_forty_notebooks_of_our_own_and_every_format(files: dict[str, bytes]) -> None:
    own = [json.loads(files[f"{one.name}.ipynb"]) for one in parity_more.list_own_cases()]

    assert len(own) >= 40
    assert {notebook["nbformat_minor"] for notebook in own} == {0, 1, 2, 3, 4, 5}


@pytest.mark.filterwarnings("ignore")
def test_rows_in_the_gradebook_are_those_of_stock_nbgrader(stock: Marked, warm: Marked) -> None:
    assert [len(table) > 0 for table in warm.rows] == [True] * len(ROWS)
    assert warm.rows == stock.rows


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [one.name for one in CASES if not one.racy])
def test_cells_show_what_they_show_in_stock_nbgrader(stock: Marked, warm: Marked, name: str) -> None:
    assert warm.cells[name] == stock.cells[name]


def test_real_kernels_are_used_where_they_must_be_and_only_there(warm: Marked) -> None:
    assert warm.in_kernel == {one.name for one in CASES if one.in_kernel}


def test_nobody_is_suspected(warm: Marked) -> None:
    """Not even of those whose code is such that it had to be watched."""
    assert warm.suspicion is None
    assert warm.watched >= 20

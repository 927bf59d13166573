"""Tests that must fail, to see whether a submission lets tests fail at all (docs/adr/0019-canaries.md).

Tests run in the learner's own process, where code can do anything to them. So a notebook that has earned points and
is not plain code runs once more from its beginning, with copies in the place of its tests that must not pass: the
same texts with another expected value, or with an assertion at the end that is false. Nothing of the second run counts;
the first one, and with it every score, is nbgrader's. Whoever passes a copy is held for the teacher.

A copy that the teacher's own solution passes as well says nothing, and is left out.
"""

import copy
import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grading.engine.altering import Altered, alter
from grading.engine.execution import execute
from grading.engine.model import Environment, MarkLimits
from grading.engine.nbgrader_parts import Cell, Notebook, utils
from grading.engine.plain_code import are_plain
from grading.engine.plan import NotebookPlan, TrustedCell
from grading.engine.submission import NotANotebook, read_notebook, sanitise

MOST_COPIES = 120
"""In one notebook."""
WHY = "Test cells stopped failing when they must."
WORDS = {
    "raise": 'a copy of "{}" that ends in a false assertion passed',
    "change": 'a copy of "{}" that expects a wrong value passed',
    "value": 'a copy of "{}" that gives other points did not give those',
}


@dataclass(frozen=True)
class Marked:
    """A notebook that has run, and what it ran with."""

    notebook: Notebook
    plan: NotebookPlan
    files: Mapping[str, bytes]
    """What was beside it."""
    source: Mapping[str, bytes]
    """The teacher's files: the notebook with its solutions, and what belongs beside it."""


@dataclass(frozen=True)
class _Copy:
    """A copy of a test, and the cell that it ran in."""

    grade_id: str
    altered: Altered
    cell: Cell


def find_suspicion(marked: Marked, limits: MarkLimits) -> str | None:
    """Why a teacher should look at a notebook before its points count; None: there is no reason.

    Raises: as `execute`.
    """
    earned = _earned(marked.notebook)
    if not earned or _language(marked.plan) != "python":
        return None
    has_own_files = not marked.files.keys() <= marked.source.keys()
    is_ours = limits.environment == Environment()
    if not has_own_files and are_plain(*_sources(marked), is_ours=is_ours):
        return None
    passed = _passed(marked.notebook, earned, marked.files, limits)
    if passed:
        passed = _leave_out_weak(passed, marked, limits)
    return _tell(marked.plan, passed) if passed else None


def _earned(notebook: Notebook) -> dict[str, float]:
    """Points by grade id, of tests that earned any."""
    return {cell.metadata["nbgrader"]["grade_id"]: points for cell in _tests(notebook) if (points := _points(cell)) > 0}


def _tests(notebook: Notebook) -> list[Cell]:
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [cell for cell in cells if utils.is_grade(cell) and not utils.is_solution(cell)]


def _points(cell: Cell) -> float:
    """By nbgrader's rules; what it cannot make points of gives none."""
    try:
        return float(utils.determine_grade(cell)[0] or 0)
    except (KeyError, ValueError):
        return 0.0


def _language(plan: NotebookPlan) -> str:
    spec = plan.kernelspec
    return str(spec.get("language") or ("python" if "python" in str(spec.get("name", "python")) else "")).lower()


def _sources(marked: Marked) -> tuple[list[str], list[str]]:
    """What the learner may have written, and what the teacher has, whether it is still there or not."""
    trusted = {name for name, cell in marked.plan.cells.items() if _is_trusted(cell)}
    learners = [
        cell.source
        for cell in marked.notebook.cells
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade_id") not in trusted
    ]
    return learners, [marked.plan.cells[name].source for name in sorted(trusted)]


def _is_trusted(cell: TrustedCell) -> bool:
    return cell.cell_type == "code" and (cell.is_locked or cell.is_graded) and not cell.is_solution


def _passed(
    notebook: Notebook, earned: Mapping[str, float], files: Mapping[str, bytes], limits: MarkLimits
) -> list[_Copy]:
    """The copies that earned what they must not."""
    cells, copies = _with_copies(notebook, earned)
    execute(_Cells(cells), files, limits)
    return [each for each in copies if not each.altered.may_earn(_points(each.cell))]


@dataclass(frozen=True)
class _Cells:
    """As much of a notebook as it takes to run one."""

    cells: list[Cell]


def _with_copies(notebook: Notebook, earned: Mapping[str, float]) -> tuple[list[Cell], list[_Copy]]:
    """The cells to run: in the place of each test that earned points, its copies."""
    chance = random.Random(secrets.randbits(128))
    cells: list[Cell] = []
    copies: list[_Copy] = []
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if grade_id not in earned:
            cells.append(_blank(cell, cell.source))
            continue
        points = float(cell.metadata["nbgrader"]["points"])
        for altered in alter(cell.source, points, chance)[-max(1, MOST_COPIES - len(copies)) :]:
            if altered.key[0] == "change" and earned[grade_id] < points:
                continue  # part of the points may be given for a wrong value, too
            copies.append(_Copy(grade_id, altered, _blank(cell, altered.source)))
            cells.append(copies[-1].cell)
    return cells, copies


def _blank(cell: Cell, source: str) -> Cell:
    made = copy.deepcopy(cell)
    made.source = source
    if made.cell_type == "code":
        made.outputs, made.execution_count = [], None
    return made


def _leave_out_weak(passed: Sequence[_Copy], marked: Marked, limits: MarkLimits) -> list[_Copy]:
    """Those that say something: the teacher's own solution does not pass them."""
    certain = [each for each in passed if each.altered.key[0] != "change"]
    solution = _read_solution(marked)
    if solution is None:
        return certain
    files = {name: body for name, body in marked.source.items() if not name.endswith(".ipynb")}
    execute(solution, files, limits)
    earned = {name: points for name, points in _earned(solution).items() if name in {each.grade_id for each in passed}}
    weak = {(each.grade_id, each.altered.key) for each in _passed(solution, earned, files, limits)}
    full = {name for name, points in earned.items() if points >= (marked.plan.cells[name].points or 0)}
    return [
        each
        for each in passed
        if (each.grade_id, each.altered.key) not in weak and (each in certain or each.grade_id in full)
    ]


def _read_solution(marked: Marked) -> Any:
    """The teacher's notebook as a submission."""
    body = marked.source.get(f"{marked.plan.name}.ipynb")
    try:
        notebook = read_notebook(body) if body is not None else None
    except NotANotebook:
        return None
    if notebook is None:
        return None
    sanitise(notebook, marked.plan)
    return notebook


def _tell(plan: NotebookPlan, passed: Sequence[_Copy]) -> str:
    """In words for the teacher."""
    first = {each.grade_id: each.altered.key[0] for each in reversed(passed)}
    found = [WORDS[kind].format(name) for name, kind in sorted(first.items())]
    return f"{WHY} In {plan.name}.ipynb {'; '.join(found)}."

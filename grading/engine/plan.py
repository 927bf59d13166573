"""What the gradebook and the release say about an assignment: the trusted side of marking."""

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import select

from grading.engine.gradebook import question_kind, reading
from grading.engine.model import NotReleased, QuestionKind
from grading.engine.nbgrader_parts import api

BEGIN_HIDDEN, END_HIDDEN = "BEGIN HIDDEN TESTS", "END HIDDEN TESTS"
SCHEMA_VERSION = 3


@dataclass(frozen=True)
class TrustedCell:
    """One cell of a notebook that nbgrader knows."""

    grade_id: str
    cell_type: str
    source: str
    """The teacher's text, hidden tests included."""
    checksum: str | None
    is_locked: bool
    is_graded: bool
    is_solution: bool
    is_task: bool
    points: float | None

    def metadata(self) -> dict[str, Any]:
        """The `nbgrader` metadata that this cell must have."""
        found: dict[str, Any] = {
            "grade": self.is_graded,
            "grade_id": self.grade_id,
            "locked": self.is_locked,
            "schema_version": SCHEMA_VERSION,
            "solution": self.is_solution,
            "task": self.is_task,
            "cell_type": self.cell_type,
        }
        if self.checksum is not None:
            found["checksum"] = self.checksum
        if self.points is not None:
            found["points"] = self.points
        return found

    def kind(self) -> QuestionKind:
        """Who marks the cell."""
        return question_kind(self.is_task, self.is_solution or self.cell_type == "markdown")


@dataclass(frozen=True)
class NotebookPlan:
    """One notebook of an assignment."""

    name: str
    kernelspec: dict[str, Any]
    cells: dict[str, TrustedCell]
    """By grade id."""


def load_plan(url: str, assignment: str) -> list[NotebookPlan]:
    """The notebooks of a released assignment.

    Raises:
        NotReleased: there is none of that name.
    """
    with reading(url) as session:
        notebooks = session.execute(
            select(api.Notebook)
            .join(api.Assignment, api.Assignment.id == api.Notebook.assignment_id)
            .where(api.Assignment.name == assignment)
            .order_by(api.Notebook.name)
        ).scalars()
        plans = [plan_of(notebook) for notebook in notebooks]
    if not plans:
        raise NotReleased(f"The assignment {assignment!r} has not been released yet.")
    return plans


def plan_of(notebook: Any) -> NotebookPlan:
    """Nbgrader's row of a notebook as a plan; its session must be open."""
    points = {c.name: float(c.max_score) for c in (*notebook.grade_cells, *notebook.task_cells)}
    graded = {c.name for c in notebook.grade_cells}
    solutions = {c.name for c in notebook.solution_cells}
    tasks = {c.name for c in notebook.task_cells}
    cells = {
        source.name: TrustedCell(
            grade_id=source.name,
            cell_type=source.cell_type,
            source=source.source or "",
            checksum=source.checksum,
            is_locked=bool(source.locked),
            is_graded=source.name in graded,
            is_solution=source.name in solutions,
            is_task=source.name in tasks,
            points=points.get(source.name),
        )
        for source in sorted(notebook.source_cells, key=lambda source: str(source.name))
    }
    return NotebookPlan(name=notebook.name, kernelspec=json.loads(notebook.kernelspec or "{}"), cells=cells)


def release_titles(release: Path) -> dict[tuple[str, str], tuple[int, str]]:
    """Position and title of every graded cell of a released assignment."""
    found: dict[tuple[str, str], tuple[int, str]] = {}
    for path in sorted(release.glob("*.ipynb")):
        for grade_id, title in _titles(path, path.stat().st_mtime_ns):
            number = len(found) + 1
            found[path.stem, grade_id] = (number, title or f"Question {number}")
    return found


_POINTS = re.compile(r"\s*[(\[]\d+(?:[.,]\d+)?\s*(?:points?|pts?\.?|marks?)[)\]]$", re.IGNORECASE)


@lru_cache(maxsize=256)
def _titles(path: Path, _changed: int) -> tuple[tuple[str, str | None], ...]:
    """Grade ids in order, each with the nearest heading above it; cached per file version."""
    heading, found = None, []
    for cell in json.loads(path.read_bytes())["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            heading = _last_heading(source) or heading
        meta = cell["metadata"].get("nbgrader", {})
        if meta.get("grade") or meta.get("task"):
            found.append((meta["grade_id"], heading))
    return tuple(found)


def _last_heading(markdown: str) -> str | None:
    """The last heading of a cell, fenced code left out, and without "(2 points)", which the page says by itself."""
    found, in_fence = None, False
    for line in markdown.splitlines():
        if line.lstrip().startswith(("```", "~~~")):
            in_fence = not in_fence
        elif not in_fence and line.startswith("#"):
            found = _POINTS.sub("", line.strip("# \t").strip("*_` ")) or found
    return found

"""What the gradebook and the release say about an assignment: the trusted side of marking."""

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from grading.engine.connection import ask, reading
from grading.engine.model import NotReleased, QuestionKind, question_kind
from grading.engine.nbgrader_parts import api
from lti_tool.kernel.prepared import Prepared

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
        plans = read_plans(session, assignment)
    if not plans:
        raise NotReleased(f"The assignment {assignment!r} has not been released yet.")
    return plans


def read_plans(session: Session, assignment: str) -> list[NotebookPlan]:
    """The notebooks of an assignment by name, in three queries: marking asks for them twice."""
    wanted = {"assignment": assignment}
    notebooks, cells, sources = (tuple(ask(session, query, wanted)) for query in _queries())
    return list(_plans_of(notebooks, cells, sources))


@lru_cache(maxsize=32)
def _plans_of(notebooks: tuple[Any, ...], cells: tuple[Any, ...], sources: tuple[Any, ...]) -> tuple[NotebookPlan, ...]:
    """Of the same rows again the plans that were made before: nobody changes them."""
    known: dict[str, dict[str, _Known]] = defaultdict(lambda: defaultdict(_Known))
    for notebook, kind, name, grade_points, task_points in cells:
        known[notebook][name].add(kind, grade_points if kind == "GradeCell" else task_points)
    found: dict[str, dict[str, TrustedCell]] = defaultdict(dict)
    for notebook, name, cell_type, locked, source, checksum in sources:
        cell = known[notebook][name]
        found[notebook][name] = TrustedCell(
            grade_id=name,
            cell_type=cell_type,
            source=source or "",
            checksum=checksum,
            is_locked=bool(locked),
            is_graded="GradeCell" in cell.kinds,
            is_solution="SolutionCell" in cell.kinds,
            is_task="TaskCell" in cell.kinds,
            points=cell.points,
        )
    return tuple(
        NotebookPlan(name=name, kernelspec=json.loads(kernelspec or "{}"), cells=found[key])
        for key, name, kernelspec in notebooks
    )


@dataclass
class _Known:
    """What the gradebook's tables of cells say about one name."""

    kinds: set[str] = field(default_factory=set)
    points: float | None = None

    def add(self, kind: str, points: float | None) -> None:
        self.kinds.add(kind)
        if points is not None:
            self.points = float(points)


@cache
def _queries() -> tuple[Prepared, Prepared, Prepared]:
    """Notebooks, cells by kind, and sources of one assignment."""
    notebook, source = api.Notebook, api.SourceCell
    cell, grade, task = api.BaseCell.__table__, api.GradeCell.__table__, api.TaskCell.__table__
    is_wanted = api.Assignment.name == bindparam("assignment")
    cells = (
        select(cell.c.notebook_id, cell.c.type, cell.c.name, grade.c.max_score, task.c.max_score.label("task_score"))
        .select_from(cell)
        .outerjoin(grade, grade.c.id == cell.c.id)
        .outerjoin(task, task.c.id == cell.c.id)
        .join(notebook, notebook.id == cell.c.notebook_id)
    )
    sources = select(
        source.notebook_id, source.name, source.cell_type, source.locked, source.source, source.checksum
    ).join(notebook, notebook.id == source.notebook_id)
    notebooks = select(notebook.id, notebook.name, notebook.kernelspec)
    joined = [
        query.join(api.Assignment, api.Assignment.id == notebook.assignment_id).where(is_wanted)
        for query in (notebooks, cells, sources)
    ]
    return Prepared(joined[0].order_by(notebook.name)), Prepared(joined[1]), Prepared(joined[2].order_by(source.name))


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

"""What a release puts into a gradebook, and how it comes into the gradebook of a placement.

A course is released once, into a gradebook without learners (its *structure*). Every placement has a gradebook of its
own, which is brought up to that structure by the rules of nbgrader's `SaveCells` and `generate_assignment`: new cells
and notebooks are refused once somebody has handed in, texts and points are taken over. All of one gradebook is changed
in one transaction.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import func, select

from grading.engine.connection import exists, reading, state_of
from grading.engine.gradebook import ensure_database, writing
from grading.engine.model import NotReleased
from grading.engine.nbgrader_parts import SaveCells, api, formats
from grading.engine.plan import NotebookPlan, load_plan, read_plans


@dataclass(frozen=True)
class Structure:
    """An assignment as a gradebook holds it, without learners."""

    due: datetime | None
    """Naive, in UTC, as nbgrader keeps it."""
    notebooks: tuple[NotebookPlan, ...]

    @property
    def sha256(self) -> str:
        """Changes whenever a mark could come out differently."""
        return _sha256([self.due and self.due.isoformat(), [asdict(notebook) for notebook in self.notebooks]])


class Misfit(ValueError):
    """What is to be released does not fit what learners have handed in; nothing was changed."""

    def __init__(self, assignment: str) -> None:
        """`assignment` is the one that does not fit."""
        super().__init__(assignment)
        self.assignment = assignment


def load_structures(url: str, names: Collection[str] | None = None) -> dict[str, Structure]:
    """Assignments of a gradebook by name, all or those of `names`; nothing where there is no gradebook."""
    if not exists(url):
        return {}
    query = select(api.Assignment.name, api.Assignment.duedate).order_by(api.Assignment.name)
    if names is not None:
        query = query.where(api.Assignment.name.in_(names))
    with reading(url) as session:
        rows = session.execute(query).all()
        return {name: Structure(due, tuple(read_plans(session, name))) for name, due in rows}


def find_structure(url: str, assignment: str) -> Structure | None:
    """One assignment of a gradebook that changes with releases only; it is not read again until then."""
    state = state_of(url)
    return _load(url, assignment) if state is None else _kept(url, assignment, state)


def _load(url: str, assignment: str) -> Structure | None:
    return load_structures(url, [assignment]).get(assignment)


@lru_cache(maxsize=128)
def _kept(url: str, assignment: str, _state: tuple[int, ...]) -> Structure | None:
    return _load(url, assignment)


def sha256_of(structures: Mapping[str, Structure]) -> str:
    """Of a whole course."""
    return _sha256({name: structure.sha256 for name, structure in structures.items()})


def bring_up_to(url: str, structures: Mapping[str, Structure], *, rehearse: bool = False) -> None:
    """Make a gradebook have these assignments as they are; what else it has stays.

    `rehearse`: change nothing, only find out whether it fits.

    Raises:
        Misfit: an assignment does not fit what was handed in; nothing was changed.
    """
    if not rehearse:
        ensure_database(url, "default_course")
    elif not exists(url):
        return
    with writing(url) as gradebook:
        for name, structure in structures.items():
            _save(gradebook, name, structure)
        if rehearse:
            gradebook.db.rollback()


def require_plan(url: str, assignment: str) -> list[NotebookPlan]:
    """The notebooks of an assignment. Raises: NotReleased: there is no such gradebook or assignment."""
    if not exists(url):
        raise NotReleased(f"The assignment {assignment!r} has not been released yet.")
    return load_plan(url, assignment)


def _save(gradebook: Any, name: str, structure: Structure) -> None:
    gradebook.update_or_create_assignment(name).duedate = structure.due
    session = gradebook.db
    session.flush()
    mine = select(api.Notebook.name).join(api.Assignment, api.Assignment.id == api.Notebook.assignment_id)
    known = set(session.execute(mine.where(api.Assignment.name == name)).scalars())
    wanted = {notebook.name for notebook in structure.notebooks}
    if known != wanted and _count_submissions(session, name):
        raise Misfit(name)
    for notebook in known - wanted:
        gradebook.remove_notebook(notebook, name)
    for plan in structure.notebooks:
        _save_notebook(gradebook, name, plan)
        session.flush()


def _save_notebook(gradebook: Any, assignment: str, plan: NotebookPlan) -> None:
    """Let nbgrader's `SaveCells` decide and write, with the cells that it found when the course was released."""
    saver = SaveCells()
    saver.gradebook, saver.notebook_id, saver.assignment_id = gradebook, plan.name, assignment
    cells = plan.cells.values()
    saver.new_grade_cells = {
        cell.grade_id: {"max_score": cell.points, "cell_type": cell.cell_type} for cell in cells if cell.is_graded
    }
    saver.new_solution_cells = {cell.grade_id: {} for cell in cells if cell.is_solution}
    saver.new_task_cells = {
        cell.grade_id: {"max_score": cell.points, "cell_type": cell.cell_type} for cell in cells if cell.is_task
    }
    saver.new_source_cells = {
        cell.grade_id: {
            "cell_type": cell.cell_type,
            "locked": cell.is_locked,
            "source": cell.source,
            "checksum": cell.checksum,
        }
        for cell in cells
    }
    notebook = formats.v4.new_notebook(metadata={"kernelspec": plan.kernelspec})
    try:
        saver._create_notebook(notebook)
    except RuntimeError as error:  # "there are submissions associated with it"
        raise Misfit(assignment) from error
    gradebook.find_notebook(plan.name, assignment).kernelspec = json.dumps(plan.kernelspec)


def _count_submissions(session: Any, assignment: str) -> int:
    query = select(func.count()).select_from(api.SubmittedAssignment).join(api.Assignment)
    return int(session.execute(query.where(api.Assignment.name == assignment)).scalar_one())


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()

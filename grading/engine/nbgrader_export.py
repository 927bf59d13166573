"""Marks as `nbgrader export` writes them (nbgrader/plugins/export.py, CsvExportPlugin), without importing nbgrader."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, case, func, select

from grading.engine.connection import exists, open_engine
from grading.engine.hand_marks import LONGEST_S, WAIT_S
from grading.engine.hand_tables import assignment, cell, grade, grade_cell, notebook, student, submission, submitted
from grading.engine.hand_tables import task_cell as task

COLUMNS = (
    "assignment",
    "duedate",
    "timestamp",
    "student_id",
    "last_name",
    "first_name",
    "email",
    "raw_score",
    "late_submission_penalty",
    "score",
    "max_score",
)
"""In nbgrader's order."""


@dataclass(frozen=True)
class ExportRow:
    """One assignment of one student. Times are naive and in UTC, as nbgrader has them; a student may have no name."""

    assignment: str
    duedate: datetime | None
    timestamp: datetime | None
    """None: nothing was handed in."""
    student_id: str
    last_name: str
    first_name: str
    email: str
    raw_score: float
    late_submission_penalty: float
    max_score: float

    @property
    def score(self) -> float:
        """What is left after the penalty."""
        return max(0.0, self.raw_score - self.late_submission_penalty)

    def values(self) -> list[str]:
        """As nbgrader writes them."""
        return ["" if (value := getattr(self, name)) is None else str(value) for name in COLUMNS]


def list_rows(url: str, only: str | None = None) -> list[ExportRow]:
    """All assignments of a gradebook, or one, for every student that it knows; in nbgrader's order."""
    if not exists(url):
        return []
    with open_engine(url, WAIT_S, LONGEST_S).connect() as connection:
        worth = {row.id: row.worth for row in connection.execute(_worth())}
        students = connection.execute(select(student).order_by(student.c.last_name, student.c.first_name)).all()
        wanted = select(assignment).order_by(assignment.c.duedate, assignment.c.name)
        if only is not None:
            wanted = wanted.where(assignment.c.name == only)
        found = {(row.assignment_id, row.student_id): row for row in _handed_in(connection)}
        return [
            _row(each, who, found.get((each.id, who.id)), worth.get(each.id, 0.0))
            for each in connection.execute(wanted)
            for who in students
        ]


def _row(each: Any, who: Any, marks: Any, worth: float) -> ExportRow:
    return ExportRow(
        assignment=each.name,
        duedate=each.duedate,
        timestamp=marks.timestamp if marks else None,
        student_id=who.id,
        last_name=who.last_name or "",
        first_name=who.first_name or "",
        email=who.email or "",
        raw_score=float(marks.raw) if marks else 0.0,
        late_submission_penalty=float(marks.penalty) if marks else 0.0,
        max_score=float(worth),
    )


def _worth() -> Select[Any]:
    points = func.coalesce(grade_cell.c.max_score, task.c.max_score, 0.0)
    return (
        select(assignment.c.id, func.sum(points).label("worth"))
        .join(notebook, notebook.c.assignment_id == assignment.c.id)
        .join(cell, cell.c.notebook_id == notebook.c.id)
        .outerjoin(grade_cell, grade_cell.c.id == cell.c.id)
        .outerjoin(task, task.c.id == cell.c.id)
        .group_by(assignment.c.id)
    )


def _handed_in(connection: Connection) -> list[Any]:
    given = func.coalesce(grade.c.manual_score, grade.c.auto_score)
    score = case((given.is_(None), 0.0), else_=given + func.coalesce(grade.c.extra_credit, 0.0))
    late = (
        select(func.coalesce(func.sum(submitted.c.late_submission_penalty), 0.0))
        .where(submitted.c.assignment_id == submission.c.id)
        .correlate(submission)
        .scalar_subquery()
    )
    books = submitted.alias()
    query = (
        select(
            submission.c.assignment_id,
            submission.c.student_id,
            submission.c.timestamp,
            func.coalesce(func.sum(score), 0.0).label("raw"),
            late.label("penalty"),
        )
        .select_from(submission)
        .outerjoin(books, and_(books.c.assignment_id == submission.c.id))
        .outerjoin(grade, grade.c.notebook_id == books.c.id)
        .group_by(submission.c.id, submission.c.assignment_id, submission.c.student_id, submission.c.timestamp)
    )
    return list(connection.execute(query))

"""Marks by hand in a gradebook: who has which cell to mark, one mark, and saving it without losing another grader's.

Light to import and quick: a web request reads with one connection and writes in one transaction of its own, which
compares before it changes. It waits at most `WAIT_S` for another writer and holds nobody up longer than `LONGEST_S`.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, exists, func, or_, select, update
from sqlalchemy.exc import OperationalError

from grading.engine import connection as connections
from grading.engine.hand_tables import (
    assignment,
    cell,
    comment,
    grade,
    grade_cell,
    notebook,
    submission,
    submitted,
    task_cell,
)
from grading.engine.model import QuestionKind, decimal, optional_decimal, question_kind

WAIT_S = 5
LONGEST_S = 8.0


class Busy(RuntimeError):
    """Somebody else writes into the gradebook for longer than a request waits; nothing was changed."""


@dataclass(frozen=True)
class CellRef:
    """A graded cell of an assignment."""

    notebook: str
    grade_id: str


@dataclass(frozen=True)
class GradedCell:
    """The same, with what it is worth."""

    ref: CellRef
    kind: QuestionKind
    max_score: Decimal


@dataclass(frozen=True)
class Standing:
    """How it stands with one cell of one learner."""

    learner: str
    ref: CellRef
    submitted_at: datetime | None
    """When the attempt was handed in that the gradebook holds: it tells which one that is."""
    needs_manual: bool


@dataclass(frozen=True)
class HandMark:
    """What the gradebook has for one cell of one learner."""

    submitted_at: datetime | None
    auto_score: Decimal | None
    manual_score: Decimal | None
    extra_credit: Decimal | None
    needs_manual: bool
    comment: str | None
    """A person's."""
    auto_comment: str | None
    """nbgrader's own, "No response."; it shows where there is none of a person."""
    version: str
    """Changes whenever any of this does."""


@dataclass(frozen=True)
class NewMark:
    """What a person gives."""

    points: Decimal | None
    """None: none; then the tests' score counts, if there is one."""
    extra_credit: Decimal | None
    comment: str | None


class Changed(RuntimeError):
    """The mark is not the one that was looked at any more; nothing was changed."""

    def __init__(self, mark: HandMark | None) -> None:
        """`mark` is what is there now; None: no such answer."""
        super().__init__("the mark has changed")
        self.mark = mark


@dataclass(frozen=True)
class HandMarks:
    """The marks of one assignment in one gradebook."""

    url: str
    assignment: str

    def is_there(self) -> bool:
        """Is there a gradebook yet? Raises: Busy."""
        if not connections.may_exist(self.url):
            return False
        with self._connected() as connection:
            return connections.has_tables(connection)

    def list_cells(self) -> list[GradedCell]:
        """The graded cells, in no order."""
        with self._connected() as connection:
            return [_graded_cell(row) for row in connection.execute(_cells(self.assignment))]

    def list_standings(self) -> list[Standing]:
        """Every graded cell of every learner, in one query."""
        with self._connected() as connection:
            return [
                Standing(row.learner, CellRef(row.notebook, row.name), _aware(row.at), bool(row.needs))
                for row in connection.execute(_standings(self.assignment))
            ]

    def find(self, learner: str, ref: CellRef, comment_at: str) -> HandMark | None:
        """The mark for a cell of a learner; `comment_at` is the cell whose comment goes with it."""
        with self._connected() as connection:
            row = self._row(connection, learner, ref, comment_at)
            return None if row is None else _hand_mark(row)

    def save(self, learner: str, ref: CellRef, comment_at: str, version: str, new: NewMark) -> HandMark:
        """Put a mark into the gradebook, by the rules of formgrader.

        Raises:
            Changed: it is not the version that was looked at. Busy: somebody else writes.
        """
        with self._connected(writes=True) as connection:
            row = self._row(connection, learner, ref, comment_at)
            before = None if row is None else _hand_mark(row)
            if row is None or before is None or before.version != version:
                raise Changed(before)
            waits = new.points is None and row.auto_score is None
            values = {
                "manual_score": _number(new.points),
                "extra_credit": _number(new.extra_credit),
                "needs_manual_grade": waits,
            }
            connection.execute(update(grade).where(grade.c.id == row.grade_row).values(values))
            if row.comment_row is not None:
                written = update(comment).where(comment.c.id == row.comment_row)
                connection.execute(written.values(manual_comment=new.comment or None))
            after = self._row(connection, learner, ref, comment_at)
            assert after is not None
            return _hand_mark(after)

    def _row(self, connection: Connection, learner: str, ref: CellRef, comment_at: str) -> Row[Any] | None:
        return connection.execute(_mark(self.assignment, learner, ref, comment_at)).first()

    @contextmanager
    def _connected(self, *, writes: bool = False) -> Iterator[Connection]:
        engine = connections.open_engine(self.url, WAIT_S, LONGEST_S)
        try:
            with engine.execution_options(writes=writes).begin() as connection:
                yield connection
        except OperationalError as error:  # "database is locked", or stopped for its length
            raise Busy from error


def _of_assignment(name: str) -> ColumnElement[bool]:
    return and_(notebook.c.assignment_id == assignment.c.id, assignment.c.name == name)


def _cells(name: str) -> Select[Any]:
    twin = cell.alias()
    is_solution = exists(
        select(twin.c.id).where(
            twin.c.notebook_id == cell.c.notebook_id, twin.c.name == cell.c.name, twin.c.type == "SolutionCell"
        )
    )
    return (
        select(
            notebook.c.name.label("notebook"),
            cell.c.name.label("name"),
            cell.c.type.label("table"),
            func.coalesce(grade_cell.c.max_score, task_cell.c.max_score).label("max_score"),
            func.coalesce(grade_cell.c.cell_type, task_cell.c.cell_type).label("cell_type"),
            is_solution.label("is_solution"),
        )
        .select_from(cell)
        .join(notebook, notebook.c.id == cell.c.notebook_id)
        .join(assignment, _of_assignment(name))
        .outerjoin(grade_cell, grade_cell.c.id == cell.c.id)
        .outerjoin(task_cell, task_cell.c.id == cell.c.id)
        .where(or_(grade_cell.c.id.is_not(None), task_cell.c.id.is_not(None)))
    )


def _standings(name: str) -> Select[Any]:
    return (
        select(
            submission.c.student_id.label("learner"),
            notebook.c.name.label("notebook"),
            cell.c.name.label("name"),
            submission.c.timestamp.label("at"),
            grade.c.needs_manual_grade.label("needs"),
        )
        .select_from(grade)
        .join(cell, cell.c.id == grade.c.cell_id)
        .join(submitted, submitted.c.id == grade.c.notebook_id)
        .join(submission, submission.c.id == submitted.c.assignment_id)
        .join(notebook, notebook.c.id == submitted.c.notebook_id)
        .join(assignment, _of_assignment(name))
    )


def _mark(name: str, learner: str, ref: CellRef, comment_at: str) -> Select[Any]:
    about = cell.alias()
    commented = comment.join(about, about.c.id == comment.c.cell_id)
    return (
        select(
            grade.c.id.label("grade_row"),
            submission.c.timestamp.label("at"),
            grade.c.auto_score,
            grade.c.manual_score,
            grade.c.extra_credit,
            grade.c.needs_manual_grade.label("needs"),
            comment.c.id.label("comment_row"),
            comment.c.manual_comment,
            comment.c.auto_comment,
        )
        .select_from(grade)
        .join(cell, cell.c.id == grade.c.cell_id)
        .join(submitted, submitted.c.id == grade.c.notebook_id)
        .join(submission, submission.c.id == submitted.c.assignment_id)
        .join(notebook, notebook.c.id == submitted.c.notebook_id)
        .join(assignment, _of_assignment(name))
        .outerjoin(commented, and_(comment.c.notebook_id == submitted.c.id, about.c.name == comment_at))
        .where(submission.c.student_id == learner, notebook.c.name == ref.notebook, cell.c.name == ref.grade_id)
    )


def _graded_cell(row: Row[Any]) -> GradedCell:
    kind = question_kind(row.table == "TaskCell", bool(row.is_solution) or row.cell_type == "markdown")
    return GradedCell(CellRef(row.notebook, row.name), kind, decimal(row.max_score))


def _hand_mark(row: Row[Any]) -> HandMark:
    told = (
        row.grade_row,
        row.at,
        row.auto_score,
        row.manual_score,
        row.extra_credit,
        row.needs,
        row.manual_comment,
        row.auto_comment,
    )
    return HandMark(
        submitted_at=_aware(row.at),
        auto_score=optional_decimal(row.auto_score),
        manual_score=optional_decimal(row.manual_score),
        extra_credit=optional_decimal(row.extra_credit),
        needs_manual=bool(row.needs),
        comment=row.manual_comment or None,
        auto_comment=row.auto_comment or None,
        version=hashlib.sha256(repr(told).encode()).hexdigest()[:20],
    )


def _aware(at: datetime | None) -> datetime | None:
    return None if at is None else at.replace(tzinfo=UTC)


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)

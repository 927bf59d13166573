"""A learner's rows in a gradebook, as nbgrader makes and changes them: read at once, written at once.

nbgrader asks for every cell by itself, and its objects cost many times what the database takes. Here its rules
(`scoring`) change plain values, and a few statements that are compiled once read them before and write them after.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import uuid4

from sqlalchemy import Select, bindparam, insert, select, update
from sqlalchemy.orm import Session

from grading.engine.connection import ask
from grading.engine.nbgrader_parts import api
from lti_tool.kernel.prepared import Prepared


@dataclass
class GradeOf:
    """A row of `grade`; the names are nbgrader's."""

    id: str
    cell_id: str
    name: str
    auto_score: float | None = None
    manual_score: float | None = None
    extra_credit: float | None = None
    needs_manual_grade: bool = True

    @property
    def score(self) -> float:
        """As nbgrader counts it: what a person gave, or else what the tests gave, and the extra credit."""
        given = self.auto_score if self.manual_score is None else self.manual_score
        return 0.0 if given is None else given + (self.extra_credit or 0.0)


@dataclass
class CommentOf:
    """A row of `comment`."""

    id: str
    cell_id: str
    name: str
    auto_comment: str | None = None
    manual_comment: str | None = None


@dataclass
class NotebookOf:
    """A row of `submitted_notebook`, with its grades and comments by the names of their cells."""

    id: str
    notebook_id: str
    late_submission_penalty: float | None = None
    grades: dict[str, GradeOf] = field(default_factory=dict)
    comments: dict[str, CommentOf] = field(default_factory=dict)

    @property
    def score(self) -> float:
        """Without a penalty."""
        return sum(grade.score for grade in self.grades.values())


class LearnerRows:
    """All rows of a learner for an assignment."""

    def __init__(self, session: Session, assignment: str, learner: str, at: datetime) -> None:
        """Read them, or make them as nbgrader's `update_or_create_submission` does; kept once they are written.

        `at`: when it was submitted, naive in UTC as nbgrader keeps it. The assignment has been released.
        """
        self._session, self._learner, self._at = session, learner, at
        ((self._assignment_id, due),) = self._ask("assignment", name=assignment)
        found = self._ask("submission", assignment=self._assignment_id, learner=learner)
        self._is_new = not found
        extension: timedelta | None = found[0].extension if found else None
        self._id: str = found[0].id if found else uuid4().hex
        self._was_at: datetime | None = found[0].timestamp if found else None
        self.notebooks: dict[str, NotebookOf] = self._make() if self._is_new else self._read()
        self._before = {} if self._is_new else self._values()
        ends = due if due is None or extension is None else due + extension
        self.seconds_late: float = 0.0 if ends is None else max(0.0, (at - ends).total_seconds())

    def _ask(self, which: str, **parameters: Any) -> list[Any]:
        return ask(self._session, _queries()[which], parameters)

    def _make(self) -> dict[str, NotebookOf]:
        made: dict[str, NotebookOf] = {}
        for name, notebook_id in self._ask("notebooks", assignment=self._assignment_id):
            made[name] = NotebookOf(uuid4().hex, notebook_id)
        for name, cell, cell_id, kind in self._ask("cells", assignment=self._assignment_id):
            if kind in ("GradeCell", "TaskCell"):
                made[name].grades[cell] = GradeOf(uuid4().hex, cell_id, cell)
            if kind in ("SolutionCell", "TaskCell"):
                made[name].comments[cell] = CommentOf(uuid4().hex, cell_id, cell)
        return made

    def _read(self) -> dict[str, NotebookOf]:
        found: dict[str, NotebookOf] = {}
        by_id: dict[str, NotebookOf] = {}
        for name, row, notebook_id, penalty in self._ask("submitted", submission=self._id):
            found[name] = by_id[row] = NotebookOf(row, notebook_id, penalty)
        for row, *values in self._ask("grades", submission=self._id):
            grade = GradeOf(*values)
            if row in by_id:
                by_id[row].grades[grade.name] = grade
        for row, *values in self._ask("comments", submission=self._id):
            comment = CommentOf(*values)
            if row in by_id:
                by_id[row].comments[comment.name] = comment
        return found

    def write(self) -> None:
        """What is new or has changed, in the caller's transaction; safe to repeat."""
        values = self._values()
        if self._is_new:
            self._insert(values)
        else:
            if self._was_at != self._at:
                self._put("submission", [{"key": self._id, "timestamp": self._at}])
            for table, rows in values.items():
                before = self._before[table]
                self._put(table, [row | {"key": key} for key, row in rows.items() if row != before.get(key)])
        self._is_new, self._was_at, self._before = False, self._at, values

    def _values(self) -> dict[str, dict[str, dict[str, Any]]]:
        """What may change, by table and id."""
        found: dict[str, dict[str, dict[str, Any]]] = {"notebook": {}, "grade": {}, "comment": {}}
        for notebook in self.notebooks.values():
            found["notebook"][notebook.id] = {"late_submission_penalty": notebook.late_submission_penalty}
            found["grade"] |= {row.id: _pick(row, GRADE) for row in notebook.grades.values()}
            found["comment"] |= {row.id: _pick(row, COMMENT) for row in notebook.comments.values()}
        return found

    def _put(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            ask(self._session, _updates()[table], *rows)

    def _insert(self, values: dict[str, dict[str, dict[str, Any]]]) -> None:
        if not self._ask("student", learner=self._learner):
            self._add("student", [dict.fromkeys(PERSON) | {"id": self._learner}])
        mine = {"id": self._id, "assignment_id": self._assignment_id, "student_id": self._learner}
        self._add("submission", [mine | {"timestamp": self._at, "extension": None}])
        whole = {"assignment_id": self._id, "flagged": False}
        rows = self.notebooks.values()
        self._add("notebook", [whole | _keys(row, "notebook_id") | values["notebook"][row.id] for row in rows])
        for table, parts in (
            ("grade", [(row.id, part) for row in rows for part in row.grades.values()]),
            ("comment", [(row.id, part) for row in rows for part in row.comments.values()]),
        ):
            self._add(
                table, [{"notebook_id": of} | _keys(part, "cell_id") | values[table][part.id] for of, part in parts]
            )

    def _add(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            ask(self._session, _inserts()[table], *rows)


GRADE = ("auto_score", "manual_score", "extra_credit", "needs_manual_grade")
COMMENT = ("auto_comment", "manual_comment")
PERSON = ("first_name", "last_name", "email", "lms_user_id")


def _pick(row: Any, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _keys(row: Any, other: str) -> dict[str, Any]:
    return _pick(row, ("id", other))


@cache
def _queries() -> dict[str, Prepared]:
    notebook, cell = api.Notebook.__table__, api.BaseCell.__table__
    submitted, whole = api.SubmittedNotebook.__table__, api.SubmittedAssignment.__table__
    assignment, student = api.Assignment.__table__, api.Student.__table__
    of_assignment = notebook.c.assignment_id == bindparam("assignment")
    found: dict[str, Select[Any]] = {
        "assignment": select(assignment.c.id, assignment.c.duedate).where(assignment.c.name == bindparam("name")),
        "student": select(student.c.id).where(student.c.id == bindparam("learner")),
        "submission": select(whole.c.id, whole.c.timestamp, whole.c.extension).where(
            whole.c.assignment_id == bindparam("assignment"), whole.c.student_id == bindparam("learner")
        ),
        "notebooks": select(notebook.c.name, notebook.c.id).where(of_assignment).order_by(notebook.c.name),
        "cells": select(notebook.c.name, cell.c.name.label("cell"), cell.c.id, cell.c.type)
        .join(notebook, notebook.c.id == cell.c.notebook_id)
        .where(of_assignment),
        "submitted": select(
            notebook.c.name, submitted.c.id, notebook.c.id.label("of"), submitted.c.late_submission_penalty
        )
        .join(notebook, notebook.c.id == submitted.c.notebook_id)
        .where(submitted.c.assignment_id == bindparam("submission"))
        .order_by(notebook.c.name),
    }
    for name, row, columns in (("grades", api.Grade, GRADE), ("comments", api.Comment, COMMENT)):
        table = row.__table__
        wanted = [table.c.notebook_id, table.c.id, table.c.cell_id, cell.c.name, *(table.c[one] for one in columns)]
        joined = select(*wanted).join(cell, cell.c.id == table.c.cell_id)
        joined = joined.join(submitted, submitted.c.id == table.c.notebook_id)
        found[name] = joined.where(submitted.c.assignment_id == bindparam("submission"))
    return {name: Prepared(query) for name, query in found.items()}


def _tables() -> dict[str, Any]:
    return {
        "student": api.Student.__table__,
        "submission": api.SubmittedAssignment.__table__,
        "notebook": api.SubmittedNotebook.__table__,
        "grade": api.Grade.__table__,
        "comment": api.Comment.__table__,
    }


@cache
def _inserts() -> dict[str, Prepared]:
    return {name: Prepared(insert(table), [column.name for column in table.c]) for name, table in _tables().items()}


@cache
def _updates() -> dict[str, Prepared]:
    changed = {
        "submission": ("timestamp",),
        "notebook": ("late_submission_penalty",),
        "grade": GRADE,
        "comment": COMMENT,
    }
    tables = _tables()
    return {
        name: Prepared(
            update(tables[name])
            .where(tables[name].c.id == bindparam("key"))
            .values({column: bindparam(column) for column in columns})
        )
        for name, columns in changed.items()
    }

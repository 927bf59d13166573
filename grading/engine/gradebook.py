"""nbgrader's gradebook: one connection and one transaction for what belongs together.

nbgrader opens the database anew for every step and commits after every cell. Here its own
`Gradebook` works on a session whose commits only flush, so that a learner's marks appear all
at once or not at all, and `BEGIN IMMEDIATE` waits for other writers (formgrader is one)
where stock nbgrader fails with "database is locked".
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from alembic.script import ScriptDirectory
from sqlalchemy import bindparam, case, func, inspect, select, text
from sqlalchemy.orm import Session

from grading.engine.connection import ask, open_engine, reading
from grading.engine.learner_rows import LearnerRows
from grading.engine.model import QuestionKind, Total, decimal, optional_decimal, question_kind
from grading.engine.nbgrader_parts import api, dbutil
from lti_tool.kernel.crashpoints import reach
from lti_tool.kernel.prepared import Prepared


@dataclass(frozen=True)
class GradeRow:
    """One grade, with what the gradebook knows about its cell."""

    notebook: str
    grade_id: str
    kind: QuestionKind
    max_score: Decimal
    auto_score: Decimal | None
    manual_score: Decimal | None
    extra_credit: Decimal | None
    needs_manual: bool
    late_penalty: Decimal
    """Of the whole notebook that the grade belongs to."""


class _HeldSession(Session):
    """A session in which nbgrader's many commits only flush; we commit at the end."""

    def commit(self) -> None:
        self.flush()

    def finish(self) -> None:
        """Commit for real."""
        super().commit()


@contextmanager
def writing(url: str, *, rehearsal: bool = False) -> Iterator[Any]:
    """Nbgrader's `Gradebook` in one transaction, which commits if the block ends well, and never in a rehearsal."""
    with _HeldSession(open_engine(url).execution_options(writes=True), autoflush=False) as session:
        gradebook = api.Gradebook.__new__(api.Gradebook)  # its __init__ opens the database anew
        gradebook.engine = session.get_bind()
        gradebook.db = session
        gradebook.course_id = "default_course"
        gradebook.authenticator = None
        yield gradebook
        if not rehearsal:
            session.finish()


def ensure_database(url: str, course_id: str) -> None:
    """Make the gradebook's tables if they are not there, all or none; safe to repeat.

    nbgrader would start the `alembic` command from PATH for this, which services may not have.
    """
    engine = open_engine(url)
    with engine.execution_options(writes=True).begin() as connection:
        fresh = not inspect(connection).has_table("alembic_version")
        api.Base.metadata.create_all(connection)
        if fresh:
            head = ScriptDirectory(dbutil.ALEMBIC_DIR).get_current_head()
            connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
            connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": head})
        for course in {course_id, "default_course"}:
            known = select(api.Course.id).where(api.Course.id == course)
            if connection.execute(known).first() is None:
                connection.execute(api.Course.__table__.insert().values(id=course))
        reach("gradebook.tables")


def set_due_date(url: str, assignment: str, due: datetime | None) -> None:
    """When submissions become late; `due` is aware, nbgrader keeps it in UTC."""
    with writing(url) as gradebook:
        gradebook.find_assignment(assignment).duedate = _naive_utc(due) if due else None


def _naive_utc(moment: datetime) -> datetime:
    offset = moment.utcoffset()
    if offset is None:
        raise ValueError("a moment needs a time zone")
    return (moment - offset).replace(tzinfo=None)


def start_submission(gradebook: Any, assignment: str, learner: str, at: datetime) -> LearnerRows:
    """The learner's rows, to be made or brought up to date when they are written."""
    return LearnerRows(gradebook.db, assignment, learner, _naive_utc(at))


def list_grades(url: str, assignment: str, learner: str) -> list[GradeRow]:
    """All grades of one learner for an assignment, in one query."""
    with reading(url) as session:
        return grades_in(session, assignment, learner)


def list_grades_and_comments(
    url: str, assignment: str, learner: str
) -> tuple[list[GradeRow], dict[tuple[str, str], str]]:
    """Both, of one moment: opening the gradebook costs as much as asking it."""
    with reading(url) as session:
        return grades_in(session, assignment, learner), comments_in(session, assignment, learner)


def grades_in(session: Session, assignment: str, learner: str) -> list[GradeRow]:
    """The same, as a session sees them that may have changed them."""
    rows = ask(session, _grades_query(), {"assignment": assignment, "learner": learner})
    return [_grade_row(*row) for row in rows]


@cache
def _grades_query() -> Prepared:
    grade, cell, notebook = api.Grade, api.BaseCell, api.Notebook
    submitted, whole = api.SubmittedNotebook, api.SubmittedAssignment
    twin = api.BaseCell.__table__.alias()
    solution = select(twin.c.id).where(
        twin.c.notebook_id == notebook.id,
        twin.c.name == cell.name,
        twin.c.type == "SolutionCell",
    )
    return Prepared(
        select(
            notebook.name,
            cell.name.label("cell"),
            cell.type,
            solution.exists().label("is_solution"),
            grade.max_score,
            grade.cell_type,
            grade.auto_score,
            grade.manual_score,
            grade.extra_credit,
            grade.needs_manual_grade,
            submitted.late_submission_penalty,
        )
        .join(cell, cell.id == grade.cell_id)
        .join(submitted, submitted.id == grade.notebook_id)
        .join(notebook, notebook.id == submitted.notebook_id)
        .join(whole, whole.id == submitted.assignment_id)
        .join(api.Assignment, api.Assignment.id == whole.assignment_id)
        .where(api.Assignment.name == bindparam("assignment"), whole.student_id == bindparam("learner"))
        .order_by(notebook.name, cell.name)
    )


def _grade_row(
    notebook: str,
    name: str,
    table: str,
    is_solution: bool,
    max_score: float,
    cell_type: str,
    auto: float | None,
    manual: float | None,
    extra: float | None,
    needs_manual: bool,
    penalty: float | None,
) -> GradeRow:
    return GradeRow(
        notebook=notebook,
        grade_id=name,
        kind=question_kind(table == "TaskCell", is_solution or cell_type == "markdown"),
        max_score=decimal(max_score),
        auto_score=optional_decimal(auto),
        manual_score=optional_decimal(manual),
        extra_credit=optional_decimal(extra),
        needs_manual=needs_manual,
        late_penalty=decimal(penalty),
    )


def comments_in(session: Session, assignment: str, learner: str) -> dict[tuple[str, str], str]:
    """The same, as a session sees them that may have changed them."""
    rows = ask(session, _comments_query(), {"assignment": assignment, "learner": learner})
    return {(notebook, name): words for notebook, name, words in rows if words}


@cache
def _comments_query() -> Prepared:
    submitted, whole = api.SubmittedNotebook, api.SubmittedAssignment
    return Prepared(
        select(api.Notebook.name, api.BaseCell.name.label("cell"), api.Comment.comment)
        .join(api.BaseCell, api.BaseCell.id == api.Comment.cell_id)
        .join(submitted, submitted.id == api.Comment.notebook_id)
        .join(api.Notebook, api.Notebook.id == submitted.notebook_id)
        .join(whole, whole.id == submitted.assignment_id)
        .join(api.Assignment, api.Assignment.id == whole.assignment_id)
        .where(api.Assignment.name == bindparam("assignment"), whole.student_id == bindparam("learner"))
    )


def list_totals(url: str, assignment: str) -> dict[str, Total]:
    """Every learner's total for an assignment, in one query."""
    grade, submitted, whole = api.Grade, api.SubmittedNotebook, api.SubmittedAssignment
    penalty = (
        select(func.coalesce(func.sum(submitted.late_submission_penalty), 0.0))
        .where(submitted.assignment_id == whole.id)
        .correlate(whole)
        .scalar_subquery()
    )
    query = (
        select(
            whole.student_id,
            func.sum(grade.score),
            penalty,
            func.sum(grade.max_score),
            func.max(case((grade.needs_manual_grade, 1), else_=0)),
            whole.timestamp,
        )
        .select_from(whole)
        .join(api.Assignment, api.Assignment.id == whole.assignment_id)
        .join(submitted, submitted.assignment_id == whole.id)
        .join(grade, grade.notebook_id == submitted.id)
        .where(api.Assignment.name == assignment)
        .group_by(whole.student_id, whole.id, whole.timestamp)
    )
    with reading(url) as session:
        return {
            learner: Total(
                score=max(decimal(score) - decimal(late), Decimal(0)),
                max_score=decimal(maximum),
                needs_manual=bool(needs),
                submitted_at=at.replace(tzinfo=UTC) if at else None,
            )
            for learner, score, late, maximum, needs, at in session.execute(query)
        }

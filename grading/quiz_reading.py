"""What the page of a quiz needs to know, in one query: every launch of a quiz ends on it."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import ColumnElement, Table, and_, bindparam, exists, select

from grading.assignments import no_such_quiz
from grading.models import AssignmentRow, DraftRow, SubmissionRow
from grading.submissions import Learner
from lti_tool.kernel.db import Database

_QUIZZES, _DRAFTS, _ATTEMPTS = (cast(Table, model.__table__) for model in (AssignmentRow, DraftRow, SubmissionRow))
_SHOWN = ("id", "course_slug", "name", "title", "summary", "max_points", "max_attempts", "due_at", "closes_at")


def _mine(table: Table) -> ColumnElement[bool]:
    who = and_(table.c.placement_id == bindparam("placement"), table.c.user_id == bindparam("user"))
    return and_(who, table.c.assignment_id == _QUIZZES.c.id)


_QUIZ = (
    select(
        *(_QUIZZES.c[name] for name in _SHOWN),
        _DRAFTS.c.saved_at,
        exists().where(_mine(_ATTEMPTS)).label("has_attempts"),
    )
    .outerjoin(_DRAFTS, _mine(_DRAFTS))
    .where(_QUIZZES.c.course_slug == bindparam("slug"), _QUIZZES.c.name == bindparam("quiz"))
)


@dataclass(frozen=True)
class Draft:
    """The work that Jupyter saved last, for the page."""

    saved_at: datetime


@dataclass(frozen=True)
class ReadQuiz:
    """A quiz and how far one learner is."""

    row: AssignmentRow
    """What a page shows of it, and no files. It belongs to no transaction: only to be read."""
    draft: Draft | None
    has_attempts: bool


def read_quiz(db: Database, slug: str, name: str, who: Learner) -> ReadQuiz:
    """The quiz as a learner finds it. Raises: NotFound."""
    of = {"slug": slug, "quiz": name, "placement": who.placement_id, "user": who.user_id}
    rows = db.read(_QUIZ, of)
    if not rows:
        raise no_such_quiz()
    (found,) = rows
    row = AssignmentRow(**{column: getattr(found, column) for column in _SHOWN})
    return ReadQuiz(row, Draft(found.saved_at) if found.saved_at else None, found.has_attempts)

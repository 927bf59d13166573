"""What the page of a quiz needs to know, in one query: every launch of a quiz ends on it."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, and_, bindparam, exists, select

from grading.assignments import no_such_quiz
from grading.models import AssignmentRow, DraftRow, ExtensionRow, SubmissionRow
from grading.submissions import Learner
from grading.terms import Terms, terms_of
from lti_tool.kernel.db import Database
from lti_tool.kernel.prepared import Prepared

_TABLES = (AssignmentRow, DraftRow, SubmissionRow, ExtensionRow)
_QUIZZES, _DRAFTS, _ATTEMPTS, _EXTENSIONS = (cast(Table, model.__table__) for model in _TABLES)
_RULES = ("max_attempts", "counts", "due_at", "late_per_day", "late_at_most", "closes_at", "withdrawn_at")
_CONDITIONS = ("time_limit_s", "cell_limit_s", "memory_mb", "kernel", "requirements")
_SHOWN = ("id", "course_slug", "name", "title", "summary", "max_points", *_RULES, *_CONDITIONS)
_GIVEN = ("due_at", "closes_at", "more_attempts")


def _mine(table: Table) -> ColumnElement[bool]:
    who = and_(table.c.placement_id == bindparam("placement"), table.c.user_id == bindparam("user"))
    return and_(who, table.c.assignment_id == _QUIZZES.c.id)


_QUIZ = Prepared(
    select(
        *(_QUIZZES.c[name] for name in _SHOWN),
        _DRAFTS.c.saved_at,
        *(_EXTENSIONS.c[name].label(f"given_{name}") for name in _GIVEN),
        exists().where(_mine(_ATTEMPTS)).label("has_attempts"),
    )
    .outerjoin(_DRAFTS, _mine(_DRAFTS))
    .outerjoin(_EXTENSIONS, _mine(_EXTENSIONS))
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
    terms: Terms
    draft: Draft | None
    has_attempts: bool


def read_quiz(db: Database, slug: str, name: str, who: Learner) -> ReadQuiz:
    """The quiz as a learner finds it. Raises: NotFound."""
    of = {"slug": slug, "quiz": name, "placement": who.placement_id, "user": who.user_id}
    rows = db.read(_QUIZ, of)
    if not rows:
        raise no_such_quiz()
    (found,) = rows
    row = _remembered(found[: len(_SHOWN)])
    given = {name: getattr(found, f"given_{name}") for name in _GIVEN}
    extension = None if found.given_more_attempts is None else ExtensionRow(**given)
    return ReadQuiz(
        row, terms_of(row, extension), Draft(found.saved_at) if found.saved_at else None, found.has_attempts
    )


@lru_cache(maxsize=1000)
def _remembered(values: tuple[Any, ...]) -> AssignmentRow:
    """A quiz becomes an object once and is kept by its content: one that was changed has other content."""
    return AssignmentRow(**dict(zip(_SHOWN, values, strict=True)))

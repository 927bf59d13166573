"""What the page of a quiz needs to know, in one query: every launch of a quiz ends on it."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import ColumnElement, String, Table, and_, bindparam, exists, func, or_, select
from sqlalchemy import cast as cast_type
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from grading.assignments import no_such_quiz
from grading.group_models import GroupMemberRow, GroupRow, GroupWorkRow, ShareRow
from grading.group_work import PREFIX, OwnGroup
from grading.models import AssignmentRow, DraftRow, ExtensionRow, SubmissionRow
from grading.submissions import Learner
from grading.terms import Terms, terms_of
from lti_tool.kernel.db import Database
from lti_tool.kernel.prepared import Prepared
from lti_tool.lti import public as lti

_TABLES = (AssignmentRow, DraftRow, SubmissionRow, ExtensionRow)
_QUIZZES, _DRAFTS, _ATTEMPTS, _EXTENSIONS = (cast(Table, model.__table__) for model in _TABLES)
_GROUP_TABLES = (GroupWorkRow, GroupMemberRow, GroupRow, ShareRow)
_WORKS, _MEMBERS, _GROUPS, _SHARES = (cast(Table, model.__table__) for model in _GROUP_TABLES)
_RULES = ("max_attempts", "counts", "due_at", "late_per_day", "late_at_most", "closes_at", "withdrawn_at")
_CONDITIONS = ("time_limit_s", "cell_limit_s", "memory_mb", "kernel", "requirements")
_SHOWN = ("id", "course_slug", "name", "title", "summary", "max_points", *_RULES, *_CONDITIONS)
_GIVEN = ("due_at", "closes_at", "more_attempts")


class _InLines(FunctionElement[str]):
    """Texts of a group, a line each. SQLAlchemy's own `aggregate_strings` cannot be prepared."""

    type = String()
    inherit_cache = True


@compiles(_InLines, "sqlite")
def _in_lines_of_sqlite(element: _InLines, compiler: Any, **options: Any) -> str:
    return f"group_concat({compiler.process(element.clauses, **options)}, char(10))"


@compiles(_InLines, "postgresql")
def _in_lines_of_postgresql(element: _InLines, compiler: Any, **options: Any) -> str:
    return f"string_agg({compiler.process(element.clauses, **options)}, chr(10))"


def _mine(table: Table) -> ColumnElement[bool]:
    who = and_(table.c.placement_id == bindparam("placement"), table.c.user_id == bindparam("user"))
    return and_(who, table.c.assignment_id == _QUIZZES.c.id)


_DONE_IN_GROUPS = and_(_WORKS.c.placement_id == bindparam("placement"), _WORKS.c.assignment_id == _QUIZZES.c.id)
_OWN_GROUP = and_(_MEMBERS.c.set_id == _WORKS.c.set_id, _MEMBERS.c.user_id == bindparam("user"))
_SHARED = (
    exists()
    .where(_SHARES.c.user_id == bindparam("user"), _SHARES.c.submission_id == _ATTEMPTS.c.id)
    .where(_ATTEMPTS.c.placement_id == bindparam("placement"), _ATTEMPTS.c.assignment_id == _QUIZZES.c.id)
)
_PEOPLE = lti.select_names().subquery()
_MATES = _MEMBERS.alias()
_MATE_NAMES = select(_InLines(_PEOPLE.c.name)).where(
    _PEOPLE.c.id == _MATES.c.user_id, _MATES.c.group_id == _MEMBERS.c.group_id
)
_USED = (
    select(func.max(_ATTEMPTS.c.number))
    .where(_ATTEMPTS.c.placement_id == bindparam("placement"), _ATTEMPTS.c.assignment_id == _QUIZZES.c.id)
    .where(_ATTEMPTS.c.hub_name == PREFIX + cast_type(_MEMBERS.c.group_id, String))
)
_QUIZ = Prepared(
    select(
        *(_QUIZZES.c[name] for name in _SHOWN),
        _DRAFTS.c.saved_at,
        *(_EXTENSIONS.c[name].label(f"given_{name}") for name in _GIVEN),
        or_(exists().where(_mine(_ATTEMPTS)), _SHARED).label("has_attempts"),
        _WORKS.c.set_id,
        _GROUPS.c.name.label("group_name"),
        _MATE_NAMES.correlate(_MEMBERS).scalar_subquery().label("mates"),
        _USED.correlate(_QUIZZES, _MEMBERS).scalar_subquery().label("used"),
    )
    .outerjoin(_DRAFTS, _mine(_DRAFTS))
    .outerjoin(_EXTENSIONS, _mine(_EXTENSIONS))
    .outerjoin(_WORKS, _DONE_IN_GROUPS)
    .outerjoin(_MEMBERS, _OWN_GROUP)
    .outerjoin(_GROUPS, _GROUPS.c.id == _MEMBERS.c.group_id)
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
    content: tuple[Any, ...]
    """The same as values."""
    terms: Terms
    draft: Draft | None
    has_attempts: bool
    is_group_work: bool
    group: OwnGroup | None
    """The learner's group for this quiz."""


def read_quiz(db: Database, slug: str, name: str, who: Learner) -> ReadQuiz:
    """The quiz as a learner finds it. Raises: NotFound."""
    of = {"slug": slug, "quiz": name, "placement": who.placement_id, "user": who.user_id}
    rows = db.read(_QUIZ, of)
    if not rows:
        raise no_such_quiz()
    (found,) = rows
    content = found[: len(_SHOWN)]
    row = _remembered(content)
    given = {name: getattr(found, f"given_{name}") for name in _GIVEN}
    extension = None if found.given_more_attempts is None else ExtensionRow(**given)
    return ReadQuiz(
        row=row,
        content=content,
        terms=terms_of(row, extension),
        draft=Draft(found.saved_at) if found.saved_at else None,
        has_attempts=bool(found.has_attempts),
        is_group_work=found.set_id is not None,
        group=None if found.group_name is None else _group(found),
    )


def _group(found: Any) -> OwnGroup:
    members = sorted((found.mates or "").split("\n"), key=str.casefold)
    return OwnGroup(found.group_name, tuple(members), found.used or 0)


@lru_cache(maxsize=1000)
def _remembered(values: tuple[Any, ...]) -> AssignmentRow:
    """A quiz becomes an object once and is kept by its content: one that was changed has other content."""
    return AssignmentRow(**dict(zip(_SHOWN, values, strict=True)))

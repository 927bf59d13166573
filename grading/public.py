"""What plugins may ask of grading and have it do. Plain values in and out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import bindparam, func, select

from grading.assignments import Rules, close_assignment, describe_assignment, publish_assignment, publish_course
from grading.assignments import find_assignment as _find_assignment
from grading.authoring import Source, Writer, set_authoring
from grading.conditions import Conditions, bounds_of, find_condition_problems, names_packages
from grading.engine.leaks import Leak
from grading.engine.model import HANDED_IN, ContentError, MarkLimits, Release
from grading.engine.portable_rows import NotAGradebook, read_due_dates
from grading.engine.source_changes import SourceChange
from grading.engine.trials import Tried
from grading.engine_port import CALM
from grading.environments import CannotBe, NotReady
from grading.filesets import Packed, accept_files, pack_files, unpack
from grading.gates import Caller, add_gate
from grading.gradebooks import record_prepared
from grading.hub_tickets import Ticket, reading_path, write_path
from grading.hub_views import go_to_hub
from grading.models import AssignmentRow, Counts, ResultRow, SubmissionRow
from grading.quiz_preview import preview_quiz
from grading.readings import set_readings
from grading.rehearsing import Rehearsal, Started, count_started, find_limits, rehearse_quiz
from grading.releasing import (
    Installation,
    find_source_kernel,
    install_quizzes,
    list_kernel_problems,
    list_source_problems,
    make_release,
)
from grading.releasing_apart import install_quizzes_apart
from grading.results import find_result_row
from grading.source_releases import ReleasedSource, ReleaseStage, SourceRelease, SourceVersion, set_source_releases
from grading.submissions import Learner, list_submissions
from grading.surroundings import Neighbour, Surroundings, tell_surroundings
from grading.terms import Reached, find_terms, reached_with
from lti_tool.kernel.db import Tx

__all__ = [
    "CALM",
    "HANDED_IN",
    "Assignment",
    "Caller",
    "CannotBe",
    "Conditions",
    "ContentError",
    "Counts",
    "Installation",
    "Leak",
    "MarkLimits",
    "Neighbour",
    "NotReady",
    "Packed",
    "Reached",
    "Rehearsal",
    "Release",
    "ReleaseStage",
    "ReleasedSource",
    "Result",
    "Rules",
    "Source",
    "SourceChange",
    "SourceRelease",
    "SourceVersion",
    "Started",
    "Surroundings",
    "Ticket",
    "Tried",
    "Writer",
    "accept_files",
    "add_gate",
    "assignment_path",
    "bounds_of",
    "close_assignment",
    "count_started",
    "count_submissions",
    "describe_assignment",
    "find_assignment",
    "find_condition_problems",
    "find_due_dates",
    "find_limits",
    "find_reached",
    "find_result",
    "find_source_kernel",
    "go_to_hub",
    "install_quizzes",
    "install_quizzes_apart",
    "list_kernel_problems",
    "list_max_points",
    "list_results",
    "list_source_problems",
    "make_release",
    "names_packages",
    "pack_files",
    "preview_quiz",
    "publish_assignment",
    "publish_course",
    "reading_path",
    "record_prepared",
    "rehearse_quiz",
    "set_authoring",
    "set_readings",
    "set_source_releases",
    "tell_surroundings",
    "unpack",
    "write_path",
]


@dataclass(frozen=True)
class Assignment:
    """A published quiz."""

    id: int
    course_slug: str
    name: str
    title: str
    item_ref: str
    max_points: Decimal
    max_attempts: int | None
    due_at: datetime | None


@dataclass(frozen=True)
class Result:
    """The total that counts for a learner."""

    score: Decimal
    max_score: Decimal
    needs_manual: bool
    """A person still marks a part; the score can change."""
    recorded_at: datetime


_RESULTS = (
    select(AssignmentRow.name, ResultRow.points, ResultRow.max_points, ResultRow.needs_manual, ResultRow.recorded_at)
    .join(AssignmentRow, AssignmentRow.id == ResultRow.assignment_id)
    .where(ResultRow.placement_id == bindparam("placement_id"), ResultRow.user_id == bindparam("user_id"))
)


def assignment_path(course_slug: str, name: str) -> str:
    """The path of the quiz page."""
    return f"/grading/{quote(course_slug)}/{quote(name)}"


def find_assignment(tx: Tx, course_slug: str, name: str) -> Assignment | None:
    """The quiz of that name in a course."""
    row = _find_assignment(tx, course_slug, name)
    if row is None:
        return None
    return Assignment(
        row.id, row.course_slug, row.name, row.title, row.item_ref, row.max_points, row.max_attempts, row.due_at
    )


def find_due_dates(folder: Path) -> dict[str, datetime]:
    """By assignment, as the gradebook in an nbgrader course folder has them; none if it has no sound gradebook."""
    try:
        return read_due_dates(folder / "gradebook.db")
    except (NotAGradebook, OSError):
        return {}


def find_result(tx: Tx, placement_id: int, user_id: int, assignment_id: int) -> Result | None:
    """The result of a learner for one quiz, in one placement of its course."""
    row = find_result_row(tx, assignment_id, Learner(placement_id, user_id))
    return None if row is None else _result(row)


def find_reached(tx: Tx, placement_id: int, user_id: int, assignment_id: int) -> Reached:
    """What the results of a learner for one quiz have said up to now, worse ones and better ones."""
    row = tx.get_one(AssignmentRow, assignment_id)
    attempts = list_submissions(tx, assignment_id, Learner(placement_id, user_id))
    return reached_with(find_terms(tx, row, placement_id, user_id), attempts)


def list_results(tx: Tx, placement_id: int, user_id: int) -> dict[str, Result]:
    """The results of a learner in a placement, by assignment name."""
    rows = tx.execute(_RESULTS, {"placement_id": placement_id, "user_id": user_id})
    return {row.name: Result(row.points, row.max_points, row.needs_manual, row.recorded_at) for row in rows}


def list_max_points(tx: Tx, course_slugs: Iterable[str]) -> dict[tuple[str, str], Decimal]:
    """The points that every quiz of these courses is worth, by (course slug, assignment name)."""
    columns = (AssignmentRow.course_slug, AssignmentRow.name, AssignmentRow.max_points)
    query = select(*columns).where(AssignmentRow.course_slug.in_(list(course_slugs)))
    return {(slug, name): points for slug, name, points in tx.execute(query)}


def count_submissions(tx: Tx, course_slug: str) -> dict[str, int]:
    """How many attempts were handed in for each quiz of a course, by assignment name; all quizzes are listed."""
    query = (
        select(AssignmentRow.name, func.count(SubmissionRow.id).label("attempts"))
        .outerjoin(SubmissionRow, SubmissionRow.assignment_id == AssignmentRow.id)
        .where(AssignmentRow.course_slug == course_slug)
        .group_by(AssignmentRow.name)
    )
    return {row.name: row.attempts for row in tx.execute(query)}


def _result(row: ResultRow) -> Result:
    return Result(row.points, row.max_points, row.needs_manual, row.recorded_at)

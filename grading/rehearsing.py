"""What would come of publishing a version of a quiz, found out without changing anything.

The learners' version is made, every gradebook is asked whether it fits, and two attempts are marked sealed off: the
teacher's solution and the empty release.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib import import_module
from pathlib import Path

from sqlalchemy import func, select

from config.settings import Settings
from grading.conditions import Conditions, limits_for
from grading.engine.files import read_tree
from grading.engine.leaks import Leak, find_leaks
from grading.engine.model import MarkLimits
from grading.engine.source_changes import SourceChange, list_changes
from grading.engine.trials import Tried
from grading.environments import find_environment
from grading.models import AssignmentRow, DraftRow, SubmissionRow
from grading.releasing_apart import install_quizzes_apart
from grading.requirements import read_requirements
from lti_tool.kernel.db import Tx


@dataclass(frozen=True)
class Rehearsal:
    """What was found out."""

    problems: list[str] = field(default_factory=list)
    """Why there can be no release; each names file and cell. The rest is empty then."""
    misfits: list[tuple[int, str]] = field(default_factory=list)
    """(placement id, assignment) wherever it does not fit what was handed in."""
    max_points: Decimal = Decimal(0)
    tried: Tried | None = None
    leaks: list[Leak] = field(default_factory=list)
    changes: list[SourceChange] = field(default_factory=list)
    """Against the version that learners have."""
    released: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """The notebooks that learners would get, by path."""


def find_limits(tx: Tx, settings: Settings, said: Conditions, files: Mapping[str, bytes]) -> MarkLimits:
    """What a version would be marked under. Raises: NotReady: its packages are not there, or (CannotBe) will not be."""
    quiz = AssignmentRow(time_limit_s=said.time_limit, cell_limit_s=said.cell_time_limit)
    quiz.memory_mb, quiz.kernel, quiz.requirements = said.memory_limit, said.kernel, ""
    if said.requirements_file and said.requirements_file in files:
        quiz.requirements = read_requirements(files[said.requirements_file])
    return limits_for(settings, quiz, find_environment(tx, settings, quiz))


def rehearse_quiz(root: Path, fresh: Path, assignment: str, due_at: datetime | None, limits: MarkLimits) -> Rehearsal:
    """Try the version in `fresh/source/<assignment>` of a course; the course stays as it is. Takes seconds to minutes.

    Raises: ExternalError: no release could be made now. SandboxUnavailable, SandboxBroken: nothing can be marked here.
    """
    done = install_quizzes_apart(root, fresh, {assignment: due_at}, others_stay=True, only_tries=True)
    if done.problems:
        return Rehearsal(problems=done.problems)
    release, source = done.releases[assignment], read_tree(fresh / "source" / assignment)
    before = root / "source" / assignment
    return Rehearsal(
        misfits=done.misfits,
        max_points=release.max_score,
        tried=_engine()(fresh, assignment, limits),
        leaks=find_leaks(source, release.files),
        changes=list_changes(read_tree(before) if before.is_dir() else {}, source),
        released={path: body for path, body in release.files.items() if path.endswith(".ipynb")},
    )


@dataclass(frozen=True)
class Started:
    """How many learners have begun a quiz, in all LMS courses together."""

    drafts: int
    """Learners whose work Jupyter has saved."""
    learners: int
    """Learners who have handed in."""
    attempts: int


def count_started(tx: Tx, course_slug: str, name: str) -> Started:
    """The learners of a quiz; one query."""
    mine = (AssignmentRow.course_slug == course_slug, AssignmentRow.name == name)
    quiz = select(AssignmentRow.id).where(*mine).scalar_subquery()
    drafts = select(func.count(DraftRow.id)).where(DraftRow.assignment_id == quiz).scalar_subquery()
    handed = SubmissionRow.assignment_id == quiz
    pairs = select(SubmissionRow.placement_id, SubmissionRow.user_id).where(handed).distinct().subquery()
    learners = select(func.count()).select_from(pairs).scalar_subquery()
    attempts = select(func.count(SubmissionRow.id)).where(handed).scalar_subquery()
    row = tx.execute(select(drafts, learners, attempts)).one()
    return Started(*row)


@cache
def _engine() -> Callable[[Path, str, MarkLimits], Tried]:
    """Loaded when it is first needed: nbgrader takes seconds to import."""
    found: Callable[[Path, str, MarkLimits], Tried] = import_module("grading.engine.rehearsal").try_quiz
    return found

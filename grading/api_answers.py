"""Answers of the API about quizzes and attempts."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import defer

from config.settings import Settings
from grading.api_models import AssignmentAnswer, AttemptAnswer, GroupAnswer, ResultAnswer, SubmissionAnswer
from grading.assignments import list_assignments
from grading.conditions_pages import say_environment, say_limits
from grading.group_work import list_own_groups
from grading.models import AssignmentRow, DraftRow, ExtensionRow, SubmissionRow, SubmissionState
from grading.pages import say_why_not, state_text
from grading.public import assignment_path
from grading.quiz_kernels import environment_answers
from grading.submissions import Learner, is_of
from grading.terms import Terms, attempt_that_counts, terms_of
from grading.terms_pages import say_terms
from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.lti import public as lti


def assignment_answers(
    tx: Tx, settings: Settings, slug: str, who: Learner, *, is_learner: bool, key: str
) -> list[AssignmentAnswer]:
    """The quizzes of a course and one person's work on them, in five queries, or six if one has packages."""
    rows = list_assignments(tx, slug)
    ids = [row.id for row in rows]
    drafts = select(DraftRow.assignment_id, DraftRow.saved_at).where(
        DraftRow.placement_id == who.placement_id,
        DraftRow.user_id == who.user_id,
        DraftRow.assignment_id.in_(ids),
    )
    saved = {assignment_id: saved_at.isoformat() for assignment_id, saved_at in tx.execute(drafts)}
    attempts, names = _own_attempts(tx, ids, who)
    groups = list_own_groups(tx, ids, who.placement_id, who.user_id)
    theirs = (ExtensionRow.placement_id == who.placement_id, ExtensionRow.user_id == who.user_id)
    given = select(ExtensionRow).where(*theirs, ExtensionRow.assignment_id.in_(ids))
    extensions = {row.assignment_id: row for row in tx.scalars(given)}
    environments = environment_answers(tx, key, rows)
    answers = []
    for row in rows:
        terms, made = terms_of(row, extensions.get(row.id)), attempts.get(row.id, [])
        group = groups.get(row.id)
        used = max(group.used if group else 0, max((each.number for each in made), default=0))
        answer = _assignment(settings, row, terms, saved.get(row.id), made, names)
        told = {
            "why_not": say_why_not(terms, made, is_learner=is_learner, used=used),
            "attempts_used": used,
            "environment": environments.get(row.id),
            "group": GroupAnswer(name=group.name, members=list(group.members)) if group else None,
        }
        answers.append(answer.model_copy(update=told))
    return answers


def _own_attempts(tx: Tx, ids: list[int], who: Learner) -> tuple[dict[int, list[SubmissionRow]], dict[int, str]]:
    """A learner's attempts by quiz, oldest first; and who handed in those of groups, by submission."""
    people = lti.select_names().subquery()
    query = select(SubmissionRow, people.c.name).outerjoin(people, people.c.id == SubmissionRow.user_id)
    query = query.where(SubmissionRow.placement_id == who.placement_id, SubmissionRow.assignment_id.in_(ids))
    query = query.where(is_of([who.user_id])).options(defer(SubmissionRow.files)).order_by(SubmissionRow.number)
    attempts: dict[int, list[SubmissionRow]] = {}
    names: dict[int, str] = {}
    for attempt, name in tx.execute(query):
        attempts.setdefault(attempt.assignment_id, []).append(attempt)
        if attempt.group_id is not None:
            names[attempt.id] = name or ""
    return attempts, names


def submission_answer(row: SubmissionRow, url: str) -> SubmissionAnswer:
    """The receipt."""
    return SubmissionAnswer(
        attempt=row.number,
        receipt=row.receipt,
        sha256=row.sha256,
        submitted_at=row.submitted_at.isoformat(),
        state=row.state.value,
        page_url=url,
    )


def page_url(settings: Settings, slug: str, name: str) -> str:
    """Where the quiz page is; without a session it says how to get one."""
    return settings.root_url + assignment_path(slug, name)


def _assignment(
    settings: Settings,
    row: AssignmentRow,
    terms: Terms,
    draft_saved_at: str | None,
    attempts: list[SubmissionRow],
    names: Mapping[int, str],
) -> AssignmentAnswer:
    return AssignmentAnswer(
        name=row.name,
        title=row.title,
        due=_iso(terms.due_at),
        closes=_iso(terms.closes_at),
        extended=terms.is_extended,
        closed=terms.is_closed(clock.now()),
        why_not=None,
        terms=[*say_terms(terms), *filter(None, (say_limits(settings, row), say_environment(row)))],
        max_score=float(row.max_points),
        attempts_allowed=terms.max_attempts,
        attempts_used=0,
        group=None,
        release_sha256=row.release_sha256,
        notebooks=row.notebooks,
        environment=None,
        draft_saved_at=draft_saved_at,
        page_url=page_url(settings, row.course_slug, row.name),
        attempts=[attempt_answer(attempt, names.get(attempt.id)) for attempt in attempts],
        result=_result(terms, attempts),
    )


def _result(terms: Terms, attempts: list[SubmissionRow]) -> ResultAnswer | None:
    counts = attempt_that_counts(terms, attempts)
    weighed = None if counts is None or counts.is_held else terms.weigh_attempt(counts)
    if counts is None or weighed is None:
        return None
    return ResultAnswer(attempt=counts.number, score=float(weighed.counts), max_score=float(counts.max_points))


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def attempt_answer(row: SubmissionRow, by: str | None = None) -> AttemptAnswer:
    """One attempt. Jupyter knows the states of marking only: one whose points are held waits for a teacher."""
    points = row.given_points if row.state.is_marked and not row.is_held else None
    return AttemptAnswer(
        number=row.number,
        submitted_at=row.submitted_at.isoformat(),
        receipt=row.receipt,
        state=SubmissionState.NEEDS_MANUAL.value if row.is_held else row.state.value,
        state_text=state_text(row),
        score=None if points is None else float(points),
        max_score=float(row.max_points),
        feedback=bool(row.feedback) and not row.is_held,
        held=row.is_held,
        by=by,
    )

"""More time or more attempts for one learner: granted, changed, taken back; their result follows at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.orm import defer

from grading.assignments import no_such_quiz
from grading.environments import is_environment_of
from grading.models import AssignmentRow, EnvironmentRow, ExtensionRow
from grading.results import settle_result
from grading.submissions import Learner
from grading.terms import Terms, find_extension, terms_of
from lti_tool.kernel import audit, clock
from lti_tool.kernel.audit import Actor
from lti_tool.kernel.db import Tx

MOST_ATTEMPTS = 100
LONGEST_REASON = 500


@dataclass(frozen=True)
class Grant:
    """What one learner is given."""

    due_at: datetime | None
    """None: as for everybody, as are the next two."""
    closes_at: datetime | None
    more_attempts: int
    reason: str


@dataclass(frozen=True)
class ClassTerms:
    """A quiz and the terms of everybody in a placement."""

    row: AssignmentRow
    extensions: Mapping[int, ExtensionRow]
    """By user id."""
    environment: EnvironmentRow | None = None
    """Of the packages that it is marked with, if it names any."""

    def of(self, user_id: int) -> Terms:
        """The terms for one learner."""
        return terms_of(self.row, self.extensions.get(user_id))


def load_class_terms(tx: Tx, slug: str, name: str, placement_id: int) -> ClassTerms:
    """A quiz with all extensions in one placement, and its environment; one query. Raises: NotFound."""
    query = _quiz(slug, name, ExtensionRow.placement_id == placement_id).add_columns(EnvironmentRow)
    rows = tx.execute(query.outerjoin(EnvironmentRow, is_environment_of())).all()
    if not rows:
        raise no_such_quiz()
    extensions = {extension.user_id: extension for _row, extension, _where in rows if extension is not None}
    return ClassTerms(rows[0][0], extensions, rows[0][2])


def load_terms(tx: Tx, slug: str, name: str, who: Learner) -> tuple[AssignmentRow, Terms]:
    """A quiz and the terms for one learner; one query. Raises: NotFound."""
    mine = and_(ExtensionRow.placement_id == who.placement_id, ExtensionRow.user_id == who.user_id)
    found = tx.execute(_quiz(slug, name, mine)).first()
    if found is None:
        raise no_such_quiz()
    return found[0], terms_of(found[0], found[1])


def _quiz(slug: str, name: str, whose: ColumnElement[bool]) -> Select[AssignmentRow, ExtensionRow]:
    large = (AssignmentRow.release, AssignmentRow.questions, AssignmentRow.notebooks)
    return (
        select(AssignmentRow, ExtensionRow)
        .outerjoin(ExtensionRow, and_(ExtensionRow.assignment_id == AssignmentRow.id, whose))
        .where(AssignmentRow.course_slug == slug, AssignmentRow.name == name)
        .options(*(defer(column) for column in large))
    )


def find_problems(row: AssignmentRow, grant: Grant) -> list[tuple[str, str]]:
    """Why this cannot be granted: (field, what to change)."""
    due, closes = grant.due_at, grant.closes_at
    problems: list[tuple[str, str]] = []
    if due is not None and row.due_at is None:
        problems.append(("due", _("This quiz has no due date, so there is none to put off. Leave it empty.")))
    elif due is not None and row.due_at is not None and due <= row.due_at:
        problems.append(("due", _("Choose a time after the due date of the class, or leave it empty.")))
    if closes is not None and row.closes_at is None:
        problems.append(("closes", _("This quiz does not close, so there is nothing to put off. Leave it empty.")))
    elif closes is not None and row.closes_at is not None and closes <= row.closes_at:
        problems.append(("closes", _("Choose a time after the quiz closes for the class, or leave it empty.")))
    elif closes is not None and due is not None and closes < due:
        problems.append(("closes", _("It cannot close before it is due. Choose a later time.")))
    if grant.more_attempts and row.max_attempts is None:
        problems.append(("attempts", _("Attempts are not limited. Leave it empty.")))
    elif grant.more_attempts > MOST_ATTEMPTS:
        problems.append(("attempts", _("At most %(most)s more.", most=MOST_ATTEMPTS)))
    if not problems and due is None and closes is None and not grant.more_attempts:
        problems.append(("due", _("Give a date or more attempts.")))
    if not grant.reason:
        problems.append(("reason", _("Write why, for those who teach with you.")))
    elif len(grant.reason) > LONGEST_REASON:
        problems.append(("reason", _("At most %(most)s characters.", most=LONGEST_REASON)))
    return problems


def grant_extension(tx: Tx, row: AssignmentRow, who: Learner, grant: Grant, by: Actor) -> None:
    """Give it, in the place of what they had; `find_problems` has found none."""
    _hold(tx, row)
    extension = find_extension(tx, row.id, who.placement_id, who.user_id)
    before = _said(extension)
    if extension is None:
        extension = ExtensionRow(placement_id=who.placement_id, assignment_id=row.id, user_id=who.user_id)
        tx.add(extension)
    extension.due_at, extension.closes_at, extension.more_attempts = grant.due_at, grant.closes_at, grant.more_attempts
    extension.reason, extension.granted_at = grant.reason, clock.now()
    tx.flush()
    audit.record(tx, by, "extension.grant", _target(row, who), before=before, after=_said(extension))
    settle_result(tx, row.id, who)


def grant_to_all(tx: Tx, row: AssignmentRow, learners: Iterable[Learner], grant: Grant, by: Actor) -> int:
    """Give it to each, who keeps what they had more already. Returns for how many that changes something."""
    changed = 0
    for who in sorted(learners, key=lambda each: each.user_id):  # in one order: no two wait for each other
        had = find_extension(tx, row.id, who.placement_id, who.user_id)
        more = grant if had is None else _more_of(had, grant)
        if had is None or (had.due_at, had.closes_at, had.more_attempts) != (
            more.due_at,
            more.closes_at,
            more.more_attempts,
        ):
            grant_extension(tx, row, who, more, by)
            changed += 1
    return changed


def _more_of(had: ExtensionRow, grant: Grant) -> Grant:
    due, closes = (
        max((moment for moment in pair if moment is not None), default=None)
        for pair in ((had.due_at, grant.due_at), (had.closes_at, grant.closes_at))
    )
    return Grant(due, closes, max(had.more_attempts, grant.more_attempts), grant.reason)


def withdraw_extension(tx: Tx, row: AssignmentRow, who: Learner, by: Actor) -> None:
    """What holds for everybody holds for them again; nothing to do if it does already."""
    _hold(tx, row)
    extension = find_extension(tx, row.id, who.placement_id, who.user_id)
    if extension is None:
        return
    audit.record(tx, by, "extension.withdraw", _target(row, who), before=_said(extension))
    tx.delete(extension)
    tx.flush()
    settle_result(tx, row.id, who)


def _hold(tx: Tx, row: AssignmentRow) -> None:
    """Nobody settles a result of the quiz meanwhile, by terms that are about to change. Handing in goes on."""
    tx.execute(select(AssignmentRow.id).where(AssignmentRow.id == row.id).with_for_update(key_share=True))


def _said(extension: ExtensionRow | None) -> dict[str, Any]:
    """For the audit log, which is kept for good: without the reason, which may be private."""
    if extension is None:
        return {}
    return {
        "due": extension.due_at.isoformat() if extension.due_at else None,
        "closes": extension.closes_at.isoformat() if extension.closes_at else None,
        "more_attempts": extension.more_attempts,
    }


def _target(row: AssignmentRow, who: Learner) -> str:
    return f"quiz {row.course_slug}/{row.name}, learner {who.user_id} in placement {who.placement_id}"

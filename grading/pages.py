"""What the pages show of a quiz and its attempts, as plain values for the templates."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from flask import url_for
from flask_babel import gettext as _

from grading.conditions_pages import say_environment, say_limits
from grading.models import AssignmentRow, Decision, SubmissionRow, SubmissionState
from grading.terms import Terms, attempt_that_counts, must_wait_for_first
from grading.terms_pages import Late, show_late, show_terms
from grading.waiting import Waiting, find_attempt_place, show_waiting
from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.line import Place
from lti_tool.lti import public as lti
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import SignedIn


@dataclass(frozen=True)
class Delivery:
    """Where a grade stands on its way to the LMS: waiting, sending, sent, differs, retrying or refused."""

    state: str
    text: str | None
    at: datetime | None

    @property
    def is_problem(self) -> bool:
        """Should a teacher look at it? (What is tried again by itself is none.)"""
        return self.state in ("refused", "differs")

    @property
    def may_be_sent(self) -> bool:
        """Does sending it again make sense?"""
        return self.state in ("refused", "differs", "retrying")


@dataclass(frozen=True)
class Attempt:
    """One attempt, as templates want it."""

    number: int
    submitted_at: datetime
    receipt: str
    sha256: str
    state: str
    state_text: str | None
    warning: str | None
    """What did not run, although the attempt has a score."""
    waiting: Waiting | None
    finished_at: datetime | None
    points: Decimal | None
    max_points: Decimal
    feedback_url: str | None
    delivery: Delivery | None
    late: bool
    lateness: Late | None
    """What lateness does to its points."""
    via: str
    log: str | None
    suspicion: str | None
    """Why its points are held back, or were; for the staff."""
    by: str | None
    """Who handed it in for a group."""


def show_attempt(
    row: SubmissionRow,
    terms: Terms,
    deliveries: Sequence[lti.Entry],
    *,
    feedback_url: str | None,
    ahead: Place | None,
    to_staff: bool = False,
    by: str | None = None,
) -> Attempt:
    """An attempt for a template; `deliveries` are the outbox rows of its learner, who sees no points that are held."""
    has_points = row.state.is_marked and (to_staff or not row.is_held)
    return Attempt(
        number=row.number,
        submitted_at=row.submitted_at,
        receipt=row.receipt,
        sha256=row.sha256,
        state=row.shown_state,
        state_text=_what_next(row),
        warning=warning_of(row),
        waiting=show_waiting(ahead) if row.state is SubmissionState.QUEUED else None,
        finished_at=row.marked_at,
        points=row.given_points if has_points else None,
        max_points=row.max_points,
        feedback_url=feedback_url,
        delivery=show_delivery([each for each in deliveries if each.subject_id == row.id], to_staff=to_staff),
        late=terms.days_late(row.submitted_at) > 0,
        lateness=show_late(terms.weigh_attempt(row), row.max_points) if has_points else None,
        via=row.via,
        log=row.teacher_text,
        suspicion=row.suspicion if to_staff else None,
        by=by,
    )


def show_delivery(rows: Sequence[lti.Entry], *, to_staff: bool = True) -> Delivery | None:
    """The state of the least lucky of the rows; None if the LMS wants no grade. Learners see less of it."""
    wanted = [row for row in rows if row.state is not lti.ScoreState.NOT_WANTED or not row.is_final]
    shown = [_show_row(row) if to_staff else _show_own(row) for row in wanted]
    order = ("refused", "differs", "retrying", "waiting", "sending", "sent")
    return min(shown, key=lambda each: order.index(each.state), default=None)


def _show_own(row: lti.Entry) -> Delivery:
    """What the teacher changed in the LMS is theirs to tell; and a moment is not worth a word."""
    return _show_row(replace(row, drift=None, is_sending=False))


def _show_row(row: lti.Entry) -> Delivery:
    if row.state is lti.ScoreState.SENT and row.drift is not None:
        return Delivery("differs", _drift_text(row), row.compared_at)
    if row.state is lti.ScoreState.SENT:
        return Delivery("sent", None, row.changed_at)
    if row.state is lti.ScoreState.REFUSED:
        return Delivery("refused", row.text, row.changed_at)
    if row.state is lti.ScoreState.PENDING and row.tries:
        return Delivery("retrying", row.text, row.changed_at)
    return Delivery("sending" if row.is_sending else "waiting", None, None)


def _drift_text(row: lti.Entry) -> str:
    sent = _("%(points)s of %(max)s were sent.", points=row.points, max=row.max_points)
    if row.drift is lti.Drift.NO_COLUMN:
        text = _("The column is not there any more. %(sent)s Sending again makes a new one.", sent=sent)
    elif row.drift is lti.Drift.MISSING or row.lms_points is None:
        text = _("The gradebook shows no grade. %(sent)s", sent=sent)
    else:
        shown = {"points": row.lms_points, "max": row.lms_maximum, "sent": sent}
        text = _("The gradebook shows %(points)s of %(max)s: changed there? %(sent)s", **shown)
    return str(text)


def state_text(row: SubmissionRow) -> str | None:
    """A sentence or two about the state, if there is more to say than its name."""
    said = (warning_of(row), _what_next(row))
    return " ".join(text for text in said if text) or None


def warning_of(row: SubmissionRow) -> str | None:
    """What did not run in an attempt that was marked all the same."""
    return row.text if row.state.is_marked else None


def _what_next(row: SubmissionRow) -> str | None:
    text: str | None = None
    if row.is_held:
        text = _("The tests have run. Your teacher looks at this submission; the score is here when that is done.")
    elif row.state.is_marked and row.decision is Decision.ZEROED:
        text = _("A teacher has looked at this submission and set its score to zero. Ask them why.")
    elif row.state is SubmissionState.NEEDS_MANUAL:
        text = _("The tests have run. A teacher marks the written answers; your total can still change.")
    elif row.state is SubmissionState.FAILED:
        text = row.text or _("This notebook could not be marked.")
    return text


def show_questions(row: SubmissionRow, terms: Terms) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """(questions, total) of an attempt."""
    marks = row.marks or {"questions": []}
    questions = [
        {
            "label": question["label"],
            "points": None if question["points"] is None else Decimal(question["points"]),
            "max_points": Decimal(question["max_points"]),
            "state": _question_state(question),
            "comment": question["comment"],
        }
        for question in marks["questions"]
    ]
    late = show_late(terms.weigh_attempt(row), row.max_points)
    total = {"points": row.given_points, "max_points": row.max_points, "penalty": row.late_penalty, "late": late}
    return questions, total


def _question_state(question: dict[str, Any]) -> str:
    if question["needs_manual"] or question["points"] is None:
        return "needs_manual"
    points, maximum = Decimal(question["points"]), Decimal(question["max_points"])
    return "full" if points >= maximum else "part" if points > 0 else "zero"


def say_why_not(terms: Terms, attempts: Sequence[SubmissionRow], *, is_learner: bool, used: int = 0) -> str | None:
    """Why a person cannot hand in now; None: they can. `attempts` in any order; `used`: by their group."""
    used = max(used, max((row.number for row in attempts), default=0))
    why_not: str | None = None
    if not is_learner:
        why_not = _("Only learners hand in. To try it yourself, use your LMS's student view.")
    elif terms.is_closed(clock.now()):
        why_not = _("This quiz is closed; nothing can be handed in any more.")
    elif terms.attempts_left(used) == 0:
        why_not = _(
            "All %(count)s attempts are used. Ask your teacher if you need another one.", count=terms.max_attempts
        )
    elif must_wait_for_first(terms, attempts):
        why_not = _("Your first attempt counts, and it is not marked completely yet. Hand in another one when it is.")
    return why_not


def quiz_context(
    session: SignedIn, row: AssignmentRow, terms: Terms, attempts: Sequence[SubmissionRow], used: int = 0
) -> dict[str, Any]:
    """The facts on a quiz and whether this person may hand in. `used`: attempts that their group has made."""
    used = max(used, attempts[0].number if attempts else 0)
    left, closed = terms.attempts_left(used), terms.is_closed(clock.now())
    why_not = say_why_not(terms, attempts, is_learner=session.role.is_learner, used=used)
    quiz = {
        "title": row.title,
        "summary": row.summary or None,
        "due": terms.due_at,
        "terms": show_terms(terms),
        "limits": say_limits(current_runtime().settings, row),
        "environment": say_environment(row),
        "closed": closed,
        "attempts_allowed": terms.max_attempts,
        "attempts_left": left,
        "next_attempt": used + 1,
        "max_points": row.max_points,
    }
    return {"quiz": quiz, "can_submit": why_not is None, "why_not": why_not}


def status_context(
    tx: Tx,
    session: SignedIn,
    row: AssignmentRow,
    terms: Terms,
    attempts: Sequence[SubmissionRow],
    deliveries: Sequence[lti.Entry],
    by: str | None,
) -> dict[str, Any]:
    """What `_attempt_status.html` needs; `attempts` newest first, at least one; `by`: who
    handed in the newest for a group.
    """
    counts = attempt_that_counts(terms, attempts)
    weighed = terms.weigh_attempt(counts) if counts is not None else None
    counting = None
    if counts is not None and weighed is not None and counts is not attempts[0] and not counts.is_held:
        text = _("Attempt %(number)s counts:", number=counts.number)
        counting = {"points": weighed.counts, "max_points": counts.max_points, "text": text}
    return {
        "attempt": show_attempt(
            attempts[0],
            terms,
            deliveries,
            feedback_url=own_feedback_url(row, attempts[0]),
            ahead=find_attempt_place(tx, attempts[0]),
            by=by,
        ),
        "files": _own_files(row, attempts[0]),
        "counting": counting,
        "platform": session.platform_name,
        "status_url": url_for("grading.show_status", slug=row.course_slug, name=row.name),
    }


def _own_files(row: AssignmentRow, attempt: SubmissionRow) -> list[tuple[str, str]]:
    """(name, address) of what a group handed in: its members have it from each other here."""
    if attempt.group_id is None:
        return []
    place: dict[str, Any] = {"slug": row.course_slug, "name": row.name, "number": attempt.number}
    paths = [entry["path"] for entry in attempt.files]
    return [(path, url_for("grading.download_own_file", **place, path=path)) for path in paths]


def own_feedback_url(row: AssignmentRow, attempt: SubmissionRow) -> str | None:
    """The learner's feedback page, once there is something on it."""
    if attempt.marks is None or attempt.is_held:
        return None
    return url_for("grading.show_feedback", slug=row.course_slug, name=row.name, number=attempt.number)

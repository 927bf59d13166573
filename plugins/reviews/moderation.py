"""The queue of moderators: what was reported, what is hidden, and why. Whoever wrote it is told."""

from dataclasses import dataclass

from sqlalchemy import or_, select, update

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx, affect
from lti_tool.kernel.errors import Forbidden
from lti_tool.kernel.jobs import emit
from plugins.reviews.messages import ReviewHidden, ReviewRestored
from plugins.reviews.models import HiddenBy, ReportRow, ReportState, ReviewRow, ReviewState
from plugins.reviews.service import get_review
from plugins.reviews.texts import read_text
from plugins.reviews.totals import add_to_totals

REASON_MAX = 500
QUEUE_MAX = 100


@dataclass(frozen=True)
class Case:
    """A review that a moderator looks at."""

    review: ReviewRow
    reports: list[ReportRow]
    """Open ones, oldest first; who reported stays unsaid."""


def list_cases(tx: Tx, course_slug: str | None = None) -> list[Case]:
    """Reviews with open reports first, then hidden ones, newest first; of all courses if none is named. Two queries."""
    open_reports = select(ReportRow.review_id).where(ReportRow.state == ReportState.OPEN)
    query = select(ReviewRow).where(or_(ReviewRow.id.in_(open_reports), ReviewRow.state == ReviewState.HIDDEN))
    if course_slug is not None:
        query = query.where(ReviewRow.course_slug == course_slug)
    rows = tx.scalars(query.order_by(ReviewRow.id.desc()).limit(QUEUE_MAX)).all()
    reports: dict[int, list[ReportRow]] = {}
    found = select(ReportRow).where(
        ReportRow.state == ReportState.OPEN, ReportRow.review_id.in_([row.id for row in rows])
    )
    for report in tx.scalars(found.order_by(ReportRow.id)):
        reports.setdefault(report.review_id, []).append(report)
    return sorted((Case(row, reports.get(row.id, [])) for row in rows), key=lambda case: not case.reports)


def hide(tx: Tx, course_slug: str, review_id: int, reason: str, by: HiddenBy) -> None:
    """Hide a review and close its reports; it counts in no rating. Raises: NotFound, Unacceptable: no reason."""
    row = get_review(tx, course_slug, review_id)
    reason = read_text(reason, REASON_MAX, name="reason", least=3)
    _close_reports(tx, row.id, ReportState.UPHELD)
    if row.state is ReviewState.SHOWN:
        add_to_totals(tx, course_slug, {row.stars: -1}, hidden=1)
    elif row.hidden_by is HiddenBy.OPERATOR and by is HiddenBy.TEACHER:
        raise _operators_matter()
    row.state, row.hidden_reason, row.hidden_by, row.hidden_at = ReviewState.HIDDEN, reason, by, clock.now()
    tx.flush()
    emit(tx, ReviewHidden(row.id, course_slug, row.user_id))


def restore(tx: Tx, course_slug: str, review_id: int, by: HiddenBy) -> None:
    """Show a hidden review again. Raises: NotFound. Forbidden: the operator has hidden it."""
    row = get_review(tx, course_slug, review_id)
    if row.state is ReviewState.SHOWN:
        return
    if row.hidden_by is HiddenBy.OPERATOR and by is HiddenBy.TEACHER:
        raise _operators_matter()
    row.state, row.hidden_reason, row.hidden_by, row.hidden_at = ReviewState.SHOWN, "", None, None
    add_to_totals(tx, course_slug, {row.stars: 1}, hidden=-1)
    tx.flush()
    emit(tx, ReviewRestored(row.id, course_slug, row.user_id))


def dismiss(tx: Tx, course_slug: str, review_id: int) -> None:
    """Leave a review as it is; its reports are closed. Raises: NotFound."""
    _close_reports(tx, get_review(tx, course_slug, review_id).id, ReportState.DISMISSED)


def _close_reports(tx: Tx, review_id: int, state: ReportState) -> None:
    mine = (ReportRow.review_id == review_id, ReportRow.state == ReportState.OPEN)
    affect(tx, update(ReportRow).where(*mine).values(state=state))


def _operators_matter() -> Forbidden:
    return Forbidden("review_operator", "The operator of Coursebridge has hidden this review. Ask them.")

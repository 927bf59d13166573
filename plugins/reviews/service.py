"""Reviews: written, changed, taken back, found helpful, reported, answered."""

from datetime import timedelta

from sqlalchemy import ColumnElement, Select, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx, affect
from lti_tool.kernel.errors import AppError, Forbidden, NotFound, Unacceptable
from lti_tool.kernel.jobs import emit
from lti_tool.kernel.permissions import Role
from plugins.reviews.eligibility import Who, read_eligibility
from plugins.reviews.messages import ReviewReported
from plugins.reviews.models import (
    NameShown,
    ReportReason,
    ReportRow,
    ReportState,
    ReviewRow,
    ReviewState,
    VoteRow,
)
from plugins.reviews.texts import read_text
from plugins.reviews.totals import add_to_totals

REPORT_WINDOW = timedelta(hours=24)


class TooMany(AppError):
    """Somebody does this too often."""

    status = 429


def find_own(tx: Tx, course_slug: str, user_id: int) -> ReviewRow | None:
    """The review of a person, hidden or not."""
    return tx.scalar(_own(course_slug, user_id))


def get_review(tx: Tx, course_slug: str, review_id: int) -> ReviewRow:
    """A review of this course, locked. Raises: NotFound."""
    query = select(ReviewRow).where(ReviewRow.id == review_id, ReviewRow.course_slug == course_slug)
    row = tx.scalar(query.with_for_update())
    if row is None:
        raise NotFound("review_not_found", "This review is no longer here.")
    return row


def list_reviews(
    tx: Tx, course_slug: str, viewer_id: int, *, sort: str, stars: int | None, limit: int, offset: int
) -> list[tuple[ReviewRow, bool]]:
    """Shown reviews, each with whether the viewer found it helpful. `sort`: `newest` or `helpful`. One query."""
    conditions: list[ColumnElement[bool]] = [
        ReviewRow.course_slug == course_slug,
        ReviewRow.state == ReviewState.SHOWN,
    ]
    if stars is not None:
        conditions.append(ReviewRow.stars == stars)
    newest = (ReviewRow.created_at.desc(), ReviewRow.id.desc())
    order = (ReviewRow.helpful.desc(), *newest) if sort == "helpful" else newest
    query = (
        select(ReviewRow, VoteRow.user_id)
        .outerjoin(VoteRow, (VoteRow.review_id == ReviewRow.id) & (VoteRow.user_id == viewer_id))
        .where(*conditions)
        .order_by(*order)
        .limit(limit)
        .offset(offset)
    )
    return [(row, voter is not None) for row, voter in tx.execute(query)]


def save_review(
    tx: Tx, who: Who, course_slug: str, *, stars: int, text: str, name: NameShown, min_percent: int, longest: int
) -> ReviewRow:
    """Write one's review, or change it: there is one for each person and course, however often this is called.

    Raises: Forbidden: may not (see `eligibility`). Unacceptable: no stars, too long.
    """
    if stars not in (1, 2, 3, 4, 5):
        raise Unacceptable("review_stars", "Choose 1 to 5 stars.")
    text = read_text(text, longest, name="review")
    row = tx.scalar(_own(course_slug, who.user_id).with_for_update())
    may = read_eligibility(tx, who, course_slug, min_percent, has_review=row is not None)
    if may.obstacle is not None:
        raise Forbidden(f"review_{may.obstacle.value}", "You cannot review this course.")
    if row is None:
        row = _insert(tx, course_slug, who.user_id, stars, text, name)
        if row is not None:
            return row
        row = tx.scalars(_own(course_slug, who.user_id).with_for_update()).one()
    if row.state is ReviewState.SHOWN and row.stars != stars:
        add_to_totals(tx, course_slug, {row.stars: -1, stars: 1})
    if (row.stars, row.text) != (stars, text):
        row.edited_at = clock.now()
    row.stars, row.text, row.name_shown = stars, text, name
    tx.flush()
    return row


def delete_own(tx: Tx, course_slug: str, user_id: int) -> bool:
    """Take one's review back, with its votes, reports and reply. False if there was none."""
    row = tx.scalar(_own(course_slug, user_id).with_for_update())
    if row is None:
        return False
    if row.state is ReviewState.SHOWN:
        add_to_totals(tx, course_slug, {row.stars: -1})
    else:
        add_to_totals(tx, course_slug, {}, hidden=-1)
    for table in (VoteRow, ReportRow):
        tx.execute(delete(table).where(table.review_id == row.id))
    tx.delete(row)
    tx.flush()
    return True


def set_helpful(tx: Tx, who: Who, course_slug: str, review_id: int, *, is_helpful: bool) -> None:
    """Find a review helpful, or no longer. Raises: NotFound, Forbidden: one's own, or not a learner."""
    row = _get_shown(tx, course_slug, review_id)
    if row.user_id == who.user_id:
        raise Forbidden("vote_own", "You cannot vote for your own review.")
    if who.role is not Role.LEARNER:
        raise Forbidden("vote_role", "Only learners say which reviews helped them.")
    if is_helpful:
        changed = _add_vote(tx, row.id, who.user_id)
    else:
        mine = (VoteRow.review_id == row.id, VoteRow.user_id == who.user_id)
        changed = affect(tx, delete(VoteRow).where(*mine)) == 1
    if changed:
        step = 1 if is_helpful else -1
        affect(tx, update(ReviewRow).where(ReviewRow.id == row.id).values(helpful=ReviewRow.helpful + step))


def report_review(
    tx: Tx, who: Who, course_slug: str, review_id: int, reason: ReportReason, text: str, *, per_day: int
) -> None:
    """Ask a moderator to look at a review; a second report of one person changes nothing.

    Raises: NotFound. Forbidden: one's own; observers. TooMany: more than `per_day` in 24 hours.
    """
    row = _get_shown(tx, course_slug, review_id)
    if row.user_id == who.user_id:
        raise Forbidden("report_own", "This is your own review. You can change or delete it.")
    if who.role is Role.OBSERVER:
        raise Forbidden("report_role", "Observers only read reviews.")
    mine = (ReportRow.user_id == who.user_id, ReportRow.created_at > clock.now() - REPORT_WINDOW)
    if (tx.scalar(select(func.count()).select_from(ReportRow).where(*mine)) or 0) >= per_day:
        raise TooMany("report_too_many", "You have reported many reviews today. Go on tomorrow.")
    values = {
        "review_id": row.id,
        "user_id": who.user_id,
        "reason": reason,
        "text": read_text(text, 1000, name="report"),
    }
    try:
        with tx.begin_nested():
            tx.execute(insert(ReportRow).values(**values, state=ReportState.OPEN, created_at=clock.now()))
    except IntegrityError:
        return
    emit(tx, ReviewReported(row.id, course_slug))


def reply(tx: Tx, user_id: int, course_slug: str, review_id: int, text: str, *, longest: int) -> None:
    """Answer a review as its teacher; an empty text takes the answer back. Raises: NotFound, Unacceptable."""
    row = get_review(tx, course_slug, review_id)
    row.reply = read_text(text, longest, name="reply")
    row.reply_user_id = user_id if row.reply else None
    row.reply_at = clock.now() if row.reply else None
    tx.flush()


def _own(course_slug: str, user_id: int) -> Select[ReviewRow]:
    return select(ReviewRow).where(ReviewRow.course_slug == course_slug, ReviewRow.user_id == user_id)


def _insert(tx: Tx, course_slug: str, user_id: int, stars: int, text: str, name: NameShown) -> ReviewRow | None:
    """None: another request of the same person came first."""
    row = ReviewRow(
        course_slug=course_slug,
        user_id=user_id,
        stars=stars,
        text=text,
        name_shown=name,
        created_at=clock.now(),
    )
    try:
        with tx.begin_nested():
            tx.add(row)
    except IntegrityError:
        return None
    add_to_totals(tx, course_slug, {stars: 1})
    return row


def _get_shown(tx: Tx, course_slug: str, review_id: int) -> ReviewRow:
    row = get_review(tx, course_slug, review_id)
    if row.state is not ReviewState.SHOWN:
        raise NotFound("review_not_found", "This review is no longer here.")
    return row


def _add_vote(tx: Tx, review_id: int, user_id: int) -> bool:
    try:
        with tx.begin_nested():
            tx.execute(insert(VoteRow).values(review_id=review_id, user_id=user_id))
    except IntegrityError:
        return False
    return True

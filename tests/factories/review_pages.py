"""Sample contexts of the pages of reviews."""

from datetime import UTC, datetime, timedelta
from typing import Any

from lti_tool.kernel.errors import Unacceptable
from lti_tool.kernel.permissions import Role
from plugins.reviews.eligibility import Eligibility, Obstacle
from plugins.reviews.models import HiddenBy, NameShown, ReportReason, ReportRow, ReportState, ReviewRow, ReviewState
from plugins.reviews.moderation import Case
from plugins.reviews.totals import Rating

NOW = datetime(2026, 11, 23, 14, 3, 20, tzinfo=UTC)
NONE = Rating(None, 0, 3.0, dict.fromkeys(range(1, 6), 0))


def row(number: int = 1, **changes: Any) -> ReviewRow:
    """One review."""
    base: dict[str, Any] = {
        "id": number,
        "course_slug": "first-steps",
        "user_id": number,
        "stars": 4,
        "text": "Clear and short.\n\nThe exercises are the right size, though module three is fast.",
        "name_shown": NameShown.INITIALS,
        "state": ReviewState.SHOWN,
        "hidden_reason": "",
        "hidden_by": None,
        "hidden_at": None,
        "reply": "",
        "reply_user_id": None,
        "reply_at": None,
        "helpful": 0,
        "created_at": NOW - timedelta(days=number),
        "edited_at": None,
    }
    return ReviewRow(**base | changes)


HIDDEN: dict[str, Any] = {
    "state": ReviewState.HIDDEN,
    "hidden_by": HiddenBy.TEACHER,
    "hidden_at": NOW - timedelta(days=3),
    "hidden_reason": "It names another learner.",
}


def entry(review: ReviewRow, author: str = "A. L.", **changes: Any) -> dict[str, Any]:
    """One review in the list."""
    base = {
        "row": review,
        "author": author,
        "is_own": False,
        "is_voted": False,
        "can_vote": True,
        "can_report": True,
    }
    return base | changes


def listed(**changes: Any) -> dict[str, Any]:
    """The reviews of a course."""
    rating = Rating(4.3, 47, 4.25, {1: 1, 2: 2, 3: 4, 4: 15, 5: 25}, 1)
    replied = row(2, reply="Thank you. Module three has one more lesson now.", reply_at=NOW, helpful=12, edited_at=NOW)
    base: dict[str, Any] = {
        "slug": "first-steps",
        "rating": rating,
        "bars": [{"label": stars, "value": rating.by_stars[stars]} for stars in (5, 4, 3, 2, 1)],
        "own": None,
        "can_write": True,
        "percent": 45,
        "min_percent": 30,
        "reviews": [entry(row(1, stars=5, text="")), entry(replied, "Ada Lovelace", is_voted=True)],
        "sort": "newest",
        "stars": None,
        "number": 1,
        "pages": 3,
        "url_of": lambda number: f"#page-{number}",
        "list_url": lambda sort, stars: "#",
        "is_teacher": False,
        "asked": {},
    }
    return base | changes


def form(**changes: Any) -> dict[str, Any]:
    """One's own review."""
    base: dict[str, Any] = {
        "slug": "first-steps",
        "own": None,
        "is_hidden": False,
        "may": Eligibility(None, 45),
        "min_percent": 30,
        "longest": 3000,
        "form": {"stars": None, "text": "", "name": "initials"},
        "names": [
            {"value": "initials", "label": "A. L.", "hint": None},
            {"value": "name", "label": "Ada Lovelace", "hint": "People of other institutions see your initials."},
            {"value": "none", "label": "No name", "hint": None},
        ],
        "problem": None,
    }
    return base | changes


REPORT = ReportRow(id=1, review_id=1, reason=ReportReason.SPAM, text="A shop", state=ReportState.OPEN, created_at=NOW)
CASES = [Case(row(1, text="Buy seeds"), [REPORT]), Case(row(2, **HIDDEN, edited_at=NOW), [])]
QUEUE: dict[str, Any] = {"slug": "first-steps", "cases": CASES, "names": {1: "A learner", 2: "A. L."}}
NO_STARS = Unacceptable("review_stars", "Choose 1 to 5 stars.")
NO_REASON = Unacceptable("reason_missing", "Write a few words here.")
ONE: dict[str, Any] = {"slug": "first-steps", "review": row(), "author": "A. L."}
REVIEW_PAGES = {
    "reviews": ("reviews/list.html", Role.LEARNER, listed()),
    "reviews-none": ("reviews/list.html", Role.LEARNER, listed(rating=NONE, reviews=[], percent=10, pages=1)),
    "reviews-own": ("reviews/list.html", Role.LEARNER, listed(own=row(3, **HIDDEN), stars=4, sort="helpful")),
    "reviews-teacher": ("reviews/list.html", Role.TEACHER, listed(can_write=False, is_teacher=True)),
    "review-form": ("reviews/form.html", Role.LEARNER, form()),
    "review-form-wrong": ("reviews/form.html", Role.LEARNER, form(problem=NO_STARS, names=[])),
    "review-not-yet": ("reviews/form.html", Role.LEARNER, form(may=Eligibility(Obstacle.PROGRESS, 10))),
    "review-report": ("reviews/report.html", Role.LEARNER, ONE | {"reasons": list(ReportReason)}),
    "review-reply": ("reviews/reply.html", Role.TEACHER, ONE | {"text": "", "problem": None}),
    "review-queue": ("reviews/queue.html", Role.TEACHER, QUEUE | {"wrong_id": 1, "problem": NO_REASON}),
    "review-queue-none": (
        "reviews/queue.html",
        Role.TEACHER,
        QUEUE | {"cases": [], "names": {}, "wrong_id": None, "problem": None},
    ),
}

"""The pages of reviews: all of a course, one's own, votes and reports."""

from typing import Any

from flask import Blueprint, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Unacceptable
from lti_tool.kernel.permissions import Right, Role
from lti_tool.lti import public as lti
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import SignedIn, open_course
from plugins.reviews import service
from plugins.reviews.eligibility import Eligibility, Who, read_eligibility, read_percent
from plugins.reviews.models import NameShown, ReportReason, ReviewRow, ReviewState
from plugins.reviews.names import has_name, initials_of, name_author
from plugins.reviews.totals import STARS, read_ratings

SORTS = ("newest", "helpful")
STAR_VALUES = [str(stars) for stars in STARS]

blueprint = Blueprint("reviews", __name__, url_prefix="/reviews")


@blueprint.get("/<slug>")
def list_reviews(slug: str) -> AnyResponse:
    """Rating, one's own review, and what others say."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        context = _list_context(tx, session, slug)
    return page("reviews/list.html", **context)


@blueprint.get("/<slug>/mine")
def edit_own(slug: str) -> AnyResponse:
    """The form for one's own review, or why there is none."""
    return _show_form(open_course(slug), slug)


@blueprint.post("/<slug>/mine")
def save_own(slug: str) -> AnyResponse:
    """Write or change one's review."""
    session, settings = open_course(slug), current_runtime().settings.reviews
    stars, name = request.form.get("stars", "0"), request.form.get("name", "")
    try:
        with current_runtime().db.transaction() as tx:
            service.save_review(
                tx,
                who_of(session),
                slug,
                stars=int(stars) if stars in STAR_VALUES else 0,
                text=request.form.get("text", ""),
                name=NameShown(name) if name in list(NameShown) else NameShown.INITIALS,
                min_percent=settings.min_percent,
                longest=settings.max_chars,
            )
    except Unacceptable as problem:
        return _show_form(session, slug, problem=problem)
    return back_to_list(slug, "saved")


@blueprint.post("/<slug>/mine/delete")
def delete_own(slug: str) -> AnyResponse:
    """Take one's review back."""
    session = open_course(slug)
    with current_runtime().db.transaction() as tx:
        service.delete_own(tx, slug, session.user_id)
    return back_to_list(slug, "deleted")


@blueprint.post("/<slug>/<int:review_id>/helpful")
def vote(slug: str, review_id: int) -> AnyResponse:
    """Say that a review helped, or take that back."""
    session = open_course(slug)
    is_helpful = request.form.get("helpful") == "yes"
    with current_runtime().db.transaction() as tx:
        service.set_helpful(tx, who_of(session), slug, review_id, is_helpful=is_helpful)
    return _back_to_review(slug, review_id)


@blueprint.get("/<slug>/<int:review_id>/report")
def ask_report(slug: str, review_id: int) -> AnyResponse:
    """The form of a report."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        row = service.get_review(tx, slug, review_id)
        people = lti.list_people(tx, [row.user_id] if row.user_id else [])
    author = name_author(row, people.get(row.user_id or 0), session.registration_id)
    return page("reviews/report.html", slug=slug, review=row, author=author, reasons=list(ReportReason))


@blueprint.post("/<slug>/<int:review_id>/report")
def report(slug: str, review_id: int) -> AnyResponse:
    """Ask a moderator to look at a review."""
    session, said = open_course(slug), request.form.get("reason", "")
    reason = ReportReason(said) if said in list(ReportReason) else ReportReason.OTHER
    per_day = current_runtime().settings.reviews.reports_per_day
    text = request.form.get("text", "")
    with current_runtime().db.transaction() as tx:
        service.report_review(tx, who_of(session), slug, review_id, reason, text, per_day=per_day)
    return back_to_list(slug, "reported")


def who_of(session: SignedIn) -> Who:
    """The person of a session."""
    return Who(session.user_id, session.registration_id, session.placement_id, session.role)


def back_to_list(slug: str, said: str) -> AnyResponse:
    """To the page of reviews, which says what was done."""
    return redirect(url_for("reviews.list_reviews", slug=slug, said=said), 303)


def _back_to_review(slug: str, review_id: int) -> AnyResponse:
    """To where the reader was in the list."""
    asked: dict[str, Any] = {name: value for name in ("sort", "stars", "page") if (value := request.args.get(name))}
    return redirect(url_for("reviews.list_reviews", slug=slug, **asked, _anchor=f"review-{review_id}"), 303)


def _list_context(tx: Tx, session: SignedIn, slug: str) -> dict[str, Any]:
    settings = current_runtime().settings.reviews
    asked = request.args
    sort = asked.get("sort", SORTS[0]) if asked.get("sort") in SORTS else SORTS[0]
    stars = int(asked["stars"]) if asked.get("stars") in STAR_VALUES else None
    rating = read_ratings(tx, [slug], settings.prior_weight)[slug]
    found = rating.count if stars is None else rating.by_stars[stars]
    pages = max(1, -(-found // settings.page_size))
    number = min(max(1, asked.get("page", 1, type=int)), pages)
    shown = service.list_reviews(
        tx,
        slug,
        session.user_id,
        sort=sort,
        stars=stars,
        limit=settings.page_size,
        offset=(number - 1) * settings.page_size,
    )
    own = service.find_own(tx, slug, session.user_id) if session.role.is_learner else None
    people = lti.list_people(tx, {row.user_id for row, _voted in shown if row.user_id})
    can_write = session.role is Role.LEARNER and session.placement_id is not None
    return {
        "slug": slug,
        "rating": rating,
        "bars": [{"label": one, "value": rating.by_stars[one]} for one in reversed(STARS)],
        "own": own,
        "can_write": can_write,
        "percent": read_percent(tx, who_of(session)) if can_write and own is None else 0,
        "min_percent": settings.min_percent,
        "reviews": [
            _describe(row, name_author(row, people.get(row.user_id or 0), session.registration_id), session, is_voted)
            for row, is_voted in shown
        ],
        "sort": sort,
        "stars": stars,
        "number": number,
        "pages": pages,
        "url_of": lambda page_number: _list_url(slug, sort, stars, page_number),
        "list_url": lambda sort, stars: _list_url(slug, sort, stars, 1),
        "flashes": [{"kind": "good", "text": text} for text in [_what_was_done(asked.get("said", ""))] if text],
        "is_teacher": Right.MODERATE_REVIEWS in session.rights,
        "asked": {name: value for name in ("sort", "stars", "page") if (value := asked.get(name))},
    }


def _list_url(slug: str, sort: str, stars: int | None, number: int) -> str:
    asked: dict[str, Any] = {"sort": sort if sort != SORTS[0] else None, "stars": stars}
    return url_for("reviews.list_reviews", slug=slug, **asked, page=number if number > 1 else None)


def _describe(row: ReviewRow, author: str, session: SignedIn, is_voted: bool) -> dict[str, Any]:
    is_own = row.user_id == session.user_id
    return {
        "row": row,
        "author": author,
        "is_own": is_own,
        "is_voted": is_voted,
        "can_vote": session.role is Role.LEARNER and not is_own,
        "can_report": session.role is not Role.OBSERVER and not is_own,
    }


def _show_form(session: SignedIn, slug: str, *, problem: Unacceptable | None = None) -> AnyResponse:
    settings = current_runtime().settings.reviews
    who = who_of(session)
    with current_runtime().db.reading() as tx:
        own = service.find_own(tx, slug, who.user_id)
        may: Eligibility = read_eligibility(tx, who, slug, settings.min_percent, has_review=own is not None)
    is_named = has_name(session.display_name, session.hub_name)
    form = {
        "stars": int(stars) if (stars := request.form.get("stars", "")) in STAR_VALUES else own.stars if own else None,
        "text": request.form.get("text", own.text if own else ""),
        "name": request.form.get("name", own.name_shown.value if own else NameShown.INITIALS.value),
    }
    return page(
        "reviews/form.html",
        status=problem.status if problem else 200,
        slug=slug,
        own=own,
        is_hidden=own is not None and own.state is ReviewState.HIDDEN,
        may=may,
        min_percent=settings.min_percent,
        longest=settings.max_chars,
        form=form,
        names=_name_choices(session) if is_named else [],
        problem=problem,
    )


def _name_choices(session: SignedIn) -> list[dict[str, Any]]:
    hint = _("People of other institutions see your initials.")
    return [
        {"value": NameShown.INITIALS.value, "label": initials_of(session.display_name), "hint": None},
        {"value": NameShown.NAME.value, "label": session.display_name, "hint": hint},
        {"value": NameShown.NONE.value, "label": _("No name"), "hint": None},
    ]


def _what_was_done(said: str) -> str:
    words: dict[str, str] = {
        "saved": _("Your review is saved."),
        "deleted": _("Your review is deleted."),
        "reported": _("Thank you. A teacher looks at the review."),
        "replied": _("Your reply is saved."),
    }
    return words.get(said, "")

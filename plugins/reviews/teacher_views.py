"""The teacher's part: replies, and the queue of what was reported."""

from flask import redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.kernel.errors import Unacceptable
from lti_tool.kernel.permissions import Right
from lti_tool.lti import public as lti
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import open_course, right_required
from plugins.reviews import moderation, service
from plugins.reviews.models import HiddenBy
from plugins.reviews.names import name_author
from plugins.reviews.views import back_to_list, blueprint


@blueprint.get("/<slug>/<int:review_id>/reply")
@right_required(Right.MODERATE_REVIEWS)
def edit_reply(slug: str, review_id: int) -> AnyResponse:
    """The form of a reply."""
    return _show_reply(slug, review_id)


@blueprint.post("/<slug>/<int:review_id>/reply")
@right_required(Right.MODERATE_REVIEWS)
def save_reply(slug: str, review_id: int) -> AnyResponse:
    """Answer a review; an empty text takes the answer back."""
    session = open_course(slug)
    longest = current_runtime().settings.reviews.max_chars
    try:
        with current_runtime().db.transaction() as tx:
            service.reply(tx, session.user_id, slug, review_id, request.form.get("text", ""), longest=longest)
    except Unacceptable as problem:
        return _show_reply(slug, review_id, problem=problem)
    return back_to_list(slug, "replied")


@blueprint.get("/<slug>/moderation")
@right_required(Right.MODERATE_REVIEWS)
def show_queue(slug: str) -> AnyResponse:
    """What was reported and what is hidden."""
    return _show_queue(slug)


@blueprint.post("/<slug>/<int:review_id>/hide")
@right_required(Right.MODERATE_REVIEWS)
def hide(slug: str, review_id: int) -> AnyResponse:
    """Hide a review; its author reads why."""
    open_course(slug)
    try:
        with current_runtime().db.transaction() as tx:
            moderation.hide(tx, slug, review_id, request.form.get("reason", ""), HiddenBy.TEACHER)
    except Unacceptable as problem:
        return _show_queue(slug, review_id=review_id, problem=problem)
    return _back(slug)


@blueprint.post("/<slug>/<int:review_id>/restore")
@right_required(Right.MODERATE_REVIEWS)
def restore(slug: str, review_id: int) -> AnyResponse:
    """Show a hidden review again."""
    open_course(slug)
    with current_runtime().db.transaction() as tx:
        moderation.restore(tx, slug, review_id, HiddenBy.TEACHER)
    return _back(slug)


@blueprint.post("/<slug>/<int:review_id>/dismiss")
@right_required(Right.MODERATE_REVIEWS)
def dismiss(slug: str, review_id: int) -> AnyResponse:
    """Leave a review as it is."""
    open_course(slug)
    with current_runtime().db.transaction() as tx:
        moderation.dismiss(tx, slug, review_id)
    return _back(slug)


def _back(slug: str) -> AnyResponse:
    return redirect(url_for("reviews.show_queue", slug=slug), 303)


def _show_reply(slug: str, review_id: int, *, problem: Unacceptable | None = None) -> AnyResponse:
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        row = service.get_review(tx, slug, review_id)
        people = lti.list_people(tx, [row.user_id] if row.user_id else [])
    author = name_author(row, people.get(row.user_id or 0), session.registration_id)
    status, text = (problem.status, request.form.get("text", "")) if problem else (200, row.reply)
    return page("reviews/reply.html", status=status, slug=slug, review=row, author=author, text=text, problem=problem)


def _show_queue(slug: str, *, review_id: int | None = None, problem: Unacceptable | None = None) -> AnyResponse:
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        cases = moderation.list_cases(tx, slug)
        people = lti.list_people(tx, {case.review.user_id for case in cases if case.review.user_id})
    names = {
        case.review.id: name_author(case.review, people.get(case.review.user_id or 0), session.registration_id)
        for case in cases
    }
    status = problem.status if problem else 200
    return page(
        "reviews/queue.html", status=status, slug=slug, cases=cases, names=names, wrong_id=review_id, problem=problem
    )

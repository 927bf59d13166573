"""The teacher's pages: the class, one learner, and when the course is finished."""

from typing import Any

from flask import Response, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.kernel.errors import Forbidden, Invalid
from lti_tool.kernel.permissions import Right
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import open_course, right_required
from plugins.progress.blueprint import blueprint
from plugins.progress.courses import has_own_rule, read_course_at, set_course
from plugins.progress.explaining import explain_rule
from plugins.progress.merging import Learner
from plugins.progress.outline import Needs, Rule, TextDone
from plugins.progress.pages import progress_context
from plugins.progress.reading import read_course, read_for_nobody
from plugins.progress.staff_pages import Wish, class_context, count_unsent, export_csv, get_learner, load_class


@blueprint.get("/<slug>/class")
@right_required(Right.SEE_PEOPLE)
def show_class(slug: str) -> AnyResponse:
    """Every learner of the LMS course."""
    placement_id = _placement(slug)
    wish = Wish.of(*(request.args.get(name, "") for name in ("show", "sort", "page")))
    with current_runtime().db.reading() as tx:
        course = read_course_at(tx, slug, placement_id)
        rows = load_class(tx, placement_id)
        refused = count_unsent(tx, placement_id) if course.sends_score else 0
    context = class_context(slug, rows, wish)
    settings_url = url_for("progress.show_settings", slug=slug)
    return page(
        "progress/class.html", rule=explain_rule(course.rule), refused=refused, settings_url=settings_url, **context
    )


@blueprint.get("/<slug>/class.csv")
@right_required(Right.SEE_PEOPLE)
def export_class(slug: str) -> AnyResponse:
    """The same as a file."""
    placement_id = _placement(slug)
    with current_runtime().db.reading() as tx:
        text = export_csv(load_class(tx, placement_id))
    response = Response(text, content_type="text/csv; charset=utf-8", headers={"Cache-Control": "no-store"})
    response.headers.set("Content-Disposition", "attachment", filename=f"{slug}-progress.csv")
    return response


@blueprint.get("/<slug>/learners/<int:user_id>")
@right_required(Right.SEE_PEOPLE)
def show_learner(slug: str, user_id: int) -> AnyResponse:
    """The progress of one learner."""
    placement_id = _placement(slug)
    with current_runtime().db.reading() as tx:
        person = get_learner(tx, placement_id, user_id)
        found = read_course(tx, Learner(placement_id, user_id), slug)
    trail = [(_("Progress of the class"), url_for("progress.show_class", slug=slug))]
    context = progress_context(slug, found, is_own=False)
    return page("progress/course.html", learner=person.display_name, trail=trail, **context)


@blueprint.get("/<slug>/settings")
@right_required(Right.SEE_PEOPLE)
def show_settings(slug: str) -> AnyResponse:
    """When the course is finished here, and whether the LMS gets the percentage."""
    return _settings_page(slug, _placement(slug))


@blueprint.post("/<slug>/settings")
@right_required(Right.EDIT_COURSE)
def save_settings(slug: str) -> AnyResponse:
    """Take over what the teacher has set; a job weighs everybody anew."""
    placement_id = _placement(slug)
    try:
        rule = _sent_rule()
    except Invalid as error:
        return _settings_page(slug, placement_id, error=error.message, status=400)
    with current_runtime().db.transaction() as tx:
        set_course(tx, slug, placement_id, rule=rule, sends_score=request.form.get("sends_score") == "yes")
    return redirect(url_for("progress.show_settings", slug=slug, saved="yes"), 303)


@blueprint.post("/<slug>/settings/preview")
@right_required(Right.EDIT_COURSE)
def preview_settings(slug: str) -> AnyResponse:
    """The progress page of somebody who begins, with what is not saved."""
    placement_id = _placement(slug)
    try:
        rule = _sent_rule()
    except Invalid as error:
        return _settings_page(slug, placement_id, error=error.message, status=400)
    with current_runtime().db.reading() as tx:
        found = read_for_nobody(tx, slug, placement_id, rule)
    preview = {"edit_url": None, "is_trial": False}
    return page("progress/course.html", preview=preview, **progress_context(slug, found, is_own=False))


def _sent_rule() -> Rule | None:
    """None: the course's own. Raises: Invalid."""
    return _read_rule() if request.form.get("own") == "yes" else None


def _settings_page(slug: str, placement_id: int, error: str | None = None, status: int = 200) -> Response:
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        course = read_course_at(tx, slug, placement_id)
        own = has_own_rule(tx, placement_id)
    return page(
        "progress/settings.html",
        status=status,
        trail=[(_("Progress of the class"), url_for("progress.show_class", slug=slug))],
        rule=course.rule,
        course_rule=explain_rule(course.outline.rule),
        is_own=own or error is not None,
        sends_score=course.sends_score,
        may_change=Right.EDIT_COURSE in session.rights,
        platform=session.platform_name,
        action=url_for("progress.save_settings", slug=slug),
        try_url=url_for("progress.preview_settings", slug=slug),
        is_saved=request.args.get("saved") == "yes" and error is None,
        error=error,
        typed=request.form.get("min_score") if error else None,
    )


def _read_rule() -> Rule:
    """Raises: Invalid."""
    said: dict[str, Any] = {name: request.form.get(name, "") for name in ("needs", "texts", "min_score")}
    text = said["min_score"].strip()
    if text and not (text.isascii() and text.isdecimal() and len(text) <= 3 and int(text) <= 100):
        raise Invalid("min_score_invalid", _("Write a whole number from 0 to 100, or leave it empty."))
    try:
        return Rule(Needs(said["needs"]), TextDone(said["texts"]), int(text) if text else None)
    except ValueError as error:
        raise Invalid("rule_invalid", _("Choose what has to be done, and when a lesson is done.")) from error


def _placement(slug: str) -> int:
    session = open_course(slug)
    if session.placement_id is None:
        raise Forbidden("course_refused", _("This session is for no course. Open the activity again from your LMS."))
    return session.placement_id

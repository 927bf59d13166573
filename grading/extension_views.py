"""The page on which staff give one learner more time or more attempts."""

from typing import Any

from flask import Response, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from grading.access import placement_of
from grading.blueprint import blueprint
from grading.extension_forms import EMPTY, Problems, read_grant, show_sent
from grading.extensions import ClassTerms, find_problems, grant_extension, load_class_terms, withdraw_extension
from grading.models import ExtensionRow
from grading.staff_pages import learners_of
from grading.submissions import Learner
from grading.terms_pages import show_terms
from lti_tool.kernel.audit import Actor, Via
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from lti_tool.kernel.permissions import Right
from lti_tool.lti import public as lti
from lti_tool.web.moments import write_moment
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import SignedIn, open_course, right_required


@blueprint.get("/<slug>/<name>/learners/<int:user_id>/extension")
@right_required(Right.GRANT_EXTENSIONS)
def edit_extension(slug: str, name: str, user_id: int) -> AnyResponse:
    """What holds for the class, and what this learner has."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        everybody, learner = _find(tx, session, name, user_id)
    return _page(session, everybody, learner, _form(everybody.extensions.get(user_id)))


@blueprint.post("/<slug>/<name>/learners/<int:user_id>/extension")
@right_required(Right.GRANT_EXTENSIONS)
def save_extension(slug: str, name: str, user_id: int) -> AnyResponse:
    """Grant it, or change it."""
    session = open_course(slug)
    grant, problems = read_grant(request.form)
    with current_runtime().db.transaction() as tx:
        everybody, learner = _find(tx, session, name, user_id)
        problems = problems or find_problems(everybody.row, grant)
        if not problems:
            grant_extension(tx, everybody.row, Learner(placement_of(session), user_id), grant, _actor(session))
    if problems:
        return _page(session, everybody, learner, show_sent(request.form), problems)
    return redirect(url_for("grading.edit_extension", slug=slug, name=name, user_id=user_id, saved=1), 303)


@blueprint.post("/<slug>/<name>/learners/<int:user_id>/extension/withdraw")
@right_required(Right.GRANT_EXTENSIONS)
def withdraw_extension_view(slug: str, name: str, user_id: int) -> AnyResponse:
    """Take it back."""
    session = open_course(slug)
    with current_runtime().db.transaction() as tx:
        everybody, _learner = _find(tx, session, name, user_id)
        withdraw_extension(tx, everybody.row, Learner(placement_of(session), user_id), _actor(session))
    return redirect(url_for("grading.edit_extension", slug=slug, name=name, user_id=user_id, withdrawn=1), 303)


def _find(tx: Tx, session: SignedIn, name: str, user_id: int) -> tuple[ClassTerms, lti.Person]:
    """Raises: NotFound: no such quiz, or nobody of this LMS course."""
    everybody = load_class_terms(tx, session.course_slug or "", name, placement_of(session))
    learner = learners_of(tx, session).get(user_id)
    if learner is None:
        raise NotFound("learner_not_found", _("There is no such learner in your course."))
    return everybody, learner


def _actor(session: SignedIn) -> Actor:
    return Actor(f"{session.display_name} ({session.platform_name})", Via.COURSE, session.user_id)


def _form(extension: ExtensionRow | None) -> dict[str, str]:
    if extension is None:
        return EMPTY
    return {
        "due": write_moment(extension.due_at),
        "closes": write_moment(extension.closes_at),
        "attempts": str(extension.more_attempts or ""),
        "reason": extension.reason,
    }


def _page(
    session: SignedIn,
    everybody: ClassTerms,
    learner: lti.Person,
    form: dict[str, str],
    problems: Problems | None = None,
) -> Response:
    row, own = everybody.row, everybody.of(learner.id)
    place: dict[str, Any] = {"slug": row.course_slug, "name": row.name}
    said = {"saved": _("Saved."), "withdrawn": _("Taken back.")}
    return page(
        "grading/extension.html",
        status=422 if problems else 200,
        trail=[(row.title, url_for("grading.list_quiz", **place))],
        quiz={"title": row.title, "due": row.due_at, "closes": row.closes_at, "max_attempts": row.max_attempts},
        learner={"name": learner.display_name},
        own=show_terms(own) | {"due": own.due_at, "max_attempts": own.max_attempts},
        form=form,
        errors=problems or [],
        said=next((text for key, text in said.items() if key in request.args), None),
        groups_url=url_for("grading.extend_groups", **place),
        save_url=url_for("grading.save_extension", **place, user_id=learner.id),
        withdraw_url=url_for("grading.withdraw_extension_view", **place, user_id=learner.id)
        if learner.id in everybody.extensions
        else None,
    )

"""The learner's pages, and the endpoint that saves come in by."""

from typing import Any

from flask import Flask, Response, jsonify, redirect, request, url_for
from flask.blueprints import BlueprintSetupState
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.kernel import clock
from lti_tool.kernel.errors import Conflict, Forbidden, Invalid
from lti_tool.kernel.permissions import Role
from lti_tool.lti import public as lti
from lti_tool.web.render import page
from lti_tool.web.runtime import RUNTIME_KEY, current_runtime, wrap_app
from lti_tool.web.session import SignedIn, current_session, find_current_session, open_course
from plugins.progress.blueprint import blueprint
from plugins.progress.gates import closed_refs, list_gates
from plugins.progress.group_commit import writer_of
from plugins.progress.merging import Learner
from plugins.progress.pages import progress_context
from plugins.progress.public import mark_done, mark_undone, read_course
from plugins.progress.saves import answer_of, changes_of, learner_key, read_batch
from plugins.progress.short_way import ShortWay


@blueprint.get("/<slug>")
def show_course(slug: str) -> AnyResponse:
    """A learner's own progress; staff get the class."""
    session = open_course(slug)
    if session.role.is_staff:
        return redirect(url_for("progress.show_class", slug=slug), 303)
    if session.role is Role.OBSERVER:
        return _observed_page(session, slug)
    who = learner_of(session)
    with current_runtime().db.reading() as tx:
        found = read_course(tx, who, slug)
    return page("progress/course.html", **progress_context(slug, found, is_own=True))


def _observed_page(session: SignedIn, slug: str) -> Response:
    """The progress of the learner whom an observer follows. Raises: Forbidden: the LMS named nobody."""
    if session.placement_id is None:
        raise Forbidden("course_refused", _("This session is for no course. Open the activity again from your LMS."))
    with current_runtime().db.reading() as tx:
        observed = lti.get_observed(tx, session.user_id, session.context_id, request.args.get("of"))
        found = read_course(tx, Learner(session.placement_id, observed.user_id), slug)
    tabs = [
        {
            "label": name,
            "url": url_for("progress.show_course", slug=slug, of=user_id),
            "current": user_id == observed.user_id,
            "number": None,
        }
        for user_id, name in observed.everybody
    ]
    context = progress_context(slug, found, is_own=False, links_quizzes=True)
    return page("progress/course.html", learner=observed.name, tabs=tabs if len(tabs) > 1 else [], **context)


@blueprint.post("/<slug>/mark")
def mark_item(slug: str) -> AnyResponse:
    """A learner says that a text is done, or not. Works without JavaScript."""
    who = learner_of(open_course(slug))
    ref, mark = f"courses/{slug}/{request.form.get('item', '')}", request.form.get("done")
    if mark not in ("yes", "no"):
        raise Invalid("mark_invalid", _("The form was not complete. Go back and try again."))
    with current_runtime().db.transaction() as tx:
        (mark_done if mark == "yes" else mark_undone)(tx, who, ref)
    if request.form.get("back") == "item":
        return redirect(f"{request.script_root}/{ref}", 303)
    return redirect(url_for("progress.show_course", slug=slug), 303)


@blueprint.post("/saves")
def take_saves() -> Response:
    """Saves of a page, as JSON; "saved" means committed. Merged, so that a batch may be sent again.

    What `short_way` has not taken comes here, mostly to be told why.
    What a learner claims of items that are closed to them is answered like items that do not exist: no page sends it.
    """
    session, runtime = current_session(), current_runtime()
    who = learner_of(session)
    batch = read_batch(request.get_data(cache=False))
    if batch.who != learner_key(runtime.signer, who):
        raise Conflict("saves_of_another", "These saves are of somebody else, or of another course.")
    slug = session.course_slug or ""
    changes = list(changes_of(batch, who, slug))
    closed = closed_refs(session, slug, {change.ref for change in changes})
    changes = [change for change in changes if change.ref not in closed]
    return jsonify(answer_of(batch, changes, writer_of(runtime.db).save(changes)))


@blueprint.record_once
def _open_short_way(state: BlueprintSetupState) -> None:
    assert isinstance(state.app, Flask)
    runtime, gates = state.app.extensions[RUNTIME_KEY], list_gates(state.app)
    wrap_app(state.app, lambda wsgi: ShortWay(wsgi, runtime, gates))


def learner_of(session: SignedIn) -> Learner:
    """The learner of a session. Raises: Forbidden: it is nobody's own progress."""
    if session.role is Role.OBSERVER:
        raise Forbidden("role_refused", _("Observers read the progress of the learner whom they follow."))
    if not session.role.is_learner or session.placement_id is None:
        raise Forbidden("role_refused", _("Only learners have progress. Open the class to see theirs."))
    return Learner(session.placement_id, session.user_id)


@blueprint.app_context_processor
def _offer_tracker() -> dict[str, Any]:
    """`progress_tracker(ref)` for the pages of items: what `progress/tracker.html` needs; None: nobody's progress."""
    return {"progress_tracker": make_tracker}


def make_tracker(ref: str) -> dict[str, Any] | None:
    """What the script on an item's page needs to know."""
    session = find_current_session()
    if session is None or not session.role.is_learner or session.placement_id is None:
        return None
    key = learner_key(current_runtime().signer, Learner(session.placement_id, session.user_id))
    now = int(clock.now().timestamp() * 1000)
    return {"ref": ref, "who": key, "url": url_for("progress.take_saves"), "now": now}

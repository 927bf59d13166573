"""The page on which the teacher of an LMS course says what its assistants may do."""

from typing import Any

from flask import Response, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.kernel.audit import Actor, Via
from lti_tool.kernel.errors import Forbidden
from lti_tool.kernel.permissions import Right, Role
from lti_tool.lti.blueprint import BLUEPRINT
from lti_tool.lti.granting import list_assistant_rights, set_assistant_rights
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import SignedIn, open_course, roles_required


@BLUEPRINT.get("/lti/<slug>/assistants")
@roles_required(Role.TEACHER)
def show_rights(slug: str) -> Response:
    """What assistants may do now."""
    context_id = _context(open_course(slug))
    with current_runtime().db.reading() as tx:
        chosen = list_assistant_rights(tx, context_id)
    return page(
        "lti/rights.html",
        options=_options(),
        chosen=sorted(chosen),
        action=url_for("lti.save_rights", slug=slug),
        is_saved=request.args.get("saved") == "yes",
    )


@BLUEPRINT.post("/lti/<slug>/assistants")
@roles_required(Role.TEACHER)
def save_rights(slug: str) -> AnyResponse:
    """Take over what the teacher has ticked."""
    session = open_course(slug)
    ticked = set(request.form.getlist("rights"))
    by = Actor(f"{session.display_name} ({session.platform_name})", Via.COURSE, session.user_id)
    with current_runtime().db.transaction() as tx:
        rights = [right for right in Right if right in ticked]
        set_assistant_rights(tx, _context(session), rights, by, session.role)
    return redirect(url_for("lti.show_rights", slug=slug, saved="yes"), 303)


def _context(session: SignedIn) -> int:
    if session.context_id is None:
        raise Forbidden("course_refused", "This session is for no course. Open the activity again from your LMS.")
    return session.context_id


def _options() -> list[dict[str, Any]]:
    words = {
        Right.MARK: (_("Mark"), _("Read what learners handed in, mark it, and work in formgrader.")),
        Right.SEE_PEOPLE: (_("See names and progress"), _("See the class by name, and how far everybody is.")),
        Right.SEND_GRADES: (
            _("Send grades again"),
            _("Try again to send grades that did not arrive in the LMS. Takes the right to mark, too."),
        ),
        Right.GRANT_EXTENSIONS: (
            _("Grant extensions"),
            _("Give one learner more time or more attempts at a quiz. Takes the right to mark, too."),
        ),
        Right.EDIT_COURSE: (
            _("Edit the course"),
            _("Change texts, quizzes, videos and files, and when the course is finished."),
        ),
        Right.MODERATE_REVIEWS: (_("Look after reviews"), _("Hide, restore and answer reviews of the course.")),
        Right.MANAGE_ENROLMENT: (
            _("Let people in"),
            _("Make codes that let people into the course, and withdraw them."),
        ),
    }
    return [{"value": right.value, "label": label, "hint": hint} for right, (label, hint) in words.items()]

"""The teacher's pages of people: the class, and how people get in: the LMS's list of participants, and codes."""

from flask import Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.kernel.errors import Invalid
from lti_tool.lti import public as lti
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import current_session
from plugins.courses import editing
from plugins.courses.blueprint import blueprint
from plugins.courses.editing import Editor
from plugins.courses.editor_pages import frame
from plugins.courses.enrolling import list_invitations, make_invitation, require_codes, withdraw_invitation
from plugins.courses.people import load_people, people_context
from plugins.courses.views_edit import open_manager, read_outline
from plugins.courses.ways_in import ways_context

MOST_PLACES = MOST_PAGES = 10_000


@blueprint.get("/<slug>/edit/people")
def edit_people(slug: str) -> Response:
    """Who takes the course."""
    editor, session, settings = open_manager(slug), current_session(), current_runtime().settings.courses
    number = min(max(request.args.get("page", 1, type=int), 1), MOST_PAGES)
    with current_runtime().db.reading() as tx:
        outline = read_outline(tx, slug, editor)
        rows = load_people(tx, outline.course, session.registration_id, session.context_id, session.placement_id or 0)
    shown = people_context(slug, outline.course, rows, number, settings.page_size)
    return page("courses/edit/people.html", **frame(slug, outline, "people"), **shown)


@blueprint.get("/<slug>/edit/people/ways")
def show_ways_in(slug: str) -> Response:
    """How people get in: the LMS's list of participants, and codes."""
    return _ways_page(slug, open_manager(slug), None)


@blueprint.post("/<slug>/edit/people/ways")
def make_code(slug: str) -> Response:
    """A new code; it is shown this once."""
    editor, places = open_manager(slug), request.form.get("places", 30, type=int)
    if not 1 <= places <= MOST_PLACES:
        raise Invalid("places_invalid", f"A code lets 1 to {MOST_PLACES} people in.")
    with current_runtime().db.transaction() as tx:
        course = editing.open_for_editing(tx, slug, editor)
        require_codes(course)
        code = make_invitation(tx, course.id, editor.user_id, places)
    return _ways_page(slug, editor, code)


@blueprint.post("/<slug>/edit/people/<int:invitation_id>/withdraw")
def withdraw_code(slug: str, invitation_id: int) -> AnyResponse:
    """Let nobody else in by a code."""
    editor = open_manager(slug)
    with current_runtime().db.transaction() as tx:
        course = editing.open_for_editing(tx, slug, editor)
        withdraw_invitation(tx, course.id, invitation_id)
    return redirect(url_for("courses.show_ways_in", slug=slug), 303)


@blueprint.post("/<slug>/edit/people/read")
def read_participants(slug: str) -> AnyResponse:
    """Have the LMS's list of participants read now."""
    editor, session = open_manager(slug), current_session()
    with current_runtime().db.transaction() as tx:
        editing.open_for_editing(tx, slug, editor)
        if session.context_id and lti.read_roster_state(tx, session.context_id).is_offered:
            lti.request_reading(tx, session.context_id)
    return redirect(url_for("courses.show_ways_in", slug=slug), 303)


def _ways_page(slug: str, editor: Editor, code: str | None) -> Response:
    with current_runtime().db.reading() as tx:
        outline = read_outline(tx, slug, editor)
        roster = lti.read_roster_state(tx, current_session().context_id)
        invitations = list_invitations(tx, outline.course.id)
    shown = ways_context(slug, outline.course, roster, invitations)
    return page("courses/edit/ways_in.html", **frame(slug, outline, "ways"), **shown, code=code)

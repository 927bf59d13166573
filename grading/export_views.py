"""Marks to take away: for spreadsheets, and as nbgrader exports them."""

from flask import Response
from flask_babel import gettext as _
from sqlalchemy.exc import OperationalError
from werkzeug.wrappers import Response as AnyResponse

from grading.access import placement_of
from grading.assignments import get_assignment
from grading.blueprint import blueprint
from grading.engine.nbgrader_export import list_rows
from grading.extensions import load_class_terms
from grading.group_work import list_group_members
from grading.mark_exports import load_mark_book, marks_csv, nbgrader_csv, spread_groups
from grading.staff_pages import learners_of
from lti_tool.kernel.errors import Conflict
from lti_tool.kernel.permissions import Right
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import open_course, right_required

BOM = "\ufeff"
"""Without it Excel takes the file for one of its own old encodings."""


@blueprint.get("/<slug>/<name>/marks.csv")
@right_required(Right.MARK)
def export_marks(slug: str, name: str) -> AnyResponse:
    """One line for each learner."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        book = load_mark_book(tx, session, load_class_terms(tx, slug, name, placement_of(session)))
    return _file(BOM + marks_csv(book), f"{slug}-{name}-marks.csv")


@blueprint.get("/<slug>/<name>/nbgrader.csv")
@right_required(Right.MARK)
def export_nbgrader(slug: str, name: str) -> AnyResponse:
    """One quiz as `nbgrader export` writes it."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        get_assignment(tx, slug, name)
    return _file(_nbgrader(slug, name), f"{session.course_slug}-{name}-nbgrader.csv")


@blueprint.get("/<slug>/nbgrader.csv")
@right_required(Right.MARK)
def export_gradebook(slug: str) -> AnyResponse:
    """All quizzes of the course in the same way."""
    open_course(slug)
    return _file(_nbgrader(slug, None), f"{slug}-nbgrader.csv")


def _nbgrader(slug: str, only: str | None) -> str:
    session, runtime = open_course(slug), current_runtime()
    with runtime.db.reading() as tx:
        learners = learners_of(tx, session)
        shared = list_group_members(tx, placement_of(session))
    names = {person.hub_name: person.display_name for person in learners.values()}
    try:
        rows = list_rows(runtime.settings.gradebook_url(slug, placement_of(session)), only)
    except OperationalError as error:
        message = _("Somebody is writing into the gradebook. Wait a few seconds and try again.")
        raise Conflict("gradebook_busy", message) from error
    hub_names = {person.id: person.hub_name for person in learners.values()}
    return nbgrader_csv(spread_groups(rows, shared, hub_names), names)


def _file(text: str, name: str) -> Response:
    response = Response(text, content_type="text/csv; charset=utf-8", headers={"Cache-Control": "no-store"})
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response

"""A quiz that is closed to a learner, or a draft, is closed at its own address too, which is grading's."""

from flask import redirect, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import find_current_session
from plugins.courses.access import may_be_closed
from plugins.courses.blueprint import blueprint
from plugins.courses.models import Course, Item, Module, PartState
from plugins.courses.reading import read_course

KEPT_OPEN = ("grading.show_feedback", "grading.show_marked_notebook")
"""What somebody handed in stays theirs to read."""


@blueprint.before_app_request
def refuse_closed_quizzes() -> Response | None:
    """Lead a learner from a closed quiz to the page that says why. One query for quizzes that are never closed."""
    session = find_current_session() if (request.endpoint or "").startswith("grading.") else None
    said = request.view_args or {}
    if session is None or not session.role.is_learner or "name" not in said or request.endpoint in KEPT_OPEN:
        return None
    query = (
        select(Item, Module, Course.state)
        .join(Module, Module.id == Item.module_id)
        .join(Course, Course.id == Item.course_id)
        .where(Course.slug == session.course_slug, Item.assignment == said["name"])
    )
    with current_runtime().db.reading() as tx:
        row = tx.execute(query).first()
        if row is None or (row[2] is PartState.PUBLISHED and not may_be_closed(row[0], row[1])):
            return None
        is_open = (
            row[2] is PartState.PUBLISHED
            and row[0].state is PartState.PUBLISHED
            and row[0].slug not in read_course(tx, session, session.course_slug or "").locks
        )
    if is_open:
        return None
    return redirect(url_for("courses.show_item", slug=session.course_slug, item_slug=row[0].slug), 303)

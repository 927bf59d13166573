"""The next version of a quiz: written in Jupyter or uploaded, checked, published."""

from collections.abc import Mapping

from flask import Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from grading import public as grading
from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import AppError, Conflict, Forbidden, NotFound, Unacceptable
from lti_tool.lti import public as lti
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import open_course
from plugins.courses.blueprint import blueprint
from plugins.courses.editing import Editor, open_for_editing
from plugins.courses.models import Course, Item, ItemKind
from plugins.courses.quiz_sources import Version, next_files
from plugins.courses.service import get_item
from plugins.courses.version_checking import ask_for_check
from plugins.courses.version_pages import version_context
from plugins.courses.version_publishing import ask_to_publish
from plugins.courses.views_edit import open_editor, read_outline
from plugins.courses.views_item import show_editor
from plugins.courses.views_quiz import happened_to_notebooks, read_sent
from plugins.courses.written import (
    find_published,
    find_written,
    forget_written,
    read_to_write,
    save_written,
)
from plugins.courses.written_models import Written


@blueprint.get("/<slug>/edit/items/<item_slug>/version")
def show_version(slug: str, item_slug: str) -> Response:
    """What this teacher has written, what a check found, and the way to publish it."""
    return _page(slug, item_slug, open_editor(slug), None)


@blueprint.post("/<slug>/edit/items/<item_slug>/write")
def write_view(slug: str, item_slug: str) -> AnyResponse:
    """To JupyterLab, signed in, on the source of the quiz."""
    editor, session = open_editor(slug), open_course(slug)
    with current_runtime().db.reading() as tx:
        item = _get_quiz(tx, read_outline(tx, slug, editor).course, item_slug)
        placement = lti.find_placement(tx, session.placement_id) if session.placement_id else None
    if placement is None:
        raise Forbidden("course_refused", "Open the course from an activity in your LMS, then write from there.")
    return grading.go_to_hub(grading.Ticket(session.hub_name, grading.write_path(placement.key, str(item.assignment))))


@blueprint.post("/<slug>/edit/items/<item_slug>/version")
def keep_version_view(slug: str, item_slug: str) -> AnyResponse:
    """Keep files that are sent as the next version, for a check; learners notice nothing."""
    editor, runtime = open_editor(slug), current_runtime()
    with runtime.db.reading() as tx:
        course = read_outline(tx, slug, editor).course
        assignment = str(_get_quiz(tx, course, item_slug).assignment)
        there = read_to_write(tx, runtime.settings, course, assignment, editor)
    try:
        given = next_files(there.files, Version(read_sent(slug, editor), request.form.getlist("gone")))
        packed = grading.pack_files(grading.accept_files(given, runtime.settings.grading.max_submission_bytes))
    except AppError as error:
        if error.status >= 500:
            raise
        return show_editor(slug, item_slug, editor, None, error.status, **happened_to_notebooks(error))
    try:
        with runtime.db.transaction() as tx:
            course = open_for_editing(tx, slug, editor)
            save_written(tx, course, assignment, editor, packed, there.base, clock.now())
    except Conflict as error:
        return _page(slug, item_slug, editor, error)
    return _here(slug, item_slug)


@blueprint.post("/<slug>/edit/items/<item_slug>/version/check")
def check_version_view(slug: str, item_slug: str) -> AnyResponse:
    """Have it checked."""
    editor = open_editor(slug)
    try:
        with current_runtime().db.transaction() as tx:
            course, row = _get_written(tx, slug, item_slug, editor)
            ask_for_check(tx, course, row)
    except Conflict as error:
        return _page(slug, item_slug, editor, error)
    return _here(slug, item_slug)


@blueprint.post("/<slug>/edit/items/<item_slug>/version/publish")
def publish_version_view(slug: str, item_slug: str) -> AnyResponse:
    """Have it published, as it was checked."""
    editor, sent = open_editor(slug), request.form
    try:
        with current_runtime().db.transaction() as tx:
            _course, row = _get_written(tx, slug, item_slug, editor)
            ask_to_publish(tx, row, sent.get("sha256", ""), confirmed=sent.get("confirmed") == "1")
    except (Conflict, Unacceptable) as error:
        return _page(slug, item_slug, editor, error)
    return _here(slug, item_slug)


@blueprint.post("/<slug>/edit/items/<item_slug>/version/drop")
def drop_version_view(slug: str, item_slug: str) -> AnyResponse:
    """Throw it away and begin again from what learners have."""
    editor = open_editor(slug)
    try:
        with current_runtime().db.transaction() as tx:
            forget_written(tx, _get_written(tx, slug, item_slug, editor)[1])
    except Conflict as error:
        return _page(slug, item_slug, editor, error)
    return _here(slug, item_slug)


def _get_quiz(tx: Tx, course: Course, item_slug: str) -> Item:
    item = get_item(tx, course.id, item_slug)
    if item.kind is not ItemKind.QUIZ or not item.assignment:
        raise NotFound("item_not_found", "This is no quiz. Open the outline again.")
    return item


def _get_written(tx: Tx, slug: str, item_slug: str, editor: Editor) -> tuple[Course, Written]:
    course = open_for_editing(tx, slug, editor)
    row = find_written(tx, course.id, str(_get_quiz(tx, course, item_slug).assignment), editor.user_id)
    if row is None:
        raise NotFound(
            "version_not_found", "You have written no version of this quiz, or threw it away. Open its page."
        )
    return course, row


def _here(slug: str, item_slug: str) -> AnyResponse:
    return redirect(url_for("courses.show_version", slug=slug, item_slug=item_slug), 303)


def _page(slug: str, item_slug: str, editor: Editor, refused: AppError | None) -> Response:
    with current_runtime().db.reading() as tx:
        outline = read_outline(tx, slug, editor)
        item = outline.find_item(item_slug) or get_item(tx, outline.course.id, item_slug)
        if item.kind is not ItemKind.QUIZ or not item.assignment:
            raise NotFound("item_not_found", "This is no quiz. Open the outline again.")
        context: Mapping[str, object] = version_context(
            slug,
            outline,
            item,
            find_written(tx, outline.course.id, item.assignment, editor.user_id),
            find_published(tx, outline.course.id, item.assignment),
            grading.count_started(tx, slug, item.assignment),
            lti.count_columns(tx, f"courses/{slug}/{item.slug}"),
        )
    status, text = (refused.status, refused.message) if refused else (200, None)
    return page("courses/edit/version.html", status=status, **{**context, "refused": text})

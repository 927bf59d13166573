"""The editor of quizzes: made from a notebook, and given new versions of it."""

from typing import Any

from flask import Response, redirect, request, send_file, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.kernel.errors import AppError, Conflict
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from plugins.courses.blueprint import blueprint
from plugins.courses.course_file import CourseFolderError
from plugins.courses.editing import Editor
from plugins.courses.editor_pages import happened, new_quiz_context
from plugins.courses.quiz_sources import Version, change_quiz, check_given, get_source, make_quiz
from plugins.courses.service import get_item
from plugins.courses.views_edit import open_editor, read_outline, sent_title
from plugins.courses.views_item import show_editor


@blueprint.get("/<slug>/edit/quizzes/new")
def new_quiz(slug: str) -> Response:
    """Where a quiz is made."""
    return _new_page(slug, open_editor(slug), request.args.get("module", ""), request.args.get("title", ""), None)


@blueprint.post("/<slug>/edit/quizzes")
def make_quiz_view(slug: str) -> AnyResponse:
    """Make a quiz of a notebook, and lead to its editor."""
    editor, module_slug, title = open_editor(slug), request.form.get("module", ""), sent_title(_("New quiz"))
    try:
        item = make_quiz(current_runtime(), slug, module_slug, title, read_sent(slug, editor), editor)
    except (CourseFolderError, Conflict) as error:
        return _new_page(slug, editor, module_slug, title, error)
    return redirect(url_for("courses.edit_item", slug=slug, item_slug=item.slug), 303)


@blueprint.post("/<slug>/edit/items/<item_slug>/source")
def change_source_view(slug: str, item_slug: str) -> AnyResponse:
    """Use a new version of a quiz's files."""
    editor = open_editor(slug)
    try:
        version = Version(read_sent(slug, editor), request.form.getlist("gone"))
        change_quiz(current_runtime(), slug, item_slug, version, editor)
    except (CourseFolderError, Conflict) as error:
        return show_editor(slug, item_slug, editor, None, error.status, **happened_to_notebooks(error))
    return redirect(url_for("courses.edit_item", slug=slug, item_slug=item_slug, used=1) + "#notebooks", 303)


@blueprint.get("/<slug>/edit/items/<item_slug>/source/<path:name>")
def show_source(slug: str, item_slug: str, name: str) -> Response:
    """A file that a quiz is made of, to be saved."""
    editor = open_editor(slug)
    with current_runtime().db.reading() as tx:
        item = get_item(tx, read_outline(tx, slug, editor).course.id, item_slug)
    path = get_source(current_runtime().settings, slug, item.assignment or "-", name)
    kind = "application/octet-stream"
    return send_file(path, mimetype=kind, as_attachment=True, download_name=path.name, max_age=0)


def _new_page(slug: str, editor: Editor, module_slug: str, title: str, error: AppError | None) -> Response:
    with current_runtime().db.reading() as tx:
        outline = read_outline(tx, slug, editor)
    context = new_quiz_context(slug, outline, module_slug[:79], title[:200], _lines(error) if error else [])
    return page("courses/edit/new_quiz.html", status=error.status if error else 200, **context)


def read_sent(slug: str, editor: Editor) -> dict[str, bytes]:
    """The files that were sent, once it is known that this person may send any."""
    runtime = current_runtime()
    with runtime.db.reading() as tx:
        read_outline(tx, slug, editor)
    return check_given(
        runtime, [(file.filename, file.read()) for file in request.files.getlist("source") if file.filename]
    )


def happened_to_notebooks(error: AppError) -> dict[str, Any]:
    """What the editor of a quiz says about files that were refused."""
    return happened([("notebooks", line) for line in _lines(error)])


def _lines(error: AppError) -> list[str]:
    return error.problems if isinstance(error, CourseFolderError) else [error.message]

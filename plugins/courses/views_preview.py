"""Preview as a learner: what is saved, and what stands in a form and is not saved yet."""

from dataclasses import replace
from typing import Any

from flask import Response, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from grading import public as grading
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict, Invalid, NotFound
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import current_session
from plugins.courses import editing, outline_edits
from plugins.courses.blueprint import blueprint
from plugins.courses.editing import Editor
from plugins.courses.editor_pages import happened
from plugins.courses.forms import Problems, read_item, read_module, read_settings
from plugins.courses.models import ItemKind
from plugins.courses.outline import Pages, course_context
from plugins.courses.parts import fill_course, fill_item, fill_module, item_content
from plugins.courses.previewing import Allow, Change, read_preview, text_of
from plugins.courses.quiz_rules import find_content_problems, rules_of
from plugins.courses.service import Outline, get_media, get_module, read_media
from plugins.courses.standing_pages import standing_context
from plugins.courses.videos import find_player
from plugins.courses.views import item_page
from plugins.courses.views_edit import module_page, open_editor, sent_base, settings_page
from plugins.courses.views_item import show_editor
from plugins.courses.views_order import order_page, sent_order
from plugins.courses.written import find_written, load_released, load_written


@blueprint.get("/<slug>/edit/preview/")
def preview_course(slug: str) -> Response:
    """The course page as a learner would see it."""
    return course_preview(slug, open_editor(slug), edit_url=url_for("courses.edit_outline", slug=slug))


@blueprint.get("/<slug>/edit/preview/<item_slug>")
def preview_item(slug: str, item_slug: str) -> AnyResponse:
    """An item as a learner would see it."""
    edit_url = url_for("courses.edit_item", slug=slug, item_slug=item_slug)
    return item_preview(slug, item_slug, open_editor(slug), edit_url=edit_url)


@blueprint.get("/<slug>/edit/items/<item_slug>/version/preview/<path:path>")
def preview_version(slug: str, item_slug: str, path: str) -> AnyResponse:
    """A notebook of the version that this teacher had checked, as learners would get it; they notice nothing."""
    editor = open_editor(slug)
    with current_runtime().db.reading() as tx:
        reading = read_preview(tx, slug, lambda tx, outline: editing.require_editor(tx, outline.course, editor))
        item = reading.outline.find_item(item_slug)
        assignment = str(item.assignment) if item else ""
        row = find_written(tx, reading.outline.course.id, assignment, editor.user_id)
        if item is None or row is None:
            raise NotFound("version_not_found", _("You have written no version of this quiz. Open the outline again."))
        notebook, beside = load_released(tx, row, path), load_written(tx, row)
    preview = {"edit_url": url_for("courses.show_version", slug=slug, item_slug=item_slug), "is_trial": False}
    return item_page(reading, item, Pages(slug, is_preview=True), "", notebook, preview=preview, beside=beside)


@blueprint.post("/<slug>/edit/settings/preview")
def preview_settings(slug: str) -> Response:
    """The course page with settings that are not saved."""
    editor = open_editor(slug)
    content, problems = read_settings(request.form, slug)
    if content is None:
        return settings_page(slug, editor, 422, **happened(problems))

    def change(outline: Outline) -> Outline:
        fill_course(outline.course, content)
        return outline

    def allow(tx: Tx, outline: Outline) -> None:
        editing.require_description(tx, outline.course, content["description"])

    try:
        return course_preview(slug, editor, change, allow)
    except Invalid as error:
        return settings_page(slug, editor, 422, **happened([("description", str(error.details["problem"]))]))


@blueprint.post("/<slug>/edit/modules/<module_slug>/preview")
def preview_module(slug: str, module_slug: str) -> Response:
    """The course page with a module that is not saved."""
    editor = open_editor(slug)
    content, problems = read_module(request.form)
    if content is None:
        return module_page(slug, module_slug, editor, 422, **happened(problems))

    def change(outline: Outline) -> Outline:
        for module, _items in outline.modules:
            if module.slug == module_slug:
                fill_module(module, content)
        return outline

    return course_preview(slug, editor, change, lambda tx, outline: get_module(tx, outline.course.id, module_slug))


@blueprint.post("/<slug>/edit/order/preview")
def preview_order(slug: str) -> Response:
    """The course page in an order that is not saved."""
    editor, order, base = open_editor(slug), sent_order(), sent_base()
    try:
        return course_preview(
            slug,
            editor,
            lambda outline: outline_edits.arranged(outline, order),
            lambda tx, outline: outline_edits.require_current(tx, outline, order, base),
        )
    except Conflict as error:
        return order_page(slug, editor, None, error=error)


@blueprint.post("/<slug>/edit/items/<item_slug>/preview")
def preview_unsaved_item(slug: str, item_slug: str) -> AnyResponse:
    """An item as it would be with what was typed; a file that was chosen is not in it before it is saved."""
    editor, settings = open_editor(slug), current_runtime().settings

    def change(outline: Outline) -> Outline:
        item = outline.find_item(item_slug)
        if item is None:
            return outline
        item.__dict__.setdefault("markdown", "")  # the form has it
        content, problems = read_item(request.form, item_slug, item_content(item))
        if content is not None:
            problems = find_content_problems(settings, slug, content)
        if content is None or problems:
            raise _RefusedForm(problems)
        fill_item(item, content)
        return outline

    try:
        return item_preview(slug, item_slug, editor, change)
    except _RefusedForm as refused:
        return show_editor(slug, item_slug, editor, 422, **happened(refused.problems))


class _RefusedForm(Exception):
    """Fields, and what to change."""

    def __init__(self, problems: Problems) -> None:
        super().__init__()
        self.problems = problems


def course_preview(
    slug: str,
    editor: Editor,
    change: Change = lambda outline: outline,
    allow: Allow = lambda tx, outline: None,
    *,
    edit_url: str | None = None,
    is_trial: bool = False,
) -> Response:
    """The course page as a learner would see it. `is_trial`: of an act that has not been done."""
    with current_runtime().db.reading() as tx:
        reading = read_preview(tx, slug, _allow_editor(editor, allow), change)
    session, preview = current_session(), {"edit_url": edit_url, "is_trial": is_trial}
    context = course_context(session, reading, Pages(slug, is_preview=True)) | standing_context(session, slug, reading)
    return page("courses/course.html", **context | {"preview": preview, "edit_url": None})


def item_preview(
    slug: str,
    item_slug: str,
    editor: Editor,
    change: Change = lambda outline: outline,
    allow: Allow = lambda tx, outline: None,
    *,
    edit_url: str | None = None,
    is_trial: bool = False,
) -> AnyResponse:
    """The page of an item as a learner would see it. `is_trial`: of an act that has not been done."""
    preview: dict[str, Any] = {"edit_url": edit_url, "is_trial": is_trial}
    with current_runtime().db.reading() as tx:
        reading = read_preview(tx, slug, _allow_editor(editor, allow), change)
        item = reading.outline.find_item(item_slug)
        if item is None:
            raise NotFound("item_not_found", _("This is no longer in the course. Open the outline again."))
        notebook = _read_file(tx, slug, item.file) if item.kind is ItemKind.NOTEBOOK and item.file else None
        player = find_player(tx, current_runtime(), current_session(), replace(reading, locks={}), item)
    if item.kind is ItemKind.QUIZ and item.assignment:
        rules, summary = rules_of(item), item.summary
        return grading.preview_quiz(
            slug, item.assignment, title=item.title, summary=summary, rules=rules, preview=preview
        )
    pages = Pages(slug, is_preview=True)
    return item_page(reading, item, pages, text_of(item), notebook, preview=preview, player=player)


def _allow_editor(editor: Editor, allow: Allow) -> Allow:
    def both(tx: Tx, outline: Outline) -> None:
        editing.require_editor(tx, outline.course, editor)
        allow(tx, outline)

    return both


def _read_file(tx: Tx, slug: str, file: str) -> bytes:
    try:
        return read_media(tx, get_media(tx, slug, file.removeprefix("media/")))
    except NotFound:
        return b""

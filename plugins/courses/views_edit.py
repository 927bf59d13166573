"""The editor: outline, settings, modules."""

from dataclasses import replace
from typing import Any

from flask import Response, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import AppError, Invalid
from lti_tool.kernel.permissions import Right
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import open_course
from plugins.courses import editing, outline_edits
from plugins.courses.blueprint import blueprint
from plugins.courses.editing import Editor, require_editor
from plugins.courses.editor_pages import frame, happened, module_editor, outline_context, settings_choices
from plugins.courses.forms import item_form, read_module, read_settings, settings_form, shown_form
from plugins.courses.models import ItemKind, PartState
from plugins.courses.parts import COURSE, OUTLINE, course_content, module_content, module_part
from plugins.courses.revisions import MOST_REVISIONS, EditConflict, find_newest, list_newest
from plugins.courses.service import Outline, get_module, get_outline


def open_editor(slug: str) -> Editor:
    """Who edits the course of this session; whether they may is asked with the course at hand."""
    session = open_course(slug)
    return Editor(session.user_id, session.display_name, session.registration_id, session.role, session.granted)


def open_manager(slug: str) -> Editor:
    """The same for who lets people into the course."""
    return replace(open_editor(slug), needs=Right.MANAGE_ENROLMENT)


def read_outline(tx: Tx, slug: str, editor: Editor) -> Outline:
    """The course with drafts, for its editor. Raises: NotFound, Forbidden."""
    outline = get_outline(tx, slug, with_description=True)
    require_editor(tx, outline.course, editor)
    return outline


def sent_base() -> int:
    """The revision that the form began with."""
    return min(max(request.form.get("base", 0, type=int), 0), MOST_REVISIONS)


def to_outline(slug: str, anchor: str = "") -> AnyResponse:
    """Back to the outline, at the part that was touched."""
    return redirect(url_for("courses.edit_outline", slug=slug) + (f"#{anchor}" if anchor else ""), 303)


@blueprint.get("/<slug>/edit/")
def edit_outline(slug: str) -> Response:
    """The order of the course, with what is a draft."""
    return outline_page(slug, open_editor(slug), None)


def outline_page(slug: str, editor: Editor, error: AppError | None) -> Response:
    """The outline, with what was refused."""
    with current_runtime().db.reading() as tx:
        outline = read_outline(tx, slug, editor)
        removed = outline_edits.list_removed(tx, outline)
        quizzes = outline_edits.list_free_quizzes(tx, outline)
        newest = list_newest(tx, outline.course.id, [OUTLINE]).get(OUTLINE)
    context = outline_context(slug, outline, removed, quizzes, newest.number if newest else 0)
    status = error.status if error else 200
    return page("courses/edit/outline.html", status=status, error=error.message if error else None, **context)


@blueprint.post("/<slug>/edit/modules")
def add_module_view(slug: str) -> AnyResponse:
    """A new module."""
    editor = open_editor(slug)
    title = sent_title(_("New module"))
    with current_runtime().db.transaction() as tx:
        module = outline_edits.add_module(tx, slug, title, editor)
    return to_outline(slug, f"module-{module.slug}")


@blueprint.post("/<slug>/edit/items")
def add_item_view(slug: str) -> AnyResponse:
    """A new item, and the way to its editor."""
    editor, form = open_editor(slug), request.form
    if form.get("kind") not in set(ItemKind):
        raise Invalid("kind_unknown", "Choose what to add.")
    kind = ItemKind(form["kind"])
    assignment = form.get("assignment") if kind is ItemKind.QUIZ else None
    if kind is ItemKind.QUIZ and not assignment:
        module, title = form.get("module", "")[:79], form.get("title", "")[:200]
        return redirect(url_for("courses.new_quiz", slug=slug, module=module, title=title), 303)
    try:
        with current_runtime().db.transaction() as tx:
            title = sent_title(assignment or _("New item"))
            item = outline_edits.add_item(tx, slug, form.get("module", ""), kind, title, editor, assignment)
    except Invalid as error:
        return outline_page(slug, editor, error)
    return redirect(url_for("courses.edit_item", slug=slug, item_slug=item.slug), 303)


@blueprint.post("/<slug>/edit/move/<kind>/<name>/<way>")
def move_view(slug: str, kind: str, name: str, way: str) -> AnyResponse:
    """One place up or down."""
    editor, step = open_editor(slug), -1 if way == "up" else 1
    with current_runtime().db.transaction() as tx:
        outline_edits.move_part(tx, slug, kind, name, step, editor)
    return to_outline(slug, f"{kind}-{name}")


@blueprint.post("/<slug>/edit/state/<state>")
def set_state(slug: str, state: str) -> AnyResponse:
    """Show the course to learners, or hide it."""
    editor = open_editor(slug)
    wanted = PartState.PUBLISHED if state == "published" else PartState.DRAFT
    try:
        with current_runtime().db.transaction() as tx:
            editing.set_course_state(tx, slug, wanted, editor)
    except Invalid as error:
        return outline_page(slug, editor, error)
    return to_outline(slug)


@blueprint.post("/<slug>/edit/items/<item_slug>/remove")
def remove_item_view(slug: str, item_slug: str) -> AnyResponse:
    """Take an item out of the course."""
    editor = open_editor(slug)
    with current_runtime().db.transaction() as tx:
        outline_edits.remove_item(tx, slug, item_slug, editor)
    return to_outline(slug)


@blueprint.post("/<slug>/edit/items/<item_slug>/put-back")
def put_back_view(slug: str, item_slug: str) -> AnyResponse:
    """Put an item that was taken out back, as a draft."""
    editor = open_editor(slug)
    try:
        with current_runtime().db.transaction() as tx:
            outline_edits.put_back(tx, slug, item_slug, editor)
    except Invalid as error:
        return outline_page(slug, editor, error)
    return to_outline(slug, f"item-{item_slug}")


@blueprint.post("/<slug>/edit/modules/<module_slug>/remove")
def remove_module_view(slug: str, module_slug: str) -> AnyResponse:
    """Take an empty module out."""
    editor = open_editor(slug)
    try:
        with current_runtime().db.transaction() as tx:
            outline_edits.remove_module(tx, slug, module_slug, editor)
    except Invalid as error:
        return outline_page(slug, editor, error)
    return to_outline(slug)


@blueprint.get("/<slug>/edit/settings")
def edit_settings(slug: str) -> Response:
    """What the course says of itself."""
    return settings_page(slug, open_editor(slug), None, **happened())


@blueprint.post("/<slug>/edit/settings")
def save_settings_view(slug: str) -> AnyResponse:
    """Save the settings; they are seen at once."""
    editor = open_editor(slug)
    content, problems = read_settings(request.form, slug)
    if content is None:
        return settings_page(slug, editor, 422, **happened(problems))
    try:
        with current_runtime().db.transaction() as tx:
            editing.save_settings(tx, slug, content, editor, sent_base())
    except EditConflict as conflict:
        return settings_page(slug, editor, 409, base=conflict.number, **happened(conflict=conflict, mine=content))
    except Invalid as error:
        return settings_page(slug, editor, 422, **happened([("description", str(error.details["problem"]))]))
    return redirect(url_for("courses.edit_settings", slug=slug, saved=1), 303)


def settings_page(slug: str, editor: Editor, status: int | None, **more: Any) -> Response:
    """The form of the settings: of what was sent (`status` to answer with), else of what is saved."""
    with current_runtime().db.reading() as tx:
        outline = read_outline(tx, slug, editor)
        newest = find_newest(tx, outline.course.id, COURSE)
    form = settings_form(course_content(outline.course))
    context = frame(slug, outline, "settings") | settings_choices()
    context |= {"base": sent_base() if status else newest.number if newest else 0}
    context |= {
        "form": shown_form(request.form, form) if status else form,
        "save_url": url_for("courses.save_settings_view", slug=slug),
        "try_url": url_for("courses.preview_settings", slug=slug),
        "history_url": url_for("courses.show_history", slug=slug, part=COURSE),
        "is_saved": "saved" in request.args,
    }
    return page("courses/edit/settings.html", status=status or 200, **context | more)


@blueprint.get("/<slug>/edit/modules/<module_slug>")
def edit_module(slug: str, module_slug: str) -> Response:
    """A module: title, summary, when it opens."""
    return module_page(slug, module_slug, open_editor(slug), None, **happened())


@blueprint.post("/<slug>/edit/modules/<module_slug>")
def save_module_view(slug: str, module_slug: str) -> AnyResponse:
    """Save a module; it is seen at once."""
    editor = open_editor(slug)
    content, problems = read_module(request.form)
    if content is None:
        return module_page(slug, module_slug, editor, 422, **happened(problems))
    try:
        with current_runtime().db.transaction() as tx:
            editing.save_module(tx, slug, module_slug, content, editor, sent_base())
    except EditConflict as conflict:
        more = happened(conflict=conflict, mine=content)
        return module_page(slug, module_slug, editor, 409, base=conflict.number, **more)
    except Invalid as error:
        return module_page(slug, module_slug, editor, 422, **happened([("after", error.message)]))
    return to_outline(slug, f"module-{module_slug}")


def module_page(slug: str, module_slug: str, editor: Editor, status: int | None, **more: Any) -> Response:
    """The form of a module, likewise."""
    with current_runtime().db.reading() as tx:
        outline = read_outline(tx, slug, editor)
        module = get_module(tx, outline.course.id, module_slug)
        newest = find_newest(tx, outline.course.id, module_part(module_slug))
    form = item_form(module_content(module))
    shown = shown_form(request.form, form) if status else form
    base = sent_base() if status else newest.number if newest else 0
    context = module_editor(slug, outline, module, shown, base)
    return page("courses/edit/module.html", status=status or 200, **context | more)


def sent_title(otherwise: str) -> str:
    """The title that was typed, on one line."""
    title = " ".join(request.form.get("title", "").split())[:200]
    return title if title and title.isprintable() else otherwise

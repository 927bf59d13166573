"""The editor of one item: save, publish, keep what is typed, preview, upload."""

from contextlib import closing
from typing import Any

from flask import Response, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import AppError, ExternalError, Invalid, TooLarge, Unacceptable
from lti_tool.web.render import is_fragment_request, page
from lti_tool.web.runtime import current_runtime
from plugins.courses import editing
from plugins.courses.blueprint import blueprint
from plugins.courses.editing import Editor
from plugins.courses.editor_pages import (
    condition_choices,
    happened,
    item_editor,
    library_choices,
    source_context,
    video_choices,
)
from plugins.courses.folder import MAX_LESSON_BYTES, MAX_MEDIA_BYTES
from plugins.courses.forms import item_form, read_item, shown_form
from plugins.courses.library import list_link_targets
from plugins.courses.links import Place, find_link_problems
from plugins.courses.models import Item, ItemKind, Media
from plugins.courses.outline import Pages
from plugins.courses.parts import Content, item_content, item_part
from plugins.courses.quiz_rules import find_content_problems
from plugins.courses.quiz_sources import list_sources
from plugins.courses.revisions import EditConflict, find_newest
from plugins.courses.service import Outline, get_item, link_targets, list_media_paths
from plugins.courses.uploads import add_media, check_upload, markdown_of
from plugins.courses.views_edit import open_editor, read_outline, sent_base, to_outline


@blueprint.get("/<slug>/edit/items/<item_slug>")
def edit_item(slug: str, item_slug: str) -> Response:
    """The editor, with what this person typed last and did not save."""
    return show_editor(slug, item_slug, open_editor(slug), None)


@blueprint.post("/<slug>/edit/items/<item_slug>")
def save_item_view(slug: str, item_slug: str) -> AnyResponse:
    """Save, and publish if that button was pressed."""
    editor = open_editor(slug)
    with current_runtime().db.reading() as tx:
        before = _saved(tx, slug, item_slug, editor)
    try:
        form = _with_upload(slug, editor)
    except (Invalid, Unacceptable, TooLarge, ExternalError) as error:
        return show_editor(slug, item_slug, editor, error.status, **happened([("upload", error.message)]))
    except RequestEntityTooLarge:  # nothing of the form can be read; what was typed is kept apart
        problem = [("upload", _("This file is larger than 10 MB. Upload it on the page Files, or make it smaller."))]
        return show_editor(slug, item_slug, editor, None, 413, **happened(problem))
    content, problems = read_item(form, item_slug, before)
    if content is not None:
        problems = find_content_problems(current_runtime().settings, slug, content)
    if content is None or problems:
        return show_editor(slug, item_slug, editor, 422, **happened(problems))
    try:
        with current_runtime().db.transaction() as tx:
            editing.save_item(tx, slug, item_slug, content, editor, sent_base())
    except EditConflict as conflict:
        _keep(slug, item_slug, editor)
        more = happened(conflict=conflict, mine=content)
        return show_editor(slug, item_slug, editor, 409, base=conflict.number, **more)
    if request.form.get("do") == "publish":
        return publish_view(slug, item_slug)
    return redirect(url_for("courses.edit_item", slug=slug, item_slug=item_slug, saved=1), 303)


@blueprint.post("/<slug>/edit/items/<item_slug>/publish")
def publish_view(slug: str, item_slug: str) -> AnyResponse:
    """Show learners what was saved last."""
    editor, runtime = open_editor(slug), current_runtime()
    with runtime.db.reading() as tx:
        saved = _saved(tx, slug, item_slug, editor)
    problems = [line for _field, line in find_content_problems(runtime.settings, slug, saved)]
    try:
        if problems:  # what was allowed when it was saved is not any more, or its files have changed
            raise Invalid("item_not_ready", problems[0], {"problems": problems})
        with runtime.db.transaction() as tx:
            editing.publish_item(tx, slug, item_slug, editor)
    except Invalid as error:
        found = error.details.get("problems")
        warnings = found if isinstance(found, list) else [error.message]
        return show_editor(slug, item_slug, editor, None, 422, **happened(warnings=warnings))
    return to_outline(slug, f"item-{item_slug}")


@blueprint.post("/<slug>/edit/items/<item_slug>/unpublish")
def unpublish_view(slug: str, item_slug: str) -> AnyResponse:
    """Hide an item from learners."""
    editor = open_editor(slug)
    with current_runtime().db.transaction() as tx:
        editing.unpublish_item(tx, slug, item_slug, editor)
    return to_outline(slug, f"item-{item_slug}")


@blueprint.post("/<slug>/edit/items/<item_slug>/unsaved")
def keep_unsaved_view(slug: str, item_slug: str) -> Response:
    """Keep what is typed, every few seconds."""
    row = _keep(slug, item_slug, open_editor(slug))
    return jsonify(saved_at=row.saved_at.isoformat())


@blueprint.post("/<slug>/edit/items/<item_slug>/discard")
def discard_view(slug: str, item_slug: str) -> AnyResponse:
    """Forget what was typed and not saved."""
    editor = open_editor(slug)
    with current_runtime().db.transaction() as tx:
        outline = read_outline(tx, slug, editor)
        editing.forget_unsaved(tx, outline.course.id, item_part(item_slug), editor.user_id)
    return redirect(url_for("courses.edit_item", slug=slug, item_slug=item_slug), 303)


@blueprint.post("/<slug>/edit/items/<item_slug>/render")
def render_text(slug: str, item_slug: str) -> AnyResponse:
    """The text as learners would see it; the part alone if a script asks."""
    editor = open_editor(slug)
    if not is_fragment_request():
        return show_editor(slug, item_slug, editor, 200, **happened())
    text = request.form.get("markdown", "")[:MAX_LESSON_BYTES]
    with current_runtime().db.reading() as tx:
        outline = read_outline(tx, slug, editor)
        item = get_item(tx, outline.course.id, item_slug)
        media = list_link_targets(tx, slug, outline.course.id, text)
    return Response(_preview(slug, outline, item, text, media))


@blueprint.post("/<slug>/edit/items/<item_slug>/upload")
def upload_view(slug: str, item_slug: str) -> Response:
    """A picture that was pasted or dropped; answers with the Markdown that shows it."""
    editor, given = open_editor(slug), request.files.get("file")
    if given is None:
        raise Invalid("file_missing", "Choose a file.")
    with current_runtime().db.reading() as tx:
        item = get_item(tx, read_outline(tx, slug, editor).course.id, item_slug)
    try:
        media = _keep_upload(slug, given, editor)
    except AppError as error:
        answer = jsonify(error=error.message)
        answer.status_code = error.status
        return answer
    return jsonify(path=media.path, markdown=markdown_of(media, item.file))


def _saved(tx: Tx, slug: str, item_slug: str, editor: Editor) -> Content:
    """What the item says by its newest revision. Raises: NotFound, Forbidden."""
    outline = read_outline(tx, slug, editor)
    item = get_item(tx, outline.course.id, item_slug)
    newest = find_newest(tx, outline.course.id, item_part(item_slug))
    return newest.content if newest else item_content(item)


def _keep_upload(slug: str, given: FileStorage, editor: Editor) -> Media:
    """Check a file that was sent, then keep it: two steps, for a scan takes its time."""
    runtime = current_runtime()
    with closing(given):
        content = given.stream.read(MAX_MEDIA_BYTES + 1)
    checked = check_upload(runtime, given.filename or "picture.png", content)
    with runtime.db.transaction() as tx:
        return add_media(tx, runtime, slug, checked, editor)


def _with_upload(slug: str, editor: Editor) -> Any:
    """The form; a file that was sent along is kept, and is the one that the item shows."""
    given = request.files.get("upload")
    if given is None or not given.filename:
        return request.form
    media = _keep_upload(slug, given, editor)
    form = request.form.copy()
    form.setlist("file", [f"media/{media.path}"])
    form.setlist("url", [""])
    return form


def _keep(slug: str, item_slug: str, editor: Editor) -> Any:
    with current_runtime().db.transaction() as tx:
        form = shown_form(request.form, item_form(_saved(tx, slug, item_slug, editor)))
        return editing.keep_unsaved(tx, slug, item_part(item_slug), form, editor, sent_base())


def show_editor(
    slug: str,
    item_slug: str,
    editor: Editor,
    sent: int | None,
    status: int | None = None,
    **more: Any,
) -> Response:
    """The editor: of what was sent (`sent`: the status to answer with), else of what was typed or saved last."""
    with current_runtime().db.reading() as tx:
        outline = read_outline(tx, slug, editor)
        item = outline.find_item(item_slug) or get_item(tx, outline.course.id, item_slug)
        newest = find_newest(tx, outline.course.id, item_part(item_slug))
        unsaved = editing.find_unsaved(tx, outline.course.id, item_part(item_slug), editor.user_id)
        media = list_media_paths(tx, outline.course.id)
    form = item_form(newest.content if newest else item_content(item))
    base = newest.number if newest else 0
    if sent:
        form, base, unsaved = shown_form(request.form, form), sent_base(), None
    elif unsaved is not None:
        form, base = form | unsaved.form, unsaved.base
    context = happened(unsaved=unsaved, said=_said()) | more
    context = item_editor(slug, outline, item, form, base, sorted(media)) | context
    if item.kind is ItemKind.VIDEO:
        with current_runtime().db.reading() as tx:
            context |= video_choices(tx, slug, form)
    if item.kind is ItemKind.FILE:
        with current_runtime().db.reading() as tx:
            context |= library_choices(tx, slug, form)
    if item.assignment:
        files = list_sources(current_runtime().settings, slug, item.assignment)
        context["source"] = source_context(slug, item, files)
        context |= condition_choices(current_runtime(), form, files)
    text = str(form["markdown"])
    with current_runtime().db.reading() as tx:
        targets = media | list_link_targets(tx, slug, outline.course.id, text) if "file:" in text else media
    context["preview"] = _preview(slug, outline, item, text, targets, says_problems=not context["warnings"])
    return page("courses/edit/item.html", status=sent or status or 200, **context)


def _preview(
    slug: str, outline: Outline, item: Item, text: str, media: set[str], *, says_problems: bool = True
) -> Markup:
    place = Place.of(item.file, link_targets(outline))
    html = Pages(slug, is_preview=True).render(text, place)
    problems = find_link_problems(text, place, media) if says_problems else []
    return Markup(render_template("courses/edit/_rendered.html", html=html, problems=problems))  # noqa: S704 - a template


def _said() -> str | None:
    """What was done on the way here."""
    if "used" in request.args:
        return str(_("This version of the notebook counts now."))
    return str(_("Saved.")) if "saved" in request.args else None

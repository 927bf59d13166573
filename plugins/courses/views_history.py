"""Revisions, compared and restored."""

from typing import Any

from flask import Response, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from plugins.courses import editing, outline_edits
from plugins.courses.blueprint import blueprint
from plugins.courses.comparing import Comparison, compare
from plugins.courses.editing import open_for_editing
from plugins.courses.editor_pages import comparison_context, frame
from plugins.courses.history_pages import history_context, part_url, part_word
from plugins.courses.models import Revision
from plugins.courses.parts import OUTLINE, SOURCE
from plugins.courses.revisions import get_revision, list_history
from plugins.courses.source_comparing import compare_sources
from plugins.courses.source_versions import list_kept, load_source
from plugins.courses.views_edit import open_editor, read_outline
from plugins.courses.written import restore_source


@blueprint.get("/<slug>/edit/history/<path:part>")
def show_history(slug: str, part: str) -> Response:
    """The revisions of a part."""
    editor, runtime = open_editor(slug), current_runtime()
    with runtime.db.reading() as tx:
        outline = read_outline(tx, slug, editor)
        revisions, kept = list_history(tx, outline.course.id, part), None
        if part.startswith(SOURCE):
            kept = list_kept(tx, outline.course.id, part, runtime.settings.quizzes.versions_kept)
    if not revisions:
        raise NotFound("revision_not_found", _("There are no revisions of this. Open the outline again."))
    return page("courses/edit/history.html", **history_context(slug, outline, part, revisions, kept))


@blueprint.get("/<slug>/edit/compare/<path:part>")
def compare_revisions(slug: str, part: str) -> Response:
    """What two revisions of a part differ in."""
    editor = open_editor(slug)
    old, new = (request.args.get(name, 0, type=int) for name in ("old", "new"))
    with current_runtime().db.reading() as tx:
        outline = read_outline(tx, slug, editor)
        before, after = (get_revision(tx, outline.course.id, part, number) for number in sorted((old, new)))
        changes = comparison_context(_compare(tx, part, before, after))
    return page(
        "courses/edit/compare.html",
        **frame(slug, outline, "outline"),
        part={"word": part_word(part, outline), "url": part_url(slug, part, outline)},
        history_url=url_for("courses.show_history", slug=slug, part=part),
        old=_revision(before),
        new=_revision(after),
        changes=changes,
    )


def _compare(tx: Tx, part: str, before: Revision, after: Revision) -> Comparison:
    if part.startswith(SOURCE):
        return compare_sources(load_source(tx, before), load_source(tx, after))
    return compare(before.content, after.content)


def _revision(revision: Any) -> dict[str, Any]:
    return {"number": revision.number, "at": revision.made_at, "author": revision.author_name or None}


@blueprint.post("/<slug>/edit/restore/<path:part>")
def restore_view(slug: str, part: str) -> AnyResponse:
    """Make an old revision the newest again."""
    editor = open_editor(slug)
    number = request.form.get("number", 0, type=int)
    with current_runtime().db.transaction() as tx:
        if part == OUTLINE:
            outline_edits.restore_order(tx, slug, number, editor)
        elif part.startswith(SOURCE):
            restore_source(tx, open_for_editing(tx, slug, editor), part, number, editor)
        else:
            editing.restore(tx, slug, part, number, editor)
        there = part_url(slug, part, read_outline(tx, slug, editor))
    return redirect(there, 303)

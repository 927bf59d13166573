"""Revisions, compared and restored."""

from typing import Any

from flask import Response, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.kernel.errors import NotFound
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from plugins.courses import editing, outline_edits
from plugins.courses.blueprint import blueprint
from plugins.courses.comparing import compare
from plugins.courses.editor_pages import comparison_context, frame, history_context, part_url, part_word
from plugins.courses.parts import OUTLINE
from plugins.courses.revisions import get_revision, list_history
from plugins.courses.views_edit import open_editor, read_outline


@blueprint.get("/<slug>/edit/history/<path:part>")
def show_history(slug: str, part: str) -> Response:
    """The revisions of a part."""
    editor = open_editor(slug)
    with current_runtime().db.reading() as tx:
        outline = read_outline(tx, slug, editor)
        revisions = list_history(tx, outline.course.id, part)
    if not revisions:
        raise NotFound("revision_not_found", _("There are no revisions of this. Open the outline again."))
    return page("courses/edit/history.html", **history_context(slug, outline, part, revisions))


@blueprint.get("/<slug>/edit/compare/<path:part>")
def compare_revisions(slug: str, part: str) -> Response:
    """What two revisions of a part differ in."""
    editor = open_editor(slug)
    old, new = (request.args.get(name, 0, type=int) for name in ("old", "new"))
    with current_runtime().db.reading() as tx:
        outline = read_outline(tx, slug, editor)
        before, after = (get_revision(tx, outline.course.id, part, number) for number in sorted((old, new)))
        changes = comparison_context(compare(before.content, after.content))
    return page(
        "courses/edit/compare.html",
        **frame(slug, outline, "outline"),
        part={"word": part_word(part, outline), "url": part_url(slug, part)},
        history_url=url_for("courses.show_history", slug=slug, part=part),
        old=_revision(before),
        new=_revision(after),
        changes=changes,
    )


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
        else:
            editing.restore(tx, slug, part, number, editor)
    return redirect(part_url(slug, part), 303)

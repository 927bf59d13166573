"""What an act would do to the course, before it is done: an item gone, an item back, an old revision restored."""

from collections.abc import Callable

from flask import Response, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from plugins.courses.blueprint import blueprint
from plugins.courses.models import Item, PartState, Revision
from plugins.courses.outline_edits import arranged, get_removed, restored_order
from plugins.courses.parts import COURSE, OUTLINE, fill_course, fill_item, fill_module
from plugins.courses.previewing import Allow
from plugins.courses.revisions import get_revision
from plugins.courses.service import Outline
from plugins.courses.views_edit import open_editor
from plugins.courses.views_preview import course_preview, item_preview


@blueprint.get("/<slug>/edit/preview-without/<item_slug>")
def preview_without(slug: str, item_slug: str) -> Response:
    """The course page without an item: what hiding it, or taking it out, would leave."""

    def change(outline: Outline) -> Outline:
        if outline.find_item(item_slug) is None:
            raise NotFound("item_not_found", _("This is no longer in the course. Open the outline again."))
        parts = [(module, [item for item in items if item.slug != item_slug]) for module, items in outline.modules]
        return Outline(outline.course, [(module, items) for module, items in parts if items], outline.standing)

    return course_preview(slug, open_editor(slug), change, edit_url=_outline_url(slug), is_trial=True)


@blueprint.get("/<slug>/edit/preview-with/<item_slug>")
def preview_with(slug: str, item_slug: str) -> Response:
    """The course page with an item that was taken out: at its end, where putting it back puts it."""
    read, allow = _reader(lambda tx, outline: get_removed(tx, outline, item_slug))

    def change(outline: Outline) -> Outline:
        item = Item(slug=item_slug, state=PartState.DRAFT, has_changes=False, module_id=outline.modules[-1][0].id)
        fill_item(item, read().content)
        module, items = outline.modules[-1]
        return Outline(outline.course, [*outline.modules[:-1], (module, [*items, item])], outline.standing)

    return course_preview(slug, open_editor(slug), change, allow, edit_url=_outline_url(slug), is_trial=True)


@blueprint.get("/<slug>/edit/preview-revision/<path:part>")
def preview_revision(slug: str, part: str) -> AnyResponse:
    """The course, or an item, with an old revision of a part restored."""
    editor, number = open_editor(slug), request.args.get("number", 0, type=int)
    read, allow = _reader(lambda tx, outline: get_revision(tx, outline.course.id, part, number))
    kind, _slash, name = part.partition("/")

    def change(outline: Outline) -> Outline:
        content = read().content
        if part == OUTLINE:
            return arranged(outline, restored_order(outline, content))
        if part == COURSE:
            fill_course(outline.course, content)
        for module, items in outline.modules:
            if (kind, name) == ("module", module.slug):
                fill_module(module, content)
            for item in items:
                if (kind, name) == ("item", item.slug):
                    fill_item(item, content)
        return outline

    back = url_for("courses.show_history", slug=slug, part=part)
    if kind == "item":
        return item_preview(slug, name, editor, change, allow, edit_url=back, is_trial=True)
    return course_preview(slug, editor, change, allow, edit_url=back, is_trial=True)


def _reader(find: Callable[[Tx, Outline], Revision]) -> tuple[Callable[[], Revision], Allow]:
    """What reads a revision while the preview is allowed, and gives it when the preview is made."""
    found: list[Revision] = []
    return lambda: found[0], lambda tx, outline: found.append(find(tx, outline))


def _outline_url(slug: str) -> str:
    return url_for("courses.edit_outline", slug=slug)

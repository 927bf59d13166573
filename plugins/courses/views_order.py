"""The order of a whole course, made on one page and saved at once."""

from typing import Any

from flask import Response, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.kernel.errors import AppError, Conflict, Invalid
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from plugins.courses import outline_edits
from plugins.courses.blueprint import blueprint
from plugins.courses.editing import Editor
from plugins.courses.editor_pages import frame
from plugins.courses.outline import kind_word
from plugins.courses.outline_edits import Order
from plugins.courses.parts import OUTLINE
from plugins.courses.revisions import list_newest
from plugins.courses.service import Outline
from plugins.courses.views_edit import open_editor, outline_page, read_outline, sent_base, to_outline


@blueprint.get("/<slug>/edit/order")
def edit_order(slug: str) -> Response:
    """The outline, to be put into another order."""
    return order_page(slug, open_editor(slug), None)


@blueprint.post("/<slug>/edit/order/move")
def move_on_page_view(slug: str) -> Response:
    """The same page with one part moved; nothing is saved. `move` is `item/<slug>/up`, say."""
    editor, order = open_editor(slug), sent_order()
    kind, _slash, rest = request.form.get("move", "").partition("/")
    name, _slash, way = rest.partition("/")
    if kind not in ("module", "item") or way not in ("up", "down"):
        raise Invalid("move_unknown", _("Choose what to move. Open the order again."))
    try:
        changed = outline_edits.moved(order, kind, name, -1 if way == "up" else 1)
        return order_page(slug, editor, changed, moved=request.form["move"])
    except Conflict as error:
        return order_page(slug, editor, None, error=error)


@blueprint.post("/<slug>/edit/order")
def arrange_view(slug: str) -> AnyResponse:
    """An order of all parts, by dragging or from the page."""
    editor = open_editor(slug)
    try:
        with current_runtime().db.transaction() as tx:
            outline_edits.arrange(tx, slug, sent_order(), editor, sent_base())
    except Conflict as error:
        return outline_page(slug, editor, error)
    return to_outline(slug)


def sent_order() -> Order:
    """The values of `entry` as they came: `module/<slug>` and `item/<slug>` in the order of the page."""
    order: Order = []
    for entry in request.form.getlist("entry"):
        kind, _slash, name = entry.partition("/")
        if kind == "module":
            order.append((name, []))
        elif order:
            order[-1][1].append(name)
    return order


def order_page(
    slug: str, editor: Editor, order: Order | None, *, moved: str = "", error: AppError | None = None
) -> Response:
    """The page with an order that is not saved; None: with the one that is. Raises: Conflict."""
    with current_runtime().db.reading() as tx:
        outline = read_outline(tx, slug, editor)
        newest = list_newest(tx, outline.course.id, [OUTLINE]).get(OUTLINE)
        base = sent_base() if order else newest.number if newest else 0
        if order is not None:
            outline_edits.require_current(tx, outline, order, base)
    context = _context(slug, outline, outline_edits.arranged(outline, order) if order else outline, base)
    context |= {
        "moved": moved,
        "is_changed": order is not None,
        "outline_url": url_for("courses.edit_outline", slug=slug),
    }
    return page(
        "courses/edit/order.html", status=error.status if error else 200, error=error and error.message, **context
    )


def _context(slug: str, outline: Outline, shown: Outline, base: int) -> dict[str, Any]:
    """The context of `courses/edit/order.html` but for what happened; `shown` is in the order of the page."""
    last = len(shown.modules) - 1
    return frame(slug, outline, "outline") | {
        "modules": [
            {
                "slug": module.slug,
                "title": module.title,
                "is_first": number == 0,
                "is_last": number == last,
                "entries": [
                    {
                        "slug": item.slug,
                        "title": item.title,
                        "kind_word": kind_word(item.kind),
                        "is_first": number == 0 and place == 0,
                        "is_last": number == last and place + 1 == len(items),
                    }
                    for place, item in enumerate(items)
                ],
            }
            for number, (module, items) in enumerate(shown.modules)
        ],
        "base": base,
        "outline_url": url_for("courses.edit_outline", slug=slug),
        "save_url": url_for("courses.arrange_view", slug=slug),
        "move_url": url_for("courses.move_on_page_view", slug=slug),
        "try_url": url_for("courses.preview_order", slug=slug),
    }

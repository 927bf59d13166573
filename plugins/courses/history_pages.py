"""What the pages of revisions show: a part of a course, what it said, and the way back to its editor."""

from collections.abc import Sequence
from typing import Any

from flask import url_for
from flask_babel import gettext as _

from plugins.courses.editor_pages import frame
from plugins.courses.models import Item, Origin, Revision
from plugins.courses.parts import COURSE, OUTLINE, SOURCE
from plugins.courses.service import Outline


def part_word(part: str, outline: Outline) -> str:
    """Where a revision belongs, for people: the title, of what was taken out its name in the address."""
    if part in (COURSE, OUTLINE):
        return str(_("Settings") if part == COURSE else _("Order"))
    kind, _slash, slug = part.partition("/")
    if kind == "module":
        title = next((module.title for module, _items in outline.modules if module.slug == slug), slug)
        return str(_("Module “%(title)s”", title=title))
    if part.startswith(SOURCE):
        item = find_quiz(outline, part)
        return str(_("Notebooks of “%(title)s”", title=item.title if item else slug))
    item = outline.find_item(slug)
    return item.title if item else slug


def part_url(slug: str, part: str, outline: Outline) -> str:
    """The editor of a part; of a quiz's notebooks the page of their next version."""
    kind, _slash, name = part.partition("/")
    if part.startswith(SOURCE):
        item = find_quiz(outline, part)
        if item is None:
            return url_for("courses.edit_outline", slug=slug)
        return url_for("courses.show_version", slug=slug, item_slug=item.slug)
    if kind == "item":
        return url_for("courses.edit_item", slug=slug, item_slug=name)
    if kind == "module":
        return url_for("courses.edit_module", slug=slug, module_slug=name)
    return url_for("courses.edit_settings" if part == COURSE else "courses.edit_outline", slug=slug)


def find_quiz(outline: Outline, part: str) -> Item | None:
    """The item that shows the quiz whose source this part is."""
    return next((item for item in outline.items if item.assignment == part.removeprefix(SOURCE)), None)


def history_context(
    slug: str, outline: Outline, part: str, revisions: Sequence[Revision], kept: Sequence[bool] | None = None
) -> dict[str, Any]:
    """The context of `courses/edit/history.html`. `kept`: of the first revisions, can they be restored? None: all."""
    origins = {Origin.BROWSER: _("written here"), Origin.IMPORT: _("imported"), Origin.RESTORE: _("restored")}
    return frame(slug, outline, "outline") | {
        "part": {"word": part_word(part, outline), "url": part_url(slug, part, outline)},
        "revisions": [
            {
                "number": revision.number,
                "at": revision.made_at,
                "author": revision.author_name or None,
                "origin": origins[revision.origin],
                "is_published": revision.published_at is not None,
                "try_url": None
                if part.startswith(SOURCE)
                else url_for("courses.preview_revision", slug=slug, part=part, number=revision.number),
                "is_kept": kept is None or (number < len(kept) and kept[number]),
            }
            for number, revision in enumerate(revisions)
        ],
        "compare_url": url_for("courses.compare_revisions", slug=slug, part=part),
        "restore_url": url_for("courses.restore_view", slug=slug, part=part),
        "becomes_next": part.startswith(SOURCE),
    }

"""Tells `progress`, and the catalogue, what a course consists of: what is published, and what of it counts."""

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import AppError
from plugins.courses.models import Item, ItemKind
from plugins.courses.service import get_outline
from plugins.progress import public as progress
from plugins.video import public as video


def publish_progress_outline(tx: Tx, slug: str) -> None:
    """After every change of what learners see. What they have done stays."""
    outline = get_outline(tx, slug).published()
    modules = [
        progress.ModuleDef(
            module.slug,
            module.title,
            [
                progress.ItemDef(
                    f"courses/{slug}/{item.slug}",
                    _kind(item),
                    item.required,
                    min_score=item.pass_mark,
                    title=item.title,
                )
                for item in items
            ],
        )
        for module, items in outline.modules
    ]
    outline.course.item_count = len(outline.items)
    outline.course.minutes = sum(item.minutes or 0 for item in outline.items)
    progress.publish_outline(tx, slug, progress.OutlineDef(modules))


def is_measured(item: Item) -> bool:
    """Of a video: does our player show it, so that what was watched is known?

    Not so on YouTube and Vimeo, at an address of no video, and of a file in `media/`, which is shown as a download.
    """
    try:
        return bool(item.url) and video.read_link(item.url).kind is video.LinkKind.FILE
    except AppError:
        return False


def _kind(item: Item) -> str:
    """As what it counts: a video that nobody can measure is done as a link is, or the course could not be finished."""
    return (ItemKind.LINK if item.kind is ItemKind.VIDEO and not is_measured(item) else item.kind).value

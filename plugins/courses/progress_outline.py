"""Tells `progress`, and the catalogue, what a course consists of: what is published, and what of it counts."""

from lti_tool.kernel.db import Tx
from plugins.courses.service import get_outline
from plugins.progress import public as progress


def publish_progress_outline(tx: Tx, slug: str) -> None:
    """After every change of what learners see. What they have done stays."""
    outline = get_outline(tx, slug).published()
    modules = [
        progress.ModuleDef(
            module.slug,
            module.title,
            [
                progress.ItemDef(f"courses/{slug}/{item.slug}", item.kind.value, item.required, title=item.title)
                for item in items
            ],
        )
        for module, items in outline.modules
    ]
    outline.course.item_count = len(outline.items)
    outline.course.minutes = sum(item.minutes or 0 for item in outline.items)
    progress.publish_outline(tx, slug, progress.OutlineDef(modules))

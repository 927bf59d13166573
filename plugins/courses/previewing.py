"""A course as it would be if everything that is saved were published: what a teacher's preview shows.

What stands in a form and is not saved yet is shown by the same way: as a change of what was read.
"""

from collections.abc import Callable

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from plugins.courses.access import find_locks
from plugins.courses.models import Item, PartState
from plugins.courses.parts import fill_item, item_part
from plugins.courses.reading import Reading
from plugins.courses.revisions import list_newest
from plugins.courses.service import Outline, get_outline

Change = Callable[[Outline], Outline]
"""What would be another if a form were saved; it may change the objects, which belong to no transaction."""


Allow = Callable[[Tx, Outline], object]
"""Raises, if what was read may not be shown or could not be saved."""


def read_preview(tx: Tx, slug: str, allow: Allow, change: Change = lambda outline: outline) -> Reading:
    """For somebody who has done nothing yet. The objects belong to no transaction any more. Raises: NotFound."""
    outline = get_outline(tx, slug, with_description=True)
    allow(tx, outline)
    newest = list_newest(tx, outline.course.id)
    tx.expunge_all()
    for item in outline.items:
        revision = newest.get(item_part(item.slug))
        if revision is not None:
            fill_item(item, revision.content)
    outline = change(outline)
    locks = find_locks(_as_published(outline), (), clock.now())
    return Reading(outline, None, locks)


def text_of(item: Item) -> str:
    """The text of an item of a preview."""
    return str(item.__dict__.get("markdown") or "")


def _as_published(outline: Outline) -> Outline:
    """The same with nothing a draft: locks are about what learners will see."""
    states = {item.slug: item.state for item in outline.items}
    for item in outline.items:
        item.state = PartState.PUBLISHED
    shown = Outline(outline.course, outline.modules)
    for item in outline.items:
        item.has_changes = states[item.slug] is PartState.DRAFT
    return shown

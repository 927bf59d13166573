"""Videos of a course: items that name an address are videos of the plugin `video`."""

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import AppError
from lti_tool.kernel.runtime import Runtime
from lti_tool.web.session import SignedIn
from plugins.courses.models import Item, ItemKind
from plugins.courses.reading import Reading, ref_of
from plugins.video import public as video


def take_up_video(tx: Tx, slug: str, item: Item) -> None:
    """Have `video` look into what a published item names. An address of no video stays a link."""
    if item.kind is not ItemKind.VIDEO or not item.url:
        return
    try:
        video.add_link(tx, slug, item.url, item.title)
    except AppError:
        return


def find_player(tx: Tx, runtime: Runtime, session: SignedIn, reading: Reading, item: Item) -> video.Player | None:
    """The player of a video item that is open to this person; None: there is nothing to play. Two queries."""
    if item.kind is not ItemKind.VIDEO or not item.url or item.slug in reading.locks:
        return None
    slug = reading.outline.course.slug
    try:
        found = video.find_linked(tx, slug, item.url)
    except AppError:
        return None
    if found is None:
        return None
    ref = ref_of(slug, item)
    reached = reading.progress.items.get(ref) if reading.progress else None
    return video.make_player(
        tx,
        runtime,
        found,
        user_id=session.user_id,
        item_ref=ref,
        resume_s=reached.resume_s if reached else None,
        is_staff=session.role.is_staff,
    )

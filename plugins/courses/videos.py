"""Videos of a course: items that name an address, or an uploaded video by its slug, belong to the plugin `video`."""

from sqlalchemy import select

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import AppError
from lti_tool.kernel.runtime import Runtime
from lti_tool.web.session import SignedIn
from plugins.courses.course_file import find_uploaded
from plugins.courses.models import Course, Item, ItemKind
from plugins.courses.reading import Reading, ref_of
from plugins.video import public as video


def take_up_video(tx: Tx, slug: str, item: Item) -> None:
    """Have `video` look into what a published item names. An address of no video stays a link."""
    if item.kind is not ItemKind.VIDEO or not item.url:
        return
    if find_uploaded(item.url) is not None:
        note_uses(tx, slug)
        return
    try:
        video.add_link(tx, slug, item.url, item.title)
    except AppError:
        return


def note_uses(tx: Tx, slug: str) -> None:
    """Tell `video` which items show which uploaded videos."""
    query = select(Item).join(Course, Course.id == Item.course_id)
    items = tx.scalars(query.where(Course.slug == slug, Item.kind == ItemKind.VIDEO))
    named = {ref_of(slug, item): find_uploaded(item.url) for item in items}
    video.set_uses(tx, slug, {ref: name for ref, name in named.items() if name is not None})


def find_video(tx: Tx, slug: str, url: str) -> video.Video | None:
    """The video that an item names; None: there is none."""
    name = find_uploaded(url)
    try:
        return video.find_linked(tx, slug, url) if name is None else video.find_named(tx, slug, name)
    except AppError:
        return None


def list_choices(tx: Tx, slug: str, chosen: str) -> list[tuple[str, str]]:
    """Options of the uploaded videos of a course; the chosen one stays there, also if it is gone."""
    uploaded = [(f"video:{each.slug}", each.title) for each in video.list_uploaded(tx, slug)]
    known = {value for value, _title in uploaded}
    if find_uploaded(chosen) is not None and chosen not in known:
        uploaded.append((chosen, chosen))
    return uploaded


def find_player(tx: Tx, runtime: Runtime, session: SignedIn, reading: Reading, item: Item) -> video.Player | None:
    """The player of a video item that is open to this person; None: there is nothing to play. Two queries."""
    if item.kind is not ItemKind.VIDEO or not item.url or item.slug in reading.locks:
        return None
    slug = reading.outline.course.slug
    found = find_video(tx, slug, item.url)
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

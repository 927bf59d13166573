"""What a learner may open now, and why not yet."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from plugins.courses.models import Item, Module, PartState
from plugins.courses.service import Outline


@dataclass(frozen=True)
class Lock:
    """Why an item is closed: until a moment, until other parts are done, or until the course is paid."""

    opens_at: datetime | None = None
    after: tuple[str, ...] = ()
    """Titles of what has to be done before."""
    is_unpaid: bool = False
    """The whole course is closed until it is paid."""


def may_be_closed(item: Item, module: Module) -> bool:
    """Is there anything that closes this item to some learner at some time?"""
    limits = (item.release_at, item.after, module.release_at, module.after)
    return item.state is PartState.DRAFT or any(limits)


def find_locks(outline: Outline, done: Collection[str], now: datetime) -> dict[str, Lock]:
    """The closed items of what learners see, by slug. `done`: slugs of items that the learner has done."""
    shown = outline.published()
    modules = {module.slug: (module, items) for module, items in shown.modules}
    titles = {item.slug: item.title for item in shown.items}
    locks: dict[str, Lock] = {}
    for module, items in shown.modules:
        of_module = _module_lock(module, modules, done, now)
        for item in items:
            lock = of_module or _item_lock(item, titles, done, now)
            if lock is not None:
                locks[item.slug] = lock
    return locks


def _module_lock(
    module: Module, modules: dict[str, tuple[Module, list[Item]]], done: Collection[str], now: datetime
) -> Lock | None:
    if module.release_at is not None and module.release_at > now:
        return Lock(opens_at=module.release_at)
    before = [modules[slug] for slug in module.after if slug in modules]
    left = [
        earlier.title for earlier, items in before if any(item.required and item.slug not in done for item in items)
    ]
    return Lock(after=tuple(left)) if left else None


def _item_lock(item: Item, titles: dict[str, str], done: Collection[str], now: datetime) -> Lock | None:
    if item.release_at is not None and item.release_at > now:
        return Lock(opens_at=item.release_at)
    left = [titles[slug] for slug in item.after if slug in titles and slug not in done]
    return Lock(after=tuple(left)) if left else None

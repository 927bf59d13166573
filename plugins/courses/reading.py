"""A course as one person has it: outline, how far they are, what is closed to them. Few queries, read at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from grading import public as grading
from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from lti_tool.kernel.permissions import Role
from plugins.courses.access import Lock, find_locks
from plugins.courses.admitting import must_pay
from plugins.courses.models import Item, PartState, Standing
from plugins.courses.service import Outline, get_outline
from plugins.progress import public as progress


class Reader(Protocol):
    """A person in a placement: a session, or whose single-user server asks."""

    @property
    def user_id(self) -> int:
        """Of the person."""

    @property
    def placement_id(self) -> int | None:
        """None: in no course."""

    @property
    def role(self) -> Role:
        """There."""


@dataclass(frozen=True)
class Reading:
    """What one person sees of a course."""

    outline: Outline
    """Published parts only."""
    progress: progress.CourseProgress | None
    """Of a learner in a placement."""
    locks: Mapping[str, Lock]
    """By item slug; of learners, and of observers what opens later."""
    results: Mapping[str, grading.Result] = field(default_factory=dict)
    """By assignment."""
    is_unpaid: bool = False
    """Everything is closed to this person until they have paid."""

    @property
    def is_dropped(self) -> bool:
        """Has the person dropped the course?"""
        return self.outline.standing is Standing.DROPPED and not self.is_unpaid

    def is_done(self, item: Item) -> bool:
        """Has the learner done this?"""
        return self.state_of(item) == "done"

    def state_of(self, item: Item) -> str:
        """`todo`, `started`, `done` or `locked`."""
        if item.slug in self.locks:
            return "locked"
        found = self.progress.items.get(ref_of(self.outline.course.slug, item)) if self.progress else None
        return "todo" if found is None or found.state is progress.ItemState.NEW else found.state.value

    def find_next(self) -> Item | None:
        """Where to go on: what comes after the last one, if it is open; else the first open one that is not done."""
        if self.progress is None:
            return None
        by_ref = {ref_of(self.outline.course.slug, item): item for item in self.outline.items}
        wanted = by_ref.get(self.progress.next_ref or "")
        if wanted is not None and wanted.slug not in self.locks:
            return wanted
        open_ones = (item for item in self.outline.items if item.slug not in self.locks and not self.is_done(item))
        return next(open_ones, None)


def read_course(tx: Tx, who: Reader, slug: str, *, with_results: bool = False) -> Reading:
    """The course of a session; three queries, with results four, and two more for who may have to pay.

    Raises: NotFound: not there, or not published and the person no teacher.
    """
    outline = get_outline(tx, slug, with_description=with_results, user_id=who.user_id)
    if outline.course.state is not PartState.PUBLISHED and not who.role.is_staff:
        raise NotFound("course_not_published", "This course is not published yet. Come back later.")
    shown = outline.published()
    if not who.role.is_learner or who.placement_id is None:
        is_early = who.role is Role.OBSERVER  # has nothing to do first, but waits until a part opens
        everything = {item.slug for item in shown.items}
        return Reading(shown, None, find_locks(shown, everything, clock.now()) if is_early else {})
    if must_pay(tx, who.user_id, who.placement_id, who.role, outline):
        return Reading(shown, None, {item.slug: Lock(is_unpaid=True) for item in shown.items}, is_unpaid=True)
    learner = progress.Learner(who.placement_id, who.user_id)
    try:
        reached = progress.read_course(tx, learner, slug)
    except NotFound:  # nothing was published yet
        return Reading(shown, None, {})
    prefix = ref_of(slug, None)
    done = {ref.removeprefix(prefix) for ref, one in reached.items.items() if one.state is progress.ItemState.DONE}
    locks = find_locks(shown, done, clock.now())
    results = grading.list_results(tx, who.placement_id, who.user_id) if with_results else {}
    return Reading(shown, reached, locks, results)


def ref_of(course_slug: str, item: Item | None) -> str:
    """`courses/<course>/<item>`; without an item what all begin with."""
    return ref_to(course_slug, item.slug if item else "")


def ref_to(course_slug: str, item_slug: str) -> str:
    """The same by the item's slug."""
    return f"courses/{course_slug}/{item_slug}"

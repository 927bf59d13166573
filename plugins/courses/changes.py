"""What an import changes for people who have the course already, in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select

from grading import public as grading
from lti_tool.kernel.db import Tx
from lti_tool.lti import public as lti
from plugins.courses.models import Course, Item


@dataclass(frozen=True)
class ShownItem:
    """An item as it stands."""

    slug: str
    title: str
    assignment: str | None


@dataclass(frozen=True)
class Shown:
    """A course as people see it; empty if it is not there yet."""

    slug: str
    items: dict[str, ShownItem]
    """By slug."""
    points: dict[str, Decimal]
    """Of every assignment that was ever published, by name."""


def read_shown(tx: Tx, slug: str) -> Shown:
    """The course as it is now. Two queries."""
    columns = (Item.slug, Item.title, Item.assignment)
    query = select(*columns).join(Course, Course.id == Item.course_id).where(Course.slug == slug)
    items = {row.slug: ShownItem(row.slug, row.title, row.assignment) for row in tx.execute(query)}
    points = {name: points for (_slug, name), points in grading.list_max_points(tx, {slug}).items()}
    return Shown(slug, items, points)


def describe_changes(tx: Tx, before: Shown, after: Shown) -> list[str]:
    """Sentences about what learners and teachers will notice."""
    gone = [item for slug, item in before.items.items() if slug not in after.items]
    links = lti.count_links(tx, {_ref(before, item) for item in gone})
    attempts = grading.count_submissions(tx, before.slug)
    by_assignment = {item.assignment: item for item in after.items.values() if item.assignment}
    notes = list(_describe_points(before, after, attempts))
    for item in gone:
        renamed, placed = by_assignment.get(item.assignment or ""), links.get(_ref(before, item), 0)
        if renamed is not None:
            notes.append(
                f"The slug of “{renamed.title}” was {item.slug} and is {renamed.slug} now.{_activities(placed)}"
            )
        else:
            kept = attempts.get(item.assignment or "", 0)
            work = f" {_count(kept, 'attempt')} handed in and all marks are kept." if kept else ""
            notes.append(f"“{item.title}” ({item.slug}) is no longer in the course.{work}{_activities(placed)}")
    return notes


def _describe_points(before: Shown, after: Shown, attempts: dict[str, int]) -> Iterator[str]:
    for item in after.items.values():
        old, new = before.points.get(item.assignment or ""), after.points.get(item.assignment or "")
        if old is not None and new is not None and old != new:
            stay = " Marks given so far stay as they are." if attempts.get(item.assignment or "") else ""
            yield f"“{item.title}” is worth {_number(new)} points now; it was {_number(old)}.{stay}"


def _activities(count: int) -> str:
    if not count:
        return ""
    verb = "shows" if count == 1 else "show"
    return (
        f" {_count(count, 'activity', 'activities')} in an LMS still {verb} the old slug: "
        "take the slug back, or have teachers place it anew."
    )


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _number(points: Decimal) -> str:
    return f"{points.normalize():f}"


def _ref(shown: Shown, item: ShownItem) -> str:
    return f"courses/{shown.slug}/{item.slug}"

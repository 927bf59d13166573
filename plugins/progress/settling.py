"""From items to the course: percent, the end of it, and the facts that are stated once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, cast

from sqlalchemy import Table, select, tuple_

from lti_tool.kernel import clock, jobs
from lti_tool.kernel.db import Tx, run_many
from lti_tool.kernel.prepared import Prepared
from lti_tool.kernel.upsert import insert_into
from plugins.progress.courses import Course, read_courses
from plugins.progress.merging import Facts
from plugins.progress.messages import CourseDone, ItemDone
from plugins.progress.models import ItemRow, ItemState, LearnerRow
from plugins.progress.outbox import want_score
from plugins.progress.outline import course_of
from plugins.progress.standing import weigh

LEARNERS, ITEMS = cast(Table, LearnerRow.__table__), cast(Table, ItemRow.__table__)
WRITTEN = ("percent", "done_items", "counted_items", "seconds", "done_at")
FIXED = ("placement_id", "user_id", "course_slug", "started_at", "last_at", "last_ref")
"""The rest of a row. It is there when it is written: an upsert finds it by its key, whatever the planner believes."""


@dataclass(eq=False)
class Standing:
    """The row of a learner that is locked, and what will be written to it."""

    placement_id: int
    user_id: int
    course_slug: str
    started_at: datetime
    last_at: datetime
    last_ref: str
    percent: int
    done_items: int
    counted_items: int
    seconds: int
    done_at: datetime | None
    before: tuple[Any, ...] = ()

    @classmethod
    def of(cls, row: Any) -> "Standing":
        """From a row of the table."""
        made = cls(*(getattr(row, name) for name in (*FIXED, *WRITTEN)))
        made.before = made.written()
        return made

    def written(self) -> tuple[Any, ...]:
        """The values of the columns that change."""
        return tuple(getattr(self, name) for name in WRITTEN)


@dataclass(frozen=True)
class Mark:
    """What `weigh` asks of an item."""

    state: ItemState
    score: int | None
    done_at: datetime | None


def announce_items(tx: Tx, items: Iterable[Facts]) -> None:
    """State for each item that is done now and was not before."""
    for facts in items:
        if facts.done_at is not None and facts.announced_at is None:
            facts.announced_at = clock.now()
            slug, done_at = course_of(facts.ref), facts.done_at.isoformat()
            jobs.emit(tx, ItemDone(facts.placement_id, facts.user_id, slug, facts.ref, done_at))


def settle(tx: Tx, learners: Iterable[Standing], known: Mapping[int, Course]) -> None:
    """Weigh these learners, whose items are written and whose rows are locked. What is finished stays finished."""
    some = sorted(learners, key=lambda one: (one.placement_id, one.user_id))
    if not some:
        return
    missing = {(one.placement_id, one.course_slug) for one in some if one.placement_id not in known}
    courses = {**known, **(read_courses(tx, missing) if missing else {})}
    reached = read_marks(tx, [(one.placement_id, one.user_id) for one in some])
    for one in some:
        course = courses.get(one.placement_id)
        if course is not None:
            _weigh(tx, one, course, reached.get((one.placement_id, one.user_id), {}))


@cache
def write_standing(dialect: str) -> Prepared:
    """The statement that writes what `changed_rows` gives."""
    statement = insert_into(dialect, LEARNERS)
    key = [LEARNERS.c.placement_id, LEARNERS.c.user_id]
    written = {name: statement.excluded[name] for name in WRITTEN}
    return Prepared(statement.on_conflict_do_update(index_elements=key, set_=written), (*FIXED, *WRITTEN))


def changed_rows(learners: Iterable[Standing]) -> list[dict[str, Any]]:
    """The rows that have changed."""
    return [
        {name: getattr(one, name) for name in (*FIXED, *WRITTEN)}
        for one in sorted(learners, key=lambda one: (one.placement_id, one.user_id))
        if one.written() != one.before
    ]


def write_learners(tx: Tx, learners: Iterable[Standing]) -> None:
    """Write the rows that have changed, which are locked."""
    run_many(tx, write_standing(tx.get_bind().dialect.name), changed_rows(learners))


def read_marks(tx: Tx, learners: list[tuple[int, int]]) -> dict[tuple[int, int], dict[str, Mark]]:
    """State and score of every item of learners (placement, user), by reference."""
    key = tuple_(ITEMS.c.placement_id, ITEMS.c.user_id)
    columns = (ITEMS.c.placement_id, ITEMS.c.user_id, ITEMS.c.ref, ITEMS.c.state, ITEMS.c.score, ITEMS.c.done_at)
    found: dict[tuple[int, int], dict[str, Mark]] = {}
    for row in tx.execute(select(*columns).where(key.in_(learners))):
        found.setdefault((row.placement_id, row.user_id), {})[row.ref] = Mark(row.state, row.score, row.done_at)
    return found


def _weigh(tx: Tx, one: Standing, course: Course, reached: Mapping[str, Mark]) -> None:
    weighed = weigh(course.outline, course.rule, reached)
    if weighed.is_done and one.done_at is None:
        one.done_at = max(mark.done_at for mark in reached.values() if mark.done_at is not None)
        jobs.emit(tx, CourseDone(one.placement_id, one.user_id, course.slug, one.done_at.isoformat()))
    one.percent = 100 if one.done_at else weighed.percent
    one.done_items, one.counted_items = weighed.done, weighed.total
    if course.sends_score:
        want_score(tx, one.placement_id, one.user_id, course.slug, one.percent, one.done_at)

"""Takes changes into the tables: any number, of any learners, in one transaction and a handful of statements.

The row of the learner is the lock: it is made or touched first, in the order of the keys, so that two writers neither
meet nor wait for each other in a circle. What became true is stated in the same transaction.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import cache
from typing import Any, cast

from sqlalchemy import Insert, Table, case, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from plugins.progress.courses import Course, read_courses
from plugins.progress.merging import NAMES, Change, Facts, Learner, conclude, merge
from plugins.progress.models import ItemRow, ItemState, LearnerRow, TimeRow
from plugins.progress.outline import course_of
from plugins.progress.ranges import SLOT_S, fill_slots
from plugins.progress.settling import Standing, announce_items, settle, write_learners

LATEST_SAVE = timedelta(days=30)
"""Time spent longer ago than this is not counted any more: what it is compared with is gone by then."""
LONGEST_S = 12 * 3600.0
"""Time that one save can bring, in seconds."""

Key = tuple[int, int, str]
ITEMS, LEARNERS, TIMES = (cast(Table, model.__table__) for model in (ItemRow, LearnerRow, TimeRow))


def record(tx: Tx, changes: Sequence[Change]) -> set[Key]:
    """Take changes in; returns the keys (placement, user, ref) of items that are not in the course: nothing is kept.

    Merging is idempotent, commutative and associative: order and repetition do not matter.
    """
    if not changes:
        return set()
    learners = _lock_learners(tx, changes)
    found = _read_items(tx, {_key(change) for change in changes})
    before = {key: (facts.state, facts.percent, facts.score) for key, facts in found.items()}
    courses = _read_courses_for(tx, changes, found)
    unknown = _merge(changes, found, courses)
    _spend_time(tx, [change for change in changes if _key(change) not in unknown], found, learners)
    moved = {key for key, facts in found.items() if (facts.state, facts.percent, facts.score) != before.get(key)}
    announce_items(tx, [found[key] for key in sorted(moved)])
    write_items(tx, found.values())
    settle(tx, {learners[Learner(*key[:2])] for key in moved}, courses)
    write_learners(tx, learners.values())
    return unknown


def write_items(tx: Tx, items: Iterable[Facts]) -> None:
    """Make the table say what the facts say."""
    rows = [facts.values() for facts in sorted(items, key=lambda facts: (facts.placement_id, facts.user_id, facts.ref))]
    if rows:
        tx.execute(_upsert_items(_dialect(tx)), rows)


def _key(change: Change) -> Key:
    return change.who.placement_id, change.who.user_id, change.ref


def _dialect(tx: Tx) -> str:
    return tx.get_bind().dialect.name


def _insert(dialect: str, table: Table) -> Any:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


@cache
def _upsert_learners(dialect: str) -> Insert:
    statement = _insert(dialect, LEARNERS)
    newer = statement.excluded.last_at >= LEARNERS.c.last_at
    changes = {
        name: case((newer, statement.excluded[name]), else_=LEARNERS.c[name]) for name in ("last_ref", "last_at")
    }
    key = [LEARNERS.c.placement_id, LEARNERS.c.user_id]
    return cast(Insert, statement.on_conflict_do_update(index_elements=key, set_=changes).returning(*LEARNERS.c))


@cache
def _upsert_items(dialect: str) -> Insert:
    statement = _insert(dialect, ITEMS)
    changes = {name: statement.excluded[name] for name in NAMES if name not in ("placement_id", "user_id", "ref")}
    return cast(Insert, statement.on_conflict_do_update(index_elements=list(ITEMS.primary_key), set_=changes))


@cache
def _upsert_times(dialect: str) -> Insert:
    statement = _insert(dialect, TIMES)
    changes = {"mask": statement.excluded.mask}
    return cast(Insert, statement.on_conflict_do_update(index_elements=list(TIMES.primary_key), set_=changes))


def _lock_learners(tx: Tx, changes: Sequence[Change]) -> dict[Learner, Standing]:
    """The rows of the learners, made where they are missing, locked, with the newest moment and item written."""
    newest: dict[Learner, Change] = {}
    for change in changes:
        if change.who not in newest or (change.at, change.ref) > (newest[change.who].at, newest[change.who].ref):
            newest[change.who] = change
    rows = [
        {
            "placement_id": who.placement_id,
            "user_id": who.user_id,
            "course_slug": course_of(change.ref),
            "started_at": change.at,
            "last_at": change.at,
            "last_ref": change.ref,
        }
        for who, change in sorted(newest.items(), key=lambda pair: (pair[0].placement_id, pair[0].user_id))
    ]
    found = tx.execute(_upsert_learners(_dialect(tx)), rows)
    return {Learner(row.placement_id, row.user_id): Standing.of(row) for row in found}


def _read_items(tx: Tx, keys: set[Key]) -> dict[Key, Facts]:
    key = tuple_(ITEMS.c.placement_id, ITEMS.c.user_id, ITEMS.c.ref)
    rows = tx.execute(select(*(ITEMS.c[name] for name in NAMES)).where(key.in_(sorted(keys))))
    return {(row.placement_id, row.user_id, row.ref): Facts(**row._mapping) for row in rows}


def _read_courses_for(tx: Tx, changes: Sequence[Change], found: dict[Key, Facts]) -> dict[int, Course]:
    """The courses that are needed: where an item is new to its learner, or may be done by what has come in."""
    needed = [change for change in changes if _may_move(change, found.get(_key(change)))]
    return read_courses(tx, {change.who.placement_id: course_of(change.ref) for change in needed}.items())


def _may_move(change: Change, facts: Facts | None) -> bool:
    if facts is None or change.mark is not None or change.score is not None:
        return True
    return facts.state is not ItemState.DONE and (bool(change.watched) or (change.seen and facts.seen_at is None))


def _merge(changes: Sequence[Change], found: dict[Key, Facts], courses: dict[int, Course]) -> set[Key]:
    unknown: set[Key] = set()
    for change in changes:
        key = _key(change)
        course = courses.get(change.who.placement_id)
        item = course.find_item(change.ref) if course else None
        if key not in found:
            if item is None:
                unknown.add(key)
                continue
            found[key] = Facts(*key, kind=item.kind, last_at=change.at)
        merge(found[key], change)
        if item is not None and course is not None:
            conclude(found[key], item, course.rule)
    return unknown


def _spend_time(tx: Tx, changes: Sequence[Change], found: dict[Key, Facts], learners: dict[Learner, Standing]) -> None:
    """Count time spent: each slot once for its item, and once for its learner, however many pages claimed it."""
    wanted: dict[tuple[int, int, int], dict[str, int]] = {}
    now = clock.now()
    earliest_s, latest_s = (now - LATEST_SAVE).timestamp(), now.timestamp()
    for change in changes:
        for block, mask in fill_slots(change.spans, earliest_s, latest_s, LONGEST_S).items():
            masks = wanted.setdefault((change.who.placement_id, change.who.user_id, block), {})
            masks[change.ref] = masks.get(change.ref, 0) | mask
    if not wanted:
        return
    written: list[dict[str, Any]] = []
    known = _read_masks(tx, list(wanted))
    for (placement_id, user_id, block), masks in sorted(wanted.items()):
        before = known.get((placement_id, user_id, block), {})
        all_of_them = 0
        for mask in before.values():
            all_of_them |= mask
        for ref, mask in sorted(masks.items()):
            new = mask & ~before.get(ref, 0)
            if new:
                found[placement_id, user_id, ref].seconds += new.bit_count() * SLOT_S
                learners[Learner(placement_id, user_id)].seconds += (new & ~all_of_them).bit_count() * SLOT_S
                all_of_them |= new
                key = {"placement_id": placement_id, "user_id": user_id, "block": block, "ref": ref}
                written.append(key | {"mask": before.get(ref, 0) | new})
    if written:
        tx.execute(_upsert_times(_dialect(tx)), written)


def _read_masks(tx: Tx, blocks: list[tuple[int, int, int]]) -> dict[tuple[int, int, int], dict[str, int]]:
    key = tuple_(TIMES.c.placement_id, TIMES.c.user_id, TIMES.c.block)
    known: dict[tuple[int, int, int], dict[str, int]] = {}
    for row in tx.execute(select(TIMES).where(key.in_(sorted(blocks)))):
        known.setdefault((row.placement_id, row.user_id, row.block), {})[row.ref] = row.mask
    return known

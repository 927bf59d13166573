"""Takes changes into the tables: any number, of any learners, in one transaction and a handful of statements.

The row of the learner is the lock: it is made or touched first, in the order of the keys, so that two writers neither
meet nor wait for each other in a circle. What became true is stated in the same transaction.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, cast

from sqlalchemy import Table, bindparam, case, select

from lti_tool.kernel import clock
from lti_tool.kernel.db import Ask, Tx, at_commit, run_many, together
from lti_tool.kernel.prepared import Prepared
from lti_tool.kernel.upsert import insert_into
from plugins.progress.courses import Course, read_courses
from plugins.progress.merging import (
    NAMES,
    WATCHED_PERCENT,
    Change,
    Facts,
    Learner,
    conclude,
    merge,
    watched_percent,
)
from plugins.progress.models import ItemRow, ItemState, LearnerRow, TimeRow
from plugins.progress.outline import course_of
from plugins.progress.ranges import SLOT_S, fill_slots
from plugins.progress.settling import Standing, announce_items, changed_rows, settle, write_learners, write_standing

LATEST_SAVE = timedelta(days=30)
"""Time spent longer ago than this is not counted any more: what it is compared with is gone by then."""
LONGEST_S = 12 * 3600.0
"""Time that one save can bring, in seconds."""

Key = tuple[int, int, str]
Block = tuple[int, int, int]
KEY, BLOCK = ("placement_id", "user_id", "ref"), ("placement_id", "user_id", "block")
ITEMS, LEARNERS, TIMES = (cast(Table, model.__table__) for model in (ItemRow, LearnerRow, TimeRow))
NOTHING = dict.fromkeys(("percent", "done_items", "counted_items", "seconds"), 0)
"""What a learner has to begin with."""
BEGUN = ("placement_id", "user_id", "course_slug", "started_at", "last_at", "last_ref", *NOTHING)


def _rows_by(table: Table, names: Sequence[str], wanted: Sequence[str]) -> Prepared:
    columns = (table.c[name] for name in wanted)
    return Prepared(select(*columns).where(*(table.c[name] == bindparam(name) for name in names)))


READ_ITEM, READ_BLOCK = _rows_by(ITEMS, KEY, NAMES), _rows_by(TIMES, BLOCK, (*KEY, "block", "mask"))


def record(tx: Tx, changes: Sequence[Change], *, is_last: bool = False) -> set[Key]:
    """Take changes in; returns the keys (placement, user, ref) of items that are not in the course: nothing is kept.

    `is_last`: nothing that is written here is read in this transaction any more.

    Merging is idempotent, commutative and associative: order and repetition do not matter.
    """
    if not changes:
        return set()
    dialect = tx.get_bind().dialect.name
    blocks = _blocks_of(changes)
    with together(tx) as ask:
        locked = _lock_learners(ask, dialect, changes)
        items = ask(READ_ITEM, [dict(zip(KEY, key, strict=True)) for key in sorted({_key(one) for one in changes})])
        masks = ask(READ_BLOCK, [dict(zip(BLOCK, block, strict=True)) for block in sorted(blocks)])
    learners = {Learner(row.placement_id, row.user_id): Standing.of(row) for rows in locked for row in rows()}
    found = {(row.placement_id, row.user_id, row.ref): Facts(*row) for row in items()}
    before = {key: (facts.state, facts.score) for key, facts in found.items()}
    asked = _merge(changes, found)
    courses = read_courses(tx, {(placement_id, course_of(ref)) for placement_id, _user, ref in asked}) if asked else {}
    unknown = _conclude(asked, found, courses)
    spent = _spend_time(blocks, masks(), found, learners)
    moved = {key for key, facts in found.items() if (facts.state, facts.score) != before.get(key)}
    announce_items(tx, [found[key] for key in sorted(moved)])
    written = [(_upsert_times(dialect), spent), (_upsert_items(dialect), _rows_of(found.values()))]
    if not moved:
        written.append((write_standing(dialect), changed_rows(learners.values())))
    if is_last and not moved:
        for statement, rows in written:
            at_commit(tx, statement, rows)
        return unknown
    with together(tx) as ask:
        for statement, rows in written:
            ask(statement, rows)
    if moved:
        settle(tx, {learners[Learner(*key[:2])] for key in moved}, courses)
        write_learners(tx, learners.values())
    return unknown


def write_items(tx: Tx, items: Iterable[Facts]) -> None:
    """Make the table say what the facts say."""
    run_many(tx, _upsert_items(tx.get_bind().dialect.name), _rows_of(items))


def _rows_of(items: Iterable[Facts]) -> list[dict[str, Any]]:
    return [facts.values() for facts in sorted(items, key=lambda facts: (facts.placement_id, facts.user_id, facts.ref))]


def _key(change: Change) -> Key:
    return change.who.placement_id, change.who.user_id, change.ref


@cache
def _upsert_learners(dialect: str, *, is_presence: bool) -> Prepared:
    statement = insert_into(dialect, LEARNERS)
    newer = statement.excluded.last_at >= LEARNERS.c.last_at
    changes: dict[str, Any] = {"last_ref": LEARNERS.c.last_ref}
    if is_presence:
        changes = {
            name: case((newer, statement.excluded[name]), else_=LEARNERS.c[name]) for name in ("last_ref", "last_at")
        }
    key = [LEARNERS.c.placement_id, LEARNERS.c.user_id]
    made = statement.on_conflict_do_update(index_elements=key, set_=changes).returning(*LEARNERS.c)
    return Prepared(made, BEGUN)


@cache
def _upsert_items(dialect: str) -> Prepared:
    statement = insert_into(dialect, ITEMS)
    changes = {name: statement.excluded[name] for name in NAMES if name not in ("placement_id", "user_id", "ref")}
    return Prepared(statement.on_conflict_do_update(index_elements=list(ITEMS.primary_key), set_=changes), NAMES)


@cache
def _upsert_times(dialect: str) -> Prepared:
    statement = insert_into(dialect, TIMES)
    changes = {"mask": statement.excluded.mask}
    made = statement.on_conflict_do_update(index_elements=list(TIMES.primary_key), set_=changes)
    return Prepared(made, list(TIMES.c.keys()))


def _lock_learners(ask: Ask, dialect: str, changes: Sequence[Change]) -> list[Callable[[], list[Any]]]:
    """The rows of the learners, made where they are missing and locked, with the newest moment and item written.

    A score is news about a learner, but nothing that they are at.
    """
    newest: dict[Learner, Change] = {}
    for change in changes:
        if change.who not in newest or _recency(change) > _recency(newest[change.who]):
            newest[change.who] = change
    ordered = sorted(newest.items(), key=lambda pair: (pair[0].placement_id, pair[0].user_id))
    locked = []
    for is_presence in (True, False):
        rows = [_learner_row(change) for _who, change in ordered if (change.score is None) is is_presence]
        if rows:
            locked.append(ask(_upsert_learners(dialect, is_presence=is_presence), rows))
    return locked


def _recency(change: Change) -> tuple[bool, datetime, str]:
    return change.score is None, change.at, change.ref


def _learner_row(change: Change) -> dict[str, Any]:
    return {
        "placement_id": change.who.placement_id,
        "user_id": change.who.user_id,
        "course_slug": course_of(change.ref),
        "started_at": change.at,
        "last_at": change.at,
        "last_ref": change.ref,
        **NOTHING,
    }


def _merge(changes: Sequence[Change], found: dict[Key, Facts]) -> set[Key]:
    """Join the changes in; returns the keys of items that the course has to judge: new ones, and what may be done now.

    Most saves are somebody reading or watching on: for them the outline need not be read.
    """
    asked: set[Key] = set()
    for change in changes:
        key = _key(change)
        facts = found.get(key)
        if facts is None:
            facts = found[key] = Facts(*key, kind="", last_at=change.at)
            asked.add(key)
        is_first = change.seen and facts.seen_at is None
        merge(facts, change)
        if change.mark is not None or change.score is not None:
            asked.add(key)
        elif facts.state is not ItemState.DONE and (is_first or change.watched):
            reached = watched_percent(facts)
            if facts.kind == "video":
                facts.percent = max(facts.percent, min(reached, WATCHED_PERCENT - 1))
            if is_first or reached >= WATCHED_PERCENT:
                asked.add(key)
    return asked


def _conclude(asked: set[Key], found: dict[Key, Facts], courses: dict[int, Course]) -> set[Key]:
    """Judge items by their course; returns the keys of those that are new and not in it, which are forgotten again."""
    unknown: set[Key] = set()
    for key in asked:
        course = courses.get(key[0])
        item = course.find_item(key[2]) if course else None
        if course is not None and item is not None:
            conclude(found[key], item, course.rule)
        elif not found[key].kind:
            unknown.add(key)
            del found[key]
    return unknown


def _blocks_of(changes: Sequence[Change]) -> dict[Block, dict[str, int]]:
    """The slots that the changes claim, by learner and block, of each item."""
    wanted: dict[Block, dict[str, int]] = {}
    now = clock.now()
    earliest_s, latest_s = (now - LATEST_SAVE).timestamp(), now.timestamp()
    for change in changes:
        for block, mask in fill_slots(change.spans, earliest_s, latest_s, LONGEST_S).items():
            masks = wanted.setdefault((change.who.placement_id, change.who.user_id, block), {})
            masks[change.ref] = masks.get(change.ref, 0) | mask
    return wanted


def _spend_time(
    blocks: dict[Block, dict[str, int]],
    rows: Sequence[Any],
    found: dict[Key, Facts],
    learners: dict[Learner, Standing],
) -> list[dict[str, Any]]:
    """Count time spent: each slot once for its item, and once for its learner, however many pages claimed it.

    `rows` are the blocks as they are kept; what is to be written comes back. Items not in `found` do not count.
    """
    known: dict[Block, dict[str, int]] = {}
    for row in rows:
        known.setdefault((row.placement_id, row.user_id, row.block), {})[row.ref] = row.mask
    written: list[dict[str, Any]] = []
    for (placement_id, user_id, block), masks in sorted(blocks.items()):
        before = known.get((placement_id, user_id, block), {})
        all_of_them = 0
        for mask in before.values():
            all_of_them |= mask
        for ref, mask in sorted(masks.items()):
            new = mask & ~before.get(ref, 0)
            if new and (facts := found.get((placement_id, user_id, ref))):
                facts.seconds += new.bit_count() * SLOT_S
                learners[Learner(placement_id, user_id)].seconds += (new & ~all_of_them).bit_count() * SLOT_S
                all_of_them |= new
                key = {"placement_id": placement_id, "user_id": user_id, "block": block, "ref": ref}
                written.append(key | {"mask": before.get(ref, 0) | new})
    return written

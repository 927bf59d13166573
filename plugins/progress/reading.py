"""Questions about progress."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import and_, bindparam, select

from lti_tool.kernel.db import Tx
from plugins.progress.courses import Course, read_course_at
from plugins.progress.explaining import explain
from plugins.progress.merging import Learner
from plugins.progress.models import ItemRow, ItemState, LearnerRow
from plugins.progress.outline import OutlineDef, Rule
from plugins.progress.standing import Part, find_next, weigh, weigh_module

_REACHED = (
    select(LearnerRow, ItemRow)
    .outerjoin(ItemRow, and_(ItemRow.placement_id == LearnerRow.placement_id, ItemRow.user_id == LearnerRow.user_id))
    .where(LearnerRow.placement_id == bindparam("placement_id"), LearnerRow.user_id == bindparam("user_id"))
)


@dataclass(frozen=True)
class ItemProgress:
    """How far a learner is with one item."""

    state: ItemState
    percent: int = 0
    seconds: int = 0
    done_at: datetime | None = None
    resume_s: float | None = None
    """Where to go on in a video, in seconds."""
    watched: tuple[tuple[float, float], ...] = ()
    """The union of what was watched, in seconds."""
    score: int | None = None
    """Percent of a quiz's points."""
    last_at: datetime | None = None
    is_new: bool = False
    """Has it come in after the learner began (or finished)?"""


@dataclass(frozen=True)
class CourseProgress:
    """How far a learner is with a course."""

    percent: int
    parts: tuple[Part, ...]
    """What the percentage is made of."""
    is_even: bool
    """Do all items that count weigh the same?"""
    modules: dict[str, int]
    """Percent by module slug."""
    items: dict[str, ItemProgress]
    """By reference: every item of the course."""
    seconds: int
    last_at: datetime | None
    last_ref: str | None
    """The item that the learner was at last."""
    done_at: datetime | None
    """When the course was finished; it stays so, whatever comes in later."""
    next_ref: str | None
    """Where to go on, None when everything is done."""
    outline: OutlineDef = field(repr=False)
    rule: Rule = field(repr=False)

    @property
    def explained(self) -> list[str]:
        """What the percentage is made of, in words: "4 of 6 required lessons", "1 of 2 quizzes passed"."""
        return explain(self.parts, is_even=self.is_even)

    @property
    def resume_s(self) -> float | None:
        """Where to go on within the next item, in seconds."""
        return self.items[self.next_ref].resume_s if self.next_ref else None


@dataclass(frozen=True)
class LearnerProgress:
    """A learner in a list."""

    percent: int
    done_items: int
    counted_items: int
    seconds: int
    last_at: datetime
    done_at: datetime | None


def read_course(tx: Tx, who: Learner, course_slug: str, skip: Collection[str] = ()) -> CourseProgress:
    """A learner's progress. Two queries. `skip`: items that cannot be opened yet. Raises: NotFound: no outline."""
    course = read_course_at(tx, course_slug, who.placement_id)
    found = tx.execute(_REACHED, {"placement_id": who.placement_id, "user_id": who.user_id}).all()
    learner = found[0][0] if found else None
    rows = {item.ref: item for _learner, item in found if item is not None}
    return _course_progress(course, learner, rows, skip)


def read_for_nobody(tx: Tx, course_slug: str, placement_id: int, rule: Rule | None) -> CourseProgress:
    """What somebody who has done nothing would see under another rule; None: the course's own. One query.

    Raises: NotFound: no outline.
    """
    course = read_course_at(tx, course_slug, placement_id)
    return _course_progress(replace(course, rule=rule or course.outline.rule), None, {}, ())


def read_percent(tx: Tx, who: Learner) -> int:
    """Percent of the course of the placement; 0 before the learner has begun. One query."""
    return (
        tx.scalar(
            select(LearnerRow.percent).where(
                LearnerRow.placement_id == who.placement_id, LearnerRow.user_id == who.user_id
            )
        )
        or 0
    )


def read_many(tx: Tx, placement_id: int, user_ids: Collection[int] | None = None) -> dict[int, LearnerProgress]:
    """Everybody who has begun in a placement, or those of `user_ids`, by user id. One query."""
    query = select(LearnerRow).where(LearnerRow.placement_id == placement_id)
    if user_ids is not None:
        query = query.where(LearnerRow.user_id.in_(user_ids))
    return {row.user_id: _learner_progress(row) for row in tx.scalars(query)}


def list_mine(tx: Tx, user_id: int) -> dict[int, LearnerProgress]:
    """All courses that a person has begun, by placement. One query."""
    query = select(LearnerRow).where(LearnerRow.user_id == user_id)
    return {row.placement_id: _learner_progress(row) for row in tx.scalars(query)}


def list_watched(tx: Tx, placement_id: int, refs: Collection[str]) -> dict[int, list[tuple[tuple[float, float], ...]]]:
    """What learners of a placement have watched of these items, by user: a union in seconds for each. One query."""
    query = select(ItemRow.user_id, ItemRow.watched).where(
        ItemRow.placement_id == placement_id, ItemRow.ref.in_(refs), ItemRow.percent > 0
    )
    found: dict[int, list[tuple[tuple[float, float], ...]]] = {}
    for user_id, watched in tx.execute(query):
        if watched:
            found.setdefault(user_id, []).append(tuple((start, end) for start, end in watched))
    return found


def _learner_progress(row: LearnerRow) -> LearnerProgress:
    return LearnerProgress(row.percent, row.done_items, row.counted_items, row.seconds, row.last_at, row.done_at)


def _course_progress(
    course: Course, learner: LearnerRow | None, rows: Mapping[str, ItemRow], skip: Collection[str]
) -> CourseProgress:
    weighed = weigh(course.outline, course.rule, rows)
    done_at = learner.done_at if learner else None
    last_ref = learner.last_ref if learner else None
    since = (done_at or learner.started_at).isoformat() if learner else None
    items = {
        item.ref: _item_progress(rows.get(item.ref), is_new=bool(since and item.added_at > since))
        for item in course.outline.items
    }
    return CourseProgress(
        percent=100 if done_at else weighed.percent,
        parts=weighed.parts,
        is_even=weighed.is_even,
        modules={module.slug: weigh_module(module, course.rule, rows) for module in course.outline.modules},
        items=items,
        seconds=learner.seconds if learner else 0,
        last_at=learner.last_at if learner else None,
        last_ref=last_ref,
        done_at=done_at,
        next_ref=find_next(course.outline, rows, last_ref, skip),
        outline=course.outline,
        rule=course.rule,
    )


def _item_progress(row: ItemRow | None, *, is_new: bool) -> ItemProgress:
    if row is None:
        return ItemProgress(ItemState.NEW, is_new=is_new)
    return ItemProgress(
        state=row.state,
        percent=row.percent,
        seconds=row.seconds,
        done_at=row.done_at,
        resume_s=row.resume_s,
        watched=tuple((start, end) for start, end in row.watched),
        score=row.score,
        last_at=row.last_at,
    )

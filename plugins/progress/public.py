"""What other plugins may ask of progress and have it record. Plain values in and out.

Items are known by reference, `courses/<course>/<item>`. Everything recorded is merged: calls may come late, twice and
in any order. Facts that others build on are in `messages.py`: `ItemDone`, `CourseDone`.
"""

from collections.abc import Sequence
from datetime import datetime

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Invalid, NotFound
from plugins.progress.courses import publish_outline, read_course_at
from plugins.progress.gates import Gate, add_gate
from plugins.progress.merging import UNWATCHABLE, Change, Learner
from plugins.progress.models import ItemState
from plugins.progress.outline import ItemDef, ModuleDef, Needs, OutlineDef, Rule, TextDone, course_of
from plugins.progress.reading import (
    CourseProgress,
    ItemProgress,
    LearnerProgress,
    list_mine,
    list_watched,
    read_course,
    read_many,
    read_percent,
)
from plugins.progress.recording import record
from plugins.progress.standing import Part

__all__ = [
    "CourseProgress",
    "Gate",
    "ItemDef",
    "ItemProgress",
    "ItemState",
    "Learner",
    "LearnerProgress",
    "ModuleDef",
    "Needs",
    "OutlineDef",
    "Part",
    "Rule",
    "TextDone",
    "add_gate",
    "list_mine",
    "list_watched",
    "mark_done",
    "mark_undone",
    "publish_outline",
    "read_course",
    "read_many",
    "read_percent",
    "record_seen",
    "record_time",
    "record_watch",
]


def record_seen(tx: Tx, who: Learner, ref: str, at: datetime | None = None) -> None:
    """The learner has the item in front of them. An item that is not in the course is passed over, here and below."""
    record(tx, [Change(who, ref, _moment(at), seen=True)])


def record_time(tx: Tx, who: Learner, ref: str, spans: Sequence[tuple[datetime, datetime]]) -> None:
    """The learner was at the item from … to …. Time that two items or two calls claim is counted once."""
    if spans:
        seconds = [(start.timestamp(), end.timestamp()) for start, end in spans]
        record(tx, [Change(who, ref, _moment(max(end for _, end in spans)), spans=seconds)])


def record_watch(
    tx: Tx,
    who: Learner,
    ref: str,
    ranges: Sequence[tuple[float, float]],
    position_s: float | None = None,
    duration_s: float | None = None,
    at: datetime | None = None,
) -> None:
    """The learner has watched these ranges of a video, in seconds, and stood at `position_s` at the moment `at`."""
    change = Change(who, ref, _moment(at), watched=ranges, position_s=position_s, duration_s=duration_s)
    record(tx, [change])


def mark_done(tx: Tx, who: Learner, ref: str, at: datetime | None = None) -> None:
    """The learner says that they have done a text. Raises: NotFound; Invalid: quizzes and videos say it themselves."""
    _mark(tx, who, ref, _moment(at), is_done=True)


def mark_undone(tx: Tx, who: Learner, ref: str, at: datetime | None = None) -> None:
    """The learner takes that back. Raises: as `mark_done`."""
    _mark(tx, who, ref, _moment(at), is_done=False)


def _mark(tx: Tx, who: Learner, ref: str, at: datetime, *, is_done: bool) -> None:
    item = read_course_at(tx, course_of(ref), who.placement_id).find_item(ref)
    if item is None:
        raise NotFound("item_not_found", "This is no longer in the course. Open the course page to see what is.")
    if item.kind in UNWATCHABLE:
        raise Invalid("mark_refused", "A quiz is done when it is passed, a video when it is watched.")
    record(tx, [Change(who, ref, at, mark=is_done)])


def _moment(at: datetime | None) -> datetime:
    now = clock.now()
    return now if at is None else min(at, now)

"""What a save does to an item: a join, so that late, repeated and shuffled saves end in the same state."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from plugins.progress.models import ItemState
from plugins.progress.outline import ItemDef, Rule, TextDone
from plugins.progress.ranges import Range, length_s, unite

WATCHED_PERCENT = 95
"""A video is done when this much of it was watched: credits need not be."""
UNWATCHABLE = ("quiz", "video")


@dataclass(frozen=True)
class Learner:
    """A person in a placement: the key of everything here."""

    placement_id: int
    user_id: int


@dataclass(frozen=True)
class Change:
    """What is to be taken into an item. Everything but `at` may be missing."""

    who: Learner
    ref: str
    at: datetime
    """The moment that it is about; never in the future."""
    seen: bool = False
    spans: Sequence[Range] = ()
    """When the learner was at it: (start, end) in seconds since 1970."""
    watched: Sequence[Sequence[float]] = ()
    """Ranges of the video, in seconds."""
    position_s: float | None = None
    duration_s: float | None = None
    mark: bool | None = None
    score: int | None = None
    score_final: bool = True
    score_version: int = 0
    best_score: int | None = None
    """The best score that a result of this quiz has ever had, where that is known."""
    was_final: bool = False
    """Was a result of this quiz ever final?"""


@dataclass(slots=True)
class Facts:
    """The row of an item, by the names of its columns."""

    placement_id: int
    user_id: int
    ref: str
    kind: str
    last_at: datetime
    state: ItemState = ItemState.STARTED
    percent: int = 0
    seconds: int = 0
    watched: list[list[float]] | None = None
    duration_s: float | None = None
    resume_s: float | None = None
    resume_at: datetime | None = None
    seen_at: datetime | None = None
    mark: bool | None = None
    mark_at: datetime | None = None
    score: int | None = None
    score_final: bool = False
    score_version: int = 0
    done_at: datetime | None = None
    announced_at: datetime | None = None
    best_score: int | None = None
    was_final: bool = False

    def values(self) -> dict[str, Any]:
        """For the table."""
        return {name: getattr(self, name) for name in NAMES} | {"watched": self.watched or []}


NOT_KEPT = ("best_score", "was_final")
"""What is only asked whether the item is done by it, which is kept."""
NAMES = tuple(field.name for field in fields(Facts) if field.name not in NOT_KEPT)


def merge(facts: Facts, change: Change) -> None:
    """Join a change into an item. Says nothing yet about whether it is done."""
    facts.last_at = max(facts.last_at, change.at)
    if change.seen:
        facts.seen_at = change.at if facts.seen_at is None else min(facts.seen_at, change.at)
    if change.duration_s is not None:  # what the course says about it comes back when the item is judged
        facts.duration_s = max(facts.duration_s or 0.0, change.duration_s)
    if change.watched:
        facts.watched = unite([*(facts.watched or []), *change.watched])
    if change.position_s is not None:
        newest = (facts.resume_at, facts.resume_s) if facts.resume_at and facts.resume_s is not None else None
        if newest is None or (change.at, change.position_s) > newest:
            facts.resume_at, facts.resume_s = change.at, change.position_s
    if change.mark is not None and (facts.mark_at is None or (change.at, change.mark) > (facts.mark_at, facts.mark)):
        facts.mark, facts.mark_at = change.mark, change.at
    if change.score is not None and change.score_version >= facts.score_version:
        facts.score, facts.score_final, facts.score_version = change.score, change.score_final, change.score_version
    if change.best_score is not None:
        facts.best_score = max(facts.best_score or 0, change.best_score)
    facts.was_final = facts.was_final or change.was_final


def conclude(facts: Facts, item: ItemDef, rule: Rule) -> None:
    """Set state and percent from the facts. What is done stays done, unless the learner takes back their own mark."""
    facts.kind = item.kind
    facts.duration_s = item.duration_s or facts.duration_s
    is_text = item.kind not in UNWATCHABLE
    if is_text and facts.mark is False:
        facts.done_at = None
    elif facts.done_at is None and _has_become_done(facts, item, rule):
        facts.done_at = facts.mark_at if is_text and facts.mark else facts.last_at
    facts.state = ItemState.DONE if facts.done_at else ItemState.STARTED
    reached = 100 if facts.done_at else min(99, _percent(facts, item))
    facts.percent = reached if is_text else max(facts.percent, reached)


def watched_percent(facts: Facts) -> int:
    """How much of a video was watched, 0 to 100, from the union of ranges; 0 while its length is not known."""
    if not facts.duration_s:
        return 0
    return min(100, int(100 * length_s(unite(facts.watched or [], facts.duration_s)) / facts.duration_s))


def _has_become_done(facts: Facts, item: ItemDef, rule: Rule) -> bool:
    if item.kind == "quiz":
        if facts.score is None:
            return False
        if item.min_score is None:
            return facts.score_final or facts.was_final
        return max(facts.score, facts.best_score or 0) >= item.min_score
    if item.kind == "video":
        return watched_percent(facts) >= WATCHED_PERCENT
    return bool(facts.mark) or (facts.seen_at is not None and rule.texts is TextDone.SEEN)


def _percent(facts: Facts, item: ItemDef) -> int:
    if item.kind == "quiz":
        return facts.score or 0
    return watched_percent(facts) if item.kind == "video" else 0

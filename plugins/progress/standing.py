"""Where a learner stands: percent, what it is made of, whether the course is finished, and what comes next."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from plugins.progress.models import ItemState
from plugins.progress.outline import ItemDef, ModuleDef, Needs, OutlineDef, Rule


class Reached(Protocol):
    """What has to be known about an item of a learner."""

    @property
    def state(self) -> ItemState:
        """Where it stands."""

    @property
    def score(self) -> int | None:
        """Percent of a quiz."""


@dataclass(frozen=True)
class Part:
    """One line of how a percentage is made."""

    kind: str
    """Of the items: `lesson` (with notebooks), `video`, `quiz`, `file`, `link`; or `score`: the mean of the quizzes."""
    done: int
    total: int
    """Of a score: both in percent, `total` being the least that is asked for."""
    has_pass_mark: bool = False
    """Of quizzes: does any of them ask for a score?"""


@dataclass(frozen=True)
class Weighed:
    """The items that count, weighed."""

    percent: int
    done: int
    total: int
    parts: tuple[Part, ...]
    is_done: bool
    is_even: bool
    """Do all of them count the same?"""


def counted_items(items: Iterable[ItemDef], needs: Needs) -> list[ItemDef]:
    """Those that count; if none is required, all of them do."""
    asked = [item for item in items if needs is Needs.ALL or (item.kind == "quiz") == (needs is Needs.QUIZZES)]
    return [item for item in asked if item.required] or asked


def weigh(outline: OutlineDef, rule: Rule, reached: Mapping[str, Reached]) -> Weighed:
    """The whole course."""
    items = counted_items(outline.items, rule.needs)
    done = [item for item in items if _is_done(item, reached)]
    total_weight, done_weight = (sum(item.weight for item in some) for some in (items, done))
    parts = _parts(items, reached)
    quizzes = [item for item in outline.items if item.kind == "quiz" and item.required]
    is_done = bool(items) and len(done) == len(items)
    if rule.min_score is not None and quizzes:
        scores = [(one.score or 0) if (one := reached.get(item.ref)) else 0 for item in quizzes]
        mean = sum(scores) // len(scores)
        parts.append(Part("score", mean, rule.min_score))
        is_done = is_done and mean >= rule.min_score
    percent = 100 if is_done else min(99, _share(done_weight, total_weight))
    even = len({item.weight for item in items}) <= 1
    return Weighed(percent, len(done), len(items), tuple(parts), is_done, even)


def weigh_module(module: ModuleDef, rule: Rule, reached: Mapping[str, Reached]) -> int:
    """Percent of one module, of its items that count."""
    items = counted_items(module.items, rule.needs) or list(module.items)
    return _share(sum(item.weight for item in items if _is_done(item, reached)), sum(item.weight for item in items))


def find_next(
    outline: OutlineDef, reached: Mapping[str, Reached], last_ref: str | None, skip: Collection[str] = ()
) -> str | None:
    """Where to go on: at what was begun last; else after it; else at the first that is left. None: nothing is left."""
    refs = [item.ref for item in outline.items]
    left = [item.ref for item in outline.items if not _is_done(item, reached) and item.ref not in skip]
    if last_ref in left:
        return last_ref
    behind = refs.index(last_ref) if last_ref in refs else -1
    ahead = [ref for ref in left if refs.index(ref) > behind]
    return next(iter([*ahead, *left]), None)


def _is_done(item: ItemDef, reached: Mapping[str, Reached]) -> bool:
    one = reached.get(item.ref)
    return one is not None and one.state is ItemState.DONE


def _share(done: int, total: int) -> int:
    """Whole percent; something is never nothing, and nearly all is never all."""
    return max(1, done * 100 // total) if done else 0


def _parts(items: Collection[ItemDef], reached: Mapping[str, Reached]) -> list[Part]:
    counts: dict[str, list[int]] = {}
    for item in items:
        count = counts.setdefault("lesson" if item.kind == "notebook" else item.kind, [0, 0])
        count[0] += _is_done(item, reached)
        count[1] += 1
    passing = {item.kind for item in items if item.min_score is not None}
    return [Part(kind, done, total, kind in passing) for kind, (done, total) in counts.items()]

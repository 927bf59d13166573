"""What a class has watched of a video: for each part of it, how many learners."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lti_tool.kernel.db import Tx
from lti_tool.lti import public as lti
from plugins.progress import public as progress

MOST_PARTS = 30
LENGTHS_S = (5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)
"""How long a part may be, so that people can read the table."""


@dataclass(frozen=True)
class Part:
    """A part of a video."""

    start_s: float
    end_s: float
    learners: int
    """Who has watched at least half of it."""


@dataclass(frozen=True)
class Watching:
    """The class and the video."""

    parts: tuple[Part, ...]
    learners: int
    """Who has watched anything."""
    finished: int
    """Who has watched 95 percent or more."""
    mean_percent: int


def read_watching(tx: Tx, placement_id: int, refs: Sequence[str], duration_s: float) -> Watching:
    """What the learners of a placement have watched through these items; test students left out. Two queries."""
    found = progress.list_watched(tx, placement_id, refs) if refs else {}
    people = lti.list_people(tx, list(found))
    ranges = [
        [part for union in unions for part in union]
        for user_id, unions in found.items()
        if user_id in people and not people[user_id].is_test
    ]
    return weigh_watching(ranges, duration_s)


def weigh_watching(ranges: Sequence[Sequence[tuple[float, float]]], duration_s: float) -> Watching:
    """The same from the ranges of each learner, in seconds; those of one learner may overlap."""
    learners = [_unite(some) for some in ranges]
    length = next((s for s in LENGTHS_S if duration_s / s <= MOST_PARTS), LENGTHS_S[-1])
    starts = [number * length for number in range(max(1, -int(-duration_s // length)))]
    parts = []
    for start in starts:
        end = min(start + length, duration_s)
        seen = sum(_covered(mine, start, end) >= (end - start) / 2 for mine in learners)
        parts.append(Part(start, end, seen))
    shares = [min(1.0, _covered(mine, 0, duration_s) / duration_s) for mine in learners]
    mean = round(100 * sum(shares) / len(shares)) if shares else 0
    return Watching(tuple(parts), len(learners), sum(share >= 0.95 for share in shares), mean)


def _covered(ranges: Iterable[tuple[float, float]], start: float, end: float) -> float:
    return sum(max(0.0, min(b, end) - max(a, start)) for a, b in ranges)


def _unite(ranges: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    united: list[tuple[float, float]] = []
    for start, end in sorted(ranges):
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(united[-1][1], end))
        else:
            united.append((start, end))
    return united

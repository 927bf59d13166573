"""Unions: of watched ranges in seconds, and of time spent in slots of 5 s. Order and repetition change nothing."""

from collections.abc import Iterable, Iterator, Sequence

SLOT_S = 5
SLOTS = 60
BLOCK_S = SLOT_S * SLOTS
JOIN_S = 0.5
"""Players report positions a little apart: ranges that miss each other by no more than this are one."""

Range = tuple[float, float]


def unite(ranges: Iterable[Sequence[float]], longest_s: float | None = None) -> list[list[float]]:
    """The union of ranges in seconds, sorted, to tenths of a second; what lies outside 0 … `longest_s` is left out."""
    end_s = float("inf") if longest_s is None else longest_s
    found: list[list[float]] = []
    for start, end in sorted((max(0.0, round(a, 1)), min(end_s, round(b, 1))) for a, b in ranges):
        if end <= start:
            continue
        if found and start <= found[-1][1] + JOIN_S:
            found[-1][1] = max(found[-1][1], end)
        else:
            found.append([start, end])
    return found


def length_s(ranges: Iterable[Sequence[float]]) -> float:
    """How long the ranges of a union are together, in seconds."""
    return sum(end - start for start, end in ranges)


def fill_slots(spans: Iterable[Range], earliest_s: float, latest_s: float, at_most_s: float) -> dict[int, int]:
    """The slots that spans of time (seconds since 1970) cover, as masks by block; no more than `at_most_s` of them."""
    masks: dict[int, int] = {}
    left = int(at_most_s // SLOT_S)
    for start, end in spans:
        first, last = round(max(start, earliest_s) / SLOT_S), round(min(end, latest_s) / SLOT_S)
        for block, mask in _masks(first, min(last, first + left)):
            masks[block] = masks.get(block, 0) | mask
        left -= max(0, min(last - first, left))
    return masks


def _masks(first: int, last: int) -> Iterator[tuple[int, int]]:
    """(block, mask) of the slots from `first` up to but without `last`."""
    while first < last:
        block, offset = divmod(first, SLOTS)
        count = min(SLOTS - offset, last - first)
        yield block, ((1 << count) - 1) << offset
        first += count

"""How much of what two learners wrote is the same, by RapidFuzz: the share of tokens that both have in the same order.

It says that texts are similar. It cannot say why, and no page of ours says it either.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import Indel

from grading.own_work import OwnWork

FEWEST_TOKENS = 40
"""Shorter work is similar by nature, and is not compared."""
LEAST_PERCENT = 80
MOST_PAIRS = 100
"""The most similar ones are kept."""
FEW_SIGNS, NEXT_SIGN, LAST_SIGN = 256, 0xE000, 0x10FFFF
"""RapidFuzz is quickest with characters below the first. The rest is where no half of a pair of characters is."""


@dataclass(frozen=True)
class Pair:
    """Two submissions, by their ids, the smaller one first."""

    first: int
    second: int
    percent: int
    """Of the tokens of both together, rounded down."""


@dataclass(frozen=True)
class Compared:
    """What comparing gave."""

    pairs: list[Pair]
    """The most similar ones first."""
    number: int
    """Submissions that were compared."""
    too_short: int
    """Those that were not, because there is too little of the learner's own in them."""


def compare_all(works: Mapping[int, Sequence[str]]) -> Compared:
    """Compare the tokens of each submission with those of each other one, by id of the submission."""
    long_enough = {key: tokens for key, tokens in sorted(works.items()) if len(tokens) >= FEWEST_TOKENS}
    pairs = sorted(_find_pairs(_as_signs(long_enough)), key=lambda pair: (-pair.percent, pair.first, pair.second))
    return Compared(pairs[:MOST_PAIRS], len(long_enough), len(works) - len(long_enough))


def _find_pairs(texts: Mapping[int, str]) -> Iterator[Pair]:
    later = dict(texts)
    least = LEAST_PERCENT / 100
    for first, text in texts.items():
        del later[first]
        # what cannot reach the least is not worked out
        found = process.extract(text, later, scorer=Indel.normalized_similarity, score_cutoff=least, limit=None)
        for _other, share, second in found:
            yield Pair(first, second, int(share * 100))


def _as_signs(works: Mapping[int, Sequence[str]]) -> dict[int, str]:
    """One character for each token, a low one for a common one: texts are compared quicker than lists."""
    known = Counter(token for tokens in works.values() for token in tokens).most_common()
    signs = {token: chr(_number_of_sign(rank)) for rank, (token, _times) in enumerate(known)}
    return {key: "".join(map(signs.__getitem__, tokens)) for key, tokens in works.items()}


def _number_of_sign(rank: int) -> int:
    return rank if rank < FEW_SIGNS else min(NEXT_SIGN + rank - FEW_SIGNS, LAST_SIGN)


def match_lines(one: OwnWork, other: OwnWork) -> tuple[list[set[int]], list[set[int]]]:
    """Numbers of the lines that both have, for each part of one and of the other: answers beside their like."""
    mine: list[set[int]] = [set() for _part in one.parts]
    theirs: list[set[int]] = [set() for _part in other.parts]
    keys = [_key_lines(work) for work in (one, other)]
    for block in Indel.opcodes([key for _at, key in keys[0]], [key for _at, key in keys[1]]):
        if block.tag == "equal":
            for step in range(block.src_end - block.src_start):
                part, line = keys[0][block.src_start + step][0]
                mine[part].add(line)
                part, line = keys[1][block.dest_start + step][0]
                theirs[part].add(line)
    return mine, theirs


def _key_lines(work: OwnWork) -> list[tuple[tuple[int, int], tuple[str, ...]]]:
    """((number of the part, number of the line), what is compared of it) of the lines that are the learner's."""
    return [
        ((number, at), line.tokens)
        for number, part in enumerate(work.parts)
        for at, line in enumerate(part.lines)
        if line.tokens and not line.is_given
    ]

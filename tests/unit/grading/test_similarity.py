"""What counts as a learner's own, and how similar two of them are."""

import json
import random
from typing import Any

import pytest

from grading.own_work import read_given, read_own_work
from grading.similarity import FEWEST_TOKENS, MOST_PAIRS, Compared, compare_all, match_lines
from tests.factories import notebooks as make

STUB = 'def mean(values):\n    """The mean of some numbers."""\n    # YOUR CODE HERE\n    raise NotImplementedError()'
RELEASE = make.notebook(
    make.text("# Quiz 1"),
    make.locked("given", "import math\nlimit = 10"),
    make.solution("mean", STUB),
    make.tests("mean-tests", 2, "assert mean([1, 2, 3]) == 2"),
    make.answer("why", 2, "Your answer"),
)
GIVEN = read_given({"quiz-1.ipynb": RELEASE, "data.csv": b"1,2"})
ANSWER = """def mean(values):
    total = 0
    for value in values:
        total = total + value
    print(total)
    if not values:
        raise ValueError("There is nothing to take the mean of")
    result = total / len(values)
    return round(result, 2)
"""
RENAMED = """def mean(values):
    # my very own way
    s = 0

    for x in values:
        s = s + x   # sum up
    print(s)
    if not values:
        raise ValueError("There is nothing to take the mean of")
    out = s / len(values)
    return round(out, 2)
"""
OTHER = """def mean(values):
    from statistics import fmean
    try:
        return fmean(list(values))
    except Exception:
        while values and math.isnan(values[0]):
            del values[0]
        return {"n": len(values), "mean": sorted(values)[-1]}.get("mean", lambda: None)
"""


def work_of(answers: dict[str, str], **more: Any) -> Any:
    return read_own_work({"quiz-1.ipynb": json.dumps(make.fill(RELEASE, answers) | more).encode()}, GIVEN)


def percent(one: dict[str, str], other: dict[str, str]) -> int:
    found = compare_all({1: work_of(one).tokens, 2: work_of(other).tokens})
    assert (found.number, found.too_short) == (2, 0)
    return found.pairs[0].percent if found.pairs else 0


def test_release_version_holds_nothing_of_anybodys_own() -> None:
    assert work_of({}).tokens == []


def test_only_what_the_learner_wrote_counts() -> None:
    work = work_of(
        {"mean": ANSWER, "why": "Because the mean is a sum, divided.", "given": "cheat = 1", "mean-tests": "x"}
    )

    assert [(part.name, part.is_code) for part in work.parts] == [("mean", True), ("why", False)]
    assert work.parts[0].lines[0].is_given, "the line of the stub"
    assert work.parts[1].lines[0].tokens == ("because", "the", "mean", "is", "a", "sum", "divided")
    assert "cheat" not in work.tokens


def test_cells_of_ones_own_count_and_copies_of_given_ones_do_not() -> None:
    filled = make.fill(RELEASE, {"mean": ANSWER})
    filled["cells"] += [make.code("helper = {1: 'one'}"), make.code("import math\nlimit = 10")]
    work = read_own_work({"quiz-1.ipynb": json.dumps(filled).encode()}, GIVEN)

    assert [part.name for part in work.parts] == ["mean", "why", ""]
    assert "'" in work.parts[2].lines[0].tokens or "'one'" in work.parts[2].lines[0].tokens


def test_other_names_comments_and_spaces_are_the_same() -> None:
    assert percent({"mean": ANSWER}, {"mean": RENAMED}) == 100


def test_other_solution_is_not_similar() -> None:
    assert percent({"mean": ANSWER}, {"mean": OTHER}) == 0


def test_order_of_cells_does_not_matter() -> None:
    answers = {"mean": ANSWER, "why": "The sum of all of them is divided by how many there are of them."}
    turned = make.fill(RELEASE, answers)
    turned["cells"].reverse()
    work = read_own_work({"quiz-1.ipynb": json.dumps(turned).encode()}, GIVEN)

    assert work.tokens == work_of(answers).tokens


def test_short_answers_are_not_compared() -> None:
    found = compare_all({1: ["a"] * (FEWEST_TOKENS - 1), 2: ["a"] * (FEWEST_TOKENS - 1), 3: ["a"] * FEWEST_TOKENS})

    assert found == Compared([], number=1, too_short=2)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"[" * 100_000,
        b'{"cells": {}}',
        b'{"cells": [1, {"source": [1, null]}, {"metadata": {"nbgrader": 7}, "source": 3}], "metadata": []}',
    ],
)
def test_what_is_no_notebook_has_nothing(body: bytes) -> None:
    assert read_own_work({"quiz-1.ipynb": body}, GIVEN).tokens == []
    assert read_own_work({}, GIVEN).parts == ()


def test_language_that_nobody_knows_is_compared_by_words() -> None:
    released = json.loads(RELEASE)
    released["metadata"]["kernelspec"]["language"] = "nonesuch"
    given = read_given({"quiz-1.ipynb": json.dumps(released).encode()})
    filled = {"quiz-1.ipynb": json.dumps(make.fill(RELEASE, {"mean": "let x := 3"})).encode()}

    assert read_own_work(filled, given).tokens == ["let", "x", "3"]


def test_lines_that_both_have_are_found_beside_others() -> None:
    mine, theirs = match_lines(work_of({"mean": ANSWER}), work_of({"mean": "import os\n" + RENAMED}))

    assert mine[0] == set(range(1, 9))
    assert theirs[0] == {3, 5, 6, 7, 8, 9, 10, 11}


def test_the_most_similar_pairs_are_kept() -> None:
    chance = random.Random(1)
    same = [str(chance.randrange(50)) for _ in range(100)]
    works = {number: same if number < 20 else [*same[:-8], *"abcdefgh"] for number in range(30)}
    found = compare_all(works)

    assert len(found.pairs) == MOST_PAIRS
    assert {pair.percent for pair in found.pairs} == {100}
    assert all(pair.first < pair.second for pair in found.pairs)

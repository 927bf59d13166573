"""What a learners' version gives away of its source."""

import base64
import json
from typing import Any

import pytest

from grading.engine.leaks import Leak, find_leaks
from tests.factories import notebooks as make

SECRET = "assert grow(12) == 'a tall oak'"
ANSWER = "    return 'a tall oak' if years > 10 else 'a seed'"
CELLS = (
    make.text("# Trees"),
    make.solution("grow", "def grow(years):\n" + make.SOLUTION.format(ANSWER)),
    make.tests("grow-tests", 2, "assert grow(1) == 'a seed'\n" + make.HIDDEN.format(SECRET)),
    make.task(
        "draw", 1, "Draw.\n\n=== BEGIN MARK SCHEME ===\nThe crown is wider than the trunk\n=== END MARK SCHEME ==="
    ),
)
SOURCE = {"trees.ipynb": make.notebook(*CELLS)}
GIVEN = [make.text("# Trees"), make.solution("grow", "def grow(years):\n    # YOUR CODE HERE")]
GIVEN += [make.tests("grow-tests", 2, "assert grow(1) == 'a seed'"), make.task("draw", 1, "Draw.")]


def released(**changes: Any) -> dict[str, bytes]:
    """The release, with fields of its first cell set."""
    notebook = json.loads(make.notebook(*GIVEN))
    notebook["cells"][0] |= changes
    return {"trees.ipynb": json.dumps(notebook).encode()}


def test_what_nbgrader_makes_of_a_sound_source_gives_nothing_away() -> None:
    assert find_leaks(SOURCE, released()) == []


@pytest.mark.parametrize(
    ("changes", "kind", "part"),
    [
        ({"source": f"For example:\n\n`{SECRET}`"}, "hidden", "text"),
        ({"metadata": {"notes": {"mine": [SECRET, 3]}}}, "hidden", "metadata"),
        ({"metadata": {"tags": ["### BEGIN SOLUTION"]}}, "marker", "metadata"),
        ({"source": "The crown is wider than the trunk."}, "hidden", "text"),
        (
            {"attachments": {"a.txt": {"text/plain": base64.b64encode(SECRET.encode()).decode()}}},
            "hidden",
            "attachments",
        ),
        (
            {"attachments": {"a.txt": {"text/plain": base64.b64encode(ANSWER.encode()).decode()}}},
            "solution",
            "attachments",
        ),
        ({"outputs": [{"output_type": "stream", "name": "stdout", "text": ["x\n", SECRET]}]}, "hidden", "outputs"),
    ],
)
def test_what_a_teacher_has_copied_elsewhere_is_found_with_its_place(
    changes: dict[str, Any], kind: str, part: str
) -> None:
    (leak,) = find_leaks(SOURCE, released(**changes))
    assert (leak.kind, leak.file, leak.cell, leak.part) == (kind, "trees.ipynb", "cell 1", part)
    assert leak.excerpt


def test_files_beside_the_notebook_are_looked_into_and_pictures_are_not() -> None:
    files = released() | {"help.py": f"def grow(years):\n{ANSWER}\n".encode(), "tree.png": b"\0" + SECRET.encode()}
    assert find_leaks(SOURCE, files) == [Leak("solution", "help.py", "", "file", ANSWER.strip())]


def test_lines_that_are_given_anyway_are_no_secret() -> None:
    source = {"a.ipynb": make.notebook(make.solution("a", make.SOLUTION.format("import statistics as numbers\nx = 1")))}
    given = {"a.ipynb": make.notebook(make.code("import statistics as numbers\nx = 1"))}
    assert find_leaks(source, given) == []


def test_what_is_no_notebook_is_read_as_text() -> None:
    assert [leak.part for leak in find_leaks(SOURCE, {"odd.ipynb": SECRET.encode()})] == ["file"]

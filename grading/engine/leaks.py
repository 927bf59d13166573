"""What a learners' version gives away: marks of regions, text of hidden tests and mark schemes, text of solutions.

nbgrader takes regions out of the cells where they belong. It leaves alone what a teacher has copied elsewhere: into the
metadata or the attachments of a cell, into another cell, or into a file beside the notebook.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from grading.engine.hidden import HiddenText
from grading.engine.source_check import REGIONS

LeakKind = Literal["marker", "hidden", "solution"]
MARKS = tuple(mark for pair in REGIONS.values() for mark in pair)
SHORTEST_SOLUTION = 16
"""Characters without spaces and quotes; shorter lines of a solution (`return a + b`) stand in many places."""
LARGEST_TEXT = 5_000_000
"""Bytes of a file beside the notebooks that is looked into."""
EXCERPT = 80


@dataclass(frozen=True)
class Leak:
    """Something that learners would get to read."""

    kind: LeakKind
    """marker: of a region, in words for whoever writes; hidden: a hidden test or a mark scheme; solution."""
    file: str
    """From the quiz's folder on."""
    cell: str
    """`cell 3 ("add")`, counted from 1; empty: of no cell."""
    part: str
    """Where in it: text, outputs, metadata, attachments, file."""
    excerpt: str
    """The line that is given away, at most `EXCERPT` characters."""


@dataclass(frozen=True)
class _Passage:
    """A text that learners can read."""

    file: str
    cell: str
    part: str
    text: str


def find_leaks(source: Mapping[str, bytes], release: Mapping[str, bytes]) -> list[Leak]:
    """What the files of a release give away of its source; of each place and kind the first line."""
    cells = [cell for name, body in sorted(source.items()) if name.endswith(".ipynb") for cell in read_cells(body)]
    hidden, solutions = _hidden_of(cells), _solutions_of(cells)
    found: list[Leak] = []
    for passage in _passages(release):
        for kind, line in _find_in(passage.text, hidden, solutions):
            found.append(Leak(kind, passage.file, passage.cell, passage.part, line[:EXCERPT]))
    return found


def read_cells(body: bytes) -> list[dict[str, Any]]:
    """The cells of a notebook, each a JSON object; none of what is no notebook."""
    try:
        cells = json.loads(body)["cells"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return []
    return [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []


def text_of(cell: Mapping[str, Any]) -> str:
    """The source of a cell."""
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(map(str, source))


def meta_of(cell: Mapping[str, Any]) -> dict[str, Any]:
    """What nbgrader knows of a cell."""
    meta = cell.get("metadata")
    found = meta.get("nbgrader") if isinstance(meta, dict) else None
    return found if isinstance(found, dict) else {}


def place_of(number: int, cell: Mapping[str, Any]) -> str:
    """`cell 3 ("add")`; `number` counts from 0."""
    grade_id = meta_of(cell).get("grade_id", "")
    return f'cell {number + 1} ("{grade_id}")' if grade_id else f"cell {number + 1}"


def _find_in(text: str, hidden: HiddenText, solutions: Mapping[str, str]) -> Iterator[tuple[LeakKind, str]]:
    marked = next((line.strip() for line in text.splitlines() if any(mark in line for mark in MARKS)), None)
    if marked is not None:
        yield "marker", marked
    if hidden.is_in(text):
        lines = (line.strip() for line in text.splitlines() if hidden.is_in(line))
        yield "hidden", next(lines, "")
    bare = _bare(text)
    line = next((line for secret, line in solutions.items() if secret in bare), None)
    if line is not None:
        yield "solution", line


def _hidden_of(cells: Iterable[Mapping[str, Any]]) -> HiddenText:
    return HiddenText(text_of(cell) for cell in cells if meta_of(cell).get("grade") or meta_of(cell).get("task"))


def _solutions_of(cells: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Lines of solutions that learners do not get where they stand, by their bare text."""
    found = {}
    for cell in cells:
        if not meta_of(cell).get("solution"):
            continue
        for line in _solution_lines(text_of(cell)):
            bare = _bare(line)
            is_told = line.lstrip().startswith(("#", "import ", "from ", "def ", "class "))
            if len(bare) >= SHORTEST_SOLUTION and not is_told:
                found[bare] = line.strip()
    return found


def _solution_lines(source: str) -> Iterator[str]:
    begin, end = REGIONS["solution"]
    lines, inside = source.splitlines(), begin not in source  # without a region nbgrader takes the whole cell
    for line in lines:
        if begin in line or end in line:
            inside = begin in line
        elif inside:
            yield line


def _passages(release: Mapping[str, bytes]) -> Iterator[_Passage]:
    for name, body in sorted(release.items()):
        if name.endswith(".ipynb") and (cells := read_cells(body)):
            for number, cell in enumerate(cells):
                place = place_of(number, cell)
                yield _Passage(name, place, "text", text_of(cell))
                yield _Passage(name, place, "outputs", "\n".join(_strings(cell.get("outputs"))))
                yield _Passage(name, place, "metadata", "\n".join(_strings(cell.get("metadata"))))
                yield _Passage(name, place, "attachments", "\n".join(_attached(cell.get("attachments"))))
            yield _Passage(name, "", "metadata", "\n".join(_strings(json.loads(body).get("metadata"))))
        elif len(body) <= LARGEST_TEXT and b"\0" not in body:
            yield _Passage(name, "", "file", body.decode(errors="replace"))


def _strings(value: object) -> Iterator[str]:
    """All texts in a JSON value, keys included; lists of texts, as notebooks have them, in one."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _strings(inner)
    elif isinstance(value, list):
        if all(isinstance(each, str) for each in value):
            yield "".join(value)
        else:
            for inner in value:
                yield from _strings(inner)


def _attached(value: object) -> Iterator[str]:
    """Names of attachments, and their content where it is text."""
    for text in _strings(value):
        yield text
        try:
            content = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            continue
        if b"\0" not in content:
            yield content.decode(errors="replace")


def _bare(text: str) -> str:
    return "".join(text.split()).replace('"', "'")

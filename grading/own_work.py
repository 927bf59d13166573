"""What of a notebook a learner wrote: answers and cells of their own, without what the release version has.

Reads files as they were handed in, which are hostile input, and loads no part of nbgrader, so that pages can use it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pygments.lexer import Lexer
from pygments.lexers import TextLexer, get_lexer_by_name
from pygments.token import Comment, Name, String, Text, Whitespace
from pygments.util import ClassNotFound

MOST_CELLS = 2000
LONGEST_CELL = 100_000
"""Characters; what follows is not looked at."""
WORD = re.compile(r"\w+")
ANY_NAME = "\0name"
"""Stands for every name that a learner can choose."""


@dataclass(frozen=True)
class Line:
    """One line of a part."""

    text: str
    tokens: tuple[str, ...]
    """What is compared: no comments, no spaces, and one and the same word for every name that can be chosen."""
    is_given: bool
    """Does the release version have it?"""


@dataclass(frozen=True)
class Part:
    """One answer, or one cell that the learner added."""

    notebook: str
    name: str
    """nbgrader's name of the cell; empty: the learner added it."""
    is_code: bool
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class OwnWork:
    """Of one submission, in the order of the release, with cells of the learner's own at the end."""

    parts: tuple[Part, ...]

    @property
    def tokens(self) -> list[str]:
        """Of all lines that are the learner's."""
        return [token for part in self.parts for line in part.lines if not line.is_given for token in line.tokens]


@dataclass(frozen=True)
class Given:
    """What everybody was given in one notebook."""

    answers: tuple[str, ...]
    """Names of the cells that learners write in, in their order."""
    others: frozenset[str]
    """Names of the cells that they do not."""
    lines: frozenset[str]
    lexer: Lexer


def read_given(release: Mapping[str, bytes]) -> dict[str, Given]:
    """Of each notebook of a release version, by name without `.ipynb`."""
    return {path.removesuffix(".ipynb"): _read_given(body) for path, body in release.items() if path.endswith(".ipynb")}


def read_own_work(files: Mapping[str, bytes], given: Mapping[str, Given]) -> OwnWork:
    """What the learner wrote; of a notebook that cannot be read, nothing."""
    parts: list[Part] = []
    for name, known in given.items():
        parts += _read_parts(name, files.get(f"{name}.ipynb", b""), known)
    return OwnWork(tuple(parts))


def _read_given(body: bytes) -> Given:
    cells, language = _read_cells(body)
    written = [name for name, is_answer, _cell in cells if name and is_answer]
    others = frozenset(name for name, is_answer, _cell in cells if name and not is_answer)
    lines = {line.strip() for _name, _is_answer, cell in cells for line in _source(cell).splitlines()}
    return Given(tuple(written), others, frozenset(lines - {""}), _find_lexer(language))


def _read_parts(notebook: str, body: bytes, given: Given) -> list[Part]:
    answers: dict[str, Part] = {}
    own: list[Part] = []
    for name, _is_answer, cell in _read_cells(body)[0]:
        if name in given.others or name in answers:
            continue
        is_code = cell.get("cell_type") == "code"
        lines = tuple(_lines(_source(cell), is_code, given))
        if name in given.answers:
            answers[name] = Part(notebook, name, is_code, lines)
        elif any(not line.is_given for line in lines):
            own.append(Part(notebook, "", is_code, lines))
    return [answers[name] for name in given.answers if name in answers] + own


def _lines(source: str, is_code: bool, given: Given) -> Iterator[Line]:
    texts = source.splitlines()
    tokens = _code_tokens("\n".join(texts), given.lexer) if is_code else enumerate(map(_words, texts))
    by_line = dict(tokens)
    for number, text in enumerate(texts):
        yield Line(text, tuple(by_line.get(number, ())), text.strip() in given.lines or not text.strip())


def _code_tokens(source: str, lexer: Lexer) -> Iterable[tuple[int, list[str]]]:
    """Tokens by number of the line that they begin in."""
    found: dict[int, list[str]] = {}
    number, before = 0, ""
    for kind, value in lexer.get_tokens(source):
        if kind in Comment or kind in Whitespace or kind in String.Doc or not value.strip():
            number += value.count("\n")
            continue
        if kind in Text:
            found.setdefault(number, []).extend(_words(value))
        else:
            chosen = kind in Name and kind not in Name.Builtin and kind not in Name.Exception and before != "."
            found.setdefault(number, []).append(ANY_NAME if chosen else value.strip())
        before = value
        number += value.count("\n")
    return found.items()


def _words(text: str) -> list[str]:
    return WORD.findall(text.casefold())


def _find_lexer(language: str) -> Lexer:
    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return TextLexer(stripnl=False, ensurenl=False)


def _read_cells(body: bytes) -> tuple[list[tuple[str, bool, dict[str, Any]]], str]:
    """(nbgrader's name or nothing, may the learner write in it, cell) of each cell, and the language."""
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        return [], ""
    cells = read.get("cells") if isinstance(read, dict) else None
    if not isinstance(cells, list):
        return [], ""
    whole = [cell for cell in cells[:MOST_CELLS] if isinstance(cell, dict)]
    told = _dict(_dict(read.get("metadata")).get("kernelspec")).get("language")
    return [(*_about(cell), cell) for cell in whole], told if isinstance(told, str) else "python"


def _about(cell: dict[str, Any]) -> tuple[str, bool]:
    marked = _dict(_dict(cell.get("metadata")).get("nbgrader"))
    name = marked.get("grade_id")
    return (name if isinstance(name, str) else "", marked.get("solution") is True or marked.get("task") is True)


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    text = "".join(part for part in source if isinstance(part, str)) if isinstance(source, list) else source
    return text[:LONGEST_CELL] if isinstance(text, str) else ""

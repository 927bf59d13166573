"""Keep hidden tests hidden when a marked notebook is shown to its learner.

Of a cell with hidden tests, only the visible lines are shown, and of its outputs nothing but
which kind of test failed: a traceback quotes lines around the failing one, a message quotes
values, and the learner's own functions can print whatever a hidden test hands them. The outputs
of every other cell are searched for the text of hidden lines and their messages, because code
run earlier can remember code run later. What a learner's code disguises (say, in base64) cannot
be found this way; only running hidden tests in another process could prevent that.
"""

import ast
import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

REGIONS = (
    ("BEGIN HIDDEN TESTS", "END HIDDEN TESTS"),
    ("BEGIN MARK SCHEME", "END MARK SCHEME"),
)
SHORTEST = 8
"""Shorter lines (`try:`, `x = 1`) are not worth hiding wherever they appear."""
_NOISE = re.compile(r"[\s'\"\\`]+")
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")
_TAG = re.compile(r"<[^<>]*>")
_FRAME = re.compile(r"Cell\s+In\s*\[\d+\],?\s+line\s+(\d+)")


@dataclass(frozen=True)
class Split:
    """A cell's lines, told apart; numbers count from 1."""

    visible: tuple[tuple[int, str], ...]
    hidden: tuple[tuple[int, str], ...]

    def shown(self) -> str:
        """What the learner may see of the source."""
        return "\n".join(line for _, line in self.visible)

    def shown_line(self, number: int) -> int | None:
        """The number that a visible line has in what is shown; None for a hidden line."""
        for position, (original, _) in enumerate(self.visible, 1):
            if original == number:
                return position
        return None


def split(source: str) -> Split:
    """Tell visible lines from hidden ones, as nbgrader does; the marks count as hidden."""
    visible, hidden = [], []
    ending: str | None = None
    for number, line in enumerate(source.split("\n"), 1):
        opened = next((end for begin, end in REGIONS if begin in line), None)
        if ending is None and opened is None:
            visible.append((number, line))
            continue
        hidden.append((number, line))
        if ending is not None and ending in line:
            ending = None
        elif opened is not None:
            ending = opened
    return Split(tuple(visible), tuple(hidden))


def plain(text: str) -> str:
    """Text without terminal colours."""
    return _ANSI.sub("", text)


def _normal(text: str) -> str:
    return _NOISE.sub("", text)


class HiddenText:
    """Finds text of hidden tests, however it is quoted, wrapped or indented."""

    def __init__(self, sources: Iterable[str]) -> None:
        parts = [(source, split(source)) for source in sources]
        seen = _normal("\n".join(s.shown() for _, s in parts))
        secrets = {
            _normal(text)
            for source, pieces in parts
            for text in (*(line for _, line in pieces.hidden), *_messages(source, pieces))
        }
        self.secrets = tuple(secret for secret in secrets if len(secret) >= SHORTEST and secret not in seen)

    def is_in(self, text: str) -> bool:
        """Whether the text, or what a browser would show of it as HTML, has any of it."""
        if not self.secrets:
            return False
        bare = plain(text)
        forms = (_normal(bare), _normal(html.unescape(_TAG.sub("", bare))))
        return any(secret in form for form in forms for secret in self.secrets)


def _messages(source: str, pieces: Split) -> Iterator[str]:
    """String literals with which hidden lines explain a failure."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        for _, line in pieces.hidden:
            yield from (double or single for double, single in re.findall(r'"([^"]+)"|\'([^\']+)\'', line))
        return
    hidden = {number for number, _ in pieces.hidden}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assert | ast.Raise) or node.lineno not in hidden:
            continue
        words = node.msg if isinstance(node, ast.Assert) else node.exc
        if words is None:
            continue
        for part in ast.walk(words):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield part.value


def failing_line(traceback: Iterable[str]) -> int | None:
    """The line of the cell at which the outermost frame of a traceback stands."""
    found = _FRAME.search(plain("\n".join(traceback)))
    return int(found[1]) if found else None

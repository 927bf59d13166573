"""Two revisions side by side: what changed in each field, and in texts line by line."""

import difflib
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from plugins.courses.parts import Content

TEXTS = ("markdown", "description")
"""Fields that are compared by lines."""
AROUND = 3
"""Unchanged lines shown around a change."""
LONGEST_LINE = 2000
"""Characters; changes within longer lines are not looked for."""
_WORDS = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True)
class Line:
    """One line of a comparison, as the macro `diff` shows it."""

    kind: str
    """same, added, removed or gap"""
    old: int | None
    new: int | None
    text: str
    """Text, or markup with `ins` and `del`. Of a gap: empty; `count` lines are left out."""
    count: int = 0
    part: str = ""
    """Of a gap: the part that the next change is in, where the line that says so is left out."""


@dataclass(frozen=True)
class Text:
    """A text to compare."""

    lines: Sequence[str]
    parts: Sequence[tuple[int, str]] = ()
    """Its parts in order: the index of the line that each begins with, and its name."""

    def part_begun_before(self, line: int, index: int) -> str:
        """The part that `index` is in, if its first line comes before `line`; else empty."""
        found = bisect_right(self.parts, index, key=lambda part: part[0])
        start, name = self.parts[found - 1] if found else (line, "")
        return name if start < line else ""


@dataclass(frozen=True)
class FieldChange:
    """A field that says something else now."""

    name: str
    old: str
    new: str


@dataclass(frozen=True)
class Comparison:
    """What differs between two revisions."""

    fields: list[FieldChange]
    texts: dict[str, list[Line]]
    """By field."""

    @property
    def is_same(self) -> bool:
        """Nothing differs."""
        return not self.fields and not self.texts


def compare(old: Content, new: Content) -> Comparison:
    """What was changed from `old` to `new`."""
    names = [name for name in new if old.get(name) != new[name]]
    fields = [FieldChange(name, _plain(old.get(name)), _plain(new[name])) for name in names if name not in TEXTS]
    texts = {name: compare_texts(_text(old.get(name)), _text(new[name])) for name in names if name in TEXTS}
    return Comparison(fields, texts)


def compare_texts(old: Text, new: Text) -> list[Line]:
    """Line by line, with the changed words within lines marked."""
    before, after = old.lines, new.lines
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=len(before) > 2000)
    found: list[Line] = []
    end = 0
    for group in matcher.get_grouped_opcodes(AROUND):
        if group[0][1] > end:
            found.append(Line("gap", None, None, "", group[0][1] - end, _hidden_part(group, old, new)))
        end = group[-1][2]
        for tag, a, b, c, d in group:
            found += _lines(tag, before[a:b], after[c:d], a + 1, c + 1)
    return found


def _hidden_part(group: Sequence[tuple[str, int, int, int, int]], old: Text, new: Text) -> str:
    """The part that the first change of a group is in; empty where the group shows its beginning."""
    tag, a, _, c, _ = next(each for each in group if each[0] != "equal")
    if tag == "delete":
        return old.part_begun_before(group[0][1], a)
    return new.part_begun_before(group[0][3], c)


def _lines(tag: str, old: Sequence[str], new: Sequence[str], a: int, c: int) -> Iterator[Line]:
    if tag == "equal":
        for number, text in enumerate(old):
            yield Line("same", a + number, c + number, text)
        return
    marked = [_mark(*pair) for pair in zip(old, new, strict=False)] if tag == "replace" else []
    for number, text in enumerate(old):
        yield Line("removed", a + number, None, marked[number][0] if number < len(marked) else text)
    for number, text in enumerate(new):
        yield Line("added", None, c + number, marked[number][1] if number < len(marked) else text)


def _mark(old: str, new: str) -> tuple[str, str]:
    """Both lines with what differs between them in `del` and `ins`; plain where they have little in common."""
    if max(len(old), len(new)) > LONGEST_LINE:
        return old, new
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    if matcher.ratio() < 0.4:
        return old, new
    left, right = Markup(), Markup()
    for tag, a, b, c, d in matcher.get_opcodes():
        gone, came = escape("".join(before[a:b])), escape("".join(after[c:d]))
        left += gone if tag == "equal" or not gone else Markup("<del>{}</del>").format(gone)
        right += came if tag == "equal" or not came else Markup("<ins>{}</ins>").format(came)
    return left, right


def _text(value: Any) -> Text:
    return Text(str(value or "").splitlines())


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "\n".join(
            ": ".join([str(part[0]), ", ".join(part[1])]) if isinstance(part, list) else str(part) for part in value
        )
    return "" if value is None else str(value)

"""What differs between two versions of a quiz, as far as teachers and learners notice it."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from grading.engine.leaks import meta_of, read_cells, text_of

ChangeKind = Literal[
    "question_added", "question_removed", "points", "tests", "text", "answer", "file_added", "file_removed", "file"
]


@dataclass(frozen=True)
class SourceChange:
    """One difference."""

    kind: ChangeKind
    """points and tests: of a question; text: what learners are given; answer: a solution, which learners never see."""
    file: str
    name: str = ""
    """The grade id, where it is one cell's."""
    old: str = ""
    """Points before; empty where it is not about points."""
    new: str = ""


def list_changes(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[SourceChange]:
    """What the files of the source after have that those before had not, and the other way round."""
    found: list[SourceChange] = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if old is None or new is None:
            found.append(SourceChange("file_added" if old is None else "file_removed", name))
        if name.endswith(".ipynb"):
            found += _list_cell_changes(name, read_cells(old or b""), read_cells(new or b""))
        elif old is not None and new is not None:
            found.append(SourceChange("file", name))
    return found


def _list_cell_changes(file: str, before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Iterator[SourceChange]:
    old, new = _by_name(before), _by_name(after)
    for name in [*old, *(name for name in new if name not in old)]:
        yield from _compare_cells(file, name, old.get(name), new.get(name))
    if before and after and _given(before) != _given(after):
        yield SourceChange("text", file)


def _compare_cells(
    file: str, name: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None
) -> Iterator[SourceChange]:
    was, now = _points(old), _points(new)
    if was is None and now is not None:
        yield SourceChange("question_added", file, name, new=now)
    elif was is not None and now is None:
        yield SourceChange("question_removed", file, name, old=was)
    elif was != now:
        yield SourceChange("points", file, name, was or "", now or "")
    if old is None or new is None or text_of(old) == text_of(new):
        return
    if meta_of(new).get("solution"):
        yield SourceChange("answer", file, name)
    elif now is not None:
        yield SourceChange("tests", file, name)


def _by_name(cells: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {str(meta_of(cell)["grade_id"]): cell for cell in cells if meta_of(cell).get("grade_id")}


def _points(cell: Mapping[str, Any] | None) -> str | None:
    """What a graded cell is worth; None: it is not graded."""
    meta = meta_of(cell) if cell else {}
    if not (meta.get("grade") or meta.get("task")):
        return None
    try:
        return f"{float(meta.get('points', 0)):g}"
    except (TypeError, ValueError):
        return "0"


def _given(cells: list[dict[str, Any]]) -> str:
    """Checksum of what learners read outside of answers and tests."""
    texts = [
        text_of(cell)
        for cell in cells
        if not meta_of(cell).get("solution") and not (meta_of(cell).get("grade") and cell.get("cell_type") == "code")
    ]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()

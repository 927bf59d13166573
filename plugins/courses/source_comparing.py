"""Two versions of a quiz's notebooks side by side: cells with their text, other files line by line, data by size."""

import json
from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from plugins.courses.comparing import Comparison, FieldChange, Line, Text, compare_texts

LONGEST_TEXT = 200_000
"""Bytes of a file that is compared line by line."""
LONGEST_NAME = 60
"""Characters of a cell's first line that stand for the cell."""


def compare_sources(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Comparison:
    """What was changed from `old` to `new`: contents by file name."""
    fields: list[FieldChange] = []
    texts: dict[str, list[Line]] = {}
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) == new.get(name):
            continue
        before, after = _read(name, old.get(name)), _read(name, new.get(name))
        if name not in old or name not in new or before is None or after is None:
            fields.append(FieldChange(name, _size(old.get(name)), _size(new.get(name))))
        elif before.lines == after.lines:
            fields.append(FieldChange(name, "", _("the same cells; outputs or metadata differ")))
        else:
            texts[name] = compare_texts(before, after)
    return Comparison(fields, texts)


def _read(name: str, content: bytes | None) -> Text | None:
    """What people read of a file; None: nothing."""
    try:
        text = (content or b"").decode()
    except UnicodeDecodeError:
        return None
    cells = _read_cells(text) if name.endswith(".ipynb") else None
    if cells is None:
        return Text(text.splitlines()) if len(text) <= LONGEST_TEXT and "\0" not in text else None
    lines: list[str] = []
    parts: list[tuple[int, str]] = []
    for number, cell in enumerate(cells, 1):
        parts.append((len(lines), _name(number, cell)))
        lines += [f"[{_heading(cell)}]", *_source(cell).splitlines(), ""]
    return Text(lines, parts)


def _read_cells(text: str) -> list[dict[str, Any]] | None:
    """None: this is no notebook."""
    try:
        cells = json.loads(text)["cells"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    is_notebook = isinstance(cells, list) and all(isinstance(cell, dict) for cell in cells)
    return cells if is_notebook else None


def _heading(cell: dict[str, Any]) -> str:
    """“Code · tests · sum-tests · 4 points”."""
    kinds = {"code": _("Code"), "markdown": _("Text"), "raw": _("Raw text")}
    parts = [kinds.get(str(cell.get("cell_type")), str(cell.get("cell_type")))]
    if said := _said(cell):
        parts += [_role(said), str(said.get("grade_id", ""))]
        if said.get("grade") and isinstance(said.get("points"), int | float):
            parts.append(ngettext("%(num)s point", "%(num)s points", said["points"]))
    return " ".join(" · ".join(part for part in parts if part).split())


def _said(cell: dict[str, Any]) -> dict[str, Any]:
    """What nbgrader's metadata say of a cell."""
    metadata = cell.get("metadata")
    said = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return said if isinstance(said, dict) else {}


def _name(number: int, cell: dict[str, Any]) -> str:
    """“cell 7 [Text] # Loops”: what a cell is called where its heading is not in sight."""
    name = str(_("cell %(number)s [%(heading)s]", number=number, heading=_heading(cell)))
    first = next((line.strip() for line in _source(cell).splitlines() if line.strip()), "")
    return name if _said(cell) else f"{name} {first[:LONGEST_NAME]}".strip()


def _role(said: dict[str, Any]) -> str:
    if said.get("task"):
        return str(_("task"))
    if said.get("solution"):
        return str(_("written answer") if said.get("grade") else _("solution"))
    return str(_("tests") if said.get("grade") else _("locked") if said.get("locked") else "")


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    return "".join(map(str, source)) if isinstance(source, list) else str(source)


def _size(content: bytes | None) -> str:
    return "" if content is None else str(ngettext("%(num)d byte", "%(num)d bytes", len(content)))

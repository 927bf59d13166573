"""What nbgrader's validator found, in plain words and with the cells it is about."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

LONGEST = 4000
"""Characters of a cell's text or error that are told."""

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_ERROR = re.compile(r"^(?:[A-Za-z_]\w*\.)*([A-Za-z_]\w*)(?:: ?(.*))?$")
_NOTHING_WRITTEN = "You did not provide a response."
_PARTLY = "Partial credit"
_CHANGED = "This cell is not yours to change, and it was changed. Your own version is not what gets marked."
_TYPE = "The kind of this cell was changed from {old} to {new}. Change it back, or it cannot be marked."


def name_cells(found: Mapping[str, Sequence[Mapping[str, str]]], cells: Sequence[Any]) -> list[dict[str, Any]]:
    """The cells that nbgrader names: `kind`, `number` (from 1), `name`, `words`, `source`, `error`.

    `kind` is failed | changed | type_changed; `number` is None for a cell that is not found again.
    """
    told: list[dict[str, Any]] = []
    taken: set[int] = set()
    for kind in ("type_changed", "changed", "failed"):
        for one in found.get(kind, ()):
            number, cell_name = _find_cell(cells, one["source"], taken)
            error = strip_ansi(one.get("raw_error", ""))
            told.append(
                {
                    "kind": kind,
                    "number": number,
                    "name": cell_name,
                    "words": _words(kind, one, error),
                    "source": one["source"][:LONGEST],
                    "error": error[-LONGEST:],
                }
            )
    return told


def explain_error(error: str) -> str:
    """The first thing to know of a failed test, from its traceback."""
    if error.startswith(_NOTHING_WRITTEN):
        return "There is no answer here yet."
    if error.startswith(_PARTLY):
        return "Some of its checks pass, but not all."
    name, said = _last_error(error)
    match name:
        case "NotImplementedError":
            return "An answer that this test needs is not written yet."
        case "AssertionError":
            return f"A check did not hold: {said}" if said else "A check did not hold."
        case "NameError":
            return f"A name is missing: {said}. Is the cell that defines it above, and without errors?"
        case "CellTimeoutError":
            return "It did not finish in time. Look for a loop that does not end."
        case "DeadKernelError":
            return "Python ended while this ran. It may have needed too much memory."
        case "":
            return "It did not pass."
    return f"It ended with an error, {name}: {said}" if said else f"It ended with an error, {name}."


def explain_end(error: str) -> str:
    """Why a notebook could not be checked to its end."""
    name, said = _last_error(error)
    if name in ("DeadKernelError", "CellTimeoutError"):
        return explain_error(error)
    if name == "NoSuchKernel":
        return f"This notebook wants a kernel that is not here: {said}."
    if name in ("SchemaTooOldError", "SchemaTooNewError", "ValidationError", "NotJSONError", "KeyError"):
        return "This file cannot be read as a notebook of this quiz. Start again from the release; the old one is kept."
    return f"It could not be checked: {error}"


def strip_ansi(text: str) -> str:
    """Text without the colours of a terminal."""
    return _ANSI.sub("", text)


def _words(kind: str, one: Mapping[str, str], error: str) -> str:
    if kind == "type_changed":
        return _TYPE.format(old=one["new_type"], new=one["old_type"])  # nbgrader calls what it was meant to be "new"
    return _CHANGED if kind == "changed" else explain_error(error)


def _last_error(error: str) -> tuple[str, str]:
    """(name, message) of the exception that a traceback ends with."""
    for line in reversed(error.splitlines()):
        found = _ERROR.match(line)
        if found and (
            found[1].endswith(("Error", "Exception", "Interrupt", "Warning", "Kernel")) or found[1] == "StopIteration"
        ):
            return found[1], (found[2] or "").strip().rstrip(".")
    return "", ""


def _find_cell(cells: Sequence[Any], source: str, taken: set[int]) -> tuple[int | None, str]:
    """(number from 1, nbgrader's name) of the next marked or locked cell with this text."""
    for index, cell in enumerate(cells):
        marked = cell.metadata.get("nbgrader")
        if marked and index not in taken and cell.source.strip() == source:
            taken.add(index)
            return index + 1, str(marked.get("grade_id", ""))
    return None, ""

"""Notebook outputs as they may be believed: valid, bounded, and nothing else of what a sandbox sent."""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, Literal

from grading.engine.nbgrader_parts import Cell, formats
from grading.engine.submission import clean_text

CellEnd = Literal["ok", "timeout", "died", "output", "skipped"]
RunEnd = Literal["ok", "timeout", "died", "output", "memory", "disk"]

MAX_OUTPUTS = 2000
"""Per cell."""
LONGEST_MS = 24 * 60 * 60 * 1000
MIME_TEXT = {"text/plain", "text/html", "text/markdown", "text/latex", "image/svg+xml"}
MIME_BINARY = {"image/png", "image/jpeg", "image/gif"}

ERRORS = {
    "timeout": ("CellTimeoutError", "No reply from kernel before timeout"),
    "died": ("KernelDied", "Python ended here, so this cell has no result"),
    "output": ("TooMuchOutput", "The notebook printed more than is allowed, so it was stopped here"),
    "skipped": ("NotRun", "This cell did not run, because the notebook was stopped before it"),
}


@dataclass(frozen=True)
class Run:
    """How a notebook's execution ended."""

    end: RunEnd
    detail: str = ""
    cell_ms: tuple[int, ...] = ()
    """How long each cell ran, in milliseconds; empty: nobody knows."""


def note_end(cell: Cell, end: Any) -> None:
    """A cell that was stopped gets an error output, which nbgrader scores as 0."""
    if end not in ERRORS or not cell.source.strip():
        return
    name, words = ERRORS[end]
    if not any(o.output_type == "error" and o.ename == name for o in cell.outputs):
        cell.outputs.append(formats.v4.new_output("error", ename=name, evalue=words, traceback=[f"{name}: {words}"]))


def clean_outputs(raw: Any, room: int) -> tuple[list[Any], int]:
    """Valid notebook outputs made from what the sandbox sent, and their size.

    What is beyond `room` bytes is left out. An error is never left out: it decides a score.
    """
    found: list[Any] = []
    used = 0
    for item in (raw if isinstance(raw, list) else [])[:MAX_OUTPUTS]:
        output = _clean_output(item) if isinstance(item, dict) else None
        if output is None:
            continue
        size = len(json.dumps(output))
        if used + size > room and output.output_type != "error":
            continue
        used += size
        last = found[-1] if found else None
        if last and last.output_type == output.output_type == "stream" and last.name == output.name:
            last.text += output.text
        else:
            found.append(output)
    return found, used


def _clean_output(item: dict[str, Any]) -> Any | None:
    kind = item.get("output_type")
    if kind == "stream" and item.get("name") in ("stdout", "stderr"):
        return formats.v4.new_output("stream", name=item["name"], text=clean_text(item.get("text")))
    if kind == "error":
        lines = item.get("traceback")
        return formats.v4.new_output(
            "error",
            ename=clean_text(item.get("ename"))[:200],
            evalue=clean_text(item.get("evalue"))[:20_000],
            traceback=[clean_text(t)[:20_000] for t in lines[:500]] if isinstance(lines, list) else [],
        )
    if kind in ("display_data", "execute_result"):
        data = item.get("data")
        bundle = _clean_bundle(data if isinstance(data, dict) else {})
        if kind == "display_data":
            return formats.v4.new_output("display_data", data=bundle)
        count = item.get("execution_count")
        return formats.v4.new_output(
            "execute_result", data=bundle, execution_count=count if type(count) is int else None
        )
    return None


def _clean_bundle(data: dict[str, Any]) -> dict[str, str]:
    bundle = {}
    for mime, value in data.items():
        text = clean_text(value)
        if mime in MIME_TEXT or (mime in MIME_BINARY and _is_base64(text)):
            bundle[mime] = text
    return bundle


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def put_back(cells: list[Cell], end: str, rows: list[dict[str, Any]], budget: int) -> Run:
    """Put what came of each cell into the trusted cells; `budget`: bytes that they may show, more or less."""
    room = 2 * budget
    for cell, row in zip(cells, rows, strict=True):
        cell.outputs, used = clean_outputs(row.get("outputs"), room)
        room = max(0, room - used)
        count = row.get("execution_count")
        cell.execution_count = count if type(count) is int and 0 < count < 1 << 31 else None
        note_end(cell, row.get("end"))
    times = tuple(_milliseconds(row.get("ms")) for row in rows)
    ends = {end, *(row.get("end") for row in rows if isinstance(row.get("end"), str))}
    if any(o.output_type == "error" and o.ename == "MemoryError" for c in cells for o in c.outputs):
        return Run("memory", cell_ms=times)
    worst: tuple[RunEnd, ...] = ("memory", "output", "died", "timeout")
    return Run(next((kind for kind in worst if kind in ends), "ok"), cell_ms=times)


def _milliseconds(value: Any) -> int:
    """A time as it came from a sandbox."""
    return min(value, LONGEST_MS) if type(value) is int and value > 0 else 0

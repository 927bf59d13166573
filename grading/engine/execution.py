"""Run a sanitised notebook in the sandbox, and take back outputs and nothing else."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from grading.engine.model import MarkLimits
from grading.engine.nbgrader_parts import Cell, Notebook, formats
from grading.engine.submission import clean_text
from grading.sandbox import Limits, SealedResult, python, run_sealed
from grading.sealed_layout import package_folders

RUNNER = Path(__file__).with_name("sealed_runner.py")
FOLDER = "notebook"
"""The notebook's working directory, below the sandbox's private folder."""

CellEnd = Literal["ok", "timeout", "died", "output", "skipped"]
RunEnd = Literal["ok", "timeout", "died", "output", "memory", "disk"]

MAX_OUTPUTS = 2000
"""Per cell."""
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


class SandboxBroken(RuntimeError):
    """No kernel starts in the sandbox, whatever the notebook: an operator must look."""


def execute(notebook: Notebook, files: Mapping[str, bytes], limits: MarkLimits) -> Run:
    """Run every code cell and put its outputs into `notebook`.

    A cell that takes too long is interrupted and fails, and the next ones run, as in nbgrader.
    If Python ends, or cannot be interrupted, the cells after that fail as well.

    Raises:
        SandboxUnavailable: bubblewrap is missing or is not allowed to work.
        SandboxBroken: no kernel started.
    """
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    request = {
        "path": package_folders(),
        "cwd": FOLDER,
        "cells": [{"source": c.source, "tags": c.metadata.get("tags", [])} for c in cells],
        "cell_s": limits.cell_s,
        "total_s": limits.notebook_s,
        "output_bytes": limits.output_bytes,
    }
    inputs = {f"{FOLDER}/{name}": body for name, body in files.items()}
    inputs.setdefault(f"{FOLDER}/.keep", b"")
    inputs["request.json"] = json.dumps(request).encode()
    result = run_sealed(
        [python(), "-I", str(RUNNER)],
        limits=limits.sealed(),
        read_only=[RUNNER],
        inputs=inputs,
        collect=["result.json"],
        env={"NBGRADER_EXECUTION": "autograde"},
    )
    return _merge(cells, result, limits.sealed(), limits.output_bytes)


def _merge(cells: list[Cell], result: SealedResult, sealed: Limits, budget: int) -> Run:
    """Put what came back into the trusted cells."""
    # a runner that did not end by itself wrote nothing: the learner's code can end it and leave a file in its place
    body = result.files.get("result.json") if result.outcome == "ok" else None
    report = _read_report(body, len(cells)) if body is not None else None
    if report is None:
        return _nothing_came_back(cells, result)
    end, rows = report
    if end == "not_started":
        raise SandboxBroken(
            "No Python kernel starts in the sandbox. Check that ipykernel is installed and that "
            f"the memory limit ({sealed.memory_bytes >> 20} MB) is not too small. "
            + result.stderr.decode(errors="replace")[-500:]
        )
    room = 2 * budget
    for cell, row in zip(cells, rows, strict=True):
        cell.outputs, used = clean_outputs(row.get("outputs"), room)
        room = max(0, room - used)
        count = row.get("execution_count")
        cell.execution_count = count if type(count) is int and 0 < count < 1 << 31 else None
        _note_end(cell, row.get("end"))
    return Run(_run_end(end, rows, cells))


def _read_report(body: bytes, count: int) -> tuple[str, list[dict[str, Any]]] | None:
    """The end and one row per cell, or None if it is not what the runner writes."""
    try:
        report = json.loads(body)
        end, rows = report["end"], report["cells"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    good = isinstance(rows, list) and len(rows) == count and all(isinstance(r, dict) for r in rows)
    return (str(end), rows) if good else None


def _nothing_came_back(cells: list[Cell], result: SealedResult) -> Run:
    """Every cell fails; the sandbox says why."""
    ends: dict[str, tuple[RunEnd, CellEnd]] = {
        "timeout": ("timeout", "timeout"),
        "memory": ("memory", "skipped"),
        "disk": ("disk", "skipped"),
        "output": ("output", "output"),
    }
    end, cell_end = ends.get(result.outcome, ("died", "died"))
    for cell in cells:
        _note_end(cell, cell_end)
    return Run(end, result.stderr.decode(errors="replace")[-500:])


def _note_end(cell: Cell, end: Any) -> None:
    """A cell that was stopped gets an error output, which nbgrader scores as 0."""
    if end not in ERRORS or not cell.source.strip():
        return
    name, words = ERRORS[end]
    if not any(o.output_type == "error" and o.ename == name for o in cell.outputs):
        cell.outputs.append(formats.v4.new_output("error", ename=name, evalue=words, traceback=[f"{name}: {words}"]))


def _run_end(end: str, rows: list[dict[str, Any]], cells: list[Cell]) -> RunEnd:
    ends = {end, *(row.get("end") for row in rows if isinstance(row.get("end"), str))}
    if any(o.output_type == "error" and o.ename == "MemoryError" for c in cells for o in c.outputs):
        return "memory"
    worst: tuple[RunEnd, ...] = ("output", "died", "timeout")
    return next((kind for kind in worst if kind in ends), "ok")


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

"""Run a sanitised notebook in a sandbox, and take back outputs and nothing else.

In a process forked from a warm one where that gives the same outputs (`warm_execution`), else in a real kernel.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grading.engine.model import MarkLimits
from grading.engine.nbgrader_parts import Cell, Notebook
from grading.engine.outputs import CellEnd, Run, RunEnd, note_end, put_back
from grading.engine.places import path_of, python_of, shown_of, variables_of
from grading.engine.warm_execution import NeedsKernel, execute_warm
from grading.sandbox import SandboxUnavailable, SealedResult, run_sealed

log = logging.getLogger(__name__)

RUNNER = Path(__file__).with_name("sealed_runner.py")
FOLDER = "notebook"
"""The notebook's working directory, below the sandbox's private folder."""


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
    if limits.warm and limits.environment.can_be_warm:
        try:
            return execute_warm(cells, {FOLDER: files}, limits)
        except NeedsKernel as reason:
            log.info("real_kernel", extra={"reason": str(reason)})
        except SandboxUnavailable as error:
            log.warning("no_warm_sandbox", extra={"reason": str(error)})
    return execute_in_kernel(cells, files, limits)


def execute_in_kernel(cells: list[Cell], files: Mapping[str, bytes], limits: MarkLimits) -> Run:
    """Run the cells in a real kernel, which starts anew in a sandbox of its own."""
    environment = limits.environment
    request = {
        "path": path_of(environment),
        "kernel": list(environment.kernel),
        "variables": dict(environment.variables),
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
        [python_of(environment), "-I", str(RUNNER)],
        limits=limits.sealed(),
        read_only=[RUNNER, *shown_of(environment)],
        inputs=inputs,
        collect=["result.json"],
        env=variables_of(environment),
    )
    return _merge(cells, result, limits)


def _merge(cells: list[Cell], result: SealedResult, limits: MarkLimits) -> Run:
    """Put what came back into the trusted cells."""
    # a runner that did not end by itself wrote nothing: the learner's code can end it and leave a file in its place
    body = result.files.get("result.json") if result.outcome == "ok" else None
    report = _read_report(body, len(cells)) if body is not None else None
    if report is None:
        return _nothing_came_back(cells, result)
    end, rows = report
    if end == "not_started":
        which = limits.environment.kernel[:1] or ["ipykernel"]
        raise SandboxBroken(
            f"No kernel starts in the sandbox. Check that {which[0]} is installed and that "
            f"the memory limit ({limits.memory_bytes >> 20} MB) is not too small. "
            + result.stderr.decode(errors="replace")[-500:]
        )
    if end == "died" and result.has_run_out_of_memory:
        end = "memory"
    return put_back(cells, end, rows, limits.output_bytes)


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
        note_end(cell, cell_end)
    return Run(end, result.stderr.decode(errors="replace")[-500:])

"""Notebooks made by code: a teacher's source cells, and a learner's answers put into a release."""

import json
from collections.abc import Mapping
from typing import Any

Cell = dict[str, Any]

HIDDEN = "### BEGIN HIDDEN TESTS\n{}\n### END HIDDEN TESTS"
SOLUTION = "### BEGIN SOLUTION\n{}\n### END SOLUTION"


def text(source: str) -> Cell:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def code(source: str) -> Cell:
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None}


def _marked(cell: Cell, grade_id: str, **flags: Any) -> Cell:
    meta = {"schema_version": 3, "grade_id": grade_id, "grade": False, "solution": False, "locked": False, "task": False}
    return {**cell, "metadata": {"nbgrader": {**meta, **flags}}}


def solution(grade_id: str, source: str) -> Cell:
    return _marked(code(source), grade_id, solution=True)


def tests(grade_id: str, points: float, source: str) -> Cell:
    return _marked(code(source), grade_id, grade=True, locked=True, points=points)


def answer(grade_id: str, points: float, source: str = "Your answer") -> Cell:
    return _marked(text(source), grade_id, grade=True, solution=True, points=points)


def task(grade_id: str, points: float, source: str = "Do something") -> Cell:
    return _marked(text(source), grade_id, task=True, points=points)


def locked(grade_id: str, source: str) -> Cell:
    return _marked(code(source), grade_id, locked=True)


def notebook(*cells: Cell) -> bytes:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    numbered = [{**cell, "id": f"c{number}"} for number, cell in enumerate(cells)]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": numbered}).encode()


def fill(released: bytes, answers: Mapping[str, str]) -> dict[str, Any]:
    """A released notebook as JSON, with the cells of these grade ids replaced by answers."""
    found: dict[str, Any] = json.loads(released)
    for cell in found["cells"]:
        grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if grade_id in answers:
            cell["source"] = answers[grade_id]
    return found

"""Answers to the demo course's quizzes, and how to put them into a released notebook.

`tests/data/answers/<assignment>.json` holds for `right`, `partly` and `wrong`: `cells`, the source for each cell
that a learner fills in, and `scores`, what nbgrader gives for each graded cell (null: a teacher marks it).
"""

import json
from dataclasses import dataclass
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[2]
COURSE = ROOT / "config" / "demo" / "course"
KINDS = ("right", "partly", "wrong")


@dataclass(frozen=True)
class Answer:
    """What one learner wrote, and what it is worth."""

    cells: dict[str, str]
    scores: dict[str, float | None]


def read_answer(assignment: str, kind: str) -> Answer:
    """One of the sample answers."""
    data = json.loads((ROOT / "tests" / "data" / "answers" / f"{assignment}.json").read_text(encoding="utf-8"))
    return Answer(**data[kind])


def read_model_answer(assignment: str) -> Answer:
    """The teacher's own solution, out of the source notebook, at full marks."""
    notebook = nbformat.read(COURSE / "source" / assignment / f"{assignment}.ipynb", as_version=4)
    cells, scores = {}, {}
    for cell in notebook.cells:
        facts = cell.metadata.get("nbgrader", {})
        if facts.get("solution"):
            cells[facts["grade_id"]] = cell.source
        if facts.get("grade"):
            scores[facts["grade_id"]] = None if facts["solution"] else float(facts["points"])
    return Answer(cells, scores)


def fill_in(release: str, answer: Answer) -> str:
    """The text of a released notebook with an answer written into it."""
    notebook = nbformat.reads(release, as_version=4)
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id in answer.cells:
            cell.source = answer.cells[grade_id]
    return str(nbformat.writes(notebook))

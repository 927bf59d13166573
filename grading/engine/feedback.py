"""A marked notebook as one page for its learner: no script, nothing from outside, nothing hidden."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from grading.engine.cell_html import Output, code_html, markdown_html, show_output
from grading.engine.connection import reading
from grading.engine.gradebook import comments_in
from grading.engine.hidden import HiddenText, failing_line, split
from grading.engine.model import Marks, QuestionMark
from grading.engine.plan import NotebookPlan, load_plan, read_plans

NO_OUTPUTS = "The output of this cell is not shown, because it contains hidden tests."
HIDDEN_FAILED = "A hidden test did not pass."
VISIBLE_FAILED = "The test on line {line} of this cell did not pass."


@dataclass(frozen=True)
class _Cell:
    """One cell, ready for the template."""

    kind: str
    """code or text"""
    html: str
    """Safe HTML, as the template takes it."""
    outputs: tuple[Output, ...]
    question: QuestionMark | None
    comment: str | None
    has_hidden: bool


def render_feedback(
    db_url: str, autograded: Path, marks: Marks, comments: Mapping[tuple[str, str], str] | None = None
) -> dict[str, bytes]:
    """A page for every notebook of the assignment, by file name; `comments`: others than those in the gradebook.

    Raises:
        NotReleased: the assignment has no release.
    """
    if comments is None:
        plans, comments = _read_both(db_url, marks)
    else:
        plans = load_plan(db_url, marks.assignment)
    hidden = HiddenText(c.source for plan in plans for c in plan.cells.values())
    pages = {}
    for plan in plans:
        path = autograded / f"{plan.name}.ipynb"
        raw = json.loads(path.read_bytes())["cells"] if path.is_file() else []
        questions = {q.grade_id: q for q in marks.questions if q.notebook == plan.name}
        words = {name: text for (notebook, name), text in comments.items() if notebook == plan.name}
        cells = [_cell(cell, hidden, questions, words, autograded) for cell in raw]
        shown = {cell.question.grade_id for cell in cells if cell.question}
        page = _template().render(
            title=plan.name,
            assignment=marks.assignment,
            questions=list(questions.values()),
            shown=shown,
            cells=cells,
            score=sum((q.score for q in questions.values()), Decimal(0)),
            maximum=sum((q.max_score for q in questions.values()), Decimal(0)),
            late_penalty=marks.late_penalty,
            colours=COLOURS,
        )
        pages[f"{plan.name}.html"] = page.encode()
    return pages


def _read_both(db_url: str, marks: Marks) -> tuple[list[NotebookPlan], Mapping[tuple[str, str], str]]:
    with reading(db_url) as session:
        plans = read_plans(session, marks.assignment)
        return plans, comments_in(session, marks.assignment, marks.learner)


def _cell(
    raw: Mapping[str, Any],
    hidden: HiddenText,
    questions: Mapping[str, QuestionMark],
    comments: Mapping[str, str],
    folder: Path,
) -> _Cell:
    grade_id = raw["metadata"].get("nbgrader", {}).get("grade_id", "")
    pieces = split("".join(raw["source"]))
    outputs = [show_output(o, hidden) for o in raw.get("outputs", ())]
    if pieces.hidden:
        outputs = [_verdict(raw.get("outputs", ()), pieces.shown_line)]
    is_code = raw["cell_type"] == "code"
    shown = pieces.shown()
    shown_html = code_html(shown) if is_code else markdown_html(shown, raw.get("attachments", {}), folder)
    return _Cell(
        kind="code" if is_code else "text",
        html=shown_html,
        outputs=tuple(o for o in outputs if o is not None),
        question=questions.get(grade_id),
        comment=comments.get(grade_id),
        has_hidden=bool(pieces.hidden),
    )


def _verdict(outputs: Any, shown_line: Any) -> Output:
    """All that is said about the outputs of a cell with hidden tests: one of fixed sentences."""
    errors = [o for o in outputs if o["output_type"] == "error"]
    if not errors:
        return Output("note", NO_OUTPUTS)
    number = failing_line(errors[0]["traceback"])
    line = shown_line(number) if number is not None else None
    return Output("error", HIDDEN_FAILED if line is None else VISIBLE_FAILED.format(line=line))


@cache
def _template() -> Any:
    folder = Path(__file__).with_name("templates")
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["points"] = _points
    return environment.get_template("feedback.html")


def _points(value: Decimal) -> str:
    """A score as people write it."""
    return f"{value.normalize():f}"


COLOURS = {
    "light": {"k": "#7a2e9d", "s": "#1c6b3a", "c": "#6a6f76", "m": "#9a4a00", "n": "#0b5394"},
    "dark": {"k": "#d7a6f0", "s": "#8fd6a4", "c": "#9aa1aa", "m": "#f0b27a", "n": "#8fc1f0"},
}
"""Colours of code: keywords, strings, comments, numbers, names of functions and classes."""

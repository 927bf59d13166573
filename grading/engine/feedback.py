"""A marked notebook as one page for its learner: no script, nothing from outside, nothing hidden."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nh3
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from grading.engine.gradebook import list_comments
from grading.engine.hidden import HiddenText, failing_line, plain, split
from grading.engine.model import Marks, QuestionMark
from grading.engine.plan import load_plan

TAGS = nh3.ALLOWED_TAGS - {"img", "a"}
"""A learner's HTML has no links and no pictures of its own; the template makes those."""
ATTRIBUTES = {
    "th": {"colspan", "rowspan", "scope"},
    "td": {"colspan", "rowspan"},
    "img": {"src", "alt"},
}
PICTURES = ("image/png", "image/jpeg", "image/gif")
SHOWN_TEXT = 40_000
"""Characters of one output that the page shows."""
NO_OUTPUTS = "The output of this cell is not shown, because it contains hidden tests."
HIDDEN_FAILED = "A hidden test did not pass."
VISIBLE_FAILED = "The test on line {line} of this cell did not pass."
REVEALING = "This output is not shown, because it repeats part of a hidden test."


@dataclass(frozen=True)
class _Output:
    """One output, ready for the template: plain text, safe HTML, or a picture."""

    kind: str
    """text, warning, error, note, html or picture"""
    text: str = ""
    html: str = ""
    source: str = ""


@dataclass(frozen=True)
class _Cell:
    """One cell, ready for the template."""

    kind: str
    """code or text"""
    html: str
    """Safe HTML, as the template takes it."""
    outputs: tuple[_Output, ...]
    question: QuestionMark | None
    comment: str | None
    has_hidden: bool


def render_feedback(db_url: str, autograded: Path, marks: Marks) -> dict[str, bytes]:
    """A page for every notebook of the assignment, by file name.

    Raises:
        NotReleased: the assignment has no release.
    """
    plans = load_plan(db_url, marks.assignment)
    hidden = HiddenText(c.source for plan in plans for c in plan.cells.values())
    comments = list_comments(db_url, marks.assignment, marks.learner)
    pages = {}
    for plan in plans:
        path = autograded / f"{plan.name}.ipynb"
        raw = json.loads(path.read_bytes())["cells"] if path.is_file() else []
        questions = {q.grade_id: q for q in marks.questions if q.notebook == plan.name}
        words = {name: text for (notebook, name), text in comments.items() if notebook == plan.name}
        cells = [_cell(cell, hidden, questions, words) for cell in raw]
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


def _cell(
    raw: Mapping[str, Any],
    hidden: HiddenText,
    questions: Mapping[str, QuestionMark],
    comments: Mapping[str, str],
) -> _Cell:
    grade_id = raw["metadata"].get("nbgrader", {}).get("grade_id", "")
    pieces = split("".join(raw["source"]))
    outputs = [_output(o, hidden) for o in raw.get("outputs", ())]
    if pieces.hidden:
        outputs = [_verdict(raw.get("outputs", ()), pieces.shown_line)]
    is_code = raw["cell_type"] == "code"
    shown = pieces.shown()
    shown_html = _code(shown) if is_code else _markdown(shown, raw.get("attachments", {}))
    return _Cell(
        kind="code" if is_code else "text",
        html=shown_html,
        outputs=tuple(o for o in outputs if o is not None),
        question=questions.get(grade_id),
        comment=comments.get(grade_id),
        has_hidden=bool(pieces.hidden),
    )


def _verdict(outputs: Any, shown_line: Any) -> _Output:
    """All that is said about the outputs of a cell with hidden tests: one of fixed sentences."""
    errors = [o for o in outputs if o["output_type"] == "error"]
    if not errors:
        return _Output("note", NO_OUTPUTS)
    number = failing_line(errors[0]["traceback"])
    line = shown_line(number) if number is not None else None
    return _Output("error", HIDDEN_FAILED if line is None else VISIBLE_FAILED.format(line=line))


def _output(raw: Mapping[str, Any], hidden: HiddenText) -> _Output | None:
    kind = raw["output_type"]
    if kind == "stream":
        tone = "warning" if raw["name"] == "stderr" else "text"
        return _text(tone, "".join(raw["text"]), hidden)
    if kind == "error":
        words = "\n".join(raw["traceback"]) or f"{raw['ename']}: {raw['evalue']}"
        if hidden.is_in(f"{raw['ename']} {raw['evalue']}"):
            return _Output("note", REVEALING)
        return _text("error", words, hidden)
    data = {mime: "".join(value) for mime, value in raw.get("data", {}).items()}
    if any(hidden.is_in(value) for mime, value in data.items() if mime not in PICTURES):
        return _Output("note", REVEALING)
    return _rich(data, hidden)


def _rich(data: Mapping[str, str], hidden: HiddenText) -> _Output | None:
    """The best form of a displayed object that is safe to show."""
    alternative = plain(data.get("text/plain", ""))[:200]
    for mime in PICTURES:
        body = "".join(data.get(mime, "").split())
        if body and _is_base64(body):
            return _Output("picture", alternative, source=f"data:{mime};base64,{body}")
    if "image/svg+xml" in data:
        # as an image, SVG runs no script and loads nothing
        return _Output("picture", alternative, source=f"data:image/svg+xml,{quote(data['image/svg+xml'])}")
    if "text/html" in data:
        clean = nh3.clean(data["text/html"], tags=TAGS, attributes=ATTRIBUTES)
        return _Output("html", html=clean)
    if "text/markdown" in data:
        return _Output("html", html=_markdown(data["text/markdown"], {}))
    text = data.get("text/plain") or data.get("text/latex")
    return _text("text", text, hidden) if text else None


def _text(kind: str, text: str, hidden: HiddenText) -> _Output:
    if hidden.is_in(text):
        return _Output("note", REVEALING)
    bare = plain(text)
    if len(bare) > SHOWN_TEXT:
        bare = f"{bare[:SHOWN_TEXT]}\n… the rest is not shown …"
    return _Output(kind, bare)


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _code(source: str) -> str:
    # nowrap: spans with short classes, whose colours the template sets
    return str(highlight(source, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True)))


def _markdown(source: str, attachments: Mapping[str, Any]) -> str:
    """Markdown as HTML in which only pasted or embedded pictures are left of what loads."""

    def keep(tag: str, attribute: str, value: str) -> str | None:
        if (tag, attribute) != ("img", "src"):
            return value
        if value.startswith("attachment:"):
            bundle = attachments.get(value.removeprefix("attachment:"), {})
            return next((f"data:{mime};base64,{''.join(body)}" for mime, body in bundle.items()), None)
        return value if value.startswith(tuple(f"data:{mime};base64," for mime in PICTURES)) else None

    renderer = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    return nh3.clean(
        renderer.render(source),
        tags=TAGS | {"img"},
        attributes=ATTRIBUTES,
        attribute_filter=keep,
        url_schemes={"data", "attachment"},
    )


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

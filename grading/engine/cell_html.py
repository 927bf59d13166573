"""Cells of a notebook as safe HTML: no script, nothing from outside. Light to import."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from grading.engine.files import is_safe_path
from grading.engine.hidden import HiddenText, plain

TAGS = nh3.ALLOWED_TAGS - {"img", "a"}
"""A learner's HTML has no links and no pictures of its own; the template makes those."""
ATTRIBUTES = {
    "th": {"colspan", "rowspan", "scope"},
    "td": {"colspan", "rowspan"},
    "img": {"src", "alt"},
}
PICTURES = ("image/png", "image/jpeg", "image/gif")
SUFFIXES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif"}
LARGEST_PICTURE = 2 << 20
SHOWN_TEXT = 40_000
"""Characters of one output that the page shows."""
KEPT_SIGNS = 4000
"""A longer cell is coloured anew each time."""
_EMPTY_HEADING = re.compile(r"<th( [^>]*)?>\s*</th>")
"""Above the row names of a data frame; a screen reader would read it as a heading of nothing."""
REVEALING = "This output is not shown, because it repeats part of a hidden test."


@dataclass(frozen=True)
class Output:
    """One output, ready for the template: plain text, safe HTML, or a picture."""

    kind: str
    """text, warning, error, note, html or picture"""
    text: str = ""
    html: str = ""
    source: str = ""


def show_output(raw: Mapping[str, Any], hidden: HiddenText) -> Output | None:
    """An output without what it repeats of hidden tests; None: there is nothing to show."""
    kind = raw["output_type"]
    if kind == "stream":
        tone = "warning" if raw["name"] == "stderr" else "text"
        return _text(tone, "".join(raw["text"]), hidden)
    if kind == "error":
        words = "\n".join(raw["traceback"]) or f"{raw['ename']}: {raw['evalue']}"
        if hidden.is_in(f"{raw['ename']} {raw['evalue']}"):
            return Output("note", REVEALING)
        return _text("error", words, hidden)
    data = {mime: "".join(value) for mime, value in raw.get("data", {}).items()}
    if any(hidden.is_in(value) for mime, value in data.items() if mime not in PICTURES):
        return Output("note", REVEALING)
    return _rich(data, hidden)


def _rich(data: Mapping[str, str], hidden: HiddenText) -> Output | None:
    """The best form of a displayed object that is safe to show."""
    alternative = plain(data.get("text/plain", ""))[:200]
    for mime in PICTURES:
        body = "".join(data.get(mime, "").split())
        if body and _is_base64(body):
            return Output("picture", alternative, source=f"data:{mime};base64,{body}")
    if "image/svg+xml" in data:
        # as an image, SVG runs no script and loads nothing
        return Output("picture", alternative, source=f"data:image/svg+xml,{quote(data['image/svg+xml'])}")
    if "text/html" in data:
        return Output("html", html=clean_html(data["text/html"]))
    if "text/markdown" in data:
        return Output("html", html=markdown_html(data["text/markdown"]))
    text = data.get("text/plain") or data.get("text/latex")
    return _text("text", text, hidden) if text else None


def _text(kind: str, text: str, hidden: HiddenText) -> Output:
    if hidden.is_in(text):
        return Output("note", REVEALING)
    bare = plain(text)
    if len(bare) > SHOWN_TEXT:
        bare = f"{bare[:SHOWN_TEXT]}\n… the rest is not shown …"
    return Output(kind, bare)


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def clean_html(html: str) -> str:
    """HTML that a cell has shown, such as a table, with what does something or leads somewhere taken out."""
    return _EMPTY_HEADING.sub(r"<td\1></td>", nh3.clean(html, tags=TAGS, attributes=ATTRIBUTES))


def code_html(source: str) -> str:
    """Coloured code; the classes are Pygments's short ones."""
    return _kept_html(source) if len(source) <= KEPT_SIGNS else _coloured(source)


def _coloured(source: str) -> str:
    return str(highlight(source, *_highlighter()))


@lru_cache(maxsize=256)
def _kept_html(source: str) -> str:
    """The cells of the teacher, and many an answer, are the same for a whole class."""
    return _coloured(source)


@cache
def _highlighter() -> tuple[PythonLexer, HtmlFormatter]:
    """Made once: making one looks up the colours of every kind of token, which takes longer than colouring a cell."""
    # nowrap: spans with short classes, whose colours the template sets
    return PythonLexer(stripnl=False), HtmlFormatter(nowrap=True)


def markdown_html(
    source: str,
    attachments: Mapping[str, Any] | None = None,
    folder: Path | None = None,
    *,
    below: int = 0,
) -> str:
    """Markdown as HTML; of pictures, only those pasted, embedded, or in the assignment's folder.

    `below`: the level of the heading that it stands under; its own begin one deeper and skip no level.
    """

    def keep(tag: str, attribute: str, value: str) -> str | None:
        if (tag, attribute) != ("img", "src"):
            return value
        if value.startswith("attachment:"):
            bundle = (attachments or {}).get(value.removeprefix("attachment:"), {})
            return next((f"data:{mime};base64,{''.join(body)}" for mime, body in bundle.items()), None)
        if value.startswith(tuple(f"data:{mime};base64," for mime in PICTURES)):
            return value
        return _embed(folder / value) if folder is not None and is_safe_path(value) else None

    renderer = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    tokens = renderer.parse(source)
    if below:
        _set_headings(tokens, below)
    return nh3.clean(
        str(renderer.renderer.render(tokens, renderer.options, {})),
        tags=TAGS | {"img"},
        attributes=ATTRIBUTES,
        attribute_filter=keep,
        url_schemes={"data", "attachment"},
    )


def _set_headings(tokens: list[Token], below: int) -> None:
    level = below
    for token in tokens:
        if token.type == "heading_open":
            level = max(below + 1, min(int(token.tag[1]) + below - 1, level + 1, 6))
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{level}"


def _embed(path: Path) -> str | None:
    """A small picture file as a data URL."""
    mime = SUFFIXES.get(path.suffix.lower())
    if mime is None or not path.is_file() or path.stat().st_size > LARGEST_PICTURE:
        return None
    return f"data:{mime};base64,{base64.b64encode(path.read_bytes()).decode()}"

"""A notebook to read, as safe HTML: no script, nothing from outside, whatever its cells and outputs hold."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import nh3
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers import PythonLexer

from plugins.courses.lesson_html import render_part
from plugins.courses.links import Place

PICTURES = ("image/png", "image/jpeg", "image/gif")
PICTURE_ENDS = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif"}
LARGEST_PICTURE = 2_000_000
"""Bytes of a file beside a notebook that is shown in it."""
MOST_CELLS = 2000
SHOWN_TEXT = 40_000
"""Characters of one output that the page shows."""
_TAGS = nh3.ALLOWED_TAGS - {"img", "a"}
_ATTRIBUTES = {"th": {"colspan", "rowspan", "scope"}, "td": {"colspan", "rowspan"}}
_EMPTY_HEADING = re.compile(r"<th( [^>]*)?>\s*</th>")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True)
class Output:
    """One output: `kind` is text, warning, error, html or picture."""

    kind: str
    text: str = ""
    html: str = ""
    """Safe."""
    source: str = ""
    """Of a picture: a data URL."""


@dataclass(frozen=True)
class Cell:
    """One cell: `kind` is code or text."""

    kind: str
    html: str
    """Safe."""
    outputs: tuple[Output, ...] = ()
    number: int | None = None
    """Of a code cell's last run; None: it has not run."""


class NotebookError(ValueError):
    """What is wrong with a notebook; the text says what to do."""


def find_notebook_problem(content: bytes) -> str | None:
    """Why this is no notebook that can be shown, in a sentence; None: it is one."""
    try:
        _read(content)
    except NotebookError as error:
        return str(error)
    return None


def render_notebook(
    content: bytes, place: Place, words: tuple[str, str], beside: Mapping[str, bytes] = MappingProxyType({})
) -> list[Cell]:
    """The cells of a notebook; links of text cells as in lessons (`links.ITEM`). Raises: NotebookError.

    `beside`: files in the notebook's folder, by path; text cells show the pictures among them.
    """
    shown = {name: address for name, body in beside.items() if (address := _picture(name, body))}
    pictures = shown | {quote(name): address for name, address in shown.items()}  # as Markdown writes a space
    return [_cell(raw, place, words, pictures) for raw in _read(content)]


def list_texts(content: bytes) -> list[str]:
    """The Markdown of the text cells; none of what is no notebook."""
    try:
        return [_joined(raw.get("source")) for raw in _read(content) if raw.get("cell_type") == "markdown"]
    except NotebookError:
        return []


def _read(content: bytes) -> list[Mapping[str, Any]]:
    try:
        cells = json.loads(content)["cells"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotebookError("is no notebook of format 4; open it in JupyterLab and save it again.") from error
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise NotebookError("is no notebook of format 4; open it in JupyterLab and save it again.")
    if len(cells) > MOST_CELLS:
        raise NotebookError(f"has {len(cells)} cells; at most {MOST_CELLS} are shown. Split it.")
    return cells


def _cell(raw: Mapping[str, Any], place: Place, words: tuple[str, str], pictures: Mapping[str, str]) -> Cell:
    source = _joined(raw.get("source"))
    if raw.get("cell_type") == "code":
        outputs = raw.get("outputs")
        shown = (_output(each) for each in (outputs if isinstance(outputs, list) else []) if isinstance(each, dict))
        code = highlight(source, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True))
        html, run = nh3.clean(code, tags={"span"}, attributes={"span": {"class"}}), raw.get("execution_count")
        return Cell("code", html, tuple(filter(None, shown)), run if type(run) is int and run > 0 else None)
    if raw.get("cell_type") == "markdown":
        return Cell("text", render_part(source, place, words, {**pictures, **_attachments(raw)}))
    return Cell("text", f"<pre>{escape(source)}</pre>")


def _joined(value: Any) -> str:
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


def _attachments(raw: Mapping[str, Any]) -> dict[str, str]:
    """Pictures pasted into a text cell, as data URLs by name."""
    found: dict[str, str] = {}
    bundles = raw.get("attachments")
    for name, bundle in bundles.items() if isinstance(bundles, dict) else ():
        for mime in PICTURES:
            body = _joined(bundle.get(mime)) if isinstance(bundle, dict) else ""
            if body and (address := _data_url(mime, body)):
                found[f"attachment:{name}"] = address
    return found


def _picture(name: str, body: bytes) -> str | None:
    """A file as a data URL; None: it is no picture that is shown, or too large for a page."""
    mime = PICTURE_ENDS.get(name.rpartition(".")[2].lower())
    if mime is None or len(body) > LARGEST_PICTURE:
        return None
    return f"data:{mime};base64,{base64.b64encode(body).decode()}"


def _data_url(mime: str, body: str) -> str | None:
    body = "".join(body.split())
    try:
        base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return None
    return f"data:{mime};base64,{body}"


def _output(raw: Mapping[str, Any]) -> Output | None:
    kind = raw.get("output_type")
    if kind == "stream":
        return _text("warning" if raw.get("name") == "stderr" else "text", _joined(raw.get("text")))
    if kind == "error":
        trace = raw.get("traceback")
        lines = [line for line in trace if isinstance(line, str)] if isinstance(trace, list) else []
        return _text("error", "\n".join(lines) or f"{raw.get('ename')}: {raw.get('evalue')}")
    data = raw.get("data")
    return _rich({mime: _joined(value) for mime, value in data.items()}) if isinstance(data, dict) else None


def _rich(data: Mapping[str, str]) -> Output | None:
    """The best form of a displayed object that is safe to show."""
    alternative = _plain(data.get("text/plain", ""))[:200]
    for mime in PICTURES:
        if data.get(mime) and (address := _data_url(mime, data[mime])):
            return Output("picture", alternative, source=address)
    if data.get("image/svg+xml"):  # as an image, SVG runs no script and loads nothing
        return Output("picture", alternative, source=f"data:image/svg+xml,{quote(data['image/svg+xml'])}")
    if data.get("text/html"):
        safe = nh3.clean(data["text/html"], tags=_TAGS, attributes=_ATTRIBUTES)
        return Output("html", html=_EMPTY_HEADING.sub("<td></td>", safe))  # the corner of a table of pandas
    text = data.get("text/plain") or data.get("text/markdown") or data.get("text/latex")
    return _text("text", text) if text else None


def _text(kind: str, text: str) -> Output:
    bare = _plain(text)
    return Output(kind, f"{bare[:SHOWN_TEXT]}\n…" if len(bare) > SHOWN_TEXT else bare)


def _plain(text: str) -> str:
    return _ESCAPES.sub("", text)

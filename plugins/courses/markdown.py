"""Lessons from Markdown to HTML (markdown-it-py): anchors at headings, coloured code, formulas, columns with sides."""

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from plugins.files.public import SLUG

ANCHOR = "h-"
"""Begins the id of every heading, so that none is taken for a part of the page around the lesson."""
MATH_INLINE, MATH_BLOCK = "math-inline", "math-block"
"""Classes of formulas as written; `lesson_html` makes MathML of them."""
LIBRARY = rf"file:({SLUG})"
"""How a file of the course's library is named; its page stands among those of media."""
_FORMATTER = HtmlFormatter(nowrap=True)
_ALIGN = re.compile(r"text-align:(right|center)")


def _is_link(parser: MarkdownIt, url: str) -> bool:
    """markdown-it takes no `file:` address for a link. Ours are none of a disk; what is none of ours leads nowhere."""
    return url.startswith("file:") or MarkdownIt.validateLink(parser, url)


_Parser: type[MarkdownIt] = type("_Parser", (MarkdownIt,), {"validateLink": _is_link})


def to_html(text: str) -> str:
    """HTML of a lesson as written: not safe yet. A first heading that is the title is left out."""
    parser = _Parser("commonmark", {"highlight": _highlight, "html": True}).enable(["table", "strikethrough"])
    parser.use(dollarmath_plugin, allow_space=False, allow_digits=False, allow_labels=False)
    for kind in ("math_inline", "math_inline_double", "math_block"):
        parser.add_render_rule(kind, _mark_formula)
    tokens = _without_title(parser.parse(text))
    _mark_headings(tokens)
    for token in tokens:
        side = _ALIGN.search(str(token.attrs.pop("style", ""))) if token.type in ("th_open", "td_open") else None
        if side:
            token.attrs["align"] = side.group(1)
    return str(parser.renderer.render(tokens, parser.options, {}))


def list_links(html: str) -> list[tuple[str, str]]:
    """(tag, address) of every link and image, in order."""
    found = _Links()
    found.feed(html)
    found.close()
    return found.links


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        name = {"a": "href", "img": "src"}.get(tag)
        address = dict(attrs).get(name) if name else None
        if address:
            self.links.append((tag, address))


def _highlight(code: str, language: str, attributes: str) -> str:
    try:
        marked = highlight(code, get_lexer_by_name(language or "text"), _FORMATTER)
    except ClassNotFound:
        marked = escapeHtml(code)
    return f'<pre class="code"><code>{marked}</code></pre>'


def _mark_formula(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    name = MATH_INLINE if tokens[index].type == "math_inline" else MATH_BLOCK
    return f'<code class="{name}">{escapeHtml(tokens[index].content.strip())}</code>'


def _without_title(tokens: list[Token]) -> list[Token]:
    """The page shows the title itself."""
    is_title = bool(tokens) and tokens[0].type == "heading_open" and tokens[0].tag == "h1"
    return tokens[3:] if is_title else tokens


def _mark_headings(tokens: list[Token]) -> None:
    seen: dict[str, int] = {}
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            words = "".join(child.content for child in inline.children or () if child.type in ("text", "code_inline"))
            name = re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", words.lower()).strip())
            seen[name] = seen.get(name, 0) + 1
            opening.attrs["id"] = f"{ANCHOR}{name}" + (f"-{seen[name] - 1}" if seen[name] > 1 else "")

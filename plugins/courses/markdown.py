"""Lessons from Markdown to HTML that carries no script (markdown-it-py for the text, nh3 for the safety)."""

from functools import lru_cache
from urllib.parse import urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

_TAGS = nh3.ALLOWED_TAGS | {"figure", "figcaption", "section", "input"}
_ATTRIBUTES = {
    **nh3.ALLOWED_ATTRIBUTES,
    "code": {"class"},
    "span": {"class"},
    "pre": {"class", "tabindex"},
    "img": {"src", "alt", "title", "width", "height", "loading"},
    "a": {"href", "title"},
}
_MEDIA = "/__media__"
_FORMATTER = HtmlFormatter(nowrap=True)


def _highlight(code: str, language: str, attributes: str) -> str:
    try:
        marked = highlight(code, get_lexer_by_name(language or "text"), _FORMATTER)
    except ClassNotFound:
        marked = escapeHtml(code)
    return f'<pre class="code" tabindex="0"><code>{marked}</code></pre>'


def render_markdown(text: str, media_url: str) -> str:
    """Safe HTML of a lesson; relative image addresses and links to `media/…` are taken from below `media_url`."""
    return _render(text).replace(f'="{_MEDIA}/', f'="{escapeHtml(media_url)}/')


@lru_cache(maxsize=512)
def _render(text: str) -> str:
    """The same for every session, so that it is made once."""
    parser = MarkdownIt("commonmark", {"highlight": _highlight, "html": True}).enable(["table", "strikethrough"])
    tokens = parser.parse(text)
    for token in tokens:
        for child in token.children or ():
            _point_to_media(child)
    html = parser.renderer.render(tokens, parser.options, {})
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        link_rel="noopener noreferrer",
        url_schemes={"https", "http", "mailto"},
    )


def _point_to_media(token: Token) -> None:
    name = {"image": "src", "link_open": "href"}.get(token.type)
    if not name:
        return
    parts = urlsplit(str(token.attrs.get(name, "")))
    path = parts.path.removeprefix("./").removeprefix("../")
    if not parts.scheme and not parts.netloc and path.startswith("media/"):
        token.attrs[name] = f"{_MEDIA}/{path.removeprefix('media/')}"
    if token.type == "image":
        token.attrs["loading"] = "lazy"

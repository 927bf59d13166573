"""Lessons as HTML that carries no script, whatever their Markdown holds (nh3 for the safety).

It is cleaned, then arranged for the page, then cleaned again: what leaves has passed the sanitiser last.
"""

import re
from collections.abc import Mapping
from functools import lru_cache, partial
from html import escape
from html.parser import HTMLParser

import nh3
from pygments.token import STANDARD_TYPES

from plugins.courses.links import ITEM, MEDIA, Place, resolve
from plugins.courses.markdown import ANCHOR, to_html

_WORDS = (
    "a abbr b bdi bdo blockquote br caption cite code col colgroup dd del details dfn div dl dt em figcaption figure "
    "h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q rp rt ruby s samp small span strong sub summary sup table "
    "tbody td tfoot th thead time tr u ul var wbr"
)
_TAGS = set(_WORDS.split(" "))
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_ATTRIBUTES: dict[str, set[str]] = {
    "a": {"href", "title", "hreflang", "target", "rel"},
    "abbr": {"title"},
    "bdo": {"dir"},
    "blockquote": {"cite"},
    "del": {"datetime"},
    "details": {"open"},
    "div": {"class", "role", "tabindex", "aria-label"},
    "img": {"src", "alt", "title", "width", "height", "loading"},
    "ins": {"datetime"},
    "ol": {"start"},
    "pre": {"class", "tabindex"},
    "span": {"class"},
    "td": {"align", "class", "colspan", "rowspan", "headers"},
    "th": {"align", "class", "colspan", "rowspan", "headers", "scope"},
    "time": {"datetime"},
    **{heading: {"id"} for heading in _HEADINGS},
}
_SIDES = {"right": "end", "center": "middle"}
_CLASSES = {
    "div": {"table"},
    "pre": {"code"},
    "span": {name for name in STANDARD_TYPES.values() if name and name != "sr"},
    "td": set(_SIDES.values()),
    "th": set(_SIDES.values()),
}
_FIXED = {
    "target": {"_blank"},
    "rel": {"noopener noreferrer"},
    "role": {"region"},
    "tabindex": {"0"},
    "dir": {"ltr", "rtl"},
}
_HIDDEN = "sr"
"""Class of words that are heard, not seen. Pygments has one of that name; it is taken away before ours comes in."""
_VOID = {"br", "col", "hr", "img", "wbr"}


def render_lesson(text: str, place: Place, *, item_url: str, media_url: str, words: tuple[str, str]) -> str:
    """Safe HTML of a lesson.

    Links to lessons, quizzes and files of the course go below `item_url` and `media_url`; `words` are the name of a
    table and what is said of a link to a new window, in the reader's language.
    """
    html = _render(text, place, words)
    return html.replace(f'="{ITEM}', f'="{escape(item_url)}/').replace(f'="{MEDIA}', f'="{escape(media_url)}/')


@lru_cache(maxsize=512)
def _render(text: str, place: Place, words: tuple[str, str]) -> str:
    """The same for every session, so that it is made once."""
    arranged = _Arranged(place, words)
    arranged.feed(_clean(to_html(text), _CLASSES))
    arranged.close()
    return _clean("".join(arranged.out), {**_CLASSES, "span": _CLASSES["span"] | {_HIDDEN}})


def _clean(html: str, classes: Mapping[str, set[str]]) -> str:
    return nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags={"script", "style", "template", "textarea", "title", "noscript", "iframe", "svg", "math"},
        attributes=_ATTRIBUTES,
        attribute_filter=partial(_filter, classes),
        link_rel=None,
        url_schemes={"https", "http", "mailto"},
    )


def _filter(classes: Mapping[str, set[str]], tag: str, name: str, value: str) -> str | None:
    if name == "class":
        return " ".join(part for part in value.split() if part in classes[tag]) or None
    if name == "id":
        return value if re.fullmatch(rf"{ANCHOR}[\w-]*", value) else None
    if name in _FIXED:
        return value if value in _FIXED[name] else None
    return value


class _Arranged(HTMLParser):
    """Writes clean HTML anew: resolved links, headings that skip no level, tables and code that scroll by keyboard."""

    def __init__(self, place: Place, words: tuple[str, str]) -> None:
        super().__init__(convert_charrefs=False)
        self.out: list[str] = []
        self._place = place
        self._table, self._new_window = words
        self._levels: list[int] = []
        self._leaves: list[bool] = []
        """For each open link: whether it leads out."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "table":
            self._write("div", {"class": "table", "role": "region", "tabindex": "0", "aria-label": self._table})
        elif tag == "a":
            said = self._link(said)
        elif tag == "img":
            said = self._image(said)
        elif tag == "pre":
            said = {"class": "code", "tabindex": "0"}
        elif tag in ("td", "th"):
            side = _SIDES.get(said.pop("align", ""))
            said |= {"class": side} if side else {}
        self._write(self._heading(tag, opens=True) if tag in _HEADINGS else tag, said)

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        if tag == "a" and self._leaves and self._leaves.pop():
            self.out.append(f'<span class="{_HIDDEN}"> {escape(self._new_window)}</span>')
        self.out.append(f"</{self._heading(tag, opens=False) if tag in _HEADINGS else tag}>")
        if tag == "table":
            self.out.append("</div>")

    def handle_data(self, data: str) -> None:
        self.out.append(data)

    def handle_entityref(self, name: str) -> None:
        self.out.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.out.append(f"&#{name};")

    def _write(self, tag: str, attributes: dict[str, str]) -> None:
        said = "".join(f' {name}="{escape(value)}"' for name, value in attributes.items())
        self.out.append(f"<{tag}{said}>")

    def _link(self, said: dict[str, str]) -> dict[str, str]:
        target = resolve(said.pop("href", ""), self._place)
        kept = {name: value for name, value in said.items() if name in ("title", "hreflang")}
        leaves = target.kind == "external" and not target.address.startswith("mailto:")
        self._leaves.append(leaves)
        if target.address:
            kept["href"] = target.address
        return kept | ({"target": "_blank", "rel": "noopener noreferrer"} if leaves else {})

    def _image(self, said: dict[str, str]) -> dict[str, str]:
        target = resolve(said.pop("src", ""), self._place)
        kept = {"alt": ""} | said | {"loading": "lazy"}
        return kept | ({"src": target.address} if target.kind == "media" else {})

    def _heading(self, tag: str, *, opens: bool) -> str:
        """The page's title is h1; below it each level is one deeper than what it belongs to."""
        level = int(tag[1])
        if opens:
            while self._levels and self._levels[-1] >= level:
                self._levels.pop()
            self._levels.append(level)
        return f"h{min(1 + len(self._levels), 6)}"

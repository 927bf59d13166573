"""Lessons as HTML that carries no script, whatever their Markdown holds (nh3 for the safety).

It is cleaned, then arranged for the page, then cleaned again: what leaves has passed the sanitiser last.
"""

import re
from collections.abc import Mapping
from functools import lru_cache, partial
from html import escape, unescape
from html.parser import HTMLParser

import nh3
from markupsafe import Markup
from pygments.token import STANDARD_TYPES

from plugins.courses.links import ITEM, MEDIA, Place, resolve
from plugins.courses.markdown import ANCHOR, MATH_BLOCK, MATH_INLINE, to_html
from plugins.courses.mathml import ATTRIBUTES as MATH_ATTRIBUTES
from plugins.courses.mathml import TAGS as MATH_TAGS
from plugins.courses.mathml import to_mathml

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
    "code": {"class"},
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
    "code": {MATH_INLINE, MATH_BLOCK},
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
    return address_links(_render(text, place, words), item_url, media_url)


def address_links(html: str, item_url: str, media_url: str) -> str:
    """Have what `render_part` made lead to pages of a session."""
    return html.replace(f'="{ITEM}', f'="{escape(item_url)}/').replace(f'="{MEDIA}', f'="{escape(media_url)}/')


@lru_cache(maxsize=512)
def _render(text: str, place: Place, words: tuple[str, str]) -> str:
    """The same for every session, so that it is made once."""
    return render_part(text, place, words, {})


def render_part(text: str, place: Place, words: tuple[str, str], pictures: Mapping[str, str]) -> str:
    """As `render_lesson`, with `links.ITEM` and `links.MEDIA` left in; `pictures`: data URLs by `attachment:<name>`."""
    arranged = _Arranged(place, words, pictures)
    arranged.feed(_clean(to_html(text), _CLASSES, {"attachment"}))
    arranged.close()
    return _clean("".join(arranged.out), {**_CLASSES, "span": _CLASSES["span"] | {_HIDDEN}}, {"data"}, MATH_TAGS)


_GONE = {"script", "style", "template", "textarea", "title", "noscript", "iframe", "svg", "math"}


def _clean(
    html: str, classes: Mapping[str, set[str]], schemes: set[str], more_tags: frozenset[str] = frozenset()
) -> str:
    """MathML comes from our formulas only: what a text brings itself is gone before."""
    return nh3.clean(
        html,
        tags=_TAGS | more_tags,
        clean_content_tags=_GONE - more_tags,
        attributes=_ATTRIBUTES | (MATH_ATTRIBUTES if more_tags else {}),
        attribute_filter=partial(_filter, classes),
        link_rel=None,
        url_schemes={"https", "http", "mailto"} | schemes,
    )


def _filter(classes: Mapping[str, set[str]], tag: str, name: str, value: str) -> str | None:
    if value.startswith(("data:", "attachment:")) and (tag, name) != ("img", "src"):
        return None
    if name == "class":
        return " ".join(part for part in value.split() if part in classes[tag]) or None
    if name == "id":
        return value if re.fullmatch(rf"{ANCHOR}[\w-]*", value) else None
    if name in _FIXED:
        return value if value in _FIXED[name] else None
    return value


class _Arranged(HTMLParser):
    """Writes clean HTML anew: resolved links, headings that skip no level, tables and code that scroll by keyboard."""

    def __init__(self, place: Place, words: tuple[str, str], pictures: Mapping[str, str]) -> None:
        super().__init__(convert_charrefs=False)
        self._pictures = pictures
        self._formula: list[str] | None = None
        """What of a formula was read so far."""
        self._is_block = False
        self.out: list[str] = []
        self._place = place
        self._table, self._new_window = words
        self._levels: list[int] = []
        self._leaves: list[bool] = []
        """For each open link: whether it leads out."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "code" and "class" in said:
            self._formula, self._is_block = [], said["class"] == MATH_BLOCK
            return
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
        if tag == "code" and self._formula is not None:
            formula, self._formula = unescape("".join(self._formula)), None
            self.out.append(to_mathml(formula, is_block=self._is_block))
            return
        if tag == "a" and self._leaves and self._leaves.pop():
            self.out.append(f'<span class="{_HIDDEN}"> {escape(self._new_window)}</span>')
        self.out.append(f"</{self._heading(tag, opens=False) if tag in _HEADINGS else tag}>")
        if tag == "table":
            self.out.append("</div>")

    def handle_data(self, data: str) -> None:
        (self.out if self._formula is None else self._formula).append(data)

    def handle_entityref(self, name: str) -> None:
        self.handle_data(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.handle_data(f"&#{name};")

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
        address = said.pop("src", "")
        kept = {"alt": ""} | said | {"loading": "lazy"}
        if address in self._pictures:
            return kept | {"src": self._pictures[address]}
        target = resolve(address, self._place)
        return kept | ({"src": target.address} if target.kind == "media" else {})

    def _heading(self, tag: str, *, opens: bool) -> str:
        """The page's title is h1; below it each level is one deeper than what it belongs to."""
        level = int(tag[1])
        if opens:
            while self._levels and self._levels[-1] >= level:
                self._levels.pop()
            self._levels.append(level)
        return f"h{min(1 + len(self._levels), 6)}"


def as_markup(safe: str) -> Markup:
    """What nh3 has sanitised, as markup for a template. Nothing else is to be given to this."""
    return Markup(safe)  # noqa: S704 - sanitised by nh3

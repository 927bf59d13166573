"""Where the links and images of a lesson lead: to another item, to a file of the course, or out."""

import posixpath
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

from plugins.courses.markdown import ANCHOR, LIBRARY, list_links, to_html

Kind = Literal["item", "media", "here", "external", "unknown"]
ITEM, MEDIA = "/__item__/", "/__media__/"
"""Beginnings of addresses in rendered lessons, to be replaced by those of a session."""


@dataclass(frozen=True)
class Place:
    """Where a lesson stands in its course."""

    file: str
    """Its file, from the course folder on."""
    slugs: frozenset[str]
    """Of all items."""
    files: tuple[tuple[str, str], ...]
    """(file from the course folder on, slug) of all lessons."""

    @classmethod
    def of(cls, file: str, items: Iterable[tuple[str, str]]) -> "Place":
        """From (slug, file or "") of each item."""
        pairs = list(items)
        files = tuple((posixpath.normpath(name), slug) for slug, name in pairs if name)
        return cls(file, frozenset(slug for slug, _name in pairs), files)


@dataclass(frozen=True)
class Target:
    """What an address leads to."""

    kind: Kind
    address: str = ""
    """For a page: begins with ITEM, MEDIA, `#` or a scheme; empty if unknown."""
    path: str = ""
    """Of media: below `media/`."""


def resolve(address: str, place: Place) -> Target:
    """What an address in a lesson leads to. Relative ones count from the lesson's file or from the course folder."""
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return Target("unknown")
    anchor = f"#{ANCHOR}{parts.fragment.removeprefix(ANCHOR)}" if parts.fragment else ""
    if parts.scheme in ("http", "https", "mailto"):
        return Target("external", address.strip())
    if re.fullmatch(LIBRARY, address.strip()):
        return Target("media", MEDIA + address.strip(), address.strip())
    if parts.scheme or parts.netloc or parts.path.startswith("/"):
        return Target("unknown")
    if not parts.path:
        return Target("here", anchor) if anchor else Target("unknown")
    path = unquote(parts.path)
    if path.rstrip("/") in place.slugs:
        return Target("item", ITEM + path.rstrip("/") + anchor)
    return _resolve_file(path, anchor, place)


def _resolve_file(path: str, anchor: str, place: Place) -> Target:
    lessons = dict(reversed(place.files))
    for start in (posixpath.dirname(place.file), "", None):
        # None: "../media/x" as written for another folder than the lesson lies in
        name = re.sub(r"^(\.{1,2}/)+", "", path) if start is None else posixpath.join(start, path)
        name = posixpath.normpath(name)
        if name in lessons:
            return Target("item", ITEM + lessons[name] + anchor)
        if name.startswith("media/"):
            inner = name.removeprefix("media/")
            return Target("media", MEDIA + quote(inner), inner)
    return Target("unknown")


def list_library_files(text: str) -> set[str]:
    """Slugs of the library's files that the links and images of a lesson name."""
    found = (re.fullmatch(LIBRARY, address.strip()) for _tag, address in list_links(to_html(text)))
    return {each[1] for each in found if each}


def find_link_problems(text: str, place: Place, media: Collection[str]) -> list[str]:
    """Links and images of a lesson that would lead nowhere, each with its line and what to do."""
    problems = []
    for tag, address in list_links(to_html(text)):
        line = next((n for n, line in enumerate(text.splitlines(), 1) if address in line), None)
        where, target = f"line {line}: " if line else "", resolve(address, place)
        if target.kind == "media" and target.path not in media and target.path.startswith("file:"):
            problems.append(f"{where}there is no file {target.path} in the course's Files; correct the name.")
        elif target.kind == "media" and target.path not in media:
            problems.append(f"{where}there is no file media/{target.path}; add it or correct the name.")
        elif tag == "img" and target.kind != "media":
            problems.append(f"{where}the image “{address}” cannot be shown; put it into media/ and name it from there.")
        elif target.kind == "unknown" and address.startswith("file:"):
            problems.append(f"{where}the link “{address}” leads nowhere; the page of a file says how texts call it.")
        elif target.kind == "unknown":
            problems.append(
                f"{where}the link “{address}” leads nowhere; name a lesson's file, an item's slug, "
                "a file in media/ or a whole address with https://."
            )
    return problems

"""What the page of an item shows, for each kind."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from flask import url_for
from flask_babel import gettext as _

from plugins.courses.course_file import find_library_file, find_uploaded, is_own
from plugins.courses.lesson_html import address_links, as_markup
from plugins.courses.links import Place
from plugins.courses.models import Item, ItemKind
from plugins.courses.notebook_html import Cell, NotebookError, render_notebook
from plugins.courses.outline import Pages, kind_word, lock_text, words
from plugins.courses.reading import Reading, ref_of
from plugins.courses.service import link_targets


def item_context(
    reading: Reading,
    item: Item,
    pages: Pages,
    text: str,
    notebook: bytes | None,
    beside: Mapping[str, bytes] = MappingProxyType({}),
) -> dict[str, Any]:
    """The context of `courses/lesson.html`: `text` of a lesson, `notebook` of a notebook, with the files beside it."""
    items = reading.outline.items
    number = items.index(item)
    lock = reading.locks.get(item.slug)
    is_closed = lock is not None and not pages.is_preview
    place = Place.of(item.file if item.kind is ItemKind.LESSON else "", link_targets(reading.outline))
    return {
        "lesson": {
            "title": item.title,
            "kind": item.kind.value,
            "kind_word": kind_word(item.kind),
            "summary": item.summary or None,
            "html": pages.render(text, place) if item.kind is ItemKind.LESSON and not is_closed else None,
            "cells": _cells(notebook, beside, place, pages) if notebook is not None and not is_closed else None,
            "url": None if is_closed else _content_url(item, pages),
            "is_elsewhere": bool(item.url) and not is_own(item.url),
            "file_name": item.file.rpartition("/")[2] or None,
        },
        "hub_url": _hub_url(item, pages) if not is_closed and not pages.is_preview else None,
        "lock": lock_text(lock) if lock else None,
        "place": _("%(number)s of %(count)s", number=number + 1, count=len(items)) if len(items) > 1 else None,
        "course_link": {"title": reading.outline.course.title, "url": pages.course},
        "previous": _neighbour(pages, items[number - 1] if number else None),
        "following": _neighbour(pages, items[number + 1] if number + 1 < len(items) else None),
        "ref": None if pages.is_preview or is_closed else ref_of(pages.slug, item),
    }


def _content_url(item: Item, pages: Pages) -> str | None:
    """Where a link, video or file is; None of a text or of what is not there yet."""
    if item.kind in (ItemKind.LESSON, ItemKind.QUIZ):
        return None
    name = find_library_file(item.url)
    if name is not None:
        return url_for("courses.show_library_file", slug=pages.slug, name=name)
    if item.url:
        return item.url if find_uploaded(item.url) is None else None
    path = item.file.removeprefix("media/")
    return url_for("courses.show_media", slug=pages.slug, path=path) if path else None


def _hub_url(item: Item, pages: Pages) -> str | None:
    """Where a notebook is opened in JupyterHub; None of everything else."""
    if item.kind is not ItemKind.NOTEBOOK or not item.file:
        return None
    return url_for("courses.open_in_hub", slug=pages.slug, item_slug=item.slug)


def _cells(notebook: bytes, beside: Mapping[str, bytes], place: Place, pages: Pages) -> list[dict[str, Any]]:
    """Cells as the macro `notebook_cell` takes them. An unreadable notebook has none."""
    try:
        cells = render_notebook(notebook, place, words(), beside)
    except NotebookError:
        return []
    media_url = url_for("courses.show_media", slug=pages.slug, path="x").removesuffix("/x")
    return [_cell(cell, pages.course[:-1], media_url) for cell in cells]


def _cell(cell: Cell, item_url: str, media_url: str) -> dict[str, Any]:
    outputs = [
        {
            "kind": {"picture": "image", "warning": "text"}.get(output.kind, output.kind),
            "text": output.text,
            "html": as_markup(output.html),
            "src": output.source,
            "alt": output.text,
        }
        for output in cell.outputs
    ]
    html = address_links(cell.html, item_url, media_url)
    return {"kind": cell.kind, "html": as_markup(html), "outputs": outputs, "number": cell.number}


def _neighbour(pages: Pages, item: Item | None) -> dict[str, str] | None:
    if item is None:
        return None
    return {"title": item.title, "url": pages.item(item), "kind": item.kind.value, "word": kind_word(item.kind)}

"""Tells quiz pages where they stand: back to the course, on to what comes next."""

from dataclasses import dataclass, field

from flask import Flask, request, url_for
from flask.blueprints import BlueprintSetupState

from grading import public as grading
from lti_tool.kernel import clock
from lti_tool.kernel.errors import NotFound
from lti_tool.web.runtime import current_runtime
from lti_tool.web.texts import current_language
from plugins.courses.blueprint import blueprint
from plugins.courses.models import Item
from plugins.courses.outline import Pages, kind_word
from plugins.courses.service import Outline, get_outline

KEPT_S = 5
"""How long a process goes by the outline that it has read: quiz pages ask for themselves again and again."""
MOST_KEPT = 1000


@dataclass
class _Kept:
    """What a process has read of a course."""

    at: float
    """Seconds since 1970."""
    outline: Outline | None
    """None: there is no such course."""
    places: dict[tuple[str, str], grading.Surroundings | None] = field(default_factory=dict)
    """By assignment and language."""


_courses: dict[tuple[str, str], _Kept] = {}


@blueprint.record_once
def _tell(state: BlueprintSetupState) -> None:
    assert isinstance(state.app, Flask)
    grading.tell_surroundings(state.app, find_place)


def find_place(slug: str, name: str) -> grading.Surroundings | None:
    """What stands around a quiz in what learners see of the course. None: it stands nowhere."""
    kept, key = _read(slug), (name, current_language())
    if key not in kept.places:
        kept.places[key] = _place(kept.outline, slug, name)
    return kept.places[key]


def _place(outline: Outline | None, slug: str, name: str) -> grading.Surroundings | None:
    items = outline.items if outline else []
    number = next((number for number, item in enumerate(items) if item.assignment == name), None)
    if outline is None or number is None:
        return None
    pages = Pages(slug)
    return grading.Surroundings(
        course_title=outline.course.title,
        course_url=_told(pages.course),
        previous=_neighbour(pages, items[number - 1] if number else None),
        following=_neighbour(pages, items[number + 1] if number + 1 < len(items) else None),
        write_url=_told(url_for("courses.show_version", slug=slug, item_slug=items[number].slug)),
    )


def _neighbour(pages: Pages, item: Item | None) -> grading.Neighbour | None:
    return grading.Neighbour(item.title, _told(pages.item(item)), kind_word(item.kind)) if item else None


def _told(url: str) -> str:
    """An address below the session's."""
    return url.removeprefix(request.script_root)


def _read(slug: str) -> _Kept:
    runtime, now = current_runtime(), clock.now().timestamp()
    key = (runtime.settings.database.url, slug)
    kept = _courses.get(key)
    if kept is None or not 0 <= now - kept.at < KEPT_S:
        if len(_courses) > MOST_KEPT:
            _courses.clear()
        with runtime.db.reading() as tx:
            try:
                found = get_outline(tx, slug).published()
            except NotFound:
                found = None
            tx.expunge_all()
        kept = _courses[key] = _Kept(now, found)
    return kept

"""The course page, lessons and their files."""

from typing import Any

from flask import Blueprint, Response, make_response, redirect, url_for
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from grading import public as grading
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import SignedIn, open_course
from plugins.courses.markdown import render_markdown
from plugins.courses.models import Item, ItemKind
from plugins.courses.service import Outline, get_media, get_outline

blueprint = Blueprint("courses", __name__, url_prefix="/courses")


@blueprint.get("/<slug>/")
def show_course(slug: str) -> Response:
    """The outline of a course."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        outline = get_outline(tx, slug)
        notes = _quiz_notes(tx, session, slug)
    modules: list[dict[str, Any]] = [
        {"title": module.title, "summary": module.summary, "entries": [_entry(slug, item, notes) for item in items]}
        for module, items in outline.modules
    ]
    entries = [entry for module in modules for entry in module["entries"]]
    following = next((entry for entry in entries if entry["kind"] == "lesson" or entry["state"] != "done"), None)
    return page("courses/course.html", course=outline.course, progress=None, next_entry=following, modules=modules)


@blueprint.get("/<slug>/<item_slug>")
def show_item(slug: str, item_slug: str) -> AnyResponse:
    """A lesson; a quiz is shown by grading."""
    open_course(slug)
    with current_runtime().db.reading() as tx:
        outline = get_outline(tx, slug)
    item = next((item for item in outline.items if item.slug == item_slug), None)
    if item is None:
        raise NotFound(
            "item_not_found", _("This lesson is no longer in the course. Open the course page to see what is.")
        )
    if item.kind is ItemKind.QUIZ:
        return redirect(_url(slug, item), 303)
    return _lesson_page(slug, outline, item)


@blueprint.get("/<slug>/media/<path:path>")
def show_media(slug: str, path: str) -> Response:
    """A file that a lesson shows. It can run no script, whatever it is."""
    open_course(slug)
    with current_runtime().db.reading() as tx:
        media = get_media(tx, slug, path)
        response = make_response(media.content)
    response.headers["Content-Type"] = media.content_type
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
    response.headers["Cache-Control"] = "private, max-age=3600"
    if not media.content_type.startswith("image/"):
        response.headers["Content-Disposition"] = "attachment"
    response.set_etag(media.sha256)
    return response


def _lesson_page(slug: str, outline: Outline, item: Item) -> Response:
    items = outline.items
    place, lessons = items.index(item), [other for other in items if other.kind is ItemKind.LESSON]
    media_url = url_for("courses.show_media", slug=slug, path="x").removesuffix("/x")
    text = _without_first_heading(item.markdown)
    return page(
        "courses/lesson.html",
        lesson={"title": item.title, "html": Markup(render_markdown(text, media_url))},  # noqa: S704 - sanitised by nh3
        place=_("Lesson %(number)s of %(count)s", number=lessons.index(item) + 1, count=len(lessons)),
        previous=_neighbour(slug, items[place - 1] if place else None),
        following=_neighbour(slug, items[place + 1] if place + 1 < len(items) else None),
    )


def _without_first_heading(text: str) -> str:
    """The page shows the title itself."""
    first, _newline, rest = text.lstrip().partition("\n")
    return rest if first.startswith("# ") else text


def _quiz_notes(tx: Tx, session: SignedIn, slug: str) -> dict[str, tuple[str, str]]:
    """(state, note) of each quiz by assignment name."""
    results = grading.list_results(tx, session.user_id, slug) if session.role.is_learner else {}
    notes = {}
    for (_course, name), maximum in grading.list_max_points(tx, {slug}).items():
        if name in results:
            notes[name] = ("done", _("%(score)s of %(max)s", score=results[name].score, max=maximum))
        else:
            notes[name] = ("todo", _("%(max)s points", max=maximum))
    return notes


def _entry(slug: str, item: Item, notes: dict[str, tuple[str, str]]) -> dict[str, Any]:
    state, note = notes.get(item.assignment or "", ("todo", None))
    return {"kind": item.kind.value, "title": item.title, "url": _url(slug, item), "state": state, "note": note}


def _neighbour(slug: str, item: Item | None) -> dict[str, str] | None:
    return None if item is None else {"title": item.title, "url": _url(slug, item), "kind": item.kind.value}


def _url(slug: str, item: Item) -> str:
    if item.assignment:
        return url_for("grading.show_quiz", slug=slug, name=item.assignment)
    return url_for("courses.show_item", slug=slug, item_slug=item.slug)

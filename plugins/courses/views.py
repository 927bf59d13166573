"""The course page, items and their files, as learners see them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from flask import Response, make_response, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import open_course
from plugins.courses.blueprint import blueprint
from plugins.courses.item_pages import item_context
from plugins.courses.library import get_open_file
from plugins.courses.media import is_shown, media_type
from plugins.courses.media_access import require_media
from plugins.courses.models import Item, ItemKind
from plugins.courses.outline import Pages, course_context
from plugins.courses.reading import Reading, read_course
from plugins.courses.service import get_media, read_markdown, read_media
from plugins.courses.standing_pages import standing_context
from plugins.courses.videos import find_player
from plugins.files import public as files
from plugins.reviews import public as reviews

MEDIA_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@blueprint.get("/<slug>/")
def show_course(slug: str) -> Response:
    """The outline of a course."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        reading = read_course(tx, session, slug, with_results=True)
        rating = reviews.rating(tx, current_runtime(), [slug])[slug]
    context = course_context(session, reading, Pages(slug)) | standing_context(session, slug, reading)
    shown = {"average": rating.average, "count": rating.count, "url": url_for("reviews.list_reviews", slug=slug)}
    return page("courses/course.html", **context | {"rating": shown})


@blueprint.get("/<slug>/<item_slug>")
def show_item(slug: str, item_slug: str) -> AnyResponse:
    """A lesson or another item; a quiz is shown by grading."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        reading = read_course(tx, session, slug)
        item = _find_item(reading, item_slug)
        text, notebook = read_content(tx, slug, item)
        player = find_player(tx, current_runtime(), session, reading, item)
    if reading.is_dropped:
        return redirect(Pages(slug).course, 303)
    if item.kind is ItemKind.QUIZ and item.slug not in reading.locks:
        return redirect(Pages(slug).item(item), 303)
    return item_page(reading, item, Pages(slug), text, notebook, preview=None, player=player)


def _find_item(reading: Reading, slug: str) -> Item:
    item = reading.outline.find_item(slug)
    if item is None:
        message = _("This is no longer in the course. Open the course page to see what is.")
        raise NotFound("item_not_found", message)
    return item


def read_content(tx: Tx, slug: str, item: Item) -> tuple[str, bytes | None]:
    """The text of a lesson, the file of a notebook."""
    if item.kind is ItemKind.LESSON:
        return read_markdown(tx, item), None
    if item.kind is ItemKind.NOTEBOOK and item.file:
        try:
            return "", read_media(tx, get_media(tx, slug, item.file.removeprefix("media/")))
        except NotFound:
            return "", b""
    return "", None


def item_page(
    reading: Reading,
    item: Item,
    pages: Pages,
    text: str,
    notebook: bytes | None,
    *,
    preview: dict[str, Any] | None,
    player: Any = None,
    beside: Mapping[str, bytes] = MappingProxyType({}),
) -> Response:
    """The page of an item. `preview`: what a teacher's preview says at the top. `beside`: files beside the notebook."""
    context = item_context(reading, item, pages, text, notebook, beside)
    is_closed = context["lock"] is not None and preview is None
    return page("courses/lesson.html", status=403 if is_closed else 200, preview=preview, player=player, **context)


@blueprint.get("/<slug>/media/file:<name>")
def show_library_file(slug: str, name: str) -> AnyResponse:
    """A file of the course's library that an open item names: on to a signed address that expires."""
    session, runtime = open_course(slug), current_runtime()
    with runtime.db.reading() as tx:
        file = get_open_file(tx, session, slug, name)
    response = redirect(files.file_url(runtime, file), 302)
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/<slug>/media/<path:path>")
def show_media(slug: str, path: str) -> AnyResponse:
    """A file that a lesson shows or offers. It can run no script, whatever it is."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        media = get_media(tx, slug, path)
        require_media(tx, session, slug, media)
        is_known = request.if_none_match.contains(media.sha256)
        response = make_response(b"" if is_known else read_media(tx, media))
    response.headers["Content-Type"] = media_type(path)
    response.headers["Content-Security-Policy"] = MEDIA_POLICY
    response.headers["Cache-Control"] = "private, no-cache"
    if not is_shown(path):
        response.headers.set("Content-Disposition", "attachment", filename=path.rsplit("/", 1)[-1])
    response.set_etag(media.sha256)
    return response.make_conditional(request)

"""The course page, lessons and their files."""

from flask import Blueprint, Response, make_response, redirect, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.kernel.errors import NotFound
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import open_course
from plugins.courses.lesson_html import render_lesson
from plugins.courses.links import Place
from plugins.courses.media import is_shown, media_type
from plugins.courses.models import Item, ItemKind
from plugins.courses.outline import item_url, outline_context
from plugins.courses.service import Outline, get_media, get_outline, read_markdown, read_media

MEDIA_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"

blueprint = Blueprint("courses", __name__, url_prefix="/courses")


@blueprint.get("/<slug>/")
def show_course(slug: str) -> Response:
    """The outline of a course."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        context = outline_context(tx, session, get_outline(tx, slug))
    return page("courses/course.html", **context)


@blueprint.get("/<slug>/<item_slug>")
def show_item(slug: str, item_slug: str) -> AnyResponse:
    """A lesson; a quiz is shown by grading."""
    open_course(slug)
    with current_runtime().db.reading() as tx:
        outline = get_outline(tx, slug)
        item = next((item for item in outline.items if item.slug == item_slug), None)
        text = read_markdown(tx, item) if item is not None and item.kind is ItemKind.LESSON else ""
    if item is None:
        message = _("This is no longer in the course. Open the course page to see what is.")
        raise NotFound("item_not_found", message)
    if item.kind is ItemKind.QUIZ:
        return redirect(item_url(slug, item), 303)
    return _lesson_page(slug, outline, item, text)


@blueprint.get("/<slug>/media/<path:path>")
def show_media(slug: str, path: str) -> AnyResponse:
    """A file that a lesson shows or offers. It can run no script, whatever it is."""
    open_course(slug)
    with current_runtime().db.reading() as tx:
        media = get_media(tx, slug, path)
        is_known = request.if_none_match.contains(media.sha256)
        response = make_response(b"" if is_known else read_media(tx, media))
    response.headers["Content-Type"] = media_type(path)
    response.headers["Content-Security-Policy"] = MEDIA_POLICY
    response.headers["Cache-Control"] = "private, no-cache"
    if not is_shown(path):
        response.headers.set("Content-Disposition", "attachment", filename=path.rsplit("/", 1)[-1])
    response.set_etag(media.sha256)
    return response.make_conditional(request)


def _lesson_page(slug: str, outline: Outline, item: Item, text: str) -> Response:
    items = outline.items
    number, lessons = items.index(item), [other for other in items if other.kind is ItemKind.LESSON]
    place = _("Lesson %(number)s of %(count)s", number=lessons.index(item) + 1, count=len(lessons))
    html = render_lesson(
        text,
        Place.of(item.file, [(other.slug, other.file) for other in items]),
        item_url=url_for("courses.show_item", slug=slug, item_slug="x").removesuffix("/x"),
        media_url=url_for("courses.show_media", slug=slug, path="x").removesuffix("/x"),
        words=(_("Table"), _("(new window)")),
    )
    return page(
        "courses/lesson.html",
        lesson={"title": item.title, "html": Markup(html)},  # noqa: S704 - sanitised by nh3
        place=place if len(lessons) > 1 else None,
        previous=_neighbour(slug, items[number - 1] if number else None),
        following=_neighbour(slug, items[number + 1] if number + 1 < len(items) else None),
    )


def _neighbour(slug: str, item: Item | None) -> dict[str, str] | None:
    return None if item is None else {"title": item.title, "url": item_url(slug, item), "kind": item.kind.value}

"""The catalogue of courses."""

from dataclasses import asdict
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from flask import Response, current_app, request, url_for
from flask_babel import get_locale, ngettext
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Invalid
from lti_tool.kernel.permissions import Role
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import SignedIn, current_session
from plugins.courses.blueprint import blueprint
from plugins.courses.catalogue import (
    Facets,
    Listed,
    Viewer,
    Wanted,
    list_catalogue,
    list_facets,
)
from plugins.courses.catalogue_query import PER_PAGE
from plugins.courses.editing import Editor
from plugins.courses.models import Admission, Level, PartState, Standing
from plugins.courses.outline import duration, language_name, level_word, price_text
from plugins.courses.outline_edits import create_course
from plugins.courses.views_enrol import enter_course
from plugins.reviews import public as reviews

FACETS_KEPT_S = 60
MOST_PAGES = 1000
MOST_CARDS = 5000
"""Texts of cards that a process keeps: some megabytes."""
_facets: dict[tuple[Any, ...], tuple[float, Facets]] = {}


@blueprint.get("/")
def show_catalogue() -> Response:
    """All courses that the person may see, with search and filters."""
    session = current_session()
    wanted, number = Wanted.of(request.args), min(max(request.args.get("page", 1, type=int), 1), MOST_PAGES)
    viewer = Viewer(session.user_id, session.registration_id, session.role is Role.TEACHER)
    runtime = current_runtime()
    table = reviews.ratings_table(runtime)
    with runtime.db.reading() as tx:
        found = list_catalogue(tx, viewer, wanted, number, table)
        facets = _find_facets(tx, viewer)
    context = _context(session, wanted, number, facets.count if found.total is None else found.total, facets)
    return page("courses/catalogue.html", cards=_cards(session, found.rows), **context)


@blueprint.post("/new")
def make_course() -> AnyResponse:
    """A new course of the teacher's platform, and the way to its editor."""
    session = current_session()
    title = " ".join(request.form.get("title", "").split())[:200]
    if session.role is not Role.TEACHER or not title.isprintable() or not title:
        raise Invalid("title_missing", "Give the course a title. Only teachers make courses.")
    editor = Editor(session.user_id, session.display_name, session.registration_id, session.role, session.granted)
    with current_runtime().db.transaction() as tx:
        course = create_course(tx, title, session.locale.split("_")[0][:2] or "en", editor)
        return enter_course(tx, session, course, f"/courses/{course.slug}/edit/")


def _find_facets(tx: Tx, viewer: Viewer) -> Facets:
    """They change seldom: kept for a minute in each process."""
    key = (current_runtime().settings.database.url, viewer.registration_id, viewer.is_teacher)
    kept, now = _facets.get(key), clock.now().timestamp()
    if kept is None or not 0 <= now - kept[0] < FACETS_KEPT_S:
        if len(_facets) > 500:
            _facets.clear()
        kept = _facets[key] = (now, list_facets(tx, viewer))
    return kept[1]


def _context(
    session: SignedIn,
    wanted: Wanted,
    number: int,
    count: int,
    facets: Facets,
) -> dict[str, Any]:
    said = {("q" if name == "text" else name): value for name, value in asdict(wanted).items() if value}
    return {
        "query": wanted.text,
        "found": ngettext("%(num)d course", "%(num)d courses", count),
        "filters": _filters(wanted, facets, is_learner=session.role.is_learner),
        "applied": [
            {"label": label, "remove_url": _url({key: value for key, value in said.items() if key != name})}
            for name, label in _applied(wanted).items()
        ],
        "clear_url": _url({}),
        "page_number": number,
        "page_count": max(1, -(-count // PER_PAGE)),
        "url_of": lambda wanted_page: _url({**said, "page": str(wanted_page)}),
        "code_url": url_for("courses.use_invitation") if session.role.is_learner else None,
        "new_url": url_for("courses.make_course") if session.role is Role.TEACHER else None,
    }


def _url(said: dict[str, str]) -> str:
    query = urlencode(said)
    return url_for("courses.show_catalogue") + (f"?{query}" if query else "")


def _applied(wanted: Wanted) -> dict[str, str]:
    """What is filtered by, for people, by name in the address."""
    found: dict[str, str] = {"q": f"“{wanted.text}”"} if wanted.text else {}
    if wanted.category:
        found["category"] = wanted.category
    if wanted.level:
        found["level"] = level_word(Level(wanted.level))
    if wanted.language:
        found["language"] = language_name(wanted.language)
    if wanted.price in ("free", "paid"):
        found["price"] = _("Free") if wanted.price == "free" else _("With a price")
    if wanted.rating:
        found["rating"] = _("%(stars)s stars or more", stars=wanted.rating)
    if wanted.mine:
        found["mine"] = _("My courses")
    return found


def _filters(wanted: Wanted, facets: Facets, *, is_learner: bool) -> list[dict[str, Any]]:
    """name, label, options and value of each select."""
    categories, languages = facets.categories, facets.languages
    levels = [(level.value, level_word(level)) for level in Level]
    filters = [
        ("category", _("Category"), [("", _("Any category")), *((name, name) for name in categories)], wanted.category),
        ("level", _("Level"), levels, wanted.level),
        (
            "language",
            _("Language"),
            [("", _("Any language")), *((code, language_name(code)) for code in languages)],
            wanted.language,
        ),
        ("price", _("Price"), [("", _("Any price")), ("free", _("Free")), ("paid", _("With a price"))], wanted.price),
    ]
    stars = [(number, _("%(stars)s stars or more", stars=number)) for number in ("3", "4")]
    filters.append(("rating", _("Rating"), [("", _("Any rating")), *stars], wanted.rating))
    first = _("Best match first") if wanted.text else _("By title")
    order = [("", first), ("rating", _("Best rated first")), ("newest", _("Newest first"))]
    filters.append(("sort", _("Order"), order, wanted.sort))
    shown = [each for each in filters if len(each[2]) > 2 or each[3]]  # one language is nothing to choose from
    if is_learner:
        mine = ("mine", _("Whose"), [("", _("All courses")), ("1", _("My courses"))], wanted.mine)
        shown.insert(-1, mine)
    return [{"name": name, "label": label, "options": options, "value": value} for name, label, options, value in shown]


def _cards(session: SignedIn, rows: list[Listed]) -> list[dict[str, Any]]:
    """Of one page; what all cards share is looked up once."""
    reader = str(get_locale())
    opens, enrols = (
        url_for(name, slug="-").removesuffix("-") for name in ("courses.open_other_course", "courses.enrol_in_course")
    )
    return [_card(session, row, reader, opens, enrols) for row in rows]


def _card(session: SignedIn, row: Listed, reader: str, opens: str, enrols: str) -> dict[str, Any]:
    is_here = session.course_slug == row.slug
    is_in = row.standing is Standing.ACTIVE
    can_enrol = session.role.is_learner and row.admission is Admission.OPEN and not is_in and not is_here
    is_for_sale = row.admission is Admission.PAID and session.role.is_learner
    can_open = is_here or is_in or session.role.is_staff or is_for_sale
    return {
        "title": row.title,
        "about": _about(
            reader,
            _facts(reader, row.level, row.language, row.minutes, row.price_minor, row.currency, row.item_count),
            row.summary,
            ", ".join(row.authors),
            tuple(row.categories),
        ),
        "is_draft": row.state is PartState.DRAFT,
        "is_in": is_in,
        "rating": row if row.count else None,
        "url": url_for("courses.show_course", slug=row.slug) if is_here else None,
        "open_url": opens + row.slug if can_open and not is_here else None,
        "enrol_url": enrols + row.slug if can_enrol else None,
        "closed_note": None if can_enrol or can_open else _closed_note(row.admission),
    }


@lru_cache(maxsize=MOST_CARDS)
def _about(reader: str, facts: tuple[str, ...], summary: str, authors: str, tags: tuple[str, ...]) -> Markup:
    """Kept by what it is made of, so that a course that changes has another one. `reader`: as for `_facts`."""
    macros: Any = current_app.jinja_env.get_template("courses/_card_about.html").module
    made: Markup = macros.about(authors, summary or None, facts, tags)
    return made


@lru_cache(maxsize=MOST_CARDS)
def _facts(
    reader: str, level: Level, language: str, minutes: int, price_minor: int | None, currency: str, items: int
) -> tuple[str, ...]:
    """Many courses say the same about themselves. `reader`: in whose language, that of this request."""
    return (
        *([level_word(level)] if level is not Level.ANY else []),
        language_name(language),
        *([duration(minutes)] if minutes else []),
        price_text(price_minor, currency),
        ngettext("%(num)d item", "%(num)d items", items),
    )


def _closed_note(admission: Admission) -> str:
    notes = {
        Admission.LMS: _("Through your LMS"),
        Admission.INVITATION: _("With a code from the teacher"),
        Admission.OPEN: _("For learners"),
        Admission.PAID: _("For who pays the price"),
    }
    return str(notes[admission])

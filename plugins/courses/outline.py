"""What the course page shows: facts, every item with its state, and for learners how far they are."""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency
from flask import url_for
from flask_babel import format_datetime, format_decimal, get_locale, ngettext
from flask_babel import gettext as _
from markupsafe import Markup

from lti_tool.kernel.permissions import Role
from lti_tool.web.session import SignedIn
from plugins.courses.access import Lock
from plugins.courses.forms import format_price
from plugins.courses.lesson_html import as_markup, render_lesson
from plugins.courses.links import Place
from plugins.courses.models import Course, Item, ItemKind, Level
from plugins.courses.reading import Reading
from plugins.courses.service import link_targets


@dataclass(frozen=True)
class Pages:
    """Where the pages of a course are: the learner's own, or a teacher's preview of them."""

    slug: str
    is_preview: bool = False

    @property
    def course(self) -> str:
        """The course page."""
        return url_for("courses.preview_course" if self.is_preview else "courses.show_course", slug=self.slug)

    def item(self, item: Item) -> str:
        """The page of an item; grading shows quizzes."""
        if item.assignment and not self.is_preview:
            return url_for("grading.show_quiz", slug=self.slug, name=item.assignment)
        return self.course + item.slug

    def render(self, text: str, place: Place) -> Markup:
        """Markdown of the course as safe markup."""
        media_url = url_for("courses.show_media", slug=self.slug, path="x").removesuffix("/x")
        html = render_lesson(text, place, item_url=self.course[:-1], media_url=media_url, words=words())
        return as_markup(html)


def words() -> tuple[str, str]:
    """What screen readers hear of tables and of links that leave."""
    return _("Table"), _("(new window)")


def item_url(slug: str, item: Item) -> str:
    """The page of an item in this session."""
    return Pages(slug).item(item)


def course_context(session: SignedIn, reading: Reading, pages: Pages) -> dict[str, Any]:
    """The context of `courses/course.html`."""
    course = reading.outline.course
    following = reading.find_next()
    modules: list[dict[str, Any]] = [
        {
            "slug": module.slug,
            "title": module.title,
            "summary": module.summary or None,
            "entries": [_entry(session, reading, item, pages, is_next=item is following) for item in items],
        }
        for module, items in reading.outline.modules
    ]
    place = Place.of("", link_targets(reading.outline))
    return {
        "course": {
            "title": course.title,
            "summary": course.summary or None,
            "description": pages.render(course.description, place) if course.description else None,
            "authors": course.authors,
            "facts": list_facts(course, reading.outline.items),
            "tags": [*course.categories, *course.tags],
            "licence": course.licence or None,
        },
        "progress": _progress(reading),
        "next_entry": _next_entry(reading, following, pages),
        "modules": modules,
    }


def list_facts(course: Course, items: list[Item]) -> list[str]:
    """Short facts: level, language, how long, price."""
    facts = [level_word(course.level)] if course.level is not Level.ANY else []
    facts.append(language_name(course.language))
    minutes = sum(item.minutes or 0 for item in items)
    if minutes:
        facts.append(duration(minutes))
    facts.append(price_text(course.price_minor, course.currency))
    return facts


def level_word(level: Level) -> str:
    """A level, for people."""
    match level:
        case Level.ANY:
            return str(_("Any level"))
        case Level.BEGINNER:
            return str(_("Beginner"))
        case Level.INTERMEDIATE:
            return str(_("Intermediate"))
        case Level.ADVANCED:
            return str(_("Advanced"))


def kind_word(kind: ItemKind) -> str:
    """A kind of item, for people."""
    names = {
        ItemKind.LESSON: _("Lesson"),
        ItemKind.VIDEO: _("Video"),
        ItemKind.NOTEBOOK: _("Notebook"),
        ItemKind.QUIZ: _("Quiz"),
        ItemKind.FILE: _("File"),
        ItemKind.LINK: _("Link"),
    }
    return str(names[kind])


def language_name(code: str) -> str:
    """A language in the reader's own."""
    return _language_name(code, str(get_locale()))


@lru_cache(maxsize=2000)
def _language_name(code: str, reader: str) -> str:
    try:
        return Locale.parse(code, sep="-").get_display_name(reader) or code
    except (UnknownLocaleError, ValueError):
        return code


def duration(minutes: int) -> str:
    """`45 min`, `2 h`, `2 h 15 min`."""
    hours, left = divmod(minutes, 60)
    if not hours:
        return str(_("%(minutes)s min", minutes=left))
    return str(_("%(hours)s h %(minutes)s min", hours=hours, minutes=left) if left else _("%(hours)s h", hours=hours))


def price_text(price_minor: int | None, currency: str) -> str:
    """What a course costs."""
    if price_minor is None:
        return str(_("Free"))
    return _price_text(price_minor, currency, str(get_locale()))


@lru_cache(maxsize=2000)
def _price_text(price_minor: int, currency: str, reader: str) -> str:
    return str(format_currency(Decimal(format_price(price_minor, currency)), currency, locale=reader))


def lock_text(lock: Lock) -> str:
    """Why something is closed, and when it opens."""
    if lock.is_unpaid:
        return str(_("Opens once the course is paid"))
    if lock.opens_at is not None:
        return str(_("Opens on %(date)s", date=format_datetime(lock.opens_at, "d MMM y, HH:mm z")))
    return str(_("Opens after: %(titles)s", titles=", ".join(lock.after)))


def _entry(session: SignedIn, reading: Reading, item: Item, pages: Pages, *, is_next: bool) -> dict[str, Any]:
    lock = reading.locks.get(item.slug)
    is_open = not item.assignment or session.role is not Role.OBSERVER  # quizzes show a learner's own work
    has_page = is_open and (lock is None or pages.is_preview)
    result = reading.results.get(item.assignment or "")
    state = "done" if result is not None and _is_enough(item, result) else reading.state_of(item)
    return {
        "kind": item.kind.value,
        "title": item.title,
        "url": pages.item(item) if has_page else None,
        "state": "next" if is_next and reading.progress and reading.progress.last_at else state,
        "lock": lock_text(lock) if lock else None,
        "opens_at": lock.opens_at if lock else None,
        "note": _note(item, result, is_done=state == "done"),
        "is_draft": pages.is_preview and item.has_changes,
        "is_extra": not item.required,
    }


def _is_enough(item: Item, result: Any) -> bool:
    """Is the quiz done with this? As progress has it, which hears of the mark a moment later."""
    if result.needs_manual or item.pass_mark is None:
        return not result.needs_manual
    return bool(100 * result.score >= item.pass_mark * result.max_score)


def _note(item: Item, result: Any, *, is_done: bool) -> str | None:
    if result is not None:
        facts = {"score": format_decimal(_plain(result.score)), "max": format_decimal(_plain(result.max_score))}
        if item.pass_mark and not is_done and not result.needs_manual:
            return str(_("%(score)s of %(max)s, %(least)s %% needed", least=item.pass_mark, **facts))
        note = _("%(score)s of %(max)s so far", **facts) if result.needs_manual else _("%(score)s of %(max)s", **facts)
        return str(note)
    if item.points is not None:
        number = format_decimal(_plain(item.points))
        return str(ngettext("%(points)s point", "%(points)s points", 1 if item.points == 1 else 2, points=number))
    return duration(item.minutes) if item.minutes else None


def _plain(points: Decimal) -> Decimal:
    return points.normalize() + 0


def _progress(reading: Reading) -> dict[str, Any] | None:
    found = reading.progress
    if found is None or not reading.outline.items:
        return None
    return {
        "percent": found.percent,
        "text": _("%(percent)s %% done", percent=found.percent),
        "explained": found.explained,
    }


def _next_entry(reading: Reading, following: Item | None, pages: Pages) -> dict[str, Any] | None:
    if following is None:
        return None
    has_begun = bool(reading.progress and reading.progress.last_at) or bool(reading.results)
    return {"title": following.title, "url": pages.item(following), "has_begun": has_begun}

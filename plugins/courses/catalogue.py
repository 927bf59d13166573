"""The catalogue: which courses a platform's people may see, found by words, category, level, language and price.

Words are rows of a table with a plain index (`CourseWord`): one query for SQLite and PostgreSQL, and the beginning of a
word finds it too. With 10,000 courses it answers in a few milliseconds (benchmarks/courses.py).
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Subquery, delete, func, insert, or_, select

from lti_tool.kernel.db import Tx
from plugins.courses.catalogue_query import PER_PAGE, Shape, make_statement, word_values
from plugins.courses.models import Admission, Course, CourseLabel, CourseWord, Level, PartState, Standing

MOST_WORDS = 6
"""Words of a search that count."""
LONGEST_WORD = 40
_WEIGHTS = ((4, "title"), (3, "tags"), (3, "categories"), (2, "authors"), (2, "summary"), (1, "description"))


@dataclass(frozen=True)
class Wanted:
    """What somebody looks for; empty values say nothing."""

    text: str = ""
    category: str = ""
    level: str = ""
    language: str = ""
    price: str = ""
    """`free` or `paid`."""
    rating: str = ""
    """`3`, `4`: at least so many stars on average."""
    mine: str = ""
    """`1`: only courses that the person takes."""
    sort: str = ""
    """Empty: what fits best first, without a search by title. `rating`, `newest`."""

    @classmethod
    def of(cls, said: Any) -> "Wanted":
        """From a query string; what is unknown is left out."""
        found = {part.name: str(said.get("q" if part.name == "text" else part.name, ""))[:200] for part in fields(cls)}
        if found["level"] not in set(Level):
            found["level"] = ""
        if found["rating"] not in ("3", "4"):
            found["rating"] = ""
        if found["sort"] not in ("rating", "newest"):
            found["sort"] = ""
        return cls(**{name: value.replace("\0", "") for name, value in found.items()})


@dataclass(frozen=True)
class Viewer:
    """Who looks."""

    user_id: int
    registration_id: int
    is_teacher: bool
    """Sees drafts too."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A course in the list, with what the person has to do with it."""

    slug: str
    title: str
    summary: str
    authors: list[str]
    categories: list[str]
    level: Level
    language: str
    price_minor: int | None
    currency: str
    minutes: int
    item_count: int
    state: PartState
    admission: Admission
    standing: Standing | None
    average: float | None
    """Stars, of the reviews; None without one."""
    count: int | None
    """Of reviews; None without one."""


@dataclass(frozen=True)
class Found:
    """A page of courses, in the order that was wanted."""

    rows: list[Listed]
    total: int | None
    """How many courses fit, on all pages; None where nothing was asked for: `Facets.count` knows."""


def list_catalogue(tx: Tx, viewer: Viewer, wanted: Wanted, page: int, ratings: Subquery) -> Found:
    """A page of courses. One query, two for a page after the last. `ratings`: `reviews.public.ratings_table`."""
    terms = words_of(wanted.text)[:MOST_WORDS]
    filters = _filters(wanted)
    statement = make_statement(Shape(viewer.is_teacher, len(terms), frozenset(filters), wanted.sort), ratings)
    values = {"registration_id": viewer.registration_id, "user_id": viewer.user_id} | filters | word_values(terms)
    rows = tx.execute(statement, values | {"offset": (page - 1) * PER_PAGE}).all()
    if rows or page == 1:
        return Found([Listed(*row[1:]) for row in rows], rows[0][0] if rows else 0)
    first = tx.execute(statement, values | {"offset": 0}).first()
    return Found([], first[0] if first else 0)


@dataclass(frozen=True)
class Facets:
    """What there is to filter by, and how many courses there are without any filter."""

    categories: list[str]
    languages: list[str]
    count: int


def list_facets(tx: Tx, viewer: Viewer) -> Facets:
    """Of the courses that somebody may see. Two queries."""
    categories = (
        select(CourseLabel.label)
        .join(Course, Course.id == CourseLabel.course_id)
        .where(CourseLabel.kind == "category", *_may_see(viewer))
        .distinct()
        .order_by(CourseLabel.label)
    )
    languages = select(Course.language, func.count()).where(*_may_see(viewer)).group_by(Course.language)
    counts = {row[0]: row[1] for row in tx.execute(languages)}
    return Facets(list(tx.scalars(categories.limit(200))), sorted(counts), sum(counts.values()))


def index_course(tx: Tx, course: Course) -> None:
    """Have the catalogue find a course by what it says now; its description must be loaded."""
    tx.flush()
    tx.execute(delete(CourseLabel).where(CourseLabel.course_id == course.id))
    tx.execute(delete(CourseWord).where(CourseWord.course_id == course.id))
    labels = {("category", label) for label in course.categories} | {("tag", label) for label in course.tags}
    if labels:
        rows = [{"course_id": course.id, "kind": kind, "label": label} for kind, label in sorted(labels)]
        tx.execute(insert(CourseLabel), rows)
    found = weigh_words((weight, _text(getattr(course, name))) for weight, name in _WEIGHTS)
    if found:
        words = [{"course_id": course.id, "word": word, "weight": weight} for word, weight in sorted(found.items())]
        tx.execute(insert(CourseWord), words)


def weigh_words(texts: Iterable[tuple[int, str]]) -> dict[str, int]:
    """The words of texts, each with the greatest weight of a text that it is in."""
    found: dict[str, int] = {}
    for weight, text in texts:
        for word in words_of(text):
            found[word] = max(found.get(word, 0), weight)
    return found


def words_of(text: str) -> list[str]:
    """Words as they are kept: lower case, without accents, each once."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(character for character in plain if not unicodedata.combining(character))
    return list(dict.fromkeys(word[:LONGEST_WORD] for word in re.findall(r"\w+", bare)))


def _text(value: str | list[str]) -> str:
    return " ".join(value) if isinstance(value, list) else value


def _filters(wanted: Wanted) -> dict[str, Any]:
    """Name and value of each filter, for `make_statement`."""
    found: dict[str, Any] = {
        "category": wanted.category,
        "level": Level(wanted.level) if wanted.level else None,
        "language": wanted.language,
        "stars": int(wanted.rating) if wanted.rating else None,
        "mine": wanted.mine,
        "free": wanted.price == "free",
        "paid": wanted.price == "paid",
    }
    return {name: value for name, value in found.items() if value}


def _may_see(viewer: Viewer) -> list[ColumnElement[bool]]:
    theirs = or_(Course.registration_id.is_(None), Course.registration_id == viewer.registration_id)
    return [theirs] if viewer.is_teacher else [theirs, Course.state == PartState.PUBLISHED]

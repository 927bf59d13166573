"""The catalogue: which courses a platform's people may see, found by words, category, level, language and price.

Words are rows of a table with a plain index (`CourseWord`): one query for SQLite and PostgreSQL, and the beginning of a
word finds it too. With 10,000 courses it answers in a few milliseconds (benchmarks/catalogue.py).
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, delete, func, insert, or_, select

from lti_tool.kernel.db import Tx
from plugins.courses.models import Course, CourseLabel, CourseWord, Enrolment, Level, PartState, Standing
from plugins.reviews import public as reviews

PER_PAGE = 24
MOST_WORDS = 6
"""Words of a search that count."""
LONGEST_WORD = 40
LAST = "\U0010ffff"
"""After every other character."""
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


@dataclass(frozen=True)
class Listed:
    """A course in the list."""

    course: Course
    standing: Standing | None


def list_catalogue(tx: Tx, viewer: Viewer, wanted: Wanted, page: int, ratings: Subquery) -> list[Listed]:
    """A page of courses in the order that is wanted. One query."""
    terms = words_of(wanted.text)[:MOST_WORDS]
    conditions = [*_may_see(viewer), *_conditions(wanted, viewer, terms, ratings)]
    mine = select(Enrolment.standing).where(Enrolment.course_id == Course.id, Enrolment.user_id == viewer.user_id)
    query: Select[Any] = select(Course, mine.scalar_subquery()).where(*conditions)
    if wanted.sort == "rating":
        bayes = func.coalesce(ratings.c.bayes, reviews.prior_mean().scalar_subquery(), reviews.MIDDLE)
        query = query.outerjoin(ratings, ratings.c.course_slug == Course.slug).order_by(bayes.desc())
    elif wanted.sort == "newest":
        query = query.order_by(Course.id.desc())
    elif terms:
        best = (
            select(CourseWord.course_id, func.max(CourseWord.weight).label("weight"))
            .where(_begins(terms[0]))
            .group_by(CourseWord.course_id)
            .subquery()
        )
        query = query.join(best, best.c.course_id == Course.id).order_by(best.c.weight.desc())
    query = query.order_by(Course.title, Course.id).limit(PER_PAGE).offset((page - 1) * PER_PAGE)
    return [Listed(*row) for row in tx.execute(query)]


def count_catalogue(tx: Tx, viewer: Viewer, wanted: Wanted, ratings: Subquery) -> int:
    """How many courses fit. One query."""
    terms = words_of(wanted.text)[:MOST_WORDS]
    conditions = [*_may_see(viewer), *_conditions(wanted, viewer, terms, ratings)]
    return tx.scalars(select(func.count(Course.id)).where(*conditions)).one()


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


def _may_see(viewer: Viewer) -> list[ColumnElement[bool]]:
    theirs = or_(Course.registration_id.is_(None), Course.registration_id == viewer.registration_id)
    return [theirs] if viewer.is_teacher else [theirs, Course.state == PartState.PUBLISHED]


def _conditions(wanted: Wanted, viewer: Viewer, terms: list[str], ratings: Subquery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [
        Course.id.in_(select(CourseWord.course_id).where(_begins(term))) for term in terms
    ]
    if wanted.category:
        labelled = select(CourseLabel.course_id).where(
            CourseLabel.kind == "category", CourseLabel.label == wanted.category
        )
        found.append(Course.id.in_(labelled))
    if wanted.level:
        found.append(Course.level == Level(wanted.level))
    if wanted.language:
        found.append(Course.language == wanted.language)
    if wanted.price in ("free", "paid"):
        found.append(Course.price_minor.is_(None) if wanted.price == "free" else Course.price_minor.is_not(None))
    if wanted.rating:
        found.append(Course.slug.in_(select(ratings.c.course_slug).where(ratings.c.average >= int(wanted.rating))))
    if wanted.mine:
        theirs = select(Enrolment.course_id).where(
            Enrolment.user_id == viewer.user_id, Enrolment.standing == Standing.ACTIVE
        )
        found.append(Course.id.in_(theirs))
    return found


def _begins(term: str) -> ColumnElement[bool]:
    return (CourseWord.word >= term) & (CourseWord.word < term + LAST)

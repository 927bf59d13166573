"""The one statement of the catalogue. Its text depends on what is asked for, not on the values: each is made once.

The courses of a page are picked by narrow rows (words, title), and only then joined to what is shown of them. How many
there are in all is counted on the way.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, bindparam, exists, func, literal, null, or_, select

from plugins.courses.models import Course, CourseLabel, CourseWord, Enrolment, PartState, Standing
from plugins.reviews import public as reviews

PER_PAGE = 24
LAST = "\U0010ffff"
"""After every other character."""
SHOWN = (
    Course.slug,
    Course.title,
    Course.summary,
    Course.authors,
    Course.categories,
    Course.level,
    Course.language,
    Course.price_minor,
    Course.currency,
    Course.minutes,
    Course.item_count,
    Course.state,
    Course.admission,
)
"""The columns of a course in the list."""


@dataclass(frozen=True)
class Shape:
    """What makes one statement another."""

    is_teacher: bool
    """Sees drafts too."""
    terms: int
    """How many words are looked for."""
    filters: frozenset[str]
    """Names of values that are given: `category`, `level`, `language`, `stars`, `mine`, `free`, `paid`."""
    sort: str = ""
    """Empty: what fits best first, then by title. `rating`: the best rated, weighed by `reviews`. `newest`."""


@lru_cache(maxsize=500)
def make_statement(shape: Shape, ratings: Subquery) -> Select[Any]:
    """How many fit (None: not counted), `SHOWN`, standing of the person, average and number of reviews.

    Values: `registration_id`, `user_id`, `offset`, those of the filters, and `from_0`, `to_0` … of the words.
    """
    page = _page(shape, ratings)
    mine = and_(Enrolment.course_id == Course.id, Enrolment.user_id == bindparam("user_id"))
    return (
        select(page.c.total, *SHOWN, Enrolment.standing, ratings.c.average, ratings.c["count"])
        .select_from(page)
        .join(Course, Course.id == page.c.id)
        .outerjoin(Enrolment, mine)
        .outerjoin(ratings, ratings.c.course_slug == Course.slug)
        .order_by(page.c.weight.desc(), Course.title, Course.id)
    )


def word_values(terms: list[str]) -> dict[str, str]:
    """The values of `make_statement` for words that are looked for."""
    found: dict[str, str] = {}
    for number, term in enumerate(terms):
        found |= {f"from_{number}": term, f"to_{number}": term + LAST}
    return found


def _page(shape: Shape, ratings: Subquery) -> Subquery:
    """Number, weight and total of the courses of a page. The first word finds courses, the others sift them."""
    is_counted = shape.terms or shape.filters
    total = func.count().over() if is_counted else null()
    order: list[Any] = [Course.title, Course.id]
    weight: Any = literal(0)
    conditions = _conditions(shape, ratings)
    if shape.terms:
        begun = select(CourseWord.course_id, func.max(CourseWord.weight).label("weight")).where(_begins(0))
        first = begun.group_by(CourseWord.course_id).subquery("word_0")
        weight, order = first.c.weight, [first.c.weight.desc(), *order]
        conditions.append(first.c.course_id == Course.id)
        for number in range(1, shape.terms):
            conditions.append(exists().where(CourseWord.course_id == first.c.course_id, _begins(number)))
    if shape.sort:
        weight = Course.id if shape.sort == "newest" else _bayes(ratings)
        order = [weight.desc(), Course.title, Course.id]
    query = select(Course.id, weight.label("weight"), total.label("total")).where(*conditions).order_by(*order)
    if shape.sort == "rating":
        query = query.outerjoin(ratings, ratings.c.course_slug == Course.slug)
    return query.limit(PER_PAGE).offset(bindparam("offset", type_=Course.id.type)).subquery("page")


def _bayes(ratings: Subquery) -> ColumnElement[float]:
    """What courses are ordered by; one without a review stands where the average one does."""
    return func.coalesce(ratings.c.bayes, reviews.prior_mean().scalar_subquery(), reviews.MIDDLE)


def _begins(number: int) -> ColumnElement[bool]:
    return (CourseWord.word >= bindparam(f"from_{number}")) & (CourseWord.word < bindparam(f"to_{number}"))


def _conditions(shape: Shape, ratings: Subquery) -> list[ColumnElement[bool]]:
    shared = Course.registration_id.is_(None)
    found = [or_(shared, Course.registration_id == bindparam("registration_id"))]
    if not shape.is_teacher:
        found.append(Course.state == PartState.PUBLISHED)
    return found + [_condition(name, ratings) for name in sorted(shape.filters)]


def _condition(name: str, ratings: Subquery) -> ColumnElement[bool]:
    labelled = select(CourseLabel.course_id).where(
        CourseLabel.kind == "category", CourseLabel.label == bindparam("category")
    )
    good = select(ratings.c.course_slug).where(ratings.c.average >= bindparam("stars"))
    theirs = select(Enrolment.course_id).where(
        Enrolment.user_id == bindparam("user_id"), Enrolment.standing == Standing.ACTIVE
    )
    conditions: dict[str, ColumnElement[bool]] = {
        "category": Course.id.in_(labelled),
        "level": Course.level == bindparam("level"),
        "language": Course.language == bindparam("language"),
        "free": Course.price_minor.is_(None),
        "paid": Course.price_minor.is_not(None),
        "stars": Course.slug.in_(good),
        "mine": Course.id.in_(theirs),
    }
    return conditions[name]

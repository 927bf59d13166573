"""Ratings: running sums by course, and the order that they give.

A course with one review of 5 stars is not better than one with two hundred of 4.8. So courses are ordered by

    bayes = (weight * mean + sum of stars) / (weight + count)

where `mean` is the mean of all reviews of all courses here, and `weight` (setting `reviews.prior_weight`) is how many
reviews of such an average course each one is mixed with. What people are shown is the plain average with its count.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import add
from typing import Any, cast

from sqlalchemy import ColumnElement, Float, Row, Select, Subquery, Table, bindparam, select
from sqlalchemy import cast as as_type

from lti_tool.kernel.db import Tx
from lti_tool.kernel.upsert import insert_into
from plugins.reviews.models import EVERYTHING, TotalRow

STARS = (1, 2, 3, 4, 5)
MIDDLE = 3.0
"""The mean where there is no review at all."""
TOTALS = cast(Table, TotalRow.__table__)
_TOTALS_OF = select(TOTALS).where(TOTALS.c.course_slug.in_(bindparam("course_slugs", expanding=True)))


@dataclass(frozen=True)
class Rating:
    """The rating of a course."""

    average: float | None
    """1 to 5; None without a review."""
    count: int
    bayes: float
    """What courses are ordered by."""
    by_stars: Mapping[int, int]
    """How many reviews give 1, 2 … 5 stars."""
    hidden: int = 0
    """How many reviews a moderator has hidden; they count nowhere else."""


def add_to_totals(tx: Tx, course_slug: str, changes: Mapping[int, int], *, hidden: int = 0) -> None:
    """Add to the numbers of reviews by stars, of a course and of all: one statement each, safe in races."""
    values = {f"stars_{stars}": by for stars, by in changes.items()} | {"hidden": hidden}
    dialect = tx.get_bind().dialect.name
    for slug in (course_slug, EVERYTHING):  # always in this order: no two transactions wait for each other
        new = insert_into(dialect, TOTALS).values(course_slug=slug, **dict.fromkeys(_columns(), 0) | values)
        grown = {name: TOTALS.c[name] + by for name, by in values.items()}
        tx.execute(new.on_conflict_do_update(index_elements=["course_slug"], set_=grown))


def read_ratings(tx: Tx, course_slugs: Collection[str], prior_weight: int) -> dict[str, Rating]:
    """The rating of each of these courses. One query."""
    rows = {row.course_slug: row for row in tx.execute(_TOTALS_OF, {"course_slugs": [*course_slugs, EVERYTHING]})}
    mean = _mean(_by_stars(rows.get(EVERYTHING)))
    return {
        slug: weigh(_by_stars(row := rows.get(slug)), mean, prior_weight, row.hidden if row else 0)
        for slug in course_slugs
    }


def weigh(by_stars: Mapping[int, int], mean: float, prior_weight: int, hidden: int = 0) -> Rating:
    """A rating from the numbers by stars and the mean of all courses."""
    count = sum(by_stars.values())
    total = sum(stars * number for stars, number in by_stars.items())
    weighed = (prior_weight * mean + total) / (prior_weight + count) if prior_weight + count else mean
    numbers = {stars: by_stars.get(stars, 0) for stars in STARS}
    return Rating(total / count if count else None, count, weighed, numbers, hidden)


@lru_cache(maxsize=8)
def ratings_table(prior_weight: int) -> Subquery:
    """For lists: `course_slug`, `count`, `average`, `bayes` of every course that has reviews, to join.

    A course that is not in it has the `bayes` of `prior_mean()`.
    """
    count, total = _count(), _sum()
    mean = prior_mean().scalar_subquery()
    return (
        select(
            TotalRow.course_slug,
            count.label("count"),
            (as_type(total, Float) / count).label("average"),
            ((prior_weight * mean + total) / (prior_weight + count)).label("bayes"),
        )
        .where(TotalRow.course_slug != EVERYTHING, count > 0)
        .subquery("ratings")
    )


def prior_mean() -> Select[Any]:
    """The mean of all reviews of all courses, as a query of one value; no row without a review."""
    return select(as_type(_sum(), Float) / _count()).where(TotalRow.course_slug == EVERYTHING, _count() > 0)


def _by_stars(row: Row[Any] | None) -> dict[int, int]:
    return {} if row is None else {stars: getattr(row, f"stars_{stars}") for stars in STARS}


def _mean(by_stars: Mapping[int, int]) -> float:
    count = sum(by_stars.values())
    return sum(stars * number for stars, number in by_stars.items()) / count if count else MIDDLE


def _columns() -> list[str]:
    return [column.name for column in TOTALS.columns if column.name != "course_slug"]


def _count() -> ColumnElement[int]:
    return reduce(add, (TOTALS.c[f"stars_{stars}"] for stars in STARS))


def _sum() -> ColumnElement[int]:
    return reduce(add, (stars * TOTALS.c[f"stars_{stars}"] for stars in STARS))

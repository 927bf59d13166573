"""What other plugins may ask of reviews. Plain values in and out.

A page shows a rating with `{% import "reviews/card.html" as reviews %}{{ reviews.line(rating, url) }}`.
"""

from collections.abc import Collection

from sqlalchemy import Subquery

from lti_tool.kernel.db import Tx
from lti_tool.kernel.runtime import Runtime
from plugins.reviews import totals
from plugins.reviews.eligibility import add_author
from plugins.reviews.totals import MIDDLE, Rating, prior_mean

__all__ = ["MIDDLE", "Rating", "add_author", "prior_mean", "rating", "ratings_table"]


def rating(tx: Tx, runtime: Runtime, course_slugs: Collection[str]) -> dict[str, Rating]:
    """The rating of each of these courses, also of those without a review. One query."""
    return totals.read_ratings(tx, course_slugs, runtime.settings.reviews.prior_weight)


def ratings_table(runtime: Runtime) -> Subquery:
    """To join in lists that are filtered or ordered by rating: `course_slug`, `count`, `average`, `bayes`.

    Courses without a review are not in it; their `bayes` is `prior_mean()`, or MIDDLE where there is no review at all.
    """
    return totals.ratings_table(runtime.settings.reviews.prior_weight)

"""Settings of reviews."""

from pydantic import Field

from config.section import Section


class ReviewsSettings(Section):
    """Reviews of courses: who may write one, and how they are weighed."""

    min_percent: int = Field(
        30, ge=0, le=100, description="Progress in the course from which on a learner may review it, in percent."
    )
    prior_weight: int = Field(
        10,
        ge=0,
        description="How many reviews of an average course a rating is mixed with when courses are ordered by it.",
    )
    max_chars: int = Field(3000, ge=100, le=20_000, description="Longest review, and longest reply, in characters.")
    reports_per_day: int = Field(10, ge=1, description="How many reviews one person may report in 24 hours.")
    page_size: int = Field(20, ge=5, le=100, description="Reviews shown on one page.")

"""Facts about reviews; payloads hold ids."""

from dataclasses import dataclass
from typing import ClassVar

from lti_tool.kernel.messages import Event


@dataclass(frozen=True)
class ReviewHidden(Event):
    """A review was hidden by a moderator; its author can read why on the page of reviews."""

    name: ClassVar[str] = "reviews.review_hidden"
    review_id: int
    course_slug: str
    user_id: int | None


@dataclass(frozen=True)
class ReviewRestored(Event):
    """A hidden review is shown again."""

    name: ClassVar[str] = "reviews.review_restored"
    review_id: int
    course_slug: str
    user_id: int | None


@dataclass(frozen=True)
class ReviewReported(Event):
    """Somebody asks a moderator to look at a review."""

    name: ClassVar[str] = "reviews.review_reported"
    review_id: int
    course_slug: str

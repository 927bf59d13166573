"""Who may review a course: a learner who has taken a good part of it, and who has no part in making or teaching it."""

from dataclasses import dataclass
from enum import StrEnum

from lti_tool.kernel.db import Tx
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.upsert import insert_new
from lti_tool.lti import public as lti
from plugins.progress import public as progress
from plugins.reviews.models import AuthorRow


class Obstacle(StrEnum):
    """Why somebody may not review."""

    ROLE = "role"
    """Here as a teacher, an observer, a test student."""
    STAFF_ELSEWHERE = "staff_elsewhere"
    """A learner here, but teaching the course in another LMS course."""
    AUTHOR = "author"
    PROGRESS = "progress"
    """Not far enough yet."""


@dataclass(frozen=True)
class Who:
    """The person of a session, and where they are."""

    user_id: int
    registration_id: int
    placement_id: int | None
    role: Role


@dataclass(frozen=True)
class Eligibility:
    """May somebody review, and how far they are."""

    obstacle: Obstacle | None
    percent: int

    @property
    def is_given(self) -> bool:
        """May they?"""
        return self.obstacle is None


def read_eligibility(tx: Tx, who: Who, course_slug: str, min_percent: int, *, has_review: bool) -> Eligibility:
    """May this person review the course now? Three queries at most.

    Progress is that in the LMS course where they are. Whoever has a review may change it, also while they take the
    course afresh in another one.
    """
    if who.role is not Role.LEARNER or who.placement_id is None:
        return Eligibility(Obstacle.ROLE, 0)
    percent = read_percent(tx, who)
    if percent < min_percent and not has_review:
        return Eligibility(Obstacle.PROGRESS, percent)
    if tx.get(AuthorRow, (course_slug, who.user_id)) is not None:
        return Eligibility(Obstacle.AUTHOR, percent)
    roles = lti.list_placement_roles(tx, who.user_id)
    if any(role.is_staff and placement.course_slug == course_slug for placement, role in roles):
        return Eligibility(Obstacle.STAFF_ELSEWHERE, percent)
    return Eligibility(None, percent)


def read_percent(tx: Tx, who: Who) -> int:
    """How far they are, here."""
    if who.placement_id is None:
        return 0
    return progress.read_percent(tx, progress.Learner(who.placement_id, who.user_id))


def add_author(tx: Tx, course_slug: str, user_id: int) -> None:
    """This person has a part in writing the course, from now on. A review of theirs that is there stays."""
    insert_new(tx, AuthorRow, {"course_slug": course_slug, "user_id": user_id})

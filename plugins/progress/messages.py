"""What progress tells itself and others. Payloads hold ids; times are ISO 8601, UTC."""

from dataclasses import dataclass
from typing import ClassVar

from lti_tool.kernel.messages import Event, Job


@dataclass(frozen=True)
class ItemDone(Event):
    """A learner has done an item for the first time. Stated once, in the transaction that made it true."""

    name: ClassVar[str] = "progress.item_done"
    placement_id: int
    user_id: int
    course_slug: str
    ref: str
    done_at: str


@dataclass(frozen=True)
class CourseDone(Event):
    """A learner has finished a course. Stated once, and never taken back."""

    name: ClassVar[str] = "progress.course_done"
    placement_id: int
    user_id: int
    course_slug: str
    done_at: str


@dataclass(frozen=True)
class SettleCourse(Job):
    """Weigh everybody's progress anew after the outline or the rule has changed."""

    name: ClassVar[str] = "progress.settle_course"
    course_slug: str
    placement_id: int | None = None
    """One placement; None: everywhere that the course is used."""

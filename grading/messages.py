"""What grading tells itself and others. Payloads hold ids."""

from dataclasses import dataclass
from typing import ClassVar

from lti_tool.kernel.messages import Event, Job


@dataclass(frozen=True)
class Autograde(Job):
    """Mark one submission."""

    name: ClassVar[str] = "grading.autograde"
    submission_id: int


@dataclass(frozen=True)
class SyncMarks(Job):
    """Take over what a teacher marked by hand in the gradebook."""

    name: ClassVar[str] = "grading.sync_marks"
    course_slug: str
    assignment: str
    hub_name: str | None = None
    """One learner; None: everybody whose total differs."""


@dataclass(frozen=True)
class PassBackGrade(Job):
    """Send what one outbox row asks for to the LMS."""

    name: ClassVar[str] = "grading.pass_back_grade"
    passback_id: int


@dataclass(frozen=True)
class GradeRecorded(Event):
    """The result that counts for a learner has changed."""

    name: ClassVar[str] = "grading.grade_recorded"
    user_id: int
    assignment_id: int
    course_slug: str
    assignment: str
    version: int
    """Counts up with each change of this learner's result."""

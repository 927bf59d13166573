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
    placement_id: int
    assignment: str
    hub_name: str | None = None
    """One learner; None: everybody whose total differs."""


@dataclass(frozen=True)
class SettleResults(Job):
    """Weigh the attempts of everybody anew: the rules of a quiz have changed."""

    name: ClassVar[str] = "grading.settle_results"
    assignment_id: int


@dataclass(frozen=True)
class CompareSubmissions(Job):
    """Look for similar submissions of a quiz in one LMS course."""

    name: ClassVar[str] = "grading.compare_submissions"
    placement_id: int
    assignment_id: int


@dataclass(frozen=True)
class RemarkAttempts(Job):
    """Go on with marking the attempts of a run, for its preview."""

    name: ClassVar[str] = "grading.remark_attempts"
    remark_id: int


@dataclass(frozen=True)
class ApplyRemark(Job):
    """Go on with taking over what a teacher has chosen of a run."""

    name: ClassVar[str] = "grading.apply_remark"
    remark_id: int


@dataclass(frozen=True)
class PrepareGradebook(Job):
    """Bring the gradebook of a placement up to the course's release."""

    name: ClassVar[str] = "grading.prepare_gradebook"
    placement_id: int


@dataclass(frozen=True)
class PlaceArrival(Job):
    """Put what came from an nbgrader course where it belongs, if whoever brought it has not."""

    name: ClassVar[str] = "grading.place_arrival"
    placement_id: int


@dataclass(frozen=True)
class ForgetLearner(Job):
    """Take somebody whose data were erased out of a gradebook, too."""

    name: ClassVar[str] = "grading.forget_learner"
    placement_id: int
    hub_name: str


@dataclass(frozen=True)
class FollowGroups(Job):
    """Take over the groups of an LMS course as they are now."""

    name: ClassVar[str] = "grading.follow_groups"
    placement_id: int


@dataclass(frozen=True)
class BuildEnvironment(Job):
    """Install the packages of an environment."""

    name: ClassVar[str] = "grading.build_environment"
    digest: str


@dataclass(frozen=True)
class PackCourse(Job):
    """Pack a placement as an nbgrader course in one file."""

    name: ClassVar[str] = "grading.pack_course"
    placement_id: int
    serial: str
    """Of the asking: a later one takes its place."""


@dataclass(frozen=True)
class GradeRecorded(Event):
    """The result that counts for a learner has changed."""

    name: ClassVar[str] = "grading.grade_recorded"
    user_id: int
    assignment_id: int
    course_slug: str
    assignment: str
    placement_id: int
    """Where it was earned: the course as one LMS course uses it."""
    version: int
    """Counts up with each change of this learner's result."""

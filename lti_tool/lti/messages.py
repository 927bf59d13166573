"""Facts about launches and members that other parts may act on, and the jobs of this part.

Facts about members name at most `MOST_MEMBERS` people each. Two of them may be handled in another order than they came
about, so a handler asks `public.list_members` what holds now.
"""

from dataclasses import dataclass
from typing import ClassVar

from lti_tool.kernel.messages import Event, Job

MOST_MEMBERS = 500


@dataclass(frozen=True)
class LinkLaunched(Event):
    """A person opened an activity for the first time, in another role, or its line item changed."""

    name: ClassVar[str] = "lti.link_launched"

    user_id: int
    link_id: int
    item_ref: str
    role: str
    """Value of `kernel.permissions.Role`."""
    placement_id: int | None = None
    """Where the item's course is used; None: the activity shows nothing."""


@dataclass(frozen=True)
class ContextLinked(Event):
    """An LMS course was copied from another one, and a teacher wants what was set there to hold here too.

    It uses the same courses already. What learners did is not copied.
    """

    name: ClassVar[str] = "lti.context_linked"

    context_id: int
    origin_id: int
    """The LMS course that it was copied from."""


@dataclass(frozen=True)
class AskForNotices(Job):
    """Tell a platform where to send its notices of one deployment."""

    name: ClassVar[str] = "lti.ask_for_notices"

    deployment_row_id: int


@dataclass(frozen=True)
class ActOnNotice(Job):
    """Do what a notice asks for."""

    name: ClassVar[str] = "lti.act_on_notice"

    notice_row_id: int


@dataclass(frozen=True)
class UpdateLineItem(Job):
    """Carry what an activity shows now over into its column in the LMS."""

    name: ClassVar[str] = "lti.update_line_item"

    registration_id: int
    link_id: int
    item_ref: str
    title: str
    max_points: str
    """A decimal number."""
    opens_at: str = ""
    """ISO 8601; empty: no such date."""
    due_at: str = ""


@dataclass(frozen=True)
class CourseAssigned(Event):
    """An LMS course has its first activity that shows this course of ours."""

    name: ClassVar[str] = "lti.course_assigned"

    placement_id: int


@dataclass(frozen=True)
class MembersJoined(Event):
    """People are in an LMS course who were not, or who had left: by a launch or by the list of participants."""

    name: ClassVar[str] = "lti.members_joined"

    context_id: int
    user_ids: list[int]


@dataclass(frozen=True)
class MembersLeft(Event):
    """The list of participants no longer has these people. Their sessions there are over."""

    name: ClassVar[str] = "lti.members_left"

    context_id: int
    user_ids: list[int]


@dataclass(frozen=True)
class RolesChanged(Event):
    """These people have another role in the LMS course now."""

    name: ClassVar[str] = "lti.roles_changed"

    context_id: int
    user_ids: list[int]


@dataclass(frozen=True)
class ReadRoster(Job):
    """Read the list of participants of one LMS course: somebody asked for it."""

    name: ClassVar[str] = "lti.read_roster"

    context_id: int


@dataclass(frozen=True)
class ReadRosters(Job):
    """Read the lists of participants of these LMS courses of one platform, one after the other."""

    name: ClassVar[str] = "lti.read_rosters"

    registration_id: int
    context_ids: list[int]


@dataclass(frozen=True)
class DeliverScores(Job):
    """Send what waits in the outbox for one platform, as much as there is."""

    name: ClassVar[str] = "lti.deliver_scores"

    registration_id: int


@dataclass(frozen=True)
class CompareResults(Job):
    """Compare the gradebook column of one link with what was sent to it."""

    name: ClassVar[str] = "lti.compare_results"

    link_id: int

"""Facts about launches that other parts may act on."""

from dataclasses import dataclass
from typing import ClassVar

from lti_tool.kernel.messages import Event, Job


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

    link_id: int
    item_ref: str
    title: str
    max_points: str
    """A decimal number."""
    opens_at: str = ""
    """ISO 8601; empty: no such date."""
    due_at: str = ""

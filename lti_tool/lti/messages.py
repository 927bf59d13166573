"""Facts about launches that other parts may act on, and the work of delivering scores."""

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
class DeliverScores(Job):
    """Send what waits in the outbox for one platform, as much as there is."""

    name: ClassVar[str] = "lti.deliver_scores"

    registration_id: int


@dataclass(frozen=True)
class CompareResults(Job):
    """Compare the gradebook column of one link with what was sent to it."""

    name: ClassVar[str] = "lti.compare_results"

    link_id: int

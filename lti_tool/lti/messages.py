"""Facts about launches that other parts may act on."""

from dataclasses import dataclass
from typing import ClassVar

from lti_tool.kernel.messages import Event


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

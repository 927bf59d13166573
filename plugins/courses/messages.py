"""What courses tell themselves. Payloads hold ids."""

from dataclasses import dataclass
from typing import ClassVar

from lti_tool.kernel.messages import Job


@dataclass(frozen=True)
class CheckVersion(Job):
    """Find out what would come of publishing a version of a quiz that a teacher has written."""

    name: ClassVar[str] = "courses.check_version"
    written_id: int
    sha256: str
    """Of the files that were there when it was asked for; others are another check."""


@dataclass(frozen=True)
class PublishVersion(Job):
    """Make a checked version the one that learners have."""

    name: ClassVar[str] = "courses.publish_version"
    written_id: int
    sha256: str

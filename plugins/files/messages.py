"""What files tells itself and others. Payloads hold ids."""

from dataclasses import dataclass
from typing import ClassVar

from lti_tool.kernel.messages import Event, Job


@dataclass(frozen=True)
class FileStored(Event):
    """A file is whole, checked, scanned and can be read. Said again when its content was replaced."""

    name: ClassVar[str] = "files.file_stored"
    file_id: int
    course_slug: str
    content_type: str


@dataclass(frozen=True)
class FileDeleted(Event):
    """A file is gone for good."""

    name: ClassVar[str] = "files.file_deleted"
    file_id: int
    course_slug: str


@dataclass(frozen=True)
class CheckFile(Job):
    """Put a file together from what was received, check it, and move it to where it stays."""

    name: ClassVar[str] = "files.check_file"
    file_id: int


@dataclass(frozen=True)
class DropContent(Job):
    """Delete from the storage what no row names any more."""

    name: ClassVar[str] = "files.drop_content"
    prefix: str
    """Everything whose key begins so."""

"""Names and addresses: which server is for which course, and where a visit may end. No network, no Hub."""

import hashlib
import re
from urllib.parse import quote, urlencode

GRADE_PREFIX = "grade-"
MAX_SERVER_NAME = 30
"""JupyterHub 6 takes server names of at most 30 characters."""

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_ASSIGNMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,99}")
_USER = re.compile(r"u-[a-z2-7]{26}")


def is_course_slug(text: str) -> bool:
    """Whether the text can be the slug of a course, and so a folder and part of a server's name."""
    return len(text) <= 100 and _SLUG.fullmatch(text) is not None


def is_assignment_name(text: str) -> bool:
    """Whether the text can be the name of an assignment."""
    return _ASSIGNMENT.fullmatch(text) is not None


def is_user_name(text: str) -> bool:
    """Whether the text has the shape of the opaque names that the tool gives people."""
    return _USER.fullmatch(text) is not None


def grade_server_name(slug: str) -> str:
    """Name of a grader's server for a course: `grade-<slug>`, with a hash where that is too long for JupyterHub."""
    name = GRADE_PREFIX + slug
    if len(name) <= MAX_SERVER_NAME:
        return name
    digest = hashlib.sha256(slug.encode()).hexdigest()[:8]
    return f"{name[: MAX_SERVER_NAME - 9].rstrip('-')}-{digest}"


def open_path(course: str, assignment: str) -> str:
    """Path in a learner's server that fetches an assignment if needed and ends in its first notebook."""
    return "coursebridge/open?" + urlencode({"course": course, "assignment": assignment})


def formgrader_path(path: str) -> str:
    """Path in a grader's server of a formgrader page; anything that is not a plain relative path is the start page."""
    parts = [part for part in path.split("/") if part]
    if "\\" in path or any(part in {".", ".."} or not part.isprintable() for part in parts):
        parts = []
    return "formgrader/" + "/".join(quote(part) for part in parts or ["gradebook"])


def hub_path(next_path: str) -> str:
    """The tool's `next` as a path under the Hub, without its leading slash; empty unless it is one of ours.

    Only `/open?...` and `/formgrader?...` exist, so nothing else can be redirected to, whoever made the ticket.
    """
    return next_path.removeprefix("/") if re.match(r"/(open|formgrader)\?[!-~]*\Z", next_path) else ""

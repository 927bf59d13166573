"""Names and addresses: which server is for which course, and where a visit may end. No network, no Hub."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

GRADE_PREFIX = "grade-"
WRITE_PREFIX = "write-"
MAX_SERVER_NAME = 30
"""JupyterHub 6 takes server names of at most 30 characters."""

COURSES_MOUNT = "/courses"
"""Where a marking server finds the course root, as `/courses/<key>`."""

_KEY = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*-[1-9][0-9]{0,9}")
_ASSIGNMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,99}")
_USER = re.compile(r"u-[a-z2-7]{26}")


def is_course_key(text: str) -> bool:
    """Whether the text can be the key of a course as one LMS course uses it: `<slug>-<number>`.

    It names a folder in homes and marking servers, and is part of a marking server's name.
    """
    return len(text) <= 100 and _KEY.fullmatch(text) is not None


@dataclass(frozen=True)
class Mount:
    """A folder of the courses that a marking server sees."""

    outside: Path
    inside: str
    is_writable: bool = False


def course_mounts(courses: Path, key: str) -> list[Mount]:
    """What a marking server sees below `/courses/<key>`: nbgrader's course root, assembled from two folders.

    Sources and releases are those of the course; the gradebook and learners' files are those of this placement alone.
    The gradebook's folder is the only one it may write to.
    """
    slug, _, number = key.rpartition("-")
    course, inside = courses / slug, f"{COURSES_MOUNT}/{key}"
    own = course / "placements" / number
    shared = [Mount(course / name, f"{inside}/{name}") for name in ("source", "release")]
    theirs = [Mount(own / name, f"{inside}/{name}") for name in ("submitted", "autograded", "feedback")]
    return [*shared, *theirs, Mount(own / "gradebook", f"{inside}/gradebook", is_writable=True)]


def is_assignment_name(text: str) -> bool:
    """Whether the text can be the name of an assignment."""
    return _ASSIGNMENT.fullmatch(text) is not None


def is_user_name(text: str) -> bool:
    """Whether the text has the shape of the opaque names that the tool gives people."""
    return _USER.fullmatch(text) is not None


def grade_server_name(key: str) -> str:
    """Name of a grader's server: `grade-<key>`, with a shorter slug where that is too long for JupyterHub.

    The number at the end stays whole, and no two keys have the same.
    """
    return _server_name(GRADE_PREFIX, key)


def write_server_name(key: str) -> str:
    """Name of a writer's server: `write-<key>`, shortened in the same way."""
    return _server_name(WRITE_PREFIX, key)


def _server_name(prefix: str, key: str) -> str:
    slug, _, number = key.rpartition("-")
    room = MAX_SERVER_NAME - len(prefix) - len(number) - 1
    return f"{prefix}{slug[:room].rstrip('-')}-{number}"


def open_path(course: str, assignment: str) -> str:
    """Path in a learner's server that fetches an assignment if needed and ends in its first notebook."""
    return "coursebridge/open?" + urlencode({"course": course, "assignment": assignment})


def reading_path(course: str, reading: str) -> str:
    """Path in a person's server that fetches a notebook lesson if needed and ends in it."""
    return "coursebridge/open?" + urlencode({"course": course, "reading": reading})


def write_path(assignment: str) -> str:
    """Path in a writer's server that fetches the source of a quiz if needed and ends in its first notebook."""
    return "coursebridge/write?" + urlencode({"assignment": assignment})


def formgrader_path(path: str) -> str:
    """Path in a grader's server of a formgrader page; anything that is not a plain relative path is the start page."""
    parts = [part for part in path.split("/") if part]
    if "\\" in path or any(part in {".", ".."} or not part.isprintable() for part in parts):
        parts = []
    return "formgrader/" + "/".join(quote(part) for part in parts or ["gradebook"])


def hub_path(next_path: str) -> str:
    """The tool's `next` as a path under the Hub, without its leading slash; empty unless it is one of ours.

    Only `/open?...`, `/write?...` and `/formgrader?...` exist, so nothing else can be redirected to, whoever made the
    ticket.
    """
    return next_path.removeprefix("/") if re.match(r"/(open|write|formgrader)\?[!-~]*\Z", next_path) else ""

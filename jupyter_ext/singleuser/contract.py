"""What the tool and this server say to each other: plain values, and one `Call` for each question.

A `Call` holds a request and how to read its answer; `tool_client` sends it, blocking or not. All paths are below
`/api/v1` of the tool.
"""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from jupyter_ext.singleuser.contract_work import (
    Attempt,
    Environment,
    Group,
    Result,
    read_attempt,
    read_environment,
    read_group,
    read_result,
)

T = TypeVar("T")

Files = Mapping[str, bytes]
"""A file set: path below the assignment folder, with forward slashes -> content."""


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request to the tool and the function that reads its JSON answer."""

    method: str
    path: str
    read: Callable[[Any], T]
    body: Any = None
    timeout_s: float = 15.0


@dataclass(frozen=True)
class Course:
    """A course of the person as one LMS course uses it, with their role there."""

    key: str
    """Names the course here, and its folder in the person's home."""
    title: str
    role: str


@dataclass(frozen=True)
class Assignment:
    """A released quiz of a course, with the person's attempts."""

    name: str
    title: str
    due: str | None
    max_score: float | None
    attempts_allowed: int | None
    """None means without limit."""
    release_sha256: str
    notebooks: tuple[str, ...]
    draft_saved_at: str | None
    page_url: str
    attempts: tuple[Attempt, ...]
    closes: str | None = None
    """After this nothing is accepted; as `due` with the person's extension."""
    is_closed: bool = False
    is_extended: bool = False
    why_not: str | None = None
    """Why the person cannot hand in now, in words; None: they can."""
    result: Result | None = None
    group: Group | None = None
    terms: tuple[str, ...] = ()
    """On what terms it is handed in and marked, in sentences."""
    attempts_used: int = 0
    """By the person, or by any member of their group."""
    environment: Environment | None = None
    """What it is marked in; None: the Python of every quiz."""

    @property
    def attempts_left(self) -> int | None:
        """How many more attempts are allowed; None means without limit."""
        if self.attempts_allowed is None:
            return None
        return max(0, self.attempts_allowed - (self.next_attempt - 1))

    @property
    def next_attempt(self) -> int:
        """The number that the next submission gets."""
        return max(self.attempts_used, *(attempt.number for attempt in self.attempts), 0) + 1


@dataclass(frozen=True)
class Release:
    """The files that learners start from."""

    sha256: str
    files: Files


@dataclass(frozen=True)
class Draft:
    """The newest copy of a learner's unsubmitted work."""

    saved_at: str
    files: Files


@dataclass(frozen=True)
class Source:
    """What a quiz is made of, with solutions, for somebody who writes it."""

    base: int
    """Number of the published version that it goes on from."""
    saved_at: str
    """When this person saved it; empty: it is the published version."""
    files: Files


@dataclass(frozen=True)
class Receipt:
    """The proof that the tool stored a submission."""

    attempt: int
    receipt: str
    sha256: str
    submitted_at: str
    state: str
    page_url: str
    state_text: str = field(default="")


def list_courses() -> Call[list[Course]]:
    """The person's courses."""
    return Call("GET", "/courses", lambda data: [_course(item) for item in data["courses"]])


def list_assignments(course: str) -> Call[list[Assignment]]:
    """The released quizzes of a course."""
    path = f"/courses/{_quoted(course)}/assignments"
    return Call("GET", path, lambda data: [_assignment(item) for item in data["assignments"]])


def get_release(course: str, assignment: str) -> Call[Release]:
    """The files of a quiz as released."""
    return Call(
        "GET", _of(course, assignment, "release"), lambda data: Release(data["sha256"], _files(data)), timeout_s=60
    )


def get_reading(course: str, name: str) -> Call[Files]:
    """The files of a notebook lesson."""
    return Call("GET", f"/courses/{_quoted(course)}/readings/{_quoted(name)}", _files, timeout_s=60)


def get_draft(course: str, assignment: str) -> Call[Draft]:
    """The stored copy of the person's work; the tool answers 404 when there is none."""
    return Call(
        "GET", _of(course, assignment, "draft"), lambda data: Draft(data["saved_at"], _files(data)), timeout_s=60
    )


def put_draft(course: str, assignment: str, files: Files, saved_at: str) -> Call[str]:
    """Store a copy of the person's work; the answer is the time that the tool now holds."""
    body = {"files": _encoded(files), "saved_at": saved_at}
    return Call("PUT", _of(course, assignment, "draft"), lambda data: str(data["saved_at"]), body, timeout_s=60)


def submit(course: str, assignment: str, files: Files, via: str, request_id: str) -> Call[Receipt]:
    """Hand work in. Sending the same `request_id` again gives the same receipt, so it may be repeated safely."""
    body = {"files": _encoded(files), "via": via, "request_id": request_id}
    return Call("POST", _of(course, assignment, "submissions"), _receipt, body, timeout_s=60)


def get_feedback(course: str, assignment: str, number: int) -> Call[Files]:
    """The marked notebooks of one attempt, as HTML files; 404 while there are none."""
    return Call("GET", _of(course, assignment, f"submissions/{number}/feedback"), _files, timeout_s=60)


# ---- the class, on a marking server ----


@dataclass(frozen=True)
class ClassAttempt:
    """One attempt of somebody in the class. Times are ISO 8601 with a zone."""

    assignment: str
    learner: str
    """The Hub's name."""
    number: int
    submitted_at: str
    due: str | None
    """For this learner."""
    receipt: str
    sha256: str
    """Of the file set."""
    state: str
    is_held: bool
    """A teacher has to decide whether its points count."""
    has_feedback: bool
    """The learner can read it."""


@dataclass(frozen=True)
class SourceReleased:
    """What learners have of a quiz after it was released."""

    is_new: bool
    """False: they had it already."""
    is_draft: bool
    """It is new in the course, and learners get it when it is published."""
    max_score: float
    opens_at: str | None
    """They get it from then on; None: now."""
    is_course_shown: bool


@dataclass(frozen=True)
class SourceRelease:
    """A version on its way to learners, as far as it is. All texts are sentences for the teacher."""

    stage: str
    """checking, checked, releasing, failed or released"""
    sha256: str
    said: str
    """What it waits for, or why it was not released."""
    errors: Sequence[str]
    warnings: Sequence[str]
    """They have to be confirmed."""
    news: Sequence[str]
    """What changes, and what it means for learners who have begun."""
    released: SourceReleased | None

    @property
    def is_busy(self) -> bool:
        """Is the tool at it?"""
        return self.stage in ("checking", "releasing")


def list_class_work(course: str, assignment: str = "") -> Call[list[ClassAttempt]]:
    """Every attempt of the class, or those of one quiz: by quiz, learner and number."""
    query = f"?assignment={_quoted(assignment)}" if assignment else ""
    path = f"/courses/{_quoted(course)}/submissions{query}"
    return Call("GET", path, lambda data: [_class_attempt(item) for item in data["submissions"]], timeout_s=60)


def get_handed_in(course: str, attempt: ClassAttempt) -> Call[Files]:
    """The files of one attempt, as they were handed in."""
    what = f"learners/{_quoted(attempt.learner)}/submissions/{attempt.number}/files"
    return Call("GET", _of(course, attempt.assignment, what), _files, timeout_s=60)


def release_feedback(course: str, assignment: str, learners: Sequence[str]) -> Call[int]:
    """Bring what the gradebook says now into the feedback of learners; how many of them have marks."""
    body = {"learners": list(learners)}
    return Call("POST", _of(course, assignment, "feedback"), lambda data: int(data["learners"]), body)


def begin_release(course: str, assignment: str, files: Files, *, force: bool) -> Call[SourceRelease]:
    """Have the source files of a quiz checked; the same again goes on with what is on its way."""
    body = {"files": _encoded(files), "force": force}
    return Call("POST", _of(course, assignment, "source"), _source_release, body, timeout_s=360)


def look_at_release(course: str, assignment: str) -> Call[SourceRelease]:
    """How far it is."""
    return Call("GET", _of(course, assignment, "source/release"), _source_release)


def release_checked(course: str, assignment: str, sha256: str, *, confirmed: bool) -> Call[SourceRelease]:
    """Release what was checked."""
    body = {"sha256": sha256, "confirmed": confirmed}
    return Call("POST", _of(course, assignment, "source/release"), _source_release, body)


def get_source(course: str, assignment: str) -> Call[Source]:
    """What the person has written of a quiz, or else what is published."""
    return Call(
        "GET",
        _of(course, assignment, "source"),
        lambda data: Source(int(data["base"]), data["saved_at"] or "", _files(data)),
        timeout_s=60,
    )


def put_source(course: str, assignment: str, files: Files, base: int, saved_at: str) -> Call[str]:
    """Keep what the person has written of a quiz; the answer is the time that the tool now holds."""
    body = {"files": _encoded(files), "base": base, "saved_at": saved_at}
    return Call("PUT", _of(course, assignment, "source"), lambda data: str(data["saved_at"]), body, timeout_s=60)


def _of(course: str, assignment: str, what: str) -> str:
    return f"/courses/{_quoted(course)}/assignments/{_quoted(assignment)}/{what}"


def _quoted(part: str) -> str:
    return quote(part, safe="")


def _course(data: Any) -> Course:
    return Course(data["key"], data["title"], data["role"])


def _assignment(data: Any) -> Assignment:
    return Assignment(
        name=data["name"],
        title=data["title"],
        due=data.get("due"),
        max_score=data.get("max_score"),
        attempts_allowed=data.get("attempts_allowed"),
        release_sha256=data["release_sha256"],
        notebooks=tuple(data["notebooks"]),
        draft_saved_at=data.get("draft_saved_at"),
        page_url=data.get("page_url") or "",
        attempts=tuple(sorted((read_attempt(item) for item in data["attempts"]), key=lambda one: one.number)),
        closes=data.get("closes"),
        is_closed=bool(data.get("closed")),
        is_extended=bool(data.get("extended")),
        why_not=data.get("why_not"),
        result=read_result(data.get("result")),
        group=read_group(data.get("group")),
        terms=tuple(str(text) for text in data.get("terms") or ()),
        attempts_used=int(data.get("attempts_used") or 0),
        environment=read_environment(data.get("environment")),
    )


def _receipt(data: Any) -> Receipt:
    return Receipt(
        attempt=int(data["attempt"]),
        receipt=data["receipt"],
        sha256=data["sha256"],
        submitted_at=data["submitted_at"],
        state=data["state"],
        page_url=data.get("page_url") or "",
        state_text=data.get("state_text") or "",
    )


def _class_attempt(data: Any) -> ClassAttempt:
    return ClassAttempt(
        assignment=data["assignment"],
        learner=data["learner"],
        number=int(data["number"]),
        submitted_at=data["submitted_at"],
        due=data["due"],
        receipt=data["receipt"],
        sha256=data["sha256"],
        state=data["state"],
        is_held=bool(data["held"]),
        has_feedback=bool(data["feedback"]),
    )


def _source_release(data: Any) -> SourceRelease:
    done = data["released"]
    released = done and SourceReleased(
        is_new=bool(done["changed"]),
        is_draft=bool(done["draft"]),
        max_score=float(done["max_score"]),
        opens_at=done["opens_at"],
        is_course_shown=bool(done["course_shown"]),
    )
    errors, warnings, news = ([str(text) for text in data[name]] for name in ("errors", "warnings", "news"))
    return SourceRelease(data["stage"], data["sha256"], data["said"], errors, warnings, news, released)


def _encoded(files: Files) -> Sequence[Mapping[str, str]]:
    return [{"path": path, "content_b64": base64.b64encode(files[path]).decode("ascii")} for path in sorted(files)]


def _files(data: Any) -> Files:
    try:
        return {item["path"]: base64.b64decode(item["content_b64"], validate=True) for item in data["files"]}
    except binascii.Error as error:
        raise ValueError("a file that is not base64") from error

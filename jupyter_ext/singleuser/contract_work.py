"""What the tool tells of a person's work on a quiz: attempts, the group, what counts."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Attempt:
    """One submission, as the tool tells of it. Times are ISO 8601 with a zone."""

    number: int
    submitted_at: str
    receipt: str
    state: str
    state_text: str
    score: float | None
    max_score: float | None
    has_feedback: bool
    is_held: bool = False
    """Marked, and a teacher has to look at it before its points count."""
    by: str | None = None
    """Who handed it in for the group; None: the person, alone."""


@dataclass(frozen=True)
class Group:
    """The group that the person does a quiz in: one of them hands in for all."""

    name: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class Environment:
    """What a quiz is marked in, where that is not the Python of every quiz."""

    kernel: str
    """Name of the Jupyter kernel."""
    folder: str | None
    """Its packages are in the folder of this name; None: it is a kernel of another language."""
    state: str
    """ready, building or failed"""


@dataclass(frozen=True)
class Result:
    """What counts of a quiz, as far as it is released."""

    attempt: int
    score: float
    max_score: float


def read_attempt(data: Any) -> Attempt:
    """As the tool tells of it."""
    return Attempt(
        number=int(data["number"]),
        submitted_at=data["submitted_at"],
        receipt=data["receipt"],
        state=data["state"],
        state_text=data.get("state_text") or "",
        score=data.get("score"),
        max_score=data.get("max_score"),
        has_feedback=bool(data.get("feedback")),
        is_held=bool(data.get("held")),
        by=data.get("by"),
    )


def read_group(data: Any) -> Group | None:
    """As the tool tells of it; None: there is none."""
    return Group(data["name"], tuple(data["members"])) if data else None


def read_environment(data: Any) -> Environment | None:
    """As the tool tells of it; None: the quiz has none of its own."""
    return Environment(str(data["kernel"]), data["folder"], str(data["state"])) if data else None


def read_result(data: Any) -> Result | None:
    """As the tool tells of it; None: nothing counts yet."""
    return Result(int(data["attempt"]), float(data["score"]), float(data["max_score"])) if data else None

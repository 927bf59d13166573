"""What came of two attempts at a quiz that nobody has made: its own solution, and the learners' version as it is."""

from dataclasses import dataclass
from decimal import Decimal

from grading.engine.model import QuestionKind


@dataclass(frozen=True)
class TriedQuestion:
    """What one question gives to the solution and to the empty release."""

    notebook: str
    grade_id: str
    title: str
    kind: QuestionKind
    max_points: Decimal
    solved: Decimal | None
    """None: a person marks it, or it could not be marked."""
    empty: Decimal | None
    why: str = ""
    """What went wrong in the test with the solution."""


@dataclass(frozen=True)
class Tried:
    """Both attempts."""

    questions: tuple[TriedQuestion, ...]
    """None at all: the solution could not be marked; `solved_text` says why."""
    solved_outcome: str
    solved_text: str
    empty_outcome: str
    empty_text: str

"""Quizzes that are closed to a person for reasons that grading does not know: the plugin that places them says so."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, current_app

from lti_tool.kernel.errors import Forbidden
from lti_tool.kernel.permissions import Role

EXTENSION = "coursebridge_quiz_gates"
CLOSED = "This quiz is not open to you now. Its page in your course says why."


@dataclass(frozen=True)
class Caller:
    """A person in one placement, as the API for single-user servers knows them."""

    placement_id: int
    user_id: int
    role: Role


Gate = Callable[[str, Caller], frozenset[str]]
"""`(course slug, person)` → the assignments that are closed to them. Opens its own transaction."""


def add_gate(app: Flask, gate: Gate) -> None:
    """Ask this gate too before a single-user server gets or hands in a quiz."""
    app.extensions.setdefault(EXTENSION, []).append(gate)


def closed_quizzes(course_slug: str, who: Caller) -> frozenset[str]:
    """The assignments of a course that are closed to a person. Not to be called inside a transaction."""
    gates: list[Gate] = current_app.extensions.get(EXTENSION, [])
    return frozenset(name for gate in gates for name in gate(course_slug, who))


def refuse_closed(course_slug: str, name: str, who: Caller) -> None:
    """Raises: Forbidden: the quiz is closed to this person."""
    if name in closed_quizzes(course_slug, who):
        raise Forbidden("quiz_closed", CLOSED)

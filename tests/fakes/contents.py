"""A plugin with a little course to place: one lesson, one quiz, no pages of its own beyond the paths."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from flask import Blueprint, Response

from lti_tool.contract import Choice, Plugin
from lti_tool.kernel.db import Tx
from lti_tool.kernel.permissions import Role
from lti_tool.web.session import current_session

LESSON = Choice(
    "courses/demo/hello",
    "demo",
    "Notebooks 101",
    "Hello",
    "lesson",
    "Start",
    "/stub/courses/demo/hello",
    text="Read this first.",
)
QUIZ = Choice(
    "courses/demo/quiz-1",
    "demo",
    "Notebooks 101",
    "First quiz",
    "quiz",
    "Start",
    "/stub/courses/demo/quiz-1",
    max_points=Decimal("12.5"),
)
DATED = Choice(
    "courses/demo/quiz-2",
    "demo",
    "Notebooks 101",
    "Second quiz",
    "quiz",
    "Start",
    "/stub/courses/demo/quiz-2",
    max_points=Decimal(8),
    opens_at=datetime(2026, 9, 1, 8, tzinfo=UTC),
    due_at=datetime(2026, 9, 30, 22, tzinfo=timezone(timedelta(hours=2))),
)
OTHER = Choice(
    "courses/other/quiz-9",
    "other",
    "Another course",
    "Ninth quiz",
    "quiz",
    "Week 1",
    "/stub/courses/other/quiz-9",
    max_points=Decimal(10),
)


class StubContents:
    """Answers `lti_tool.contract.Contents` from a list."""

    def __init__(self, choices: Iterable[Choice]) -> None:
        self.choices = list(choices)

    def begin_path(self, role: Role) -> str | None:
        return None

    def list_choices(self, tx: Tx, registration_id: int) -> list[Choice]:
        return list(self.choices)

    def find_choice(self, tx: Tx, registration_id: int, ref: str) -> Choice | None:
        return next((choice for choice in self.choices if choice.ref == ref), None)

    def list_titles(self, tx: Tx, refs: Collection[str]) -> dict[str, str]:
        return {each.ref: f"{each.course_title}: {each.title}" for each in self.choices if each.ref in refs}

    def review_path_of(self, tx: Tx, ref: str, user_id: int) -> str:
        return f"/stub/review/{user_id}/{ref}"


def stub_contents_plugin(choices: Iterable[Choice] = (LESSON, QUIZ, DATED, OTHER)) -> Plugin:
    """The plugin; its only page says who is signed in."""
    blueprint = Blueprint("stub", __name__)

    @blueprint.get("/stub/<path:ref>")
    def show(ref: str) -> Response:
        session = current_session()
        return Response(f"{ref}\n{session.display_name}\n{session.role.value}\n", content_type="text/plain")

    return Plugin(name="stub", summary="For tests", blueprints=(blueprint,), contents=StubContents(choices))

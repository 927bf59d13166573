"""nbgrader's Assignment List, through its own HTTP addresses on a real server."""

from typing import Any

from tests.fakes.tool_api import FakeTool
from tests.functional.singleuser.conftest import Jupyter, notebook


def listed(jupyter: Jupyter, course: str) -> list[Any]:
    answer = jupyter.get("assignments", params={"course_id": course}).json()
    assert answer["success"], answer["value"]
    value: list[Any] = answer["value"]
    return value


def act(jupyter: Jupyter, action: str, course: str) -> Any:
    return jupyter.post(f"assignments/{action}", {"course_id": course, "assignment_id": "quiz"}).json()


def test_fetch_submit_and_feedback_of_one_of_several_courses(jupyter: Jupyter, tool: FakeTool) -> None:
    quiz = tool.add_quiz("algebra", "quiz", {"q.ipynb": notebook()})
    tool.add_quiz("biology", "quiz", {"q.ipynb": notebook()})

    assert jupyter.get("courses").json() == {"success": True, "value": ["algebra", "biology"]}
    assert [one["status"] for one in listed(jupyter, "algebra")] == ["released"]

    (fetched,) = act(jupyter, "fetch", "algebra")["value"]
    assert (fetched["status"], fetched["path"]) == ("fetched", "algebra/quiz")
    assert fetched["notebooks"] == [{"notebook_id": "q", "path": "algebra/quiz/q.ipynb"}]

    submitted = act(jupyter, "submit", "algebra")["value"][1]["submissions"][0]
    assert submitted["receipt"] == quiz.attempts[0]["receipt"]
    assert not submitted["has_local_feedback"]

    tool.mark(quiz, 1, 4.0, b"<p>well done</p>")
    marked = act(jupyter, "fetch_feedback", "algebra")["value"][1]["submissions"][0]
    assert marked["local_feedback_path"] == f"algebra/quiz/feedback/{marked['timestamp']}"
    assert (jupyter.home / marked["local_feedback_path"] / "q.html").read_bytes() == b"<p>well done</p>"


def test_a_refused_submission_is_not_shown_as_submitted(jupyter: Jupyter, tool: FakeTool) -> None:
    tool.add_quiz("chemistry", "quiz", {"q.ipynb": notebook()}, attempts_allowed=0)
    act(jupyter, "fetch", "chemistry")

    answer = act(jupyter, "submit", "chemistry")

    assert answer["success"] is False
    assert answer["value"] == "You have used all your attempts."
    assert [one["status"] for one in listed(jupyter, "chemistry")] == ["fetched"]


def test_a_tool_that_is_down_is_told_in_its_own_words(jupyter: Jupyter, tool: FakeTool) -> None:
    tool.stop()
    try:
        answer = jupyter.get("assignments", params={"course_id": "algebra"}).json()
    finally:
        tool.start()

    assert answer["success"] is False
    assert "The course cannot be reached just now" in answer["value"]

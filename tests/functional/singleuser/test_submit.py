"""POST coursebridge/submit: a receipt, once for each intent, or a reason in words."""

import uuid
from typing import Any

import httpx
import pytest

from tests.fakes.tool_api import FakeTool, Quiz
from tests.functional.singleuser.conftest import Jupyter, notebook


def start_quiz(jupyter: Jupyter, tool: FakeTool, course: str, **more: Any) -> Quiz:
    quiz = tool.add_quiz(course, "quiz", {"q.ipynb": notebook()}, **more)
    assert jupyter.get("coursebridge/open", params={"course": course, "assignment": "quiz"}).status_code == 303
    return quiz


def submit(jupyter: Jupyter, course: str, request_id: str = "") -> httpx.Response:
    data = {"course": course, "assignment": "quiz", "request_id": request_id or str(uuid.uuid4())}
    return jupyter.post("coursebridge/submit", data)


def test_submit_hands_in_the_folder_and_gives_the_receipt(jupyter: Jupyter, tool: FakeTool) -> None:
    quiz = start_quiz(jupyter, tool, "sub-1", title="Lists and loops", attempts_allowed=2)
    (jupyter.home / "sub-1/quiz/q.ipynb").write_bytes(notebook("mine = 1"))
    (jupyter.home / "sub-1/quiz/.ipynb_checkpoints").mkdir()
    (jupyter.home / "sub-1/quiz/.ipynb_checkpoints/q.ipynb").write_bytes(b"old")

    response = submit(jupyter, "sub-1")

    assert response.status_code == 201
    receipt = response.json()
    assert (receipt["attempt"], receipt["receipt"]) == (1, quiz.attempts[0]["receipt"])
    assert quiz.submitted_files == [{"q.ipynb": notebook("mine = 1")}]
    assert quiz.vias == ["jupyterlab"]
    status = jupyter.status("sub-1/quiz/q.ipynb")
    assert status["title"] == "Lists and loops"
    assert (status["next_attempt"], status["attempts_left"]) == (2, 1)
    assert status["last_receipt"]["receipt"] == receipt["receipt"]


def test_the_same_request_twice_is_one_attempt(jupyter: Jupyter, tool: FakeTool) -> None:
    quiz = start_quiz(jupyter, tool, "sub-2")
    request_id = str(uuid.uuid4())

    first, second = submit(jupyter, "sub-2", request_id), submit(jupyter, "sub-2", request_id)

    assert first.json() == second.json()
    assert len(quiz.attempts) == 1


def test_a_lost_answer_is_asked_for_again_without_a_second_attempt(jupyter: Jupyter, tool: FakeTool) -> None:
    quiz = start_quiz(jupyter, tool, "sub-3")
    tool.lose_next_receipt = True

    response = submit(jupyter, "sub-3")

    assert response.json()["attempt"] == 1
    assert len(quiz.attempts) == 1


def test_submit_says_so_when_the_tool_is_down_and_works_when_it_is_up(jupyter: Jupyter, tool: FakeTool) -> None:
    quiz = start_quiz(jupyter, tool, "sub-4")
    request_id = str(uuid.uuid4())
    tool.stop()
    try:
        down = submit(jupyter, "sub-4", request_id)
    finally:
        tool.start()
    up = submit(jupyter, "sub-4", request_id)

    assert down.status_code == 503
    assert down.json()["retryable"] is True
    assert "cannot be reached" in down.json()["message"]
    assert up.status_code == 201
    assert len(quiz.attempts) == 1


def test_submit_passes_on_why_the_course_refuses(jupyter: Jupyter, tool: FakeTool) -> None:
    start_quiz(jupyter, tool, "sub-5", attempts_allowed=1)
    submit(jupyter, "sub-5")

    response = submit(jupyter, "sub-5")

    assert response.status_code == 409
    assert response.json() == {
        "code": "attempts_used_up",
        "message": "You have used all your attempts.",
        "retryable": False,
    }


def test_submit_names_the_largest_file_when_there_is_too_much(jupyter: Jupyter, tool: FakeTool) -> None:
    quiz = start_quiz(jupyter, tool, "sub-6")
    with (jupyter.home / "sub-6/quiz/big.bin").open("wb") as file:
        file.truncate(21 * 1024 * 1024)

    response = submit(jupyter, "sub-6")

    assert response.status_code == 409
    assert "big.bin (21 MB)" in response.json()["message"]
    assert quiz.attempts == []


@pytest.mark.parametrize(
    "data",
    [{}, {"course": "..", "assignment": "q", "request_id": "x"}, {"course": "a", "assignment": "b", "request_id": "x"}],
)
def test_submit_refuses_what_it_cannot_read(jupyter: Jupyter, data: dict[str, str]) -> None:
    assert jupyter.post("coursebridge/submit", data).status_code == 400


def test_submit_needs_the_token(jupyter: Jupyter) -> None:
    assert httpx.post(jupyter.url + "coursebridge/submit", json={}).status_code == 403

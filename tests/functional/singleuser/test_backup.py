"""Saved work reaches the course, whatever happens on the way."""

import signal
from pathlib import Path

from tests.fakes.tool_api import FakeTool, Quiz, decode
from tests.functional.singleuser.conftest import Jupyter, make_home, notebook, start_jupyter, wait_until


def start_quiz(jupyter: Jupyter, tool: FakeTool, course: str) -> Quiz:
    quiz = tool.add_quiz(course, "quiz", {"q.ipynb": notebook()})
    assert jupyter.get("coursebridge/open", params={"course": course, "assignment": "quiz"}).status_code == 303
    return quiz


def stored(quiz: Quiz) -> str:
    """The source of the stored draft's notebook cell."""
    return "" if quiz.draft is None else decode(quiz.draft["files"])["q.ipynb"].decode()


def test_a_save_arrives_as_a_draft_and_the_page_can_tell(jupyter: Jupyter, tool: FakeTool) -> None:
    quiz = start_quiz(jupyter, tool, "save-1")
    assert jupyter.status("save-1/quiz/q.ipynb")["draft"] == {"state": "none", "saved_at": "", "message": ""}

    jupyter.save("save-1/quiz/q.ipynb", notebook("answer = 42"))

    wait_until(lambda: "answer = 42" in stored(quiz))
    wait_until(lambda: jupyter.status("save-1/quiz/q.ipynb")["draft"]["state"] == "stored")
    assert quiz.draft is not None
    assert jupyter.status("save-1/quiz/q.ipynb")["draft"]["saved_at"] == quiz.draft["saved_at"]


def test_many_saves_come_together_and_the_newest_wins(jupyter: Jupyter, tool: FakeTool) -> None:
    quiz = start_quiz(jupyter, tool, "save-2")

    for number in range(12):
        jupyter.save("save-2/quiz/q.ipynb", notebook(f"answer = {number}"))

    wait_until(lambda: "answer = 11" in stored(quiz))
    assert quiz.draft_puts < 12


def test_a_draft_waits_for_the_tool_to_come_back(jupyter: Jupyter, tool: FakeTool) -> None:
    quiz = start_quiz(jupyter, tool, "save-3")
    tool.stop()
    try:
        jupyter.save("save-3/quiz/q.ipynb", notebook("answer = 1"))
        wait_until(lambda: jupyter.status("save-3/quiz/q.ipynb")["draft"]["state"] == "failing")
        jupyter.save("save-3/quiz/q.ipynb", notebook("answer = 2"))
    finally:
        tool.start()

    wait_until(lambda: "answer = 2" in stored(quiz))


def test_what_the_tool_does_not_take_just_now_is_sent_again(jupyter: Jupyter, tool: FakeTool) -> None:
    quiz = start_quiz(jupyter, tool, "save-busy")
    tool.fail_next = [409]
    jupyter.save("save-busy/quiz/q.ipynb", notebook("answer = 3"))

    wait_until(lambda: "answer = 3" in stored(quiz))
    assert tool.fail_next == []


def test_only_quizzes_are_stored(jupyter: Jupyter, tool: FakeTool) -> None:
    quiz = start_quiz(jupyter, tool, "save-4")
    (jupyter.home / "save-4/quiz/.hidden").write_text("no")
    (jupyter.home / "save-4/quiz/feedback").mkdir()
    (jupyter.home / "save-4/quiz/feedback/old.html").write_text("no")
    copy = jupyter.home / "save-4" / "quiz-copy"
    copy.mkdir()
    (copy / ".coursebridge.json").write_bytes((jupyter.home / "save-4/quiz/.coursebridge.json").read_bytes())
    (jupyter.home / "private").mkdir()

    for path in ("notes.ipynb", "private/n.ipynb", "save-4/quiz-copy/q.ipynb", "save-4/quiz/q.ipynb"):
        jupyter.save(path, notebook("answer = 4"))

    wait_until(lambda: "answer = 4" in stored(quiz))
    assert quiz.draft is not None
    assert [item["path"] for item in quiz.draft["files"]] == ["q.ipynb"]
    wait_until(lambda: jupyter.status("save-4/quiz/q.ipynb")["draft"]["state"] == "stored")
    for path in ("notes.ipynb", "private/n.ipynb", "save-4/quiz-copy/q.ipynb"):
        assert jupyter.status(path) == {"course": None, "assignment": None}
    assert not [line for line in tool.requests if line.startswith("PUT") and "quiz-copy" in line]


def test_too_large_work_is_refused_in_words(jupyter: Jupyter, tool: FakeTool) -> None:
    quiz = start_quiz(jupyter, tool, "save-5")
    with (jupyter.home / "save-5/quiz/big.bin").open("wb") as file:
        file.truncate(21 * 1024 * 1024)

    jupyter.save("save-5/quiz/q.ipynb", notebook("answer = 5"))

    wait_until(lambda: jupyter.status("save-5/quiz/q.ipynb")["draft"]["state"] == "refused")
    assert "big.bin (21 MB)" in jupyter.status("save-5/quiz/q.ipynb")["draft"]["message"]
    assert quiz.draft is None


def test_what_a_killed_server_left_is_stored_at_the_next_start_and_the_rest_at_its_end(
    tool: FakeTool, tmp_path: Path
) -> None:
    home = make_home(tmp_path / "home")
    killed = start_jupyter(home, tool, settle_s=600)
    quiz = start_quiz(killed, tool, "save-6")
    killed.save("save-6/quiz/q.ipynb", notebook("answer = 6"))
    killed.stop(signal.SIGKILL)
    assert quiz.draft is None

    resumed = start_jupyter(home, tool, settle_s=600)
    wait_until(lambda: resumed.status("save-6/quiz/q.ipynb")["draft"]["state"] == "waiting")
    resumed.stop(signal.SIGTERM)

    assert "answer = 6" in stored(quiz)

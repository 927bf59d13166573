"""GET coursebridge/open: the learner arrives at their notebook, and nothing of theirs is touched."""

import httpx
import pytest

from tests.fakes.tool_api import FakeTool, encode
from tests.functional.singleuser.conftest import Jupyter, notebook


def open_quiz(jupyter: Jupyter, course: str, assignment: str) -> httpx.Response:
    return jupyter.get("coursebridge/open", params={"course": course, "assignment": assignment})


def test_open_fetches_the_release_and_shows_the_first_notebook(jupyter: Jupyter, tool: FakeTool) -> None:
    tool.add_quiz("open-1", "quiz 1", {"b.ipynb": notebook(), "a.ipynb": notebook("y = 2"), "data/t.csv": b"1,2\n"})

    response = open_quiz(jupyter, "open-1", "quiz 1")

    assert response.status_code == 303
    assert response.headers["Location"] == "/lab/tree/open-1/quiz%201/a.ipynb"
    folder = jupyter.home / "open-1" / "quiz 1"
    assert (folder / "a.ipynb").read_bytes() == notebook("y = 2")
    assert (folder / "data" / "t.csv").read_bytes() == b"1,2\n"
    assert sorted(path.name for path in folder.parent.iterdir()) == ["quiz 1"]


def test_open_prefers_the_stored_draft_when_the_folder_is_gone(jupyter: Jupyter, tool: FakeTool) -> None:
    quiz = tool.add_quiz("open-2", "quiz", {"q.ipynb": notebook()})
    quiz.draft = {"saved_at": "2026-01-02T03:04:05+00:00", "files": encode({"q.ipynb": notebook("mine = 1")})}

    open_quiz(jupyter, "open-2", "quiz")

    assert (jupyter.home / "open-2/quiz/q.ipynb").read_bytes() == notebook("mine = 1")
    assert jupyter.status("open-2/quiz/q.ipynb")["draft"]["saved_at"] == "2026-01-02T03:04:05+00:00"


def test_open_never_overwrites_and_works_without_the_tool(jupyter: Jupyter, tool: FakeTool) -> None:
    tool.add_quiz("open-3", "quiz", {"q.ipynb": notebook()})
    open_quiz(jupyter, "open-3", "quiz")
    (jupyter.home / "open-3/quiz/q.ipynb").write_bytes(notebook("mine = 2"))
    tool.stop()
    try:
        response = open_quiz(jupyter, "open-3", "quiz")
    finally:
        tool.start()

    assert response.headers["Location"] == "/lab/tree/open-3/quiz/q.ipynb"
    assert (jupyter.home / "open-3/quiz/q.ipynb").read_bytes() == notebook("mine = 2")


def test_open_brings_back_deleted_notebooks_and_keeps_the_rest(jupyter: Jupyter, tool: FakeTool) -> None:
    tool.add_quiz("open-4", "quiz", {"q.ipynb": notebook(), "data.csv": b"old"})
    folder = jupyter.home / "open-4" / "quiz"
    folder.mkdir(parents=True)
    (folder / "data.csv").write_bytes(b"mine")

    open_quiz(jupyter, "open-4", "quiz")

    assert (folder / "q.ipynb").read_bytes() == notebook()
    assert (folder / "data.csv").read_bytes() == b"mine"


def test_open_shows_a_page_with_a_retry_while_the_tool_is_down(jupyter: Jupyter, tool: FakeTool) -> None:
    tool.add_quiz("open-5", "quiz", {"q.ipynb": notebook()})
    tool.stop()
    try:
        response = open_quiz(jupyter, "open-5", "quiz")
    finally:
        tool.start()

    assert response.status_code == 503
    assert response.headers["Content-Type"].startswith("text/html")
    assert "cannot be reached" in response.text
    assert 'href="/coursebridge/open?course=open-5&amp;assignment=quiz"' in response.text
    assert not (jupyter.home / "open-5").exists()
    assert open_quiz(jupyter, "open-5", "quiz").status_code == 303


@pytest.mark.parametrize(
    ("course", "assignment"), [("..", "x"), ("a/b", "x"), ("a", "../../x"), ("", "x"), (".a", "x")]
)
def test_open_refuses_names_that_leave_the_home(jupyter: Jupyter, course: str, assignment: str) -> None:
    assert open_quiz(jupyter, course, assignment).status_code == 400


@pytest.mark.parametrize("path", ["../evil.txt", "/tmp/evil.txt", "a/../../evil.txt", "a//b", "a\\..\\b"])
def test_open_writes_nothing_when_a_file_would_leave_the_folder(jupyter: Jupyter, tool: FakeTool, path: str) -> None:
    tool.add_quiz("open-6", "quiz", {"q.ipynb": notebook(), path: b"evil"})

    response = open_quiz(jupyter, "open-6", "quiz")

    assert response.status_code == 409
    assert "unsafe" in response.text
    assert not (jupyter.home / "open-6").exists()


def test_open_of_an_unknown_quiz_is_a_page_in_words(jupyter: Jupyter, tool: FakeTool) -> None:
    tool.add_quiz("open-7", "quiz", {"q.ipynb": notebook()})

    response = open_quiz(jupyter, "open-7", "<b>other")

    assert response.status_code in (400, 404)
    assert "<b>" not in response.text


def test_open_needs_a_signed_in_person(jupyter: Jupyter) -> None:
    response = httpx.get(jupyter.url + "coursebridge/open?course=a&assignment=b")

    assert response.status_code == 302
    assert response.headers["Location"].startswith("/login")


def test_notebook_lesson_is_fetched_once_and_stays_the_readers(jupyter: Jupyter, tool: FakeTool) -> None:
    tool.readings["open-7", "growth"] = {"growth.ipynb": notebook(), "data/t.csv": b"1,2\n"}
    tool.add_quiz("open-7", "growth", {"q.ipynb": notebook("quiz = 1")})  # a quiz of that name is another thing

    def read() -> httpx.Response:
        return jupyter.get("coursebridge/open", params={"course": "open-7", "reading": "growth"})

    assert read().headers["Location"] == "/lab/tree/open-7%20reading/growth/growth.ipynb"
    folder = jupyter.home / "open-7 reading" / "growth"
    assert (folder / "data/t.csv").read_bytes() == b"1,2\n"
    (folder / "growth.ipynb").write_bytes(notebook("mine = 1"))
    (folder / "data/t.csv").unlink()
    tool.readings["open-7", "growth"] = {"growth.ipynb": notebook("newer = 1")}
    assert read().status_code == 303
    assert (folder / "growth.ipynb").read_bytes() == notebook("mine = 1")
    assert jupyter.status("open-7 reading/growth/growth.ipynb")["assignment"] is None
    missing = jupyter.get("coursebridge/open", params={"course": "open-7", "reading": "none"})
    assert missing.status_code == 404 and "no such notebook" in missing.text

"""nbgrader's own classes work through the exchange over HTTP; its commands are tested in `functional/exchange`."""

import logging
from pathlib import Path
from typing import Any

import pytest
from nbgrader.apps.api import NbGraderAPI
from nbgrader.auth import Authenticator
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange import ExchangeError, ExchangeFactory
from traitlets.config import Config

from jupyter_ext.singleuser.exchange import configure
from tests.fakes.tool_api import TOKEN, FakeTool, encode
from tests.functional.singleuser.conftest import make_home, notebook


@pytest.fixture
def home(tool: FakeTool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A learner's home; this process is their terminal."""
    tool.courses.clear()
    monkeypatch.setenv("COURSEBRIDGE_URL", tool.url)
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", TOKEN)
    monkeypatch.setenv("JUPYTERHUB_USER", "u-learner")
    monkeypatch.chdir(tmp_path)
    return make_home(tmp_path / "home")


def exchange(home: Path, action: str, course: str = "", assignment: str = "", **traits: Any) -> Any:
    """One of the factory's classes, made as nbgrader makes it."""
    config = Config()
    configure(config, home)
    config.CourseDirectory.course_id = course
    config.CourseDirectory.assignment_id = assignment
    made = getattr(ExchangeFactory(config=config), action)(
        coursedir=CourseDirectory(config=config), authenticator=Authenticator(config=config), config=config
    )
    for name, value in traits.items():
        setattr(made, name, value)
    return made


def test_list_shows_every_course_and_what_is_fetched(home: Path, tool: FakeTool) -> None:
    tool.add_quiz("algebra", "quiz 1", {"b.ipynb": notebook(), "a.ipynb": notebook()})
    tool.add_quiz("biology", "quiz 1", {"c.ipynb": notebook()})
    exchange(home, "FetchAssignment", "algebra", "quiz 1").start()

    listed = exchange(home, "List").start()

    folder = home / "algebra" / "quiz 1"
    assert [(info["course_id"], info["assignment_id"], info["status"]) for info in listed] == [
        ("algebra", "quiz 1", "fetched"),
        ("biology", "quiz 1", "released"),
    ]
    assert [one["notebook_id"] for one in listed[0]["notebooks"]] == ["a", "b"]
    assert listed[0]["path"] == str(folder)
    assert [info["course_id"] for info in exchange(home, "List", "biology").start()] == ["biology"]
    assert exchange(home, "List", "biology", "other").start() == []
    assert exchange(home, "List", "*", "*").start() == listed


def test_fetch_makes_a_new_folder_and_refuses_an_old_one(home: Path, tool: FakeTool) -> None:
    tool.add_quiz("algebra", "quiz", {"q.ipynb": notebook(), "data/t.csv": b"1"})
    exchange(home, "FetchAssignment", "algebra", "quiz").start()
    mine = home / "algebra" / "quiz" / "q.ipynb"
    mine.write_bytes(notebook("mine = 1"))
    (home / "algebra/quiz/data/t.csv").unlink()

    with pytest.raises(ExchangeError, match="already have a copy"):
        exchange(home, "FetchAssignment", "algebra", "quiz").start()
    exchange(home, "FetchAssignment", "algebra", "quiz", replace_missing_files=True).start()

    assert mine.read_bytes() == notebook("mine = 1")
    assert (home / "algebra/quiz/data/t.csv").read_bytes() == b"1"


def test_fetch_restores_the_draft_of_a_lost_folder(home: Path, tool: FakeTool) -> None:
    quiz = tool.add_quiz("algebra", "quiz", {"q.ipynb": notebook()})
    quiz.draft = {"saved_at": "2026-01-02T03:04:05+00:00", "files": encode({"q.ipynb": notebook("mine = 1")})}

    exchange(home, "FetchAssignment", "algebra", "quiz").start()

    assert (home / "algebra/quiz/q.ipynb").read_bytes() == notebook("mine = 1")


def test_submit_gives_a_receipt_and_list_cached_shows_it(
    home: Path, tool: FakeTool, caplog: pytest.LogCaptureFixture
) -> None:
    quiz = tool.add_quiz("algebra", "quiz", {"q.ipynb": notebook()})
    exchange(home, "FetchAssignment", "algebra", "quiz").start()
    submit = exchange(home, "Submit", "algebra", "quiz")
    submit.log = logging.getLogger("test.submit")
    with caplog.at_level(logging.INFO):
        submit.start()
    exchange(home, "Submit", "algebra", "quiz").start()

    (info,) = exchange(home, "List", "algebra", cached=True).start()

    receipts = [attempt["receipt"] for attempt in quiz.attempts]
    assert submit.receipt.receipt == receipts[0]
    assert f"Receipt {receipts[0]}: attempt 1" in caplog.text
    assert quiz.vias == ["assignment_list", "assignment_list"]
    assert (info["status"], info["student_id"]) == ("submitted", "u-learner")
    assert [one["receipt"] for one in info["submissions"]] == receipts
    assert not info["submissions"][0]["has_exchange_feedback"]


def test_strict_submit_refuses_missing_notebooks(home: Path, tool: FakeTool) -> None:
    quiz = tool.add_quiz("algebra", "quiz", {"q.ipynb": notebook(), "r.ipynb": notebook()})
    exchange(home, "FetchAssignment", "algebra", "quiz").start()
    (home / "algebra/quiz/r.ipynb").unlink()

    with pytest.raises(ExchangeError, match=r"r\.ipynb"):
        exchange(home, "Submit", "algebra", "quiz", strict=True).start()
    assert quiz.attempts == []
    exchange(home, "Submit", "algebra", "quiz").start()
    assert len(quiz.attempts) == 1


def test_feedback_is_fetched_shown_and_known_to_be_outdated(home: Path, tool: FakeTool) -> None:
    quiz = tool.add_quiz("algebra", "quiz", {"q.ipynb": notebook()})
    exchange(home, "FetchAssignment", "algebra", "quiz").start()
    for _ in range(2):
        exchange(home, "Submit", "algebra", "quiz").start()
    quiz.attempts[1]["submitted_at"] = quiz.attempts[0]["submitted_at"]
    tool.mark(quiz, 1, 2.0, b"<p>first</p>")
    tool.mark(quiz, 2, 3.0, b"<p>second</p>")

    exchange(home, "FetchFeedback", "algebra", "quiz").start()

    first, second = exchange(home, "List", "algebra", cached=True).start()[0]["submissions"]
    assert (Path(first["local_feedback_path"]) / "q.html").read_bytes() == b"<p>first</p>"
    assert (Path(second["local_feedback_path"]) / "q.html").read_bytes() == b"<p>second</p>"
    assert first["has_local_feedback"] and not first["feedback_updated"]
    tool.mark(quiz, 1, 4.0, b"<p>better</p>")
    assert exchange(home, "List", "algebra", cached=True).start()[0]["submissions"][0]["feedback_updated"]
    exchange(home, "Submit", "algebra", "quiz").start()
    assert list(quiz.submitted_files[2]) == ["q.ipynb"]


def test_removing_is_refused(home: Path, tool: FakeTool) -> None:
    tool.add_quiz("algebra", "quiz", {"q.ipynb": notebook()})

    with pytest.raises(ExchangeError, match="Nothing can be removed"):
        exchange(home, "List", "algebra", remove=True).start()


def test_a_tool_that_is_down_is_an_exchange_error_in_words(home: Path, tool: FakeTool) -> None:
    tool.stop()
    try:
        with pytest.raises(ExchangeError, match="cannot be reached"):
            exchange(home, "List").start()
    finally:
        tool.start()


def test_nbgraders_api_sees_released_assignments(home: Path, tool: FakeTool) -> None:
    tool.add_quiz("algebra", "quiz", {"q.ipynb": notebook()})
    config = Config()
    configure(config, home)
    config.CourseDirectory.course_id = "algebra"
    config.CourseDirectory.root = str(home)

    api = NbGraderAPI(config=config)

    assert api.exchange_is_functional
    assert api.get_released_assignments() == {"quiz"}

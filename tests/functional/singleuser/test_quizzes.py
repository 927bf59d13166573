"""What the panel asks of the learner's own server: the list, fetching, feedback, restoring, starting again."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.fakes.tool_api import FakeTool, Quiz, encode
from tests.functional.singleuser.conftest import Jupyter, notebook, wait_until


@pytest.fixture(autouse=True)
def no_course(tool: FakeTool) -> Iterator[None]:
    """Each test has the courses that it makes."""
    tool.courses.clear()
    yield
    tool.courses.clear()


def listed(jupyter: Jupyter, fresh: str = "1") -> Any:
    answer = jupyter.get("coursebridge/quizzes", params={"fresh": fresh})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.json()


def only(jupyter: Jupyter) -> Any:
    """The one quiz of the one course."""
    (course,) = listed(jupyter)["courses"]
    (quiz,) = course["quizzes"]
    return quiz


def act(jupyter: Jupyter, what: str, course: str, **more: str) -> httpx.Response:
    return jupyter.post(f"coursebridge/{what}", {"course": course, "assignment": "quiz"} | more)


def fetched(jupyter: Jupyter, tool: FakeTool, course: str, **more: Any) -> tuple[Quiz, Path]:
    quiz = tool.add_quiz(course, "quiz", {"q.ipynb": notebook(), "data/t.csv": b"1,2\n"}, **more)
    assert act(jupyter, "fetch", course).json() == {"path": f"{course}/quiz/q.ipynb"}
    return quiz, jupyter.home / course / "quiz"


def test_list_has_every_course_with_dates_attempts_and_work(jupyter: Jupyter, tool: FakeTool) -> None:
    told = {"due": "2026-01-02T03:04:05+00:00", "terms": ["The best attempt counts."]}
    tool.add_quiz("list-1", "one", {"q.ipynb": notebook()}, title="Lists", told=told)
    quiz, _folder = fetched(jupyter, tool, "list-2", attempts_allowed=3)
    act(jupyter, "submit", "list-2", request_id=str(uuid4()))
    tool.mark(quiz, 1, 3.0, b"<p>good</p>")
    quiz.told["result"] = {"attempt": 1, "score": 2.5, "max_score": 4.0}

    answer = listed(jupyter)

    assert answer["problem"] is None
    first, second = answer["courses"]
    assert (first["key"], first["title"], second["title"]) == ("list-1", "List-1", "List-2")
    (one,), (two,) = first["quizzes"], second["quizzes"]
    assert (one["title"], one["due"], one["state"]) == ("Lists", "2026-01-02T03:04:05+00:00", "not_started")
    assert (one["is_here"], one["notebook"], one["attempts_left"]) == (False, None, None)
    assert (one["terms"], two["terms"]) == (["The best attempt counts."], [])
    assert (two["state"], two["is_here"], two["notebook"]) == ("marked", True, "list-2/quiz/q.ipynb")
    assert (two["attempts_left"], two["next_attempt"], two["result"]["score"]) == (2, 2, 2.5)
    assert two["attempts"][0]["has_feedback"] is True


def test_state_says_where_the_newest_attempt_is(jupyter: Jupyter, tool: FakeTool) -> None:
    quiz = tool.add_quiz("state", "quiz", {"q.ipynb": notebook()})
    assert only(jupyter)["state"] == "not_started"
    act(jupyter, "fetch", "state")
    assert only(jupyter)["state"] == "in_work"
    act(jupyter, "submit", "state", request_id=str(uuid4()))
    seen = []
    for told in (
        {},
        {"state": "running"},
        {"state": "needs_manual"},
        {"held": True},
        {"held": False, "state": "failed"},
    ):
        quiz.attempts[0] |= told
        seen.append(only(jupyter)["state"])
    assert seen == ["handed_in", "being_marked", "needs_manual", "held", "failed"]
    tool.add_quiz("state", "quiz", {"q.ipynb": notebook()}, told={"closed": True, "why_not": "It is closed."})
    assert (only(jupyter)["state"], only(jupyter)["why_not"]) == ("closed", "It is closed.")


def test_panel_that_looks_by_itself_does_not_ask_the_tool_each_time(jupyter: Jupyter, tool: FakeTool) -> None:
    tool.add_quiz("calm", "quiz", {"q.ipynb": notebook()})
    listed(jupyter)
    tool.requests.clear()

    for _ in range(3):
        listed(jupyter, fresh="")
    assert tool.requests == []
    listed(jupyter)
    assert sorted(tool.requests) == ["GET /api/v1/courses", "GET /api/v1/courses/calm/assignments"]


def test_nobody_without_a_course_sees_an_empty_list(jupyter: Jupyter, tool: FakeTool) -> None:
    assert listed(jupyter) == {"courses": [], "problem": None}


def test_without_the_tool_the_list_is_what_was_known_and_says_so(jupyter: Jupyter, tool: FakeTool) -> None:
    _quiz, folder = fetched(jupyter, tool, "down")
    tool.add_quiz("down", "other", {"q.ipynb": notebook()}, title="Other")
    listed(jupyter)
    (folder.parent / "older").mkdir()
    note = (folder / ".coursebridge.json").read_text().replace('"quiz"', '"older"')
    (folder.parent / "older" / ".coursebridge.json").write_text(note)
    tool.stop()
    try:
        answer = listed(jupyter)
        refused = [act(jupyter, what, "down") for what in ("restore", "start-again")]
        opened = act(jupyter, "fetch", "down")
    finally:
        tool.start()

    assert answer["problem"]["code"] == "unreachable"
    told = {
        quiz["assignment"]: quiz
        for course in answer["courses"]
        if course["key"] == "down"
        for quiz in course["quizzes"]
    }
    assert [(name, quiz["is_here"]) for name, quiz in told.items()] == [
        ("quiz", True),
        ("other", False),
        ("older", True),
    ]
    assert told["older"]["due"] is None
    assert [(each.status_code, each.json()["retryable"]) for each in refused] == [(503, True)] * 2
    assert opened.json() == {"path": "down/quiz/q.ipynb"}
    assert (folder / "q.ipynb").read_bytes() == notebook()


def test_lost_files_come_back_from_the_saved_copy_or_the_release(jupyter: Jupyter, tool: FakeTool) -> None:
    quiz, folder = fetched(jupyter, tool, "lost")
    (folder / "data/t.csv").unlink()
    (folder / "q.ipynb").write_bytes(notebook("mine = 2"))
    saved = {"q.ipynb": notebook("mine = 1"), "own.txt": b"mine"}
    quiz.draft = {"saved_at": "2026-01-02T03:04:05+00:00", "files": encode(saved)}

    answer = act(jupyter, "restore", "lost")

    assert answer.json() == {
        "from_saved": ["own.txt"], "saved_at": "2026-01-02T03:04:05+00:00", "from_release": ["data/t.csv"]
    }  # fmt: skip
    assert (folder / "own.txt").read_bytes() == b"mine"
    assert (folder / "data/t.csv").read_bytes() == b"1,2\n"
    assert (folder / "q.ipynb").read_bytes() == notebook("mine = 2")
    again = act(jupyter, "restore", "lost").json()
    assert (again["from_saved"], again["from_release"]) == ([], [])


def test_start_again_gives_the_release_and_keeps_the_old_folder(jupyter: Jupyter, tool: FakeTool) -> None:
    quiz, folder = fetched(jupyter, tool, "again")
    jupyter.save("again/quiz/q.ipynb", notebook("mine = 1"))
    wait_until(lambda: jupyter.status("again/quiz/q.ipynb")["draft"]["state"] == "stored")
    (folder / "own.txt").write_bytes(b"mine")
    quiz.files["q.ipynb"] = notebook("newer = 1")
    assert only(jupyter)["has_newer_release"] is True

    first = act(jupyter, "start-again", "again").json()
    assert jupyter.status("again/quiz/q.ipynb")["draft"] == {"state": "none", "saved_at": "", "message": ""}
    second = act(jupyter, "start-again", "again").json()

    assert first["path"] == "again/quiz/q.ipynb"
    assert re.fullmatch(r"again/quiz kept \d{4}-\d\d-\d\d \d{4}", first["kept"])
    assert second["kept"].startswith("again/quiz kept ") and second["kept"] != first["kept"]
    kept = jupyter.home / first["kept"]
    assert b"mine = 1" in (kept / "q.ipynb").read_bytes()
    assert (kept / "own.txt").read_bytes() == b"mine"
    assert (folder / "q.ipynb").read_bytes() == notebook("newer = 1")
    assert not (folder / "own.txt").exists()
    assert only(jupyter)["has_newer_release"] is False
    assert len(list(folder.parent.iterdir())) == 3  # and nothing half written beside them
    assert jupyter.status(f"{first['kept']}/q.ipynb") == {"course": None, "assignment": None}
    assert b"mine = 1" in (kept / "q.ipynb").read_bytes()


def test_start_again_of_a_closed_quiz_moves_nothing(jupyter: Jupyter, tool: FakeTool) -> None:
    quiz, folder = fetched(jupyter, tool, "shut")
    (folder / "own.txt").write_bytes(b"mine")
    quiz.is_closed = True

    answer = act(jupyter, "start-again", "shut")

    assert (answer.status_code, answer.json()["code"]) == (403, "quiz_closed")
    assert [path.name for path in folder.parent.iterdir()] == ["quiz"]
    assert (folder / "own.txt").read_bytes() == b"mine"


def test_start_again_refuses_a_release_that_leaves_its_folder(jupyter: Jupyter, tool: FakeTool) -> None:
    quiz, folder = fetched(jupyter, tool, "evil")
    quiz.files["../evil.txt"] = b"evil"

    assert act(jupyter, "start-again", "evil").status_code == 409
    assert [path.name for path in folder.parent.iterdir()] == ["quiz"]


def test_feedback_comes_with_a_policy_before_all_that_is_in_it(jupyter: Jupyter, tool: FakeTool) -> None:
    quiz, _folder = fetched(jupyter, tool, "fed")
    act(jupyter, "submit", "fed", request_id=str(uuid4()))
    tool.mark(
        quiz, 1, 4.0, b"<!DOCTYPE html>\n<html><head><script>steal()</script></head><body>well done</body></html>"
    )

    answer = jupyter.get("coursebridge/feedback", params={"course": "fed", "assignment": "quiz", "attempt": "1"}).json()

    (page,) = answer["notebooks"]
    assert (answer["attempt"], page["name"]) == (1, "q")
    head, policy, rest = page["html"].partition("default-src 'none'")
    assert policy and "<script" not in head and "well done" in rest
    assert head.startswith("<!DOCTYPE html>") and head.count("<!DOCTYPE") == 1


@pytest.mark.parametrize(("attempt", "status"), [("1", 404), ("", 400), ("-1", 400), ("1/../2", 400), ("\u0661", 400)])
def test_feedback_that_is_not_there_is_refused(jupyter: Jupyter, tool: FakeTool, attempt: str, status: int) -> None:
    tool.add_quiz("unfed", "quiz", {"q.ipynb": notebook()})
    asked = {"course": "unfed", "assignment": "quiz", "attempt": attempt}

    assert jupyter.get("coursebridge/feedback", params=asked).status_code == status


@pytest.mark.parametrize("what", ["fetch", "restore", "start-again", "validate"])
@pytest.mark.parametrize("body", [{}, [], {"course": "..", "assignment": "q"}, {"course": "a", "assignment": "../b"}])
def test_bodies_that_name_no_quiz_are_refused(jupyter: Jupyter, what: str, body: Any) -> None:
    answer = jupyter.post(f"coursebridge/{what}", body)

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_name")


@pytest.mark.parametrize("what", ["fetch", "restore", "start-again", "validate"])
def test_who_is_not_signed_in_does_nothing(jupyter: Jupyter, what: str) -> None:
    assert httpx.post(f"{jupyter.url}coursebridge/{what}", json={}).status_code == 403
    assert httpx.get(f"{jupyter.url}coursebridge/quizzes").status_code == 403


def test_unknown_quiz_is_a_refusal_in_words(jupyter: Jupyter, tool: FakeTool) -> None:
    for what in ("fetch", "restore", "start-again"):
        answer = act(jupyter, what, "nowhere")
        assert (answer.status_code, answer.json()["message"]) == (404, "There is no quiz quiz in nowhere.")
    assert not (jupyter.home / "nowhere").exists()

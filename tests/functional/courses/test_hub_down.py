"""JupyterHub is down: a course goes on without it, and what opens it says so."""

import io
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from grading import health
from grading.health import is_hub_away
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.courses.models import ItemKind
from tests.conftest import BASE_URL, make_settings
from tests.factories import notebooks as make
from tests.factories.course_folders import TOML, quiz_notebook
from tests.factories.grading import Someone, work
from tests.fakes.hub import running_hub
from tests.functional.courses.conftest import SLUG, Import
from tests.functional.grading.test_by_hand import Form
from tests.functional.grading.test_remark_pages import text_of

QUIZ, HOME = f"/grading/{SLUG}/quiz-1", f"/courses/{SLUG}/"
READING = f"""
[[module.item]]
type = "{ItemKind.NOTEBOOK}"
slug = "growth"
title = "Growth"
file = "media/growth.ipynb"
"""


@pytest.fixture
def nobody() -> Iterator[socket.socket]:
    """A socket that has a port; nobody listens."""
    with closing(socket.socket()) as held:
        held.bind(("127.0.0.1", 0))
        yield held


@pytest.fixture
def settings(tmp_path: Path, database_url: str, nobody: socket.socket) -> Settings:
    """Settings with a Hub that is not there."""
    made = make_settings(tmp_path, database_url)
    made.hub.api_url = f"http://127.0.0.1:{nobody.getsockname()[1]}/hub/api"
    return made


@pytest.fixture
def course(run_import: Import) -> None:
    """A lesson, a notebook to read, and a quiz with a question that people mark."""
    run_import(
        {
            "course.toml": TOML + READING,
            "media/growth.ipynb": make.notebook(make.text("Trees grow.")),
            "source/quiz-1/quiz-1.ipynb": quiz_notebook(4, make.answer("why", 3, "Because.")),
        }
    )


def hand_in(runtime: Runtime, browser: Any) -> None:
    """By the form of the quiz's page, which takes a file."""
    released = (runtime.settings.course_dir(SLUG) / "release" / "quiz-1" / "quiz-1.ipynb").read_bytes()
    filled = json.dumps(make.fill(released, {"sum": "total = 2", "why": "It is so."})).encode()
    sent = browser.post(f"{QUIZ}/upload", data={"notebook": (io.BytesIO(filled), "quiz-1.ipynb")})
    assert sent.status_code == 303, sent.text
    work(runtime)


def refuse_kindly(browser: Any, path: str) -> None:
    """No way in, but words, and a form that tries the same again."""
    page = browser.post(path, headers={"Origin": BASE_URL})
    assert page.status_code == 503, path
    for text in ("JupyterHub cannot be reached", "Nothing is lost", "marking by hand", "Try again in a minute"):
        assert text in page.text
    assert f'action="{browser.prefix}{path}"' in page.text and 'name="ticket"' not in page.text


@pytest.mark.usefixtures("course")
def test_learner_reads_hands_in_and_gets_marks_of_both_kinds_without_the_hub(
    runtime: Runtime, browse: Callable[..., Any], someone: Callable[[Role], Someone]
) -> None:
    learner, teacher = browse(someone(Role.LEARNER)), browse(someone(Role.TEACHER))
    for path in (HOME, f"{HOME}sowing", f"{HOME}growth", QUIZ):
        assert learner.get(path).status_code == 200, path
    hand_in(runtime, learner)

    assert "To mark" in teacher.get(f"{QUIZ}/submissions").text
    assert teacher.get(f"{HOME}edit/").status_code == 200
    answer = (
        teacher.get(f"{QUIZ}/by-hand?by=question").text.partition(f"{QUIZ}/by-hand/quiz-1/why/")[2].partition('"')[0]
    )
    url = f"{QUIZ}/by-hand/quiz-1/why/{answer}".replace("&amp;", "&")
    fields = Form(teacher.get(url).text).fields
    assert teacher.post(url, data=fields | {"points": "2", "comment": "Say more."}).status_code == 303
    work(runtime)
    assert "6 of 7 points" in text_of(learner.get(f"{QUIZ}/attempts/1/feedback").text)
    assert "Say more." in learner.get(f"{QUIZ}/attempts/1/feedback/quiz-1.html").text
    assert teacher.post(f"{QUIZ}/mark").status_code == 409  # the gradebook is made ready
    work(runtime)
    refuse_kindly(teacher, f"{QUIZ}/mark")


@pytest.mark.usefixtures("course")
def test_what_opens_the_hub_says_that_it_is_down_and_tries_again(
    runtime: Runtime, browse: Callable[..., Any], someone: Callable[[Role], Someone]
) -> None:
    learner, teacher = browse(someone(Role.LEARNER)), browse(someone(Role.TEACHER))
    doors = [(learner, f"{QUIZ}/open"), (learner, f"{HOME}growth/open")]
    doors.append((teacher, f"{HOME}edit/items/first-quiz/write"))
    for browser, path in doors:
        refuse_kindly(browser, path)
    with running_hub() as hub:
        runtime.settings.hub.api_url = hub.api_url
        for browser, path in doors:
            assert 'name="ticket"' in browser.post(path, headers={"Origin": BASE_URL}).text, path


def test_a_busy_hub_is_not_taken_for_one_that_is_away(
    runtime: Runtime, nobody: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_hub_away(runtime)
    monkeypatch.setattr(health, "PATIENCE_S", 0.05)
    health._http.cache_clear()
    nobody.listen()  # calls are taken, and nobody says a word
    assert not is_hub_away(runtime)
    health._http.cache_clear()

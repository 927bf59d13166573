"""nbgrader's commands for learners over HTTP: list, fetch_assignment, submit, fetch_feedback.

What nbgrader's own tests ask of its shared folder is asked here of the tool, as far as there is such a thing.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import Membership
from tests.factories.grading import Place, make_context, work
from tests.functional.exchange.conftest import QUIZ, SLUG, Sit, Terminal, answer

OTHER = "quiz-2"


@pytest.fixture
def ada(sit: Sit) -> Terminal:
    """A learner at their own server."""
    return sit()


@pytest.fixture
def second_key(runtime: Runtime, platform: Place, ada: Terminal) -> str:
    """A second course of Ada's."""
    with runtime.db.transaction() as tx:
        place = make_context(tx, platform, SLUG)
        tx.add(Membership(user_id=ada.who.user_id, context_id=place.context_id, role=Role.LEARNER))
    return f"{SLUG}-{place.placement_id}"


def lines(log: str) -> list[str]:
    """What the log says below its head, without who says it."""
    return [line.partition("] ")[2] for line in log.strip().splitlines()[1:]]


def attempts(terminal: Terminal, key: str = "", name: str = QUIZ) -> list[Any]:
    """The person's attempts, as the tool has them."""
    quizzes = terminal.get(f"/courses/{key or terminal.key}/assignments").json()["assignments"]
    return [each for quiz in quizzes if quiz["name"] == name for each in quiz["attempts"]]


def submitted_files(teacher: Terminal, learner: Terminal) -> list[str]:
    """What the tool has of a learner's newest attempt."""
    number = len(attempts(learner))
    path = f"/courses/{teacher.key}/assignments/{QUIZ}/learners/{learner.name}/submissions/{number}/files"
    return [file["path"] for file in teacher.get(path).json()["files"]]


def test_list_shows_what_is_released_in_one_course_or_all(ada: Terminal, second_key: str) -> None:
    both = [f"{ada.key} {QUIZ}", f"{ada.key} {OTHER}", f"{second_key} {QUIZ}", f"{second_key} {OTHER}"]
    assert lines(ada.ok("list")) == lines(ada.ok("list", "--course=*")) == both
    assert lines(ada.ok("list", f"--course={second_key}")) == both[2:]
    assert lines(ada.ok("list", QUIZ)) == both[::2]
    assert lines(ada.ok("list", QUIZ, f"--course={ada.key}")) == both[:1]
    ada.ok("fetch_assignment", QUIZ, "--course", second_key)
    both[2] += " (already downloaded)"
    assert lines(ada.ok("list")) == both
    assert "There is no such course for you" in ada.refused("list", "--course=other-1")


def test_list_shows_every_attempt_with_its_time(ada: Terminal) -> None:
    ada.ok("fetch_assignment", QUIZ, "--course", ada.key)
    for kind in ("--inbound", "--cached"):
        assert lines(ada.ok("list", kind)) == []
    for _ in range(2):
        ada.ok("submit", QUIZ, "--course", ada.key)

    for kind in ("--inbound", "--cached"):
        listed = lines(ada.ok("list", kind, QUIZ))
        assert [line.partition(" attempt ")[2][:1] for line in listed] == ["1", "2"]
        for line, attempt in zip(listed, attempts(ada), strict=True):
            at = attempt["submitted_at"].replace("T", " ").replace("+00:00", " UTC")
            assert line.startswith(f"{ada.key} {ada.name} {QUIZ} {at} attempt {attempt['number']}, receipt ")
        assert "Nothing can be removed" in ada.refused("list", kind, "--remove")
    assert "Nothing can be removed" in ada.refused("list", "--remove", QUIZ)
    assert len(attempts(ada)) == 2


def test_fetch_writes_a_new_folder_and_only_replaces_what_is_missing(ada: Terminal, second_key: str) -> None:
    fetch = ("fetch_assignment", "--course", ada.key)
    ada.ok(*fetch, QUIZ, OTHER)
    here, notebook = ada.home / ada.key, f"{QUIZ}.ipynb"
    assert (here / QUIZ / notebook).is_file() and (here / OTHER / f"{OTHER}.ipynb").is_file()
    assert "already have a copy" in ada.refused(*fetch, QUIZ)
    (here / QUIZ / notebook).unlink()
    assert "already have a copy" in ada.refused(*fetch, f"--assignment={QUIZ}")
    ada.ok(*fetch, QUIZ, "--replace")
    answer(ada, mine=1)
    ada.ok(*fetch, QUIZ, "--replace")
    assert json.loads((here / QUIZ / notebook).read_text())["mine"] == 1
    with pytest.warns(DeprecationWarning):
        ada.ok("fetch", QUIZ, "--course", second_key)  # the command's old name
    assert "mine" not in json.loads((ada.home / second_key / QUIZ / notebook).read_text())


def test_commands_want_a_quiz_of_one_course(ada: Terminal) -> None:
    for command in ("fetch_assignment", "submit", "fetch_feedback"):
        assert "Must provide assignment name" in ada.refused(command, "--course", ada.key)
        for course in ((), ("--course=*",)):
            (ada.home / "submitted" / QUIZ).mkdir(parents=True, exist_ok=True)
            assert "No course id specified" in ada.refused(command, QUIZ, *course)
    for command in ("fetch_assignment", "fetch_feedback"):
        assert "has no quiz quiz-9 that is open to you. It has: quiz-1, quiz-2." in ada.refused(
            command, "quiz-9", "--course", ada.key
        )
        assert "There is no such course for you" in ada.refused(command, QUIZ, "--course=other-1")
        assert "is not the name of a course" in ada.refused(command, QUIZ, "--course=../x")
    assert "Assignment not found at" in ada.refused("submit", "quiz-9", "--course", ada.key)


def test_submit_takes_what_is_in_the_folder_as_nbgraders_settings_say(ada: Terminal, teacher: Terminal) -> None:
    ada.ok("fetch_assignment", QUIZ, "--course", ada.key)
    folder, submit = ada.home / ada.key / QUIZ, ("submit", QUIZ, "--course", ada.key)
    for name, size in (("old.pyc", 1), ("more.ipynb", 2), ("small.txt", 2000), ("large.txt", 2001)):
        (folder / name).write_bytes(b"x" * size)
    (folder / f"{QUIZ}.ipynb").chmod(0o400)
    assert "extra more.ipynb" in ada.ok(*submit, "--strict")
    whole = ["data.csv", "large.txt", "more.ipynb", "quiz-1.ipynb", "small.txt"]
    assert submitted_files(teacher, ada) == whole

    log = ada.ok(*submit, "--CourseDirectory.max_file_size=2", "--CourseDirectory.ignore=more*")

    assert "Left out, larger than 2 kB: large.txt" in log
    assert submitted_files(teacher, ada) == ["data.csv", "quiz-1.ipynb", "small.txt"]
    ada.ok("submit", f"--assignment={QUIZ}", "--course", ada.key, "--CourseDirectory.include=*.ipynb")
    assert submitted_files(teacher, ada) == ["more.ipynb", "quiz-1.ipynb"]


def test_submit_refuses_what_would_not_be_the_learners_quiz(ada: Terminal, second_key: str) -> None:
    ada.ok("fetch_assignment", QUIZ, "--course", ada.key)
    folder, submit = ada.home / ada.key / QUIZ, ("submit", QUIZ, "--course", ada.key)
    for name in ("foobar", "foo+bar", "u-*"):
        assert f"You work here as {ada.name}, not as {name}" in ada.refused(*submit, f"--student={name}")
    (folder / f"{QUIZ}.ipynb").rename(folder / "renamed.ipynb")
    assert f"these notebooks are missing: {QUIZ}.ipynb" in ada.refused(*submit, "--strict")
    log = ada.refused(*submit)
    assert f"missing {QUIZ}.ipynb; extra renamed.ipynb" in log
    assert "Give the notebook its old name back" in log
    (folder / "renamed.ipynb").rename(folder / f"{QUIZ}.ipynb")
    (folder / "huge.bin").write_bytes(os.urandom(200_001))
    assert "The largest is huge.bin" in ada.refused(*submit)
    (folder / "huge.bin").unlink()
    assert attempts(ada) == []
    for _ in range(3):
        ada.ok(*submit, f"--student={ada.name}")
    assert "All 3 attempts are used" in ada.refused(*submit)
    assert [len(attempts(ada)), len(attempts(ada, second_key))] == [3, 0]


def test_feedback_lies_by_the_time_of_submission_and_follows_the_marks(ada: Terminal, runtime: Runtime) -> None:
    fetch = ("fetch_feedback", QUIZ, "--course", ada.key)
    ada.ok("fetch_assignment", QUIZ, "--course", ada.key)
    folder = ada.home / ada.key / QUIZ
    for points in (1, 3):
        answer(ada, points=points)
        ada.ok("submit", QUIZ, "--course", ada.key)
    assert "No feedback yet for" in ada.ok(*fetch)
    assert not (folder / "feedback").exists()
    work(runtime)
    assert ["feedback ready to be fetched" in line for line in lines(ada.ok("list", "--cached"))] == [True, True]

    log = ada.ok(*fetch, f"--student={ada.name}")

    found = {path.parent.name: path for path in (folder / "feedback").glob("*/quiz-1.html")}
    times = [each["submitted_at"].replace("T", " ").replace("+00:00", " UTC") for each in attempts(ada)]
    assert sorted(found) == times and all(f"Fetched feedback: {path}" in log for path in found.values())
    assert [f"{points} points" in found[at].read_text() for points, at in ((1, times[0]), (3, times[1]))] == [True] * 2
    assert ["feedback already fetched" in line for line in lines(ada.ok("list", "--cached"))] == [True, True]
    assert "not as somebody" in ada.refused(*fetch, "--student=somebody")


def test_help_tells_of_every_command(ada: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    commands = ("list", "fetch_assignment", "submit", "fetch_feedback", "collect", "release_assignment")
    for command in (*commands, "release_feedback"):
        assert ada.nbgrader(command, "--help-all").code == 0
        assert f"nbgrader {command.partition('_')[0]}" in capsys.readouterr().out


def test_a_terminal_without_the_hub_is_told_so(ada: Terminal, tmp_path: Path) -> None:
    assert "JupyterHub does not know this token" in ada.without_token().refused("list")

"""`nbgrader release_assignment` over HTTP: the whole check of Publish, and the rights of the course's editor."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from grading.assignments import get_assignment
from grading.models import AssignmentRow
from grading.terms import terms_of
from lti_tool.kernel import clock
from lti_tool.kernel.jobs import JobRow
from lti_tool.kernel.permissions import Right, Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import Context
from plugins.courses.messages import CheckVersion
from plugins.courses.models import Module, Revision
from tests.factories import notebooks as make
from tests.factories.course_folders import quiz_notebook
from tests.factories.grading import Place, moment, work
from tests.functional.exchange.conftest import LIMIT, QUIZ, SLUG, Sit, Terminal, handed_in

OPENS = moment("2037-01-02T03:04:05+00:00")
BROKEN = quiz_notebook(4, make.tests("b", 0, "assert True"))
FREE = make.tests("free", 1, "assert True")
POOR = make.notebook(
    make.text("Think of `assert words in (2, 3), 'not even near'`."),
    make.solution("text", make.SOLUTION.format("words = 3")),
    make.tests(
        "words", 6, "assert words == 2, 'three'\n" + make.HIDDEN.format("assert words in (2, 3), 'not even near'")
    ),
    FREE,
)


@pytest.fixture
def source(teacher: Terminal, runtime: Runtime) -> Path:
    """The teacher's source folder, as the tool has it."""
    folder = teacher.home / "course" / "source" / QUIZ
    folder.mkdir(parents=True)
    for path in (runtime.settings.course_dir(SLUG) / "source" / QUIZ).iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def quiz(runtime: Runtime, name: str = QUIZ) -> AssignmentRow:
    """As learners have it."""
    with runtime.db.reading() as tx:
        return get_assignment(tx, SLUG, name)


def test_a_version_is_checked_in_full_before_it_takes_the_place_of_the_released_one(
    sit: Sit, teacher: Terminal, source: Path, runtime: Runtime, worker: None
) -> None:
    ada = handed_in(sit(), points=1)
    before = quiz(runtime)
    assert "as it is here: nothing to do" in teacher.refused("release_assignment", QUIZ)
    (source / "more.ipynb").write_bytes(POOR)
    (source / "data.csv").rename(source / "rain.csv")
    assert "Add --force" in teacher.refused("release_assignment", QUIZ)

    said = teacher.refused("release_assignment", QUIZ, "--force")

    for text in (
        "To be put right: more.ipynb, “words”: the solution gets 0 of 6 points. The test says: AssertionError: three",
        "To be put right: more.ipynb, cell 1, the text: learners would read a hidden test",
        "Worth a look: more.ipynb, “free”: whoever hands in the quiz as it was given out gets 1 of 1 points here.",
        "Not released: put this right in source",
    ):
        assert text in said, text
    assert quiz(runtime).release_sha256 == before.release_sha256
    (source / "more.ipynb").write_bytes(quiz_notebook(6, FREE))
    assert "accept_warnings=True" in teacher.refused("release_assignment", QUIZ, "--force")
    assert quiz(runtime).release_sha256 == before.release_sha256

    log = teacher.ok("release_assignment", QUIZ, "--force", "--ExchangeReleaseAssignment.accept_warnings=True")

    assert "Worth a look: more.ipynb, “free”" in log
    assert "11 points in all; it was 4." in log
    assert "1 learner has handed in: 1 attempt. Work and marks stay" in log
    assert f"Released as: {teacher.key} {QUIZ} (11 points)" in log
    after = quiz(runtime)
    assert after.max_points == 11 and after.max_attempts == before.max_attempts
    assert sorted(entry["path"] for entry in after.release) == ["more.ipynb", f"{QUIZ}.ipynb", "rain.csv"]
    with runtime.db.reading() as tx:
        revision = tx.scalars(select(Revision).where(Revision.part == f"source/{QUIZ}").order_by(Revision.id)).all()[-1]
        assert revision.author_id == teacher.who.user_id
        checks = tx.scalars(select(JobRow).where(JobRow.message == CheckVersion.name)).all()
        assert len(checks) == 2, "what was found out of the same files is not found out again"
    assert "Learners have it already, as it is here." in teacher.ok("release_assignment", "-f", f"--assignment={QUIZ}")
    assert quiz(runtime).release_sha256 == after.release_sha256
    assert ada.ok("fetch_assignment", QUIZ, "--course", ada.key)
    assert (ada.home / ada.key / QUIZ / "rain.csv").is_file()

    (source / f"{QUIZ}.ipynb").write_bytes(BROKEN)
    assert "It is graded with 0 points" in teacher.refused("release_assignment", QUIZ, "-f")
    assert quiz(runtime).release_sha256 == after.release_sha256


def test_who_does_not_wait_finds_what_came_of_it_later(teacher: Terminal, source: Path, runtime: Runtime) -> None:
    (source / f"{QUIZ}.ipynb").write_bytes(BROKEN)
    command = ("release_assignment", QUIZ, "--force")
    assert "goes on without you" in teacher.refused(*command, "--ExchangeReleaseAssignment.patience_s=0")
    address = f"/courses/{teacher.key}/assignments/{QUIZ}/source/release"
    waiting = teacher.get(address)
    assert (waiting.status_code, waiting.json()["stage"]) == (202, "checking")
    assert teacher.post(address, {"sha256": waiting.json()["sha256"], "confirmed": True}).status_code == 409
    work(runtime)
    found = teacher.get(address)
    assert (found.status_code, found.json()["stage"]) == (200, "checked")
    assert "It is graded with 0 points" in found.json()["errors"][0]
    assert teacher.post(address, {"sha256": found.json()["sha256"], "confirmed": True}).status_code == 422


def test_what_cannot_be_released_is_said(teacher: Terminal, source: Path, runtime: Runtime) -> None:
    before = quiz(runtime).release_sha256
    course = teacher.home / "course"
    (source / f"{QUIZ}.ipynb").write_bytes(quiz_notebook(5))
    (source / "deep").mkdir()
    for change, said in (
        (lambda: (source / "deep" / "a.csv").write_bytes(b"1"), "files in folders"),
        (lambda: (source / "deep" / "a.csv").rename(source / "_a.csv"), "_a.csv: rename it"),
        (lambda: (source / "_a.csv").rename(source / "a.csv"), ""),
        (lambda: (source / "a.csv").write_bytes(b"\x7fELF" + bytes(60)), "a.csv: "),
        (lambda: (source / "a.csv").write_bytes(bytes(LIMIT)), "at most 0 MB are accepted"),
        (lambda: (source / f"{QUIZ}.ipynb").unlink(), "MB"),
    ):
        change()
        if said:
            assert said in teacher.refused("release_assignment", QUIZ, "--force"), said
    assert quiz(runtime).release_sha256 == before

    assert "Assignment not found at" in teacher.refused("release_assignment", "quiz-9")
    (course / "release" / "quiz-9").mkdir(parents=True)
    assert "from the notebooks with solutions and tests" in teacher.refused("release_assignment", "quiz-9")
    source.rename(source.with_name("Quiz 9"))
    (course / "source" / "Quiz 9" / "a.csv").write_bytes(b"1")
    said = teacher.refused("release_assignment", "Quiz 9")
    assert "The course has no quiz Quiz 9; it has: quiz-1, quiz-2" in said and "small letters" in said


def test_a_new_quiz_is_a_draft_until_it_is_released_again_and_its_date_is_told(
    sit: Sit, teacher: Terminal, source: Path, runtime: Runtime, worker: None
) -> None:
    ada = sit()
    (source / "more.ipynb").unlink(missing_ok=True)
    source.rename(source.with_name("leaves"))
    said = teacher.ok("release_assignment", "leaves")

    assert "leaves is new in the course and a draft at its end" in said and "Released as" not in said
    assert "(0 points)" not in said
    assert terms_of(quiz(runtime, "leaves")).is_withdrawn
    with runtime.db.transaction() as tx:
        tx.execute(update(Module).where(Module.title == "Wood").values(release_at=OPENS))
    with clock.frozen(clock.now() + timedelta(seconds=10)):
        assert "leaves" not in ada.ok("list")
        log = teacher.ok("release_assignment", "leaves", "--timezone=Asia/Tokyo")
    assert f"Released as: {teacher.key} leaves" in log
    assert "Learners get it from 2037-01-02 12:04:05.000000 JST on" in log
    assert not terms_of(quiz(runtime, "leaves")).is_withdrawn
    with clock.frozen(clock.now() + timedelta(seconds=30)):  # what was closed before is forgotten
        assert "has no quiz leaves that is open to you" in ada.refused(
            "fetch_assignment", "leaves", "--course", ada.key
        )
    with runtime.db.transaction() as tx:
        tx.execute(update(Module).values(release_at=None))
    with clock.frozen(clock.now() + timedelta(seconds=60)):
        assert f"{ada.key} leaves\n" in ada.ok("list")
    assert "nothing to do" in teacher.refused("release_assignment", "leaves")


def test_who_marks_may_not_release_without_the_right_to_edit(
    sit: Sit, place: Place, runtime: Runtime, teacher: Terminal, source: Path
) -> None:
    assistant = sit(Role.ASSISTANT, marking=True)
    source.parent.rename(assistant.home / "course" / "source")
    assert "Only teachers do this" in assistant.refused("release_assignment", QUIZ, "--force")
    with runtime.db.transaction() as tx:
        tx.get_one(Context, place.context_id).assistant_rights = [Right.EDIT_COURSE]

    assistant.ok("release_assignment", QUIZ, "--force")

    assert "Only teachers of the course may do this" in assistant.refused("collect", QUIZ)

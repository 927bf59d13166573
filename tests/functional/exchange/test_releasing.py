"""`nbgrader release_assignment` over HTTP: the checks of the course's editor, and its rights."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from grading.assignments import get_assignment
from grading.models import AssignmentRow
from grading.terms import terms_of
from lti_tool.kernel import clock
from lti_tool.kernel.permissions import Right, Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import Context
from plugins.courses.models import Item, Module, PartState, Revision
from tests.factories import notebooks as make
from tests.factories.course_folders import quiz_notebook
from tests.factories.grading import Place, moment
from tests.functional.exchange.conftest import LIMIT, QUIZ, SLUG, Sit, Terminal, handed_in

OPENS = moment("2037-01-02T03:04:05+00:00")
BROKEN = quiz_notebook(4, make.tests("b", 0, "assert True"))


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


def change_item(runtime: Runtime, name: str = QUIZ, **values: object) -> None:
    """Change what the course says of a quiz."""
    with runtime.db.transaction() as tx:
        tx.execute(update(Item).where(Item.assignment == name).values(values))


def test_another_version_takes_the_place_of_the_released_one_when_forced(
    sit: Sit, teacher: Terminal, source: Path, runtime: Runtime
) -> None:
    ada = handed_in(sit(), points=1)
    before = quiz(runtime)
    assert "as it is here: nothing to do" in teacher.refused("release_assignment", QUIZ)
    (source / "more.ipynb").write_bytes(quiz_notebook(6))
    (source / "data.csv").rename(source / "rain.csv")
    assert "Add --force" in teacher.refused("release_assignment", QUIZ)
    assert quiz(runtime).release_sha256 == before.release_sha256

    log = teacher.ok("release_assignment", QUIZ, "--force")

    assert f"Released as: {teacher.key} {QUIZ} (10 points)" in log
    after = quiz(runtime)
    assert after.max_points == 10 and after.max_attempts == before.max_attempts
    assert sorted(entry["path"] for entry in after.release) == ["more.ipynb", f"{QUIZ}.ipynb", "rain.csv"]
    with runtime.db.reading() as tx:
        revision = tx.scalars(select(Revision).where(Revision.part == f"source/{QUIZ}").order_by(Revision.id)).all()[-1]
        assert revision.author_id == teacher.who.user_id
    assert "Learners have it already, as it is here." in teacher.ok("release_assignment", "-f", f"--assignment={QUIZ}")
    assert quiz(runtime).release_sha256 == after.release_sha256
    assert ada.ok("fetch_assignment", QUIZ, "--course", ada.key)
    assert (ada.home / ada.key / QUIZ / "rain.csv").is_file()

    (source / f"{QUIZ}.ipynb").write_bytes(BROKEN)
    assert "It is graded with 0 points" in teacher.refused("release_assignment", QUIZ, "-f")
    assert quiz(runtime).release_sha256 == after.release_sha256


def test_a_draft_is_published_and_its_date_is_told(sit: Sit, teacher: Terminal, runtime: Runtime, source: Path) -> None:
    ada = sit()
    change_item(runtime, state=PartState.DRAFT)
    with runtime.db.transaction() as tx:
        tx.execute(update(Module).where(Module.title == "Seeds").values(release_at=OPENS))
        tx.execute(update(AssignmentRow).where(AssignmentRow.name == QUIZ).values(withdrawn_at=clock.now()))

    log = teacher.ok("release_assignment", QUIZ, "--timezone=Asia/Tokyo")

    assert "Learners get it from 2037-01-02 12:04:05.000000 JST on" in log
    assert not terms_of(quiz(runtime)).is_withdrawn
    with clock.frozen(clock.now() + timedelta(seconds=10)):  # what was closed before is forgotten
        assert "has no quiz quiz-1 that is open to you" in ada.refused("fetch_assignment", QUIZ, "--course", ada.key)
        listed = ada.ok("list")
    assert f"{ada.key} quiz-2\n" in listed and f"{ada.key} {QUIZ}\n" not in listed
    with runtime.db.transaction() as tx:
        tx.execute(update(Module).values(release_at=None))


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


def test_a_new_quiz_is_a_draft_until_it_is_released_again(
    sit: Sit, teacher: Terminal, source: Path, runtime: Runtime
) -> None:
    ada = sit()
    source.rename(source.with_name("leaves"))
    said = teacher.ok("release_assignment", "leaves")

    assert "leaves is new in the course and a draft at its end" in said and "Released as" not in said
    assert "(0 points)" not in said
    assert terms_of(quiz(runtime, "leaves")).is_withdrawn
    with clock.frozen(clock.now() + timedelta(seconds=10)):
        assert "leaves" not in ada.ok("list")
        assert f"Released as: {teacher.key} leaves" in teacher.ok("release_assignment", "leaves")
    assert not terms_of(quiz(runtime, "leaves")).is_withdrawn
    with clock.frozen(clock.now() + timedelta(seconds=30)):
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

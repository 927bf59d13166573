"""Quizzes made and changed in the browser go the way of an import: checked, rehearsed, all or nothing."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from grading.assignments import find_assignment, get_assignment
from grading.models import AssignmentRow, SubmissionRow
from grading.terms import terms_of
from lti_tool.kernel import clock, crashpoints
from lti_tool.kernel.errors import Conflict
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.courses.editing import Editor
from plugins.courses.exporter import export_course
from plugins.courses.importer import import_course
from plugins.courses.models import Item, PartState
from plugins.courses.outline_edits import create_course
from plugins.courses.service import get_item, get_outline
from tests.factories import notebooks as make
from tests.factories.course_folders import quiz_notebook
from tests.factories.grading import Place, Someone
from tests.functional.courses.conftest import SLUG, Import
from tests.functional.courses.teaching import EDIT, Teacher
from tests.functional.courses.test_export import files_of
from tests.functional.courses.test_import import hand_in, marked, state_of

SOURCE = f"{EDIT}items/first-quiz/source"
BROKEN = quiz_notebook(4, make.tests("b", 0, "assert True"), make.tests("c", 1, "1 +"))
MORE_CELLS = quiz_notebook(4, make.tests("more", 1, "pass"))


@pytest.fixture
def grace(app: Flask, someone: Callable[..., Someone]) -> Teacher:
    """A teacher."""
    return Teacher(app, someone(Role.TEACHER), SLUG)


def send(who: Teacher, path: str, files: dict[str, bytes], **form: Any) -> Any:
    sent = [(io.BytesIO(body), name) for name, body in files.items()]
    return who.post(path, {"source": sent, **form}, content_type="multipart/form-data")


def assignment(runtime: Runtime, name: str) -> AssignmentRow:
    with runtime.db.reading() as tx:
        return get_assignment(tx, SLUG, name)


def item(runtime: Runtime, slug: str) -> Item:
    with runtime.db.reading() as tx:
        return get_item(tx, get_outline(tx, SLUG).course.id, slug)


def test_a_course_that_was_never_imported_gets_a_quiz_and_comes_back_from_its_export(
    runtime: Runtime, place: Place, grace: Teacher, tmp_path: Path
) -> None:
    with runtime.db.transaction() as tx:
        create_course(tx, SLUG, "en", Editor(1, "Ada", place.registration_id, Role.TEACHER))
    answer = grace.post(f"{EDIT}items", {"module": "first-module", "kind": "quiz", "title": "Sums"})
    assert 'value="Sums"' in grace.get(answer.headers["Location"]).text

    files = {"My sums.ipynb": quiz_notebook(), "rain.csv": b"1,2\n"}
    made = send(grace, f"{EDIT}quizzes", files, module="first-module", title="Sums")
    assert made.status_code == 303, made.text

    page = grace.get(made.headers["Location"]).text
    assert "My sums.ipynb" in page and "worth 4 points" in page
    with grace.get(f"{EDIT}items/sums/source/rain.csv") as saved:
        assert (saved.data, saved.mimetype) == (b"1,2\n", "application/octet-stream")
    assert item(runtime, "sums").state is PartState.DRAFT
    assert terms_of(assignment(runtime, "sums")).is_closed(clock.now())

    assert grace.post(f"{EDIT}items/sums/publish").status_code == 303
    row = assignment(runtime, "sums")
    assert (row.title, row.item_ref, row.max_points) == ("Sums", f"courses/{SLUG}/sums", 4)
    assert not terms_of(row).is_closed(clock.now())
    assert item(runtime, "sums").points == 4

    export_course(runtime, SLUG, tmp_path / "one")
    before = files_of(tmp_path / "one")
    assert before["source/sums/My sums.ipynb"] == quiz_notebook() and before["source/sums/rain.csv"] == b"1,2\n"
    import_course(runtime, tmp_path / "one", registration_id=place.registration_id)
    export_course(runtime, SLUG, tmp_path / "two")
    assert files_of(tmp_path / "two") == before


def test_a_notebook_that_cannot_be_released_is_named_by_cell_and_changes_nothing(
    runtime: Runtime, run_import: Import, grace: Teacher
) -> None:
    run_import()
    before = state_of(runtime)

    answers = [
        send(grace, SOURCE, {"quiz-1.ipynb": BROKEN}),
        send(grace, f"{EDIT}quizzes", {"new.ipynb": BROKEN}, module="wood", title="New"),
    ]
    for answer in answers:
        assert answer.status_code == 422
        assert "cell 4 (&#34;b&#34;): It is graded with 0 points." in answer.text
        assert "cell 5 (&#34;c&#34;): Its tests are not valid Python" in answer.text
    assert send(grace, SOURCE, {"oak.csv": b"\x7fELF" + bytes(60)}).status_code == 422
    assert send(grace, f"{EDIT}quizzes", {"rain.csv": b"1\n"}, module="wood", title="New").status_code == 422
    assert send(grace, SOURCE, {}, gone="quiz-1.ipynb").status_code == 422
    assert state_of(runtime) == before


@pytest.mark.releases_apart
def test_a_new_version_keeps_what_was_handed_in_and_its_points_follow(
    runtime: Runtime, run_import: Import, grace: Teacher, someone: Callable[..., Someone]
) -> None:
    run_import()
    ada = someone()
    work = marked(runtime, hand_in(runtime, ada, "total = 2"))
    assert "New version" in grace.get(f"{EDIT}items/first-quiz").text

    answer = send(grace, SOURCE, {"quiz-1 (2).ipynb": quiz_notebook(9), "rain.csv": b"7\n"}, gone="data.csv")
    assert answer.status_code == 303, answer.text

    row = assignment(runtime, "quiz-1")
    assert (row.max_points, row.notebooks, row.max_attempts) == (9, ["quiz-1"], 3)
    assert item(runtime, "first-quiz").points == 9
    assert assignment(runtime, "quiz-2").max_points == 6
    root = runtime.settings.courses_dir / SLUG
    assert sorted(path.name for path in (root / "release" / "quiz-1").iterdir()) == ["quiz-1.ipynb", "rain.csv"]
    with runtime.db.reading() as tx:
        assert tx.get_one(SubmissionRow, work.id).state is work.state
    marked(runtime, hand_in(runtime, ada, "total = 2", "quiz-2"))  # the other quiz can still be marked

    before = state_of(runtime)
    refused = send(grace, SOURCE, {"quiz-1.ipynb": MORE_CELLS})
    assert refused.status_code == 422
    assert "Learners have submitted this assignment already" in refused.text
    assert state_of(runtime) == before


@pytest.mark.releases_apart
def test_a_process_that_is_killed_over_a_new_version_is_told_and_the_next_try_makes_it(
    runtime: Runtime, run_import: Import, grace: Teacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_import()
    with monkeypatch.context() as dying:
        dying.setenv(crashpoints.VARIABLE, "import.sources")
        killed = send(grace, SOURCE, {"quiz-1.ipynb": quiz_notebook(9)})
    assert killed.status_code == 502
    assert "could not be made now. Try again in a few minutes" in killed.text
    assert assignment(runtime, "quiz-1").max_points != 9

    again = send(grace, SOURCE, {"quiz-1.ipynb": quiz_notebook(9)})
    assert again.status_code == 303, again.text
    assert assignment(runtime, "quiz-1").max_points == 9


def test_an_import_does_not_take_back_a_notebook_that_came_by_the_browser(
    runtime: Runtime, run_import: Import, grace: Teacher, place: Place, folder: Path, tmp_path: Path
) -> None:
    run_import(registration_id=place.registration_id)
    assert send(grace, SOURCE, {"quiz-1.ipynb": quiz_notebook(9)}).status_code == 303

    with pytest.raises(Conflict, match="source/quiz-1"):
        run_import(registration_id=place.registration_id)
    assert assignment(runtime, "quiz-1").max_points == 9

    export_course(runtime, SLUG, tmp_path / "out")
    import_course(runtime, tmp_path / "out", registration_id=place.registration_id)
    assert assignment(runtime, "quiz-1").max_points == 9
    run_import(registration_id=place.registration_id, overwrite=True)
    assert assignment(runtime, "quiz-1").max_points == 4


def test_only_teachers_of_the_course_see_and_change_what_a_quiz_is_made_of(
    app: Flask, runtime: Runtime, run_import: Import, someone: Callable[..., Someone]
) -> None:
    run_import()
    for role in (Role.LEARNER, Role.ASSISTANT):
        other = Teacher(app, someone(role), SLUG)
        assert other.get(f"{SOURCE}/quiz-1.ipynb").status_code == 403
        assert other.get(f"{EDIT}quizzes/new").status_code == 403
        assert send(other, SOURCE, {"quiz-1.ipynb": quiz_notebook(9)}).status_code == 403
        assert send(other, f"{EDIT}quizzes", {"a.ipynb": quiz_notebook()}, module="wood", title="A").status_code == 403
    with runtime.db.reading() as tx:
        assert find_assignment(tx, SLUG, "a") is None


def test_nothing_of_the_server_is_read_through_the_name_of_a_file(run_import: Import, grace: Teacher) -> None:
    run_import()
    for name in ("../quiz-2/quiz-2.ipynb", "..%2f..%2fstructure.db", "%2e%2e/quiz-2/quiz-2.ipynb", "nothing.csv"):
        assert grace.get(f"{SOURCE}/{name}").status_code == 404
    assert send(grace, SOURCE, {"..": b"1\n"}).status_code == 422

"""Versions of a quiz's notebooks that counted once: compared, and brought back through the ordinary check."""

import html
import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import func, select

from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.courses.messages import PublishVersion
from plugins.courses.written_models import SourceBlob, WrittenState
from tests.factories import notebooks as make
from tests.factories.course_folders import quiz_notebook
from tests.factories.grading import Place, Someone
from tests.functional.courses.conftest import SLUG, Import
from tests.functional.courses.teaching import EDIT, Teacher
from tests.functional.courses.test_quiz_editing import assignment, send
from tests.functional.courses.test_versions import PAGE, check, keep, publish, run, written
from tests.functional.grading.conftest import counted, hub, settings

__all__ = ["hub", "settings"]

HISTORY = f"{EDIT}history/source/quiz-1"
COMPARE = f"{EDIT}compare/source/quiz-1"
RESTORE = f"{EDIT}restore/source/quiz-1"
SOURCE = f"{EDIT}items/first-quiz/source"


@pytest.fixture
def grace(app: Flask, someone: Callable[..., Someone], run_import: Import, place: Place) -> Teacher:
    """A teacher of the course, whose first version came by import; the second is hers."""
    run_import(registration_id=place.registration_id)
    teacher = Teacher(app, someone(Role.TEACHER), SLUG)
    answer = send(teacher, SOURCE, {"quiz-1.ipynb": quiz_notebook(9), "rain.csv": b"7\n"}, gone="data.csv")
    assert answer.status_code == 303, answer.text
    return teacher


def count_kept(runtime: Runtime) -> int:
    with runtime.db.reading() as tx:
        here = select(func.count()).select_from(SourceBlob).where(SourceBlob.assignment == "quiz-1")
        return tx.scalar(here) or 0


def test_versions_are_listed_and_compared_cell_by_cell(runtime: Runtime, grace: Teacher) -> None:
    page = html.unescape(grace.get(HISTORY).text)
    assert "Notebooks of “" in page and page.count("/restore/source/quiz-1") == 1
    assert HISTORY.removeprefix(EDIT) in grace.get(PAGE).text
    assert HISTORY.removeprefix(EDIT) in grace.get(f"{EDIT}items/first-quiz").text

    with counted(runtime) as statements:
        page = html.unescape(grace.get(f"{COMPARE}?old=1&new=2").text)
    assert len(statements) <= 6, statements
    assert "[Code · tests · sum-tests · <del>4</del> points]" in page
    assert "[Code · tests · sum-tests · <ins>9</ins> points]" in page
    assert page.index("data.csv") < page.index("rain.csv") and "2 bytes" in page
    with counted(runtime) as statements:
        grace.get(HISTORY)
    assert len(statements) <= 6, statements


def long_notebook(**changed: str) -> bytes:
    """Cells longer than what is shown around a change; `changed` replaces their tenth line."""

    def lines(cell: str, first: str) -> str:
        told = [first, *(f"{cell} = {number}" for number in range(2, 21))]
        return "\n".join([*told[:9], *changed.get(cell, told[9]).splitlines(), *told[10:]])

    return make.notebook(
        make.text(lines("a", "# <b>Rain</b>")),
        make.solution("work", lines("b", "### BEGIN SOLUTION") + "\n### END SOLUTION"),
        make.tests("check", 4, lines("c", "total = 2")),
        make.code(lines("d", "d = 1")),
    )


def test_a_change_within_a_long_cell_says_which_cell_it_is(grace: Teacher) -> None:
    assert send(grace, SOURCE, {"quiz-1.ipynb": long_notebook(d="d = 10\nd = 0")}).status_code == 303
    changed = long_notebook(a="a = 11", b="", c="c = 11\nc = 12", d="d = 10")
    assert send(grace, SOURCE, {"quiz-1.ipynb": changed}).status_code == 303

    page = grace.get(f"{COMPARE}?old=3&new=4").text

    gaps = re.findall(r'<tr class="gap"><td colspan="4">(.*?)</td>', page)
    assert [html.unescape(gap.partition(", then in ")[2]) for gap in gaps] == [
        "cell 1 [Text] # <b>Rain</b>",
        "cell 2 [Code · solution · work]",
        "cell 3 [Code · tests · check · 4 points]",
        "cell 4 [Code] d = 1",
    ]
    assert "<b>Rain" not in page


def test_a_change_near_the_beginning_of_a_cell_shows_its_heading_alone(grace: Teacher) -> None:
    assert send(grace, SOURCE, {"quiz-1.ipynb": long_notebook()}).status_code == 303
    changed = long_notebook().replace(b"total = 2", b"total = 3")
    assert send(grace, SOURCE, {"quiz-1.ipynb": changed}).status_code == 303

    page = grace.get(f"{COMPARE}?old=3&new=4").text

    assert "lines are the same" in page and "then in" not in page
    assert "[Code · tests · check · 4 points]" in page


def test_an_old_version_is_checked_and_published_before_it_counts_again(runtime: Runtime, grace: Teacher) -> None:
    answer = grace.post(RESTORE, {"number": "1"})
    assert answer.status_code == 303 and answer.headers["Location"].endswith("/items/first-quiz/version")
    assert assignment(runtime, "quiz-1").max_points == 9, "learners notice nothing"
    assert written(runtime).state is WrittenState.WRITING
    page = check(runtime, grace)
    assert "4 points in all; it was 9." in page and "data.csv: a new file" in page

    assert publish(grace).status_code == 303
    run(runtime, PublishVersion)
    assert assignment(runtime, "quiz-1").max_points == 4
    source = runtime.settings.course_dir(SLUG) / "source" / "quiz-1"
    assert sorted(path.name for path in source.iterdir()) == ["data.csv", "quiz-1.ipynb"]
    assert source.joinpath("quiz-1.ipynb").read_bytes() == quiz_notebook(4)
    assert grace.get(HISTORY).text.count("/restore/source/quiz-1") == 2


def test_nothing_that_somebody_writes_is_lost_by_restoring(runtime: Runtime, grace: Teacher) -> None:
    keep(grace, {"quiz-1.ipynb": quiz_notebook(5)})
    mine = written(runtime).sha256
    answer = grace.post(RESTORE, {"number": "1"})
    assert answer.status_code == 409 and "Publish it or throw it away" in answer.text
    assert written(runtime).sha256 == mine


@pytest.mark.parametrize("number", ["0", "3", "x", "99999999999"])
def test_what_is_not_there_is_not_restored(runtime: Runtime, grace: Teacher, number: str) -> None:
    assert grace.post(RESTORE, {"number": number}).status_code == 404
    assert grace.get(f"{EDIT}history/source/quiz-7").status_code == 404


def test_only_so_many_versions_are_kept(runtime: Runtime, grace: Teacher) -> None:
    runtime.settings.quizzes.versions_kept = 2
    assert count_kept(runtime) == 4
    assert send(grace, SOURCE, {"quiz-1.ipynb": quiz_notebook(8)}).status_code == 303
    assert count_kept(runtime) == 3, "two notebooks, and the data that both have"
    page = html.unescape(grace.get(HISTORY).text)
    assert "Not kept any more" in page and page.count("/restore/source/quiz-1") == 1
    assert grace.post(RESTORE, {"number": "1"}).status_code == 404
    gone = grace.get(f"{COMPARE}?old=1&new=3")
    assert gone.status_code == 404 and "are not kept any more" in gone.text
    assert grace.get(f"{COMPARE}?old=2&new=3").status_code == 200


def test_an_import_keeps_versions_too(runtime: Runtime, grace: Teacher, run_import: Import, place: Place) -> None:
    changed = {"source/quiz-1/quiz-1.ipynb": quiz_notebook(6)}
    run_import(changed, overwrite=True, registration_id=place.registration_id)
    page = html.unescape(grace.get(f"{COMPARE}?old=1&new=3").text)
    assert "<ins>6</ins> points]" in page
    assert grace.post(RESTORE, {"number": "2"}).status_code == 303
    assert sorted(entry["path"] for entry in written(runtime).files) == ["quiz-1.ipynb", "rain.csv"]


def test_a_script_in_a_notebook_is_text_in_a_comparison(runtime: Runtime, grace: Teacher) -> None:
    evil = make.notebook(make.text("<img src=x onerror=alert(1)>"), make.tests("sum-tests", 4, "assert total == 2"))
    keep(grace, {"quiz-1.ipynb": quiz_notebook(9)})
    assert send(grace, SOURCE, {"quiz-1.ipynb": evil}).status_code == 303
    page = grace.get(f"{COMPARE}?old=2&new=3").text
    assert "&lt;img src=x" in page and "<img src=x" not in page


def test_only_those_who_may_edit_see_solutions(app: Flask, grace: Teacher, someone: Callable[..., Someone]) -> None:
    learner = Teacher(app, someone(), SLUG)
    for path in (HISTORY, f"{COMPARE}?old=1&new=2"):
        assert learner.get(path).status_code == 403
    assert learner.post(RESTORE, {"number": "1"}).status_code == 403

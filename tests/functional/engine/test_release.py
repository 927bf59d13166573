"""From a teacher's source to the learners' version."""

import json
import shutil
from pathlib import Path

import nbgrader
import pytest

from grading.engine.course import CourseRoot
from grading.engine.model import ContentError, Release
from tests.factories import notebooks as make
from tests.functional.engine.conftest import QUIZ, RIGHT, SUBMITTED, WRONG, Mark, scores


def _course(root: Path, **sources: bytes) -> CourseRoot:
    folder = root / "source" / "quiz"
    folder.mkdir(parents=True, exist_ok=True)
    for name, body in sources.items():
        (folder / f"{name}.ipynb").write_bytes(body)
    return CourseRoot(root)


def test_release_has_neither_solutions_nor_hidden_tests(release: Release) -> None:
    assert set(release.files) == {"quiz.ipynb", "data.txt"}
    body = release.files["quiz.ipynb"].decode()
    assert "NotImplementedError" in body
    assert [s for s in ("return a + b", "len(s.split", "-7", "negative", "HIDDEN", "SOLUTION") if s in body] == []
    assert (release.max_score, release.notebooks) == (10, ("quiz",))
    assert [(q.grade_id, q.max_score, q.kind, q.title) for q in release.questions] == [
        ("add-tests", 2, "auto", "Add two numbers"),
        ("add-hidden", 1, "auto", "Add two numbers"),
        ("count-tests", 4, "auto", "Count words"),
        ("why", 3, "manual", "Explain"),
    ]


def test_title_of_a_question_leaves_its_points_to_the_page(tmp_path: Path) -> None:
    body = make.notebook(make.text("## 1. Count the vowels (2 points)"), make.tests("t", 2, "assert True"))
    assert [q.title for q in _course(tmp_path, quiz=body).make_release("quiz").questions] == ["1. Count the vowels"]


def test_quickstart_course_of_nbgrader_is_released_and_marked(tmp_path: Path) -> None:
    shipped = Path(nbgrader.__file__).parent / "docs" / "source" / "user_guide" / "source"
    shutil.copytree(shipped, tmp_path / "source")
    course = CourseRoot(tmp_path)

    release = course.make_release("ps1")
    solved = {p.name: p.read_bytes() for p in (tmp_path / "source" / "ps1").iterdir()}
    result = course.mark("ps1", "u-solved", solved, submitted_at=SUBMITTED, attempt=1)

    assert set(release.files) == {"problem1.ipynb", "problem2.ipynb", "jupyter.png"}
    assert (release.max_score, len(release.questions)) == (13, 9)
    assert (result.marks.total, result.outcome) == (3, "needs_manual")
    assert set(course.render_feedback("ps1", "u-solved")) == {"problem1.html", "problem2.html"}


def test_autotest_course_is_refused_with_a_reason(tmp_path: Path) -> None:
    shipped = Path(nbgrader.__file__).parent / "docs" / "source" / "user_guide" / "source"
    shutil.copytree(shipped, tmp_path / "source")

    with pytest.raises(ContentError, match="AUTOTEST lines would run your solution outside the sandbox"):
        CourseRoot(tmp_path).make_release("ps1_autotest")


def test_release_again_keeps_marks_and_refuses_new_cells(mark: Mark, course: CourseRoot, learner: str) -> None:
    mark(RIGHT)
    source = course.path / "source" / "quiz" / "quiz.ipynb"
    try:
        source.write_bytes(QUIZ.replace(b"Two small functions.", b"Two tiny functions."))
        again = course.make_release("quiz")
        assert b"tiny functions" in again.files["quiz.ipynb"]
        assert course.read_marks("quiz", learner).total == 7

        notebook = json.loads(QUIZ)
        notebook["cells"].append(make.tests("new", 1, "pass") | {"id": "new"})
        source.write_bytes(json.dumps(notebook).encode())
        with pytest.raises(ContentError, match="Learners have submitted this assignment already"):
            course.make_release("quiz")
    finally:
        source.write_bytes(QUIZ)
    assert course.make_release("quiz").max_score == 10
    assert scores(mark(WRONG, attempt=2))["count-tests"] == 1.5


TESTS = make.tests("t", 1, "assert True")
BAD = {
    "no graded cell": ([make.text("# Hi")], None, "No cell gives points"),
    "same id twice": ([TESTS, TESTS], 'cell 2 ("t")', 'cell 1 ("t") has the same ID'),
    "no points": ([TESTS, make.tests("u", 0, "pass")], 'cell 2 ("u")', "graded with 0 points"),
    "bad points": ([make.tests("u", -1, "pass")], 'cell 1 ("u")', "a number from 0 up"),
    "no id": ([TESTS, make.tests("", 1, "pass")], "cell 2", "needs an ID"),
    "open solution": (
        [TESTS, make.solution("s", "### BEGIN SOLUTION\nx = 1")],
        'cell 2 ("s")',
        '"BEGIN SOLUTION" without "END SOLUTION" below it',
    ),
    "end alone": ([make.tests("t", 1, "### END HIDDEN TESTS")], 'cell 1 ("t")', 'without "BEGIN HIDDEN TESTS" above'),
    "hidden in plain cell": (
        [TESTS, make.code("### BEGIN HIDDEN TESTS\n1\n### END HIDDEN TESTS")],
        "cell 2",
        'must be in a cell marked as "Autograder tests"',
    ),
    "solution in plain cell": ([TESTS, make.code(make.SOLUTION.format("1"))], "cell 2", "marked as an answer"),
    "tests that are no Python": ([make.tests("t", 1, "assert (")], 'cell 1 ("t")', "not valid Python"),
    "task in code": (
        [TESTS, {**make.task("k", 1), "cell_type": "code", "outputs": [], "execution_count": None}],
        'cell 2 ("k")',
        "must be a text",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_mistake_in_the_source_is_named_with_its_cell(tmp_path: Path, name: str) -> None:
    cells, where, words = BAD[name]

    with pytest.raises(ContentError) as caught:
        _course(tmp_path, quiz=make.notebook(*cells)).make_release("quiz")

    assert caught.value.cell == where
    assert words in caught.value.message
    assert caught.value.file in ("quiz/quiz.ipynb", "quiz/")
    assert not (tmp_path / "release").exists()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"not json", "it is not JSON"),
        (b"[]", "not a notebook of format 4"),
        (b'{"nbformat": 4, "cells": [3]}', "not a code or text cell"),
    ],
)
def test_file_that_is_no_python_notebook_is_refused(tmp_path: Path, body: bytes, words: str) -> None:
    with pytest.raises(ContentError, match=words):
        _course(tmp_path, quiz=body).make_release("quiz")


def test_assignment_without_notebooks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="There is no notebook"):
        _course(tmp_path).make_release("quiz")


@pytest.mark.parametrize("name", ["../x", "", ".", "a/b", " quiz", "a+b", "x\n"])
def test_name_that_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name"):
        CourseRoot(tmp_path).make_release(name)

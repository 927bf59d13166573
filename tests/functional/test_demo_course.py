"""The demo course is sound: nbgrader releases its quizzes and marks each sample answer as it deserves."""

import os
import shutil
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config

from tests.factories.answers import (
    COURSE,
    KINDS,
    Answer,
    fill_in,
    read_answer,
    read_model_answer,
)

pytestmark = [
    pytest.mark.one_database,
    # nbgrader builds a submission's rows outside SQLAlchemy's session
    pytest.mark.filterwarnings("ignore:Object of type:sqlalchemy.exc.SAWarning"),
]

QUIZZES = ("quiz-1", "quiz-2", "quiz-3")
TOTALS = {"quiz-1": 10, "quiz-2": 12, "quiz-3": 10}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> NbGraderAPI:
    """A course folder of its own with every quiz released."""
    root = tmp_path_factory.mktemp("course")
    shutil.copytree(COURSE / "source", root / "source")
    config = Config()
    config.CourseDirectory.root = str(root)
    config.ClearSolutions.enforce_metadata = True
    with pytest.MonkeyPatch.context() as patch:
        # nbgrader calls `alembic` by name when it makes a database
        patch.setenv(
            "PATH",
            os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        )
        api = NbGraderAPI(config=config)
        for quiz in QUIZZES:
            made = api.generate_assignment(quiz)
            assert made["success"], made
    return api


def release_of(course: NbGraderAPI, quiz: str) -> Path:
    return Path(course.coursedir.root) / "release" / quiz / f"{quiz}.ipynb"


def mark(course: NbGraderAPI, quiz: str, learner: str, answer: Answer | None) -> dict[str, float | None]:
    """Hand in the release with an answer in it, have nbgrader mark it, return the automatic score of each cell."""
    release = release_of(course, quiz).parent
    folder = Path(course.coursedir.root) / "submitted" / learner / quiz
    shutil.copytree(release, folder)
    if answer is not None:
        (folder / f"{quiz}.ipynb").write_text(fill_in((folder / f"{quiz}.ipynb").read_text(), answer))
    result = course.autograde(quiz, learner)
    assert result["success"], result
    with course.gradebook as gradebook:
        submission = gradebook.find_submission_notebook(quiz, quiz, learner)
        return {grade.name: grade.auto_score for grade in submission.grades}


@pytest.mark.parametrize("quiz", QUIZZES)
def test_release_shows_no_solution_and_no_hidden_test(course: NbGraderAPI, quiz: str) -> None:
    text = release_of(course, quiz).read_text()

    assert "BEGIN SOLUTION" not in text
    assert "HIDDEN TESTS" not in text
    assert "YOUR CODE HERE" in text
    assert "Take line 4" not in text


@pytest.mark.parametrize("quiz", QUIZZES)
def test_points_add_up_to_what_the_notebook_says(course: NbGraderAPI, quiz: str) -> None:
    with course.gradebook as gradebook:
        assert gradebook.find_assignment(quiz).max_score == TOTALS[quiz]


@pytest.mark.parametrize("quiz", QUIZZES)
def test_model_answer_gets_full_marks(course: NbGraderAPI, quiz: str) -> None:
    answer = read_model_answer(quiz)

    assert mark(course, quiz, "teacher", answer) == answer.scores


@pytest.mark.parametrize("quiz", QUIZZES)
def test_untouched_release_scores_nothing(course: NbGraderAPI, quiz: str) -> None:
    scores = mark(course, quiz, "untouched", None)

    assert set(scores.values()) <= {0, None}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("quiz", QUIZZES)
def test_sample_answer_scores_what_it_says(course: NbGraderAPI, quiz: str, kind: str) -> None:
    answer = read_answer(quiz, kind)

    assert mark(course, quiz, kind, answer) == answer.scores


@pytest.mark.parametrize("quiz", QUIZZES)
def test_source_notebook_is_valid_and_its_cells_have_ids(quiz: str) -> None:
    notebook = nbformat.read(COURSE / "source" / quiz / f"{quiz}.ipynb", as_version=4)

    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert all(not cell.get("outputs") for cell in notebook.cells)


def test_every_file_that_course_toml_names_is_there() -> None:
    outline = tomllib.loads((COURSE / "course.toml").read_text())
    items = [item for module in outline["module"] for item in module["item"]]

    assert all((COURSE / item["file"]).is_file() for item in items if item["type"] == "lesson")
    assert [item["assignment"] for item in items if item["type"] == "quiz"] == list(QUIZZES)

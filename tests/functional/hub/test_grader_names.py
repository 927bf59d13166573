"""Where marking is without names, formgrader shows codes; elsewhere it shows the names that the tool knows."""

import hashlib
import shutil
import warnings
from collections.abc import Iterator

import pytest
from nbgrader.api import Gradebook

from tests.fakes.hub_tool import HubTool
from tests.fakes.running_hub import RunningHub, Visitor
from tests.functional.hub.conftest import ADA, KEY, SLUG, TEACHER

PREFIX = f"/user/{TEACHER}/grade-{KEY}/"
SALT = "7:1:"
CODE = hashlib.sha256(f"{SALT}{ADA}".encode()).hexdigest()[:6].upper()
HIDDEN, SHOWN = "quiz-1", "with-names"


@pytest.fixture(scope="module", autouse=True)
def second_quiz(hub: RunningHub) -> None:
    """Ada has handed in another quiz, too."""
    root = hub.data_dir / "courses" / SLUG / "placements" / KEY.rpartition("-")[2]
    (root.parents[1] / "source" / SHOWN).mkdir()
    shutil.copytree(root / "autograded" / ADA / HIDDEN, root / "autograded" / ADA / SHOWN)
    url = f"sqlite:///{root / 'gradebook' / 'gradebook.db'}"
    with warnings.catch_warnings(action="ignore"), Gradebook(url, KEY) as gradebook:
        gradebook.add_assignment(SHOWN)
        gradebook.add_notebook("quiz-1", SHOWN)
        gradebook.add_grade_cell("written", "quiz-1", SHOWN, max_score=5, cell_type="markdown")
        gradebook.add_solution_cell("written", "quiz-1", SHOWN)
        gradebook.add_submission(SHOWN, ADA)


@pytest.fixture
def teacher(hub: RunningHub, tool: HubTool) -> Iterator[Visitor]:
    """Who marks the first quiz without names."""
    tool.hidden[KEY] = {HIDDEN: SALT}
    yield hub.visit(TEACHER, f"/formgrader?course={KEY}")
    tool.hidden.clear()


def ask(teacher: Visitor, path: str) -> list[dict[str, object]]:
    """Rows of formgrader's API."""
    answer = teacher.send("GET", PREFIX, f"formgrader/api/{path}")
    assert answer.status_code == 200, answer.text
    return list(answer.json())


def test_lists_and_pages_of_a_quiz_without_names_show_a_code(teacher: Visitor) -> None:
    (row,) = ask(teacher, f"submitted_notebooks/{HIDDEN}/quiz-1")
    assert (row["student"], row["last_name"], row["first_name"]) == (f"Learner {CODE}", None, None)
    (row,) = ask(teacher, f"submissions/{HIDDEN}")
    assert (row["student"], row["last_name"], row["first_name"]) == (CODE, "Learner", CODE)

    (row,) = ask(teacher, f"student_notebook_submissions/{CODE}/{HIDDEN}")
    page = teacher.go(f"{PREFIX}formgrader/submissions/{row['id']}/")
    assert page.status_code == 200
    assert f"Learner {CODE}" in page.text
    following = teacher.go(f"{PREFIX}formgrader/submissions/{row['id']}/next")
    assert following.url.path == f"{PREFIX}formgrader/gradebook/{HIDDEN}/quiz-1"
    for text in (page.text, following.text, teacher.go(f"{PREFIX}formgrader/manage_students/{CODE}/{HIDDEN}").text):
        assert ADA not in text
        assert "Ada L." not in text


def test_flag_and_single_row_do_not_tell_either(teacher: Visitor) -> None:
    row = teacher.send("GET", PREFIX, f"formgrader/api/submission/{HIDDEN}/{CODE}").json()
    (notebook,) = ask(teacher, f"submitted_notebooks/{HIDDEN}/quiz-1")
    flag = f"formgrader/api/submitted_notebook/{notebook['id']}/flag"
    flagged = teacher.send("POST", PREFIX, flag, {}).json()
    teacher.send("POST", PREFIX, flag, {})
    assert (row["student"], flagged["student"], flagged["flagged"]) == (CODE, f"Learner {CODE}", True)


def test_learners_own_address_leads_to_nothing_of_a_quiz_without_names(teacher: Visitor) -> None:
    for path in (
        f"formgrader/api/student_notebook_submissions/{ADA}/{HIDDEN}",
        f"formgrader/api/submission/{HIDDEN}/{ADA}",
        f"formgrader/manage_students/{ADA}/{HIDDEN}",
    ):
        assert teacher.send("GET", PREFIX, path).status_code == 403, path
    assert teacher.send("GET", PREFIX, f"formgrader/api/submission/{HIDDEN}/nobody").status_code == 404
    assert [row["name"] for row in ask(teacher, f"student_submissions/{ADA}")] == [SHOWN]


def test_other_quizzes_show_names(teacher: Visitor, tool: HubTool) -> None:
    (row,) = ask(teacher, f"submitted_notebooks/{SHOWN}/quiz-1")
    assert row["student"] == "Ada L."
    (listed,) = ask(teacher, f"submissions/{SHOWN}")
    assert (listed["student"], listed["last_name"], listed["first_name"]) == (ADA, "L.", "Ada")
    assert "Ada L." in teacher.go(f"{PREFIX}formgrader/submissions/{row['id']}/").text
    (student,) = ask(teacher, "students")
    assert (student["id"], student["last_name"]) == (ADA, "L.")

    tool.hidden.clear()  # the teacher shows them: the next page has them
    (row,) = ask(teacher, f"submitted_notebooks/{HIDDEN}/quiz-1")
    assert row["student"] == "Ada L."


def test_tool_that_does_not_answer_reveals_no_name(teacher: Visitor, tool: HubTool) -> None:
    ask(teacher, f"submitted_notebooks/{HIDDEN}/quiz-1")
    tool.is_down = True
    try:
        (row,) = ask(teacher, f"submitted_notebooks/{HIDDEN}/quiz-1")
    finally:
        tool.is_down = False
    assert row["student"] == f"Learner {CODE}"

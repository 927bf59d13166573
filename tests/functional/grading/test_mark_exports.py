"""Marks as files: one line for each learner, and nbgrader's own export."""

import csv
import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook
from nbgrader.plugins import CsvExportPlugin

from grading.assignments import Rules, publish_assignment
from grading.models import Counts
from grading.plain_csv import plain_cell
from lti_tool.kernel import clock
from lti_tool.kernel.runtime import Runtime
from tests.factories.grading import ITEM_REF, NAME, SLUG, Someone, make_person, work
from tests.fakes.written_quiz import WrittenQuiz, plugins, released, written
from tests.functional.grading.test_by_hand import answer_url, save

__all__ = ["plugins", "released", "written"]
MARKS, NBGRADER = f"/grading/{SLUG}/{NAME}/marks.csv", f"/grading/{SLUG}/{NAME}/nbgrader.csv"


def lines_of(answer: Any) -> list[dict[str, str]]:
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))


def test_marks_are_one_line_for_each_learner_with_the_points_of_each_question(
    written: WrittenQuiz, runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, other: Someone
) -> None:
    with runtime.db.transaction() as tx:
        make_person(tx, learner.place, '=HYPERLINK("//evil")Zoë')
    submission_id = written.hand_in(learner)
    written.hand_in(other)
    browser = browse(teacher)
    save(browser, answer_url("why", submission_id), points="2.5")
    save(browser, answer_url("draw", submission_id), points="4")
    work(runtime)
    answer = browser.get(MARKS)
    lines = {line["learner"]: line for line in lines_of(answer)}

    assert answer.data.startswith(b"\xef\xbb\xbf")
    questions = ["Add two numbers (2)", "Explain (3)", "Draw (4)"]
    wanted = ["attempt", "late", "state", *questions, "total", "max_points", "late_off", "result"]
    assert {name: [line[column] for column in wanted] for name, line in lines.items()} == {
        "Ada L.": ["1", "no", "graded", "2", "2.5", "4", "8.5", "9", "0", "8.5"],
        "Grace H.": ["1", "no", "needs_manual", "2", "", "", "2", "9", "0", "2"],
        '\'=HYPERLINK("//evil")Zoë': ["", "", "missing", "", "", "", "", "9", "", ""],
    }


def test_lateness_and_the_attempt_that_counts_stand_in_the_marks(
    written: WrittenQuiz, runtime: Runtime, browse: Any, teacher: Someone, learner: Someone
) -> None:
    rules = Rules(counts=Counts.BEST, due_at=clock.now() - timedelta(days=1, hours=1), late_per_day=10)
    with runtime.db.transaction() as tx:
        publish_assignment(tx, SLUG, NAME, title="Sums", item_ref=ITEM_REF, release=written.release, rules=rules)
    written.hand_in(learner)
    written.hand_in(learner, {"add": "def add(a, b):\n    return 0"})
    (line,) = lines_of(browse(teacher).get(MARKS))

    assert [line[name] for name in ("attempt", "attempts", "late", "days_late", "total", "late_off", "result")] == [
        *("1", "2", "yes", "2"),
        *("2", "0.4", "1.6"),
    ]


def test_nbgrader_export_is_what_nbgrader_writes(
    written: WrittenQuiz,
    runtime: Runtime,
    browse: Any,
    teacher: Someone,
    learner: Someone,
    other: Someone,
    tmp_path: Path,
) -> None:
    written.hand_in(other)
    submission_id = written.hand_in(learner)
    browser = browse(teacher)
    save(browser, answer_url("why", submission_id), points="2.5", extra="1")
    url = runtime.settings.gradebook_url(SLUG, learner.place.placement_id)
    with Gradebook(url) as gradebook:
        gradebook.add_assignment("quiz-0", duedate="2026-01-02 03:04:05.000000 UTC")
        gradebook.update_or_create_student("somebody", first_name="Some", last_name="Body", email="some@body.example")
        gradebook.find_submission_notebook(NAME, NAME, other.hub_name).late_submission_penalty = 0.5
        gradebook.db.commit()
    with Gradebook(url) as gradebook:
        CsvExportPlugin(to=str(tmp_path / "grades.csv")).export(gradebook)
    theirs = list(csv.DictReader(io.StringIO((tmp_path / "grades.csv").read_text())))

    ours = lines_of(browser.get(f"/grading/{SLUG}/nbgrader.csv"))
    assert list(ours[0]) == list(theirs[0])
    names = {learner.hub_name: "Ada L.", other.hub_name: "Grace H.", "somebody": "Body"}
    assert ours == [line | {"last_name": names[line["student_id"]]} for line in theirs]
    assert len(ours) == 6
    assert {line["assignment"] for line in lines_of(browser.get(NBGRADER))} == {NAME}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\n=1", "\u00a0=1"])
def test_no_text_is_a_formula(text: str) -> None:
    assert plain_cell(text) == f"'{text}"
    assert plain_cell(f"x{text}") == f"x{text}"

"""What a new version of a quiz changes."""

from grading.engine.source_changes import SourceChange, list_changes
from tests.factories import notebooks as make

BEFORE = {
    "a.ipynb": make.notebook(
        make.text("# Sums"),
        make.solution("sum", "total = 2"),
        make.tests("sum-tests", 4, "assert total == 2"),
        make.answer("why", 3),
        make.task("draw", 1, "Draw"),
    ),
    "rain.csv": b"1\n",
    "old.csv": b"1\n",
}


def test_the_same_files_change_nothing() -> None:
    assert list_changes(BEFORE, dict(BEFORE)) == []


def test_each_difference_is_named_by_file_and_cell() -> None:
    after = {
        "a.ipynb": make.notebook(
            make.text("# Sums of two"),
            make.solution("sum", "total = 1 + 1"),
            make.tests("sum-tests", 5, "assert total == 2, 'no'"),
            make.tests("more", 2, "pass"),
            make.task("draw", 1, "Draw"),
        ),
        "rain.csv": b"2\n",
        "new.csv": b"1\n",
    }
    assert list_changes(BEFORE, after) == [
        SourceChange("answer", "a.ipynb", "sum"),
        SourceChange("points", "a.ipynb", "sum-tests", "4", "5"),
        SourceChange("tests", "a.ipynb", "sum-tests"),
        SourceChange("question_removed", "a.ipynb", "why", old="3"),
        SourceChange("question_added", "a.ipynb", "more", new="2"),
        SourceChange("text", "a.ipynb"),
        SourceChange("file_added", "new.csv"),
        SourceChange("file_removed", "old.csv"),
        SourceChange("file", "rain.csv"),
    ]

"""The account that docs/hub.md gives graders' servers for a PostgreSQL gradebook: it marks, and can do no more."""

import gc
import os
import re
import sys
import warnings
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from tests.servers import running_postgresql

GUIDE = Path(__file__).parents[3] / "docs" / "hub.md"


@pytest.mark.filterwarnings("ignore")
def test_the_guides_account_marks_and_can_do_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    # nbgrader looks for alembic there
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    statements = re.findall(r"^    ((?:CREATE ROLE|REVOKE|GRANT)[^;]*;)", GUIDE.read_text(), re.MULTILINE)
    assert len(statements) == 3
    with running_postgresql() as server, warnings.catch_warnings(action="ignore"):
        owner, book = server.format(database="postgres"), server.format(database="gradebook_notebooks_101")
        run(owner, "CREATE DATABASE coursebridge", "CREATE DATABASE gradebook_notebooks_101")
        with Gradebook(book, "notebooks-101") as gradebook:
            gradebook.add_assignment("quiz-1")
            gradebook.add_notebook("quiz-1", "quiz-1")
            gradebook.add_grade_cell("written", "quiz-1", "quiz-1", max_score=5, cell_type="markdown")
            gradebook.add_student("ada")
            gradebook.add_submission("quiz-1", "ada")
        run(owner, *statements[:2])
        run(book, statements[2])

        marker = book.replace("tests@", "marker@")
        with Gradebook(marker, "notebooks-101") as gradebook:
            grade = gradebook.find_grade("written", "quiz-1", "quiz-1", "ada")
            grade.manual_score = 4
            gradebook.db.commit()
            assert gradebook.find_submission("quiz-1", "ada").score == 4
        for refused in (
            "DROP TABLE grade",
            "CREATE ROLE friend",
            "COPY student TO PROGRAM 'id'",
            "CREATE DATABASE more",
        ):
            with pytest.raises(DBAPIError):
                run(marker, refused)
        with pytest.raises(DBAPIError):
            run(marker.replace("gradebook_notebooks_101", "coursebridge"), "SELECT 1")
        gc.collect()  # nbgrader leaves a connection to the garbage collector, which warns of it


def run(url: str, *statements: str) -> None:
    """Each statement by itself."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
    finally:
        engine.dispose()

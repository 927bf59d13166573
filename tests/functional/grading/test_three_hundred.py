"""Three hundred submissions of a quiz: a teacher's pages ask no more than with three, and do not grow."""

import re
from collections.abc import Callable
from typing import Any

from sqlalchemy import MetaData, create_engine, func, insert, select

from grading.models import SubmissionRow
from lti_tool.kernel.runtime import Runtime
from tests.factories.grading import NAME, SLUG, Someone, make_person
from tests.fakes.written_quiz import WrittenQuiz, plugins, released, written
from tests.functional.grading.conftest import counted

__all__ = ["plugins", "released", "written"]
QUIZ = f"/grading/{SLUG}/{NAME}"
KEYS = {
    "student": ["id"],
    "submitted_assignment": ["id", "student_id"],
    "submitted_notebook": ["id", "assignment_id"],
    "grade": ["id", "notebook_id"],
    "comment": ["id", "notebook_id"],
}
"""Columns of nbgrader's tables that name a learner or a row of theirs."""


class Copies:
    """One marked submission, in the tool and in the gradebook, to be had again by others."""

    def __init__(self, runtime: Runtime, submission_id: int, who: Someone) -> None:
        self.runtime, self.who = runtime, who
        self.table = SubmissionRow.__table__
        with runtime.db.reading() as tx:
            self.row = dict(tx.execute(select(self.table).where(self.table.c.id == submission_id)).mappings().one())
        del self.row["id"]
        self.engine = create_engine(runtime.settings.gradebook_url(SLUG, who.place.placement_id))
        found = MetaData()
        found.reflect(self.engine, only=list(KEYS))
        self.tables = {name: found.tables[name] for name in KEYS}
        with self.engine.connect() as gradebook:
            self.rows = {name: gradebook.execute(select(table)).mappings().all() for name, table in self.tables.items()}
        self.engine.dispose()

    def make(self, names: list[str]) -> int:
        """By people of these names; returns the id of one of the submissions."""
        with self.runtime.db.transaction() as tx:
            people = [make_person(tx, self.who.place, name) for name in names]
            tx.execute(
                insert(self.table), [self.row | {"user_id": each.user_id, "hub_name": each.hub_name} for each in people]
            )
            found = tx.scalar(select(func.max(self.table.c.id)))
        with self.engine.begin() as gradebook:
            for name, rows in self.rows.items():
                new = [self._of(name, row, each.hub_name) for row in rows for each in people]
                gradebook.execute(insert(self.tables[name]), new)
        self.engine.dispose()
        assert found is not None
        return found

    def _of(self, table: str, row: Any, hub_name: str) -> dict[str, Any]:
        """A row of somebody else: their name for the learner's, and ids that follow from it."""
        new = {key: hub_name if row[key] == self.who.hub_name else f"{row[key]}{hub_name}" for key in KEYS[table]}
        return dict(row) | new


def test_three_hundred_take_the_queries_of_three_and_pages_stay_small(
    written: WrittenQuiz, runtime: Runtime, browse: Callable[..., Any], teacher: Someone, learner: Someone
) -> None:
    first = written.hand_in(learner)
    copies, browser = Copies(runtime, first, learner), browse(teacher)

    def weigh(middle: int) -> dict[str, tuple[int, int]]:
        """Queries and bytes by page."""
        answer = f"{QUIZ}/by-hand/{NAME}/why"
        paths = {"all": f"{QUIZ}/submissions", "one": f"{QUIZ}/submissions/{middle}", "desk": f"{QUIZ}/by-hand"}
        paths |= {by: f"{answer}/{middle}?by={by}" for by in ("question", "learner")}
        paths |= {"first": f"{QUIZ}/by-hand/submissions/{middle}"}
        found = {}
        for name, path in paths.items():
            with counted(runtime) as statements:
                page = browser.get(path)
            assert page.status_code in (200, 303), path
            found[name] = (len(statements), len(page.data))
        return found

    few = weigh(copies.make(["Learner a", "Learner c"]))
    middle = copies.make([f"Learner b{number:03}" for number in range(297)])
    many = weigh(middle)
    assert {name: queries for name, (queries, _) in many.items()} == {
        name: queries for name, (queries, _) in few.items()
    }
    assert max(queries for queries, _ in many.values()) <= 6
    assert all(abs(many[name][1] - few[name][1]) < 1_000 for name in few if name != "all"), (few, many)
    assert many["all"][1] < 100_000, "fifty lines, not three hundred"

    left = re.findall(r"(\d+) left here", browser.get(f"{QUIZ}/by-hand/{NAME}/why/{middle}?by=question").text)
    assert left == ["300"]
    shown = browser.get(f"{QUIZ}/by-hand/{NAME}/why/{middle}?by=question").text
    neighbours = [int(each) for each in re.findall(rf"/by-hand/{NAME}/why/(\d+)\?", shown)]
    assert middle - 1 in neighbours, "the answer before it"

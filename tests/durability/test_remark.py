"""kill -9 while attempts are marked again, and while their new marks are taken over; the broker emptied each time.

In short: every point, many times over, is in `tests/unit/grading/test_remarking.py`, without processes.
"""

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from grading.assignments import get_assignment
from grading.models import ResultRow
from grading.remarking import Which, apply_run, list_markable, start_run
from grading.remarking_rows import AgainState, RemarkedRow, RemarkRow, RunState
from lti_tool.kernel.audit import OPERATOR
from lti_tool.lti import public as lti
from plugins.courses.importer import import_course
from tests.databases import KIND
from tests.durability.scene import LONGEST_S, NAME, POINTS, SLUG, Handed, Scene, write_course

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(KIND == "sqlite", reason="once, on PostgreSQL and Redis: two minutes"),
]


def begin(scene: Scene) -> int:
    with scene.runtime.db.transaction() as tx:
        (placement,), quiz = lti.list_placements(tx, SLUG), get_assignment(tx, SLUG, NAME)
        people = [each.user_id for each in scene.handed]
        attempts = list_markable(tx, placement.id, quiz.id, people, Which.NEWEST)
        return start_run(tx, placement.id, quiz, attempts, OPERATOR)


def apply(scene: Scene, run_id: int) -> None:
    with scene.runtime.db.transaction() as tx:
        apply_run(tx, tx.get_one(RemarkRow, run_id), get_assignment(tx, SLUG, NAME), None, OPERATOR)


def wait_for(scene: Scene, run_id: int, state: RunState) -> None:
    deadline = time.monotonic() + LONGEST_S
    while time.monotonic() < deadline:
        with scene.runtime.db.reading() as tx:
            if tx.get_one(RemarkRow, run_id).state is state:
                return
        time.sleep(0.1)
    raise AssertionError(f"Not {state}. {scene.machine.said()}")


def problems_of(scene: Scene, each: Handed) -> Iterator[str]:
    wanted = min(each.points + 1, POINTS)
    with scene.runtime.db.reading() as tx:
        result = tx.scalars(select(ResultRow).where(ResultRow.user_id == each.user_id)).one()
        states = list(tx.scalars(select(RemarkedRow.state).where(RemarkedRow.user_id == each.user_id)))
    total, grade = scene.engine.list_totals(NAME)[each.hub_name], scene.campus.grade(each.username, scene.activity)
    if (result.points, result.version) != (wanted, 1 + (wanted != each.points)):
        yield f"the result is {result.points}, version {result.version}"
    if states != [AgainState.APPLIED]:
        yield f"the run says {states}"
    if total.score != wanted:
        yield f"the gradebook has {total}"
    if grade is None or grade.final != wanted:
        yield f"the LMS shows {grade}"
    if {score["scoreGiven"] for score in scene.scores(each)} != {each.points, wanted}:
        yield f"the LMS got {scene.scores(each)}"


def test_kills_while_marking_again_and_while_applying_lose_and_double_nothing(scene: Scene) -> None:
    scene.machine.start(crash_at="remark.recorded")
    for _ in range(POINTS):
        scene.submit()
    scene.settle()
    assert scene.problems() == []
    import_course(scene.runtime, write_course(scene.files / "course", f"min(points + 1, {POINTS})"))
    run_id = begin(scene)
    scene.machine.wait_for_death()
    left = scene.machine.kill()

    scene.machine.start(crash_at="remark.put")
    wait_for(scene, run_id, RunState.READY)
    assert scene.problems() == []  # the preview has changed nothing
    apply(scene, run_id)
    scene.machine.wait_for_death()
    left += scene.machine.kill()
    scene.machine.start(crash_at="remark.replaced")
    scene.machine.wait_for_death()
    left += scene.machine.kill()
    scene.machine.start()
    scene.settle()
    left += scene.machine.kill()

    assert [problem for each in scene.handed for problem in problems_of(scene, each)] == []
    assert left == []

"""Who is next: lanes take turns, hints stay few, and a place in line costs little to tell."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from sqlalchemy import event, insert, text, update

from lti_tool.contract import Plugin
from lti_tool.kernel import clock, jobs, line
from lti_tool.kernel.errors import ExternalError
from lti_tool.kernel.jobs import JobRow, JobRun, JobState
from lti_tool.kernel.messages import Handler, Job
from lti_tool.kernel.runtime import Runtime

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Ring(Job):
    name: ClassVar[str] = "test.ring"
    bell: str


class Belfry:
    """What was rung, in order; a bell that is cracked fails."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.cracked: set[str] = set()

    def ring(self, run: JobRun, message: Ring) -> None:
        if message.bell in self.cracked:
            raise ExternalError("cracked", "Cracked.", retryable=True, retry_after_s=60)
        self.heard.append(message.bell)


@pytest.fixture
def belfry() -> Belfry:
    return Belfry()


@pytest.fixture
def plugins(belfry: Belfry) -> list[Plugin]:
    return [Plugin(name="test", summary="For tests", handlers=(Handler("test.ring", Ring, belfry.ring, "grade"),))]


@pytest.fixture
def hints(runtime: Runtime) -> list[str]:
    """Names of the queues that were hinted."""
    found: list[str] = []
    runtime.db.router.publish = found.append
    return found


def enqueue(runtime: Runtime, *bells: str) -> list[int]:
    """The lane of a bell is its first letter."""
    with runtime.db.transaction() as tx:
        return [jobs.enqueue(tx, Ring(bell), lane=bell[0]) for bell in bells]


def run_next(runtime: Runtime, times: int) -> None:
    for _ in range(times):
        assert jobs.run_next(runtime, runtime.db.router, "grade")


def crowd(runtime: Runtime, number: int) -> None:
    """So many jobs of lane a that are done, and as many that wait, as running and enqueueing would have left them."""
    row = {"handler": "test.ring", "message": "test.ring", "queue": "grade", "lane": "a", "attempts": 0}
    row |= {"due_at": clock.now(), "hinted_at": clock.now(), "created_at": clock.now()}
    done = {"state": JobState.DONE, "turn": None, "finished_at": clock.now(), "took_ms": 100}
    waits = {"state": JobState.QUEUED, "finished_at": None, "took_ms": None}
    rows = [row | done | {"message_id": f"done{n}", "payload": {"bell": f"done{n}"}} for n in range(number)]
    rows += [
        row | waits | {"message_id": f"a{n}", "payload": {"bell": f"a{n}"}, "turn": n} for n in range(1, number + 1)
    ]
    with runtime.db.engine.begin() as connection:
        connection.execute(insert(JobRow), rows)


def test_lanes_take_turns(runtime: Runtime, belfry: Belfry) -> None:
    enqueue(runtime, *(f"a{n}" for n in range(1, 7)))
    run_next(runtime, 2)
    enqueue(runtime, "b1", "b2", "c1")
    run_next(runtime, 7)

    assert belfry.heard == ["a1", "a2", "a3", "b1", "c1", "a4", "b2", "a5", "a6"]
    assert not jobs.run_next(runtime, runtime.db.router, "grade")


def test_one_course_with_ten_thousand_does_not_hold_up_another(runtime: Runtime, belfry: Belfry) -> None:
    crowd(runtime, 10_000)
    (job_id,) = enqueue(runtime, "b1")
    with runtime.db.reading() as tx:
        place = line.find_place(tx, job_id)
    run_next(runtime, 2)

    assert place is not None and (place.ahead, place.is_more) == (1, False)
    assert belfry.heard == ["a1", "b1"]


def test_lane_that_was_away_has_saved_up_no_turns(runtime: Runtime, belfry: Belfry) -> None:
    enqueue(runtime, "b1")
    run_next(runtime, 1)
    enqueue(runtime, *(f"a{n}" for n in range(1, 9)))
    run_next(runtime, 4)
    enqueue(runtime, "b2", "b3", "b4")
    run_next(runtime, 7)

    assert belfry.heard[5:] == ["a5", "b2", "a6", "b3", "a7", "b4", "a8"]


def test_job_that_comes_back_is_not_put_behind_its_own_lane(runtime: Runtime, belfry: Belfry) -> None:
    with clock.frozen(NOON):
        belfry.cracked = {"a1"}
        enqueue(runtime, *(f"a{n}" for n in range(1, 9)))
        run_next(runtime, 3)
        belfry.cracked = set()
        enqueue(runtime, "b1")
        clock.advance(60)
        jobs.sweep(runtime, runtime.db.router)
        run_next(runtime, 4)

    assert belfry.heard == ["a2", "a3", "a1", "a4", "b1", "a5"]


def test_job_that_is_not_due_stands_in_nobodys_way(runtime: Runtime, belfry: Belfry, hints: list[str]) -> None:
    with clock.frozen(NOON):
        with runtime.db.transaction() as tx:
            later = jobs.enqueue(tx, Ring("a1"), due_at=NOON + timedelta(minutes=5), lane="a")
        enqueue(runtime, "a2")
        with runtime.db.reading() as tx:
            assert line.find_place(tx, later) is None
        run_next(runtime, 1)
        assert not jobs.run_next(runtime, runtime.db.router, "grade")
        clock.advance(300)
        hints.clear()
        assert jobs.sweep(runtime, runtime.db.router) == 1
        assert hints == ["grade"]
        run_next(runtime, 1)

    assert belfry.heard == ["a2", "a1"]


def test_hints_are_few_and_each_job_that_begins_makes_way_for_one(
    runtime: Runtime, belfry: Belfry, hints: list[str]
) -> None:
    enqueue(runtime, *(f"a{n}" for n in range(100)))
    assert len(hints) == line.MOST_HINTS

    while hints:  # as a broker with one worker
        hints.pop()
        run_next(runtime, 1)
    assert len(belfry.heard) == 100


def test_sweep_gives_lost_hints_again_and_no_more_than_that(runtime: Runtime, hints: list[str]) -> None:
    with clock.frozen(NOON):
        crowd(runtime, 1000)
        clock.advance(61)
        assert jobs.sweep(runtime, runtime.db.router) == line.MOST_HINTS
        clock.advance(30)
        assert jobs.sweep(runtime, runtime.db.router) == 0, "most of them only wait for their turn"
        clock.advance(31)
        assert jobs.sweep(runtime, runtime.db.router) == line.MOST_HINTS
    assert hints == ["grade"] * 2 * line.MOST_HINTS


def test_place_counts_what_comes_before_and_those_at_work(runtime: Runtime) -> None:
    first, *_rest, last = enqueue(runtime, "a1", "a2", "b1", "a3")
    (beside,) = enqueue(runtime, "b2")
    with runtime.db.transaction() as tx:
        until = clock.now() + timedelta(minutes=1)
        tx.execute(update(JobRow).where(JobRow.id == first).values(state=JobState.RUNNING, lease_until=until))
    with runtime.db.reading() as tx:
        places = {job_id: line.find_place(tx, job_id) for job_id in (first, last, beside)}

    assert places[first] is None
    assert places[last] == line.Place(4, False, None), "a1 at work, b1, a2, b2"
    assert places[beside] == line.Place(3, False, None), "a1 at work, b1, a2"


def test_wait_follows_from_what_marking_took(runtime: Runtime) -> None:
    with clock.frozen(NOON):
        *_many, last = enqueue(runtime, *(f"a{n}" for n in range(122)))
        run_next(runtime, 2)
        took = update(JobRow).where(JobRow.state == JobState.DONE).values(took_ms=4000, finished_at=NOON)
        begin = update(JobRow).where(JobRow.turn.in_([3, 4])).values(state=JobState.RUNNING, lease_until=NOON)
        with runtime.db.transaction() as tx:
            tx.execute(took)
            tx.execute(begin)
        with runtime.db.reading() as tx:
            assert line.find_place(tx, last) == line.Place(119, False, 120 * 4 / 2)


def test_pace_between_two_jobs_is_what_came_out_lately(runtime: Runtime) -> None:
    with clock.frozen(NOON):
        *_many, last = enqueue(runtime, *(f"a{n}" for n in range(30)))
        for _ in range(21):
            run_next(runtime, 1)
            clock.advance(2)
        with runtime.db.transaction() as tx:
            tx.execute(update(JobRow).where(JobRow.state == JobState.DONE).values(took_ms=1900))
        with runtime.db.reading() as tx:
            assert line.find_place(tx, last) == line.Place(8, False, 9 * 2)
            clock.advance(61)
            assert line.find_place(tx, last) == line.Place(8, False, None), "nobody marks"


def test_place_far_back_is_more_than(runtime: Runtime) -> None:
    crowd(runtime, 5000)
    (job_id,) = enqueue(runtime, "a-last")
    with runtime.db.reading() as tx:
        assert line.find_place(tx, job_id) == line.Place(line.COUNTED, True, None)


def test_line_is_read_by_its_indexes_and_not_as_a_whole(runtime: Runtime) -> None:
    """Asked of the database itself, of all statements of enqueueing, claiming, the sweep and a learner's page."""
    crowd(runtime, 5000)
    with runtime.db.engine.begin() as connection:
        connection.execute(text("ANALYZE"))
    seen: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        if "kernel_job" in statement and not statement.startswith(("INSERT", "EXPLAIN")):
            seen.append((statement, parameters))

    event.listen(runtime.db.engine, "before_cursor_execute", note)
    (job_id,) = enqueue(runtime, "b1")
    with runtime.db.reading() as tx:
        line.find_place(tx, job_id)
    run_next(runtime, 1)
    jobs.sweep(runtime, runtime.db.router)
    event.remove(runtime.db.engine, "before_cursor_execute", note)

    assert len(seen) > 8
    explain = "EXPLAIN QUERY PLAN " if runtime.db.engine.dialect.name == "sqlite" else "EXPLAIN "
    with runtime.db.engine.connect() as connection:
        for statement, parameters in seen:
            plan = [str(row) for row in connection.exec_driver_sql(explain + statement, parameters)]
            scans = [step for step in plan if "SCAN kernel_job" in step or "Seq Scan on kernel_job" in step]
            assert scans == [], (statement, plan)


def test_enqueueing_and_claiming_take_as_many_statements_with_thousands_waiting(runtime: Runtime) -> None:
    def count(what: Any) -> int:
        seen: list[str] = []

        def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            seen.append(statement)

        event.listen(runtime.db.engine, "before_cursor_execute", note)
        what()
        event.remove(runtime.db.engine, "before_cursor_execute", note)
        return len(seen)

    steps = (
        lambda: enqueue(runtime, "b1"),
        lambda: run_next(runtime, 1),
        lambda: jobs.sweep(runtime, runtime.db.router),
    )
    few = [count(step) for step in steps]
    crowd(runtime, 5000)
    assert [count(step) for step in steps] == few

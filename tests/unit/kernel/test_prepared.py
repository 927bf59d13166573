"""Statements that run on the driver itself: the same values, the same errors, and nobody is left out."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from sqlalchemy import QueuePool, Table, bindparam, event, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from lti_tool.kernel.db import ReadOnly, after_commit, at_commit, run, run_many, together
from lti_tool.kernel.jobs import JobRow, JobState
from lti_tool.kernel.once import UsedOnce
from lti_tool.kernel.prepared import Prepared
from lti_tool.kernel.readers import MOST
from lti_tool.kernel.runtime import Runtime

_JOBS, _USED = cast(Table, JobRow.__table__), cast(Table, UsedOnce.__table__)
JOB = Prepared(
    select(_JOBS.c.payload, _JOBS.c.state, _JOBS.c.due_at.label("moment"), _JOBS.c.lease_until)
    .where(_JOBS.c.queue == bindparam("queue"), _JOBS.c.state == JobState.QUEUED)
    .limit(5)
)
MOVE = Prepared(update(_USED).where(_USED.c.kind == bindparam("of")).values(kind="moved").returning(_USED.c.digest))


def test_values_come_and_go_by_their_types(runtime: Runtime) -> None:
    moment = datetime(2026, 3, 1, 12, 30, 0, 5, tzinfo=UTC)
    with runtime.db.transaction() as tx:
        names = {"handler": "x", "message": "x", "message_id": "1"}
        tx.add(JobRow(queue="prepared", payload={"a": [1, "ü%"]}, due_at=moment, created_at=moment, **names))
    (job,) = runtime.db.read(JOB, {"queue": "prepared"})
    assert job == ({"a": [1, "ü%"]}, JobState.QUEUED, moment, None)
    assert (job.payload, job.state, job.moment) == job[:3]
    assert runtime.db.read(JOB, {"queue": "another"}) == []


def test_change_is_of_its_transaction(runtime: Runtime) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    with runtime.db.transaction() as tx:
        tx.add(UsedOnce(kind="prepared", digest="1", expires_at=soon))
    with pytest.raises(ZeroDivisionError), runtime.db.transaction() as tx:
        assert run(tx, MOVE, {"of": "prepared"}) == [("1",)]
        raise ZeroDivisionError
    with runtime.db.reading() as tx:
        assert tx.scalars(select(UsedOnce.kind)).all() == ["prepared"]


def test_many_runs_give_their_rows_in_order(runtime: Runtime) -> None:
    soon = datetime(2027, 3, 1, 12, 30, tzinfo=UTC)
    add = Prepared(insert(_USED), ("kind", "digest", "expires_at"))
    add_and_say = Prepared(
        insert(_USED).returning(_USED.c.digest, _USED.c.expires_at), ("kind", "digest", "expires_at")
    )
    find = Prepared(select(_USED.c.digest).where(_USED.c.digest == bindparam("of"), _USED.c.kind == "many"))
    rows = [{"kind": "many", "digest": str(number), "expires_at": soon} for number in range(6)]
    with runtime.db.transaction() as tx:
        assert run_many(tx, add_and_say, rows[:3]) == [(str(number), soon) for number in range(3)]
        assert run_many(tx, add, rows[3:5]) == []
        assert run(tx, add, rows[5]) == []
    with runtime.db.transaction() as tx:
        assert run_many(tx, find, [{"of": "4"}, {"of": "none"}, {"of": "0"}, {"of": "5"}]) == [("4",), ("0",), ("5",)]
        assert run_many(tx, find, []) == []


def test_many_runs_are_kept_all_or_none(runtime: Runtime) -> None:
    soon = datetime(2027, 3, 1, 12, 30, tzinfo=UTC)
    add = Prepared(insert(_USED), ("kind", "digest", "expires_at"))
    rows = [{"kind": "twice", "digest": digest, "expires_at": soon} for digest in ("a", "b", "a")]
    with pytest.raises(DBAPIError, match=r"(?i)unique"), runtime.db.transaction() as tx:
        run_many(tx, add, rows)
    with runtime.db.transaction() as tx:  # on the same connection
        assert tx.scalars(select(UsedOnce.digest).where(UsedOnce.kind == "twice")).all() == []
        assert run_many(tx, add, rows[:2]) == []


def test_statements_that_go_together_run_in_their_order(runtime: Runtime) -> None:
    soon = datetime(2027, 3, 1, 12, 30, tzinfo=UTC)
    add = Prepared(insert(_USED), ("kind", "digest", "expires_at"))
    find = Prepared(select(_USED.c.digest, _USED.c.expires_at).where(_USED.c.kind == bindparam("of")))
    rows = [{"kind": kind, "digest": kind, "expires_at": soon} for kind in ("one", "two")]
    with runtime.db.transaction() as tx:
        with together(tx) as ask:
            before = ask(find, [{"of": "one"}])
            nothing = [ask(add, rows)(), ask(add, [])()]
            after = ask(find, [{"of": "two"}, {"of": "none"}, {"of": "one"}])
        assert (before(), after()) == ([], [("two", soon), ("one", soon)])
        assert nothing == [[], []]
        assert run(tx, find, {"of": "two"}) == [("two", soon)]
    with runtime.db.reading() as tx:
        assert tx.scalars(select(UsedOnce.kind).order_by(UsedOnce.kind)).all() == ["one", "two"]


def test_many_runs_that_go_together_keep_their_values(runtime: Runtime) -> None:
    moment = datetime(2026, 3, 1, 12, 30, 0, 5, tzinfo=UTC)
    fixed = {
        "queue": "many",
        "lane": "",
        "attempts": 3,
        "handler": "x",
        "message": "it's",
        "due_at": moment,
        "created_at": moment,
    }
    own = ("message_id", "payload", "state", "lease_until")
    add = Prepared(insert(_JOBS).returning(_JOBS.c.message_id, _JOBS.c.attempts), (*fixed, *own))
    given = [
        ("1", {"a": [1, 2.5, None, "ü%'\\"]}, JobState.QUEUED, None),
        ("2", {}, JobState.DONE, moment),
        ("3", {"b": True}, JobState.QUEUED, moment),
    ]
    rows = [fixed | dict(zip(own, values, strict=True)) for values in given]
    find = Prepared(
        select(_JOBS.c.message_id, _JOBS.c.payload, _JOBS.c.state, _JOBS.c.lease_until)
        .where(_JOBS.c.message_id == bindparam("of"), _JOBS.c.queue == "many")
        .limit(1)
    )
    with runtime.db.transaction() as tx:
        with together(tx) as ask:
            added = ask(add, rows)
        assert sorted(added()) == [("1", 3), ("2", 3), ("3", 3)]
        with together(tx) as ask:
            found = ask(find, [{"of": number} for number in "30121"])
        assert sorted(found()) == [given[number] for number in (0, 0, 1, 2)]


def test_statements_that_go_together_are_kept_all_or_none(runtime: Runtime) -> None:
    soon = datetime(2027, 3, 1, 12, 30, tzinfo=UTC)
    add = Prepared(insert(_USED), ("kind", "digest", "expires_at"))
    row = {"kind": "twice", "digest": "a", "expires_at": soon}
    with pytest.raises(DBAPIError, match=r"(?i)unique"), runtime.db.transaction() as tx, together(tx) as ask:
        ask(add, [row])
        ask(add, [row])
        ask(add, [row | {"digest": "b"}])
    with pytest.raises(ZeroDivisionError), runtime.db.transaction() as tx, together(tx) as ask:
        ask(add, [row])
        raise ZeroDivisionError
    with runtime.db.transaction() as tx:  # on the same connection
        assert tx.scalars(select(UsedOnce.digest)).all() == []
        run(tx, add, row)
    with runtime.db.reading() as tx:
        assert tx.scalars(select(UsedOnce.digest)).all() == ["a"]


def test_what_is_written_with_the_commit_is_kept_with_all_the_rest_or_not(runtime: Runtime) -> None:
    soon = datetime(2027, 3, 1, 12, 30, tzinfo=UTC)
    add = Prepared(insert(_USED), ("kind", "digest", "expires_at"))
    row = {"kind": "last", "digest": "a", "expires_at": soon}
    told: list[str] = []

    def write(*digests: str, early: str = "") -> None:
        with runtime.db.transaction() as tx:
            after_commit(tx, lambda: told.append(early))
            at_commit(tx, add, [])
            at_commit(tx, add, [row | {"digest": digest} for digest in digests])
            tx.add(UsedOnce(kind="first", digest=early, expires_at=soon))

    with pytest.raises(DBAPIError, match=r"(?i)unique"):
        write("a", "b", "a", early="1")
    assert told == []
    write("a", "b", early="1")
    with pytest.raises(DBAPIError, match=r"(?i)unique"):  # on the same connection
        write("c", early="1")
    with pytest.raises(DBAPIError, match=r"(?i)unique"):
        write("c", "b", early="2")
    with pytest.raises(ZeroDivisionError), runtime.db.transaction() as tx:
        at_commit(tx, add, [row | {"digest": "d"}])
        raise ZeroDivisionError
    with runtime.db.transaction() as tx:
        at_commit(tx, add, [row | {"digest": "e"}])  # alone
    with runtime.db.reading() as tx:
        kept = tx.execute(select(UsedOnce.kind, UsedOnce.digest).order_by(UsedOnce.kind, UsedOnce.digest)).all()
    assert kept == [("first", "1"), ("last", "a"), ("last", "b"), ("last", "e")]
    assert told == ["1"]


def test_only_queries_are_read(runtime: Runtime) -> None:
    with pytest.raises(ReadOnly):
        runtime.db.read(MOVE, {"of": "prepared"})
    with pytest.raises(ReadOnly), runtime.db.reading() as tx:
        run(tx, MOVE, {"of": "prepared"})
    with pytest.raises(ReadOnly), runtime.db.reading() as tx, together(tx) as ask:
        ask(MOVE, [{"of": "prepared"}])
    with pytest.raises(TypeError, match="UPDATE"), runtime.db.transaction() as tx, together(tx) as ask:
        ask(MOVE, [{"of": "prepared"}])


def test_what_is_missing_or_cannot_be_prepared(runtime: Runtime) -> None:
    with pytest.raises(KeyError, match="queue"):
        runtime.db.read(JOB, {})
    several = Prepared(select(_JOBS.c.id).where(_JOBS.c.queue.in_(bindparam("queues", expanding=True))))
    with pytest.raises(ValueError, match="list of values"):
        runtime.db.read(several, {"queues": ["a"]})


def test_error_of_the_driver_is_one_of_sqlalchemy_and_ends_nothing_else(runtime: Runtime) -> None:
    broken = Prepared(select(_JOBS.c.id).where(text("nowhere = 1")))
    with pytest.raises(DBAPIError, match="nowhere"):
        runtime.db.read(broken, {})
    with pytest.raises(DBAPIError, match="nowhere"), runtime.db.transaction() as tx:
        run(tx, broken, {})
    assert runtime.db.read(JOB, {"queue": "prepared"}) == []


def test_listeners_hear_of_it(runtime: Runtime) -> None:
    heard: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        heard.append(statement)

    for name in ("before_cursor_execute", "after_cursor_execute"):
        event.listen(runtime.db.engine, name, note)
    runtime.db.read(JOB, {"queue": "prepared"})
    for name in ("before_cursor_execute", "after_cursor_execute"):
        event.remove(runtime.db.engine, name, note)
    assert len(heard) == 2 and heard[0] == heard[1] and heard[0].startswith("SELECT")


def test_reading_leaves_the_connection_fit_for_transactions(runtime: Runtime) -> None:
    runtime.db.read(JOB, {"queue": "prepared"})
    soon = datetime.now(UTC) + timedelta(hours=1)
    with pytest.raises(ZeroDivisionError), runtime.db.transaction() as tx:
        tx.add(UsedOnce(kind="prepared", digest="1", expires_at=soon))
        tx.flush()
        raise ZeroDivisionError
    with runtime.db.reading() as tx:
        assert tx.scalars(select(UsedOnce)).all() == []


def test_connection_that_the_server_has_closed_is_replaced(runtime: Runtime) -> None:
    if runtime.db.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no server.")
    own = Prepared(select(func.pg_backend_pid()))
    ((pid,),) = runtime.db.read(own, {})
    assert runtime.db.read(own, {}) == [(pid,)]  # it was kept
    with runtime.db.engine.connect() as other:
        assert other.scalar(text("SELECT pg_terminate_backend(:pid, 20000)"), {"pid": pid})  # waits until it is gone
    assert runtime.db.read(own, {}) != [(pid,)]


def test_queries_at_once_have_a_connection_each_and_leave_no_more_than_a_few(runtime: Runtime) -> None:
    everybody, ready = 8, threading.Barrier(8)
    once = Prepared(select(_JOBS.c.id).where(_JOBS.c.queue == bindparam("queue")))

    def read(number: int) -> list[Any]:
        ready.wait()
        return [runtime.db.read(once, {"queue": f"none-{number}"}) for _ in range(20)]

    with ThreadPoolExecutor(everybody) as pool:
        found = list(pool.map(read, range(everybody)))
    assert found == [[[]] * 20] * everybody
    assert cast(QueuePool, runtime.db.engine.pool).checkedout() <= MOST
    runtime.db.close()
    assert cast(QueuePool, runtime.db.engine.pool).checkedout() == 0


def test_what_reads_alone_sees_every_commit_before_it(runtime: Runtime) -> None:
    seen = Prepared(select(UsedOnce.digest).where(UsedOnce.kind == bindparam("of")))
    assert runtime.db.read(seen, {"of": "fresh"}) == []
    with runtime.db.transaction() as tx:
        tx.add(UsedOnce(kind="fresh", digest="1", expires_at=datetime.now(UTC)))
    assert runtime.db.read(seen, {"of": "fresh"}) == [("1",)]

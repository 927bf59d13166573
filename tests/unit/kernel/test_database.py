"""Reading changes nothing, and a connection that the server has closed is replaced before it is used."""

import time

import pytest
from sqlalchemy import delete, insert, text, update

from lti_tool.kernel import clock
from lti_tool.kernel.db import ReadOnly
from lti_tool.kernel.jobs import JobRow
from lti_tool.kernel.once import UsedOnce
from lti_tool.kernel.runtime import Runtime

ROW = {"kind": "x", "digest": "reading", "expires_at": clock.now()}


@pytest.mark.parametrize(
    "change",
    [insert(UsedOnce).values(ROW), update(UsedOnce).values(kind="y"), delete(UsedOnce), delete(JobRow)],
    ids=["insert", "update", "delete", "delete another"],
)
def test_reading_refuses_statements_that_change_rows(runtime: Runtime, change: object) -> None:
    with pytest.raises(ReadOnly), runtime.db.reading() as tx:
        tx.execute(change)  # type: ignore[call-overload]  # whatever the statement is


def test_reading_refuses_objects_that_were_added_or_changed(runtime: Runtime) -> None:
    with pytest.raises(ReadOnly), runtime.db.reading() as tx:
        tx.add(UsedOnce(**ROW))
        tx.flush()
    with runtime.db.transaction() as tx:
        tx.add(UsedOnce(**ROW))
    with pytest.raises(ReadOnly), runtime.db.reading() as tx:
        tx.get_one(UsedOnce, (ROW["kind"], ROW["digest"])).expires_at = clock.now()
        tx.scalar(text("SELECT 1"))


def test_a_connection_that_the_server_has_closed_is_replaced(runtime: Runtime) -> None:
    with runtime.db.reading() as tx:
        tx.scalar(text("SELECT 1"))
    if runtime.db.engine.dialect.name == "postgresql":
        with runtime.db.engine.connect() as idle, runtime.db.engine.connect() as other:
            pid = idle.scalar(text("SELECT pg_backend_pid()"))
            idle.rollback()
            idle.close()
            other.scalar(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            time.sleep(0.2)  # until the news is there
            with runtime.db.transaction() as tx:
                assert tx.scalar(text("SELECT pg_backend_pid()")) != pid
    with runtime.db.reading() as tx:
        assert tx.scalar(text("SELECT 1")) == 1

"""What is written down about the gradebooks of placements."""

import time
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import select

from grading.gradebooks import record_prepared
from grading.models import GradebookRow
from lti_tool.kernel.runtime import Runtime


def test_two_who_prepare_a_gradebook_at_once_write_it_down_once(runtime: Runtime) -> None:
    def prepare(structure: str) -> None:
        with runtime.db.transaction() as tx:
            record_prepared(tx, [7], structure)

    with ThreadPoolExecutor(1) as pool:
        with runtime.db.transaction() as tx:
            record_prepared(tx, [7], "first")
            other = pool.submit(prepare, "second")
            time.sleep(0.3)  # it has looked, and waits for us or for the row
        other.result()

    with runtime.db.reading() as tx:
        rows = tx.execute(select(GradebookRow.placement_id, GradebookRow.structure_sha256)).all()
    assert [tuple(row) for row in rows] == [(7, "second")]

"""Weighing everybody's attempts anew when the rules of a quiz have changed."""

from sqlalchemy import select, tuple_

from grading.messages import SettleResults
from grading.models import ResultRow
from grading.results import settle_result
from grading.submissions import Learner
from lti_tool.kernel.db import Tx
from lti_tool.kernel.jobs import JobRun

AT_ONCE = 100
"""Learners that are settled in one transaction."""


def settle_results(run: JobRun, message: SettleResults) -> None:
    """Handle `SettleResults`, some learners at a time; one that was killed begins again and changes nothing twice."""
    last: tuple[int, int] | None = (0, 0)
    while last is not None:
        with run.runtime.db.transaction() as tx:
            last = _settle_some(tx, message.assignment_id, last)
            if last is None:
                run.finish(tx)


def _settle_some(tx: Tx, assignment_id: int, after: tuple[int, int]) -> tuple[int, int] | None:
    """Returns the last learner, or None when nobody is left. Who has no result yet gets one from marking."""
    who = tuple_(ResultRow.placement_id, ResultRow.user_id)
    query = select(ResultRow.placement_id, ResultRow.user_id).where(ResultRow.assignment_id == assignment_id)
    rows = tx.execute(query.where(who > after).order_by(ResultRow.placement_id, ResultRow.user_id).limit(AT_ONCE)).all()
    for placement_id, user_id in rows:
        settle_result(tx, assignment_id, Learner(placement_id, user_id))
    return (rows[-1].placement_id, rows[-1].user_id) if len(rows) == AT_ONCE else None

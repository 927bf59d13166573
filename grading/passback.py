"""Grades on their way to the LMS: what is sent when, and what teachers see of it. `lti` delivers them."""

from collections.abc import Collection

from sqlalchemy import select

from grading.models import AssignmentRow, SubmissionRow
from grading.results import SOURCE, find_result_row, tell_lms
from grading.submissions import Learner
from lti_tool.kernel.db import Tx
from lti_tool.kernel.jobs import JobRun
from lti_tool.lti import public as lti
from lti_tool.lti.messages import LinkLaunched


def send_to_launched_link(run: JobRun, message: LinkLaunched) -> None:
    """Handle `LinkLaunched`: a grade that is there already goes to the new link too."""
    with run.runtime.db.transaction() as tx:
        run.finish(tx)
        if message.placement_id is None:
            return
        who = Learner(message.placement_id, message.user_id)
        query = select(AssignmentRow).where(AssignmentRow.item_ref == message.item_ref)
        for assignment in tx.scalars(query).all():
            result = find_result_row(tx, assignment.id, who)
            if result is not None:
                counts = tx.get_one(SubmissionRow, result.submission_id)
                tell_lms(tx, assignment, result, counts, afresh=message.link_id)


def list_passbacks(
    tx: Tx, placement_id: int, assignment_id: int, user_ids: Collection[int]
) -> dict[int, list[lti.Entry]]:
    """Where the grades of learners of one placement are, by user id."""
    return lti.list_entries(tx, SOURCE, placement_id, assignment_id, user_ids)


def compare_with_lms(tx: Tx, placement_id: int, assignment_id: int) -> None:
    """Have the LMS's gradebook compared with what was sent to it."""
    lti.compare(tx, SOURCE, placement_id, assignment_id)


def list_deliveries(tx: Tx, submission_id: int) -> list[lti.Try]:
    """Every try to send a grade of a submission, oldest first."""
    return lti.list_tries(tx, SOURCE, submission_id)


def send_all_again(tx: Tx, placement_id: int, assignment_id: int, user_ids: Collection[int]) -> int:
    """Try every grade of these learners that did not get through once more; returns how many."""
    rows = list_passbacks(tx, placement_id, assignment_id, user_ids)
    return lti.send_again(tx, [row.id for each in rows.values() for row in each])


def send_again(tx: Tx, placement_id: int, assignment_id: int, user_id: int) -> None:
    """Try the grade of one learner once more if the LMS does not have it, or shows another one now."""
    rows = list_passbacks(tx, placement_id, assignment_id, [user_id]).get(user_id, [])
    lti.overrule(tx, [row.id for row in rows])
    lti.send_again(tx, [row.id for row in rows])

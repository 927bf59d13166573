"""Attempts whose points are held back until a teacher has looked at them (docs/adr/0019-canaries.md).

They are marked, and their marks are in the gradebook. Until the decision they are nobody's result and nothing of
them is sent; an earlier result stays what it is.
"""

from grading.models import AssignmentRow, Decision, SubmissionRow
from lti_tool.kernel import audit, clock
from lti_tool.kernel.audit import Actor
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict


def note_suspicion(submission: SubmissionRow, suspicion: str | None) -> None:
    """What marking says. A decision stays when the same attempt is marked again and gives a reason again.

    No points stay no points in any case: only a teacher gives them back.
    """
    if submission.decision is Decision.ZEROED:
        return
    submission.suspicion = suspicion
    if suspicion is None:
        submission.decision = submission.decided_at = None


def decide(tx: Tx, row: AssignmentRow, submission: SubmissionRow, decision: Decision, by: Actor) -> None:
    """Let an attempt count with its points, or with none; the other decision may follow. The result is to be settled.

    Raises: Conflict: there is nothing to decide.
    """
    if submission.suspicion is None or not submission.state.is_marked:
        message = "Nothing is to be decided about this attempt now. Load the page again to see how it stands."
        raise Conflict("not_held", message)
    if submission.decision is decision:
        return
    before = {"decision": submission.decision.value if submission.decision else None}
    submission.decision, submission.decided_at = decision, clock.now()
    target = f"attempt {submission.number} of learner {submission.user_id} at quiz {row.course_slug}/{row.name}"
    after = {"decision": decision.value, "points": str(submission.points), "reason": submission.suspicion}
    audit.record(
        tx, by, f"attempt.{'accept' if decision is Decision.ACCEPTED else 'zero'}", target, before=before, after=after
    )

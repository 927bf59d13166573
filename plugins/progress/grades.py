"""The one place that reads what grading says about quizzes."""

from decimal import Decimal

from grading import public as grading
from grading.messages import GradeRecorded
from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from plugins.progress.merging import Change, Learner


def read_grade(tx: Tx, fact: GradeRecorded) -> Change | None:
    """The result that counts now, as a change of the quiz's item. None: there is none any more, or no item.

    The event only says that there is news: whichever of two comes first, the newest result is read. A worse attempt may
    have been marked meanwhile, so what was reached before it is read as well: a quiz that was passed stays passed.
    """
    quiz = grading.find_assignment(tx, fact.course_slug, fact.assignment)
    result = grading.find_result(tx, fact.placement_id, fact.user_id, fact.assignment_id)
    if quiz is None or result is None or not quiz.item_ref:  # another quiz stands at its item
        return None
    reached = grading.find_reached(tx, fact.placement_id, fact.user_id, fact.assignment_id)
    return Change(
        Learner(fact.placement_id, fact.user_id),
        quiz.item_ref,
        min(result.recorded_at, clock.now()),
        score=_percent(result.score, result.max_score),
        score_final=not result.needs_manual,
        score_version=fact.version,
        best_score=max((_percent(score, maximum) for score, maximum in reached.scores), default=None),
        was_final=reached.was_final,
    )


def _percent(score: Decimal, maximum: Decimal) -> int:
    """Whole percent, rounded down: 69.9 is not 70."""
    return max(0, min(100, int(score * 100 / maximum))) if maximum > 0 else 100

"""What a quiz's item says of attempts and dates, as grading wants it."""

from grading import public as grading
from plugins.courses.models import Item


def rules_of(item: Item) -> grading.Rules:
    """The rules of a quiz."""
    return grading.Rules(
        max_attempts=item.attempts,
        counts=item.counts or grading.Counts.LAST,
        due_at=item.due_at,
        late_per_day=item.late_per_day,
        late_at_most=item.late_at_most,
        closes_at=item.closes_at,
    )

"""What the commands of teachers share: whose work was asked for, and how its state is told."""

from collections import defaultdict
from collections.abc import Iterable

from jupyter_ext.singleuser.contract import ClassAttempt, list_class_work
from jupyter_ext.singleuser.exchange.base import Exchange

WAITING = frozenset({"queued", "running"})


class ClassExchange(Exchange):
    """An exchange class for a marking server."""

    def find_attempts(self) -> dict[str, list[ClassAttempt]]:
        """The attempts of the quiz that was asked for, by learner, oldest first."""
        self.assignment = self.get_assignment()
        found = self.ask(list_class_work(self.place().course, self.assignment.name))
        return by_learner(each for each in found if self.is_wanted_learner(each.learner))


def by_learner(attempts: Iterable[ClassAttempt]) -> dict[str, list[ClassAttempt]]:
    """Attempts of one quiz by learner, oldest first."""
    found: dict[str, list[ClassAttempt]] = defaultdict(list)
    for attempt in sorted(attempts, key=lambda each: (each.learner, each.number)):
        found[attempt.learner].append(attempt)
    return dict(found)


def tell_feedback(attempt: ClassAttempt) -> str:
    """How far the feedback of an attempt is."""
    if attempt.is_held:
        return "held: decide on its page in your LMS whether its points count"
    if attempt.has_feedback:
        return "feedback released"
    if attempt.state in WAITING:
        return "waits to be marked"
    return "could not be marked: no feedback"

"""What grading needs of the engine that marks notebooks: `engine_nbgrader` opens the real one."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from config.settings import Settings
from grading.engine.model import Executed, Given, Marking, MarkLimits, Marks, Scored, Total
from lti_tool.lti.public import Placement


class MarkingEngine(Protocol):
    """Marks the submissions of one placement. No call may be made inside a transaction of ours."""

    def prepare(self) -> str:
        """Bring the gradebook up to the course's release, made if need be; the checksum of that release.

        Safe to repeat, and beside everything else. Where nothing was released yet, nothing is made.
        """

    def mark(
        self,
        assignment: str,
        learner: str,
        files: Mapping[str, bytes],
        *,
        submitted_at: datetime,
        attempt: int,
        limits: MarkLimits,
    ) -> Marking:
        """Run and mark a submission and put its marks into the gradebook, in place of the learner's earlier ones.

        Whatever the notebook does is a `Marking`; one without marks has left the gradebook as it was.
        Raises: Superseded: a later attempt is there. Anything else: the machine or the installation is at fault.
        """

    def execute(self, assignment: str, files: Mapping[str, bytes], *, limits: MarkLimits) -> Executed:
        """Run a submission as `mark` does, and leave the gradebook alone."""

    def weigh(
        self,
        assignment: str,
        learner: str,
        executed: Executed,
        *,
        submitted_at: datetime,
        attempt: int,
        given: Mapping[tuple[str, str], Given],
    ) -> Scored:
        """What an executed submission would score now; nothing is kept.

        `given`: what a person gave it, by notebook and grade id, where the gradebook holds a later attempt.
        Raises: ReleasedAnew: the tests are others now.
        """

    def put(
        self,
        assignment: str,
        learner: str,
        executed: Executed,
        files: Mapping[str, bytes],
        *,
        submitted_at: datetime,
        attempt: int,
        limits: MarkLimits,
    ) -> Scored:
        """Put an executed submission's marks into the gradebook, as `mark` would; safe to repeat.

        Raises: ReleasedAnew: the tests are others now. Superseded: a later attempt is there.
        """

    def render_executed(
        self, assignment: str, executed: Executed, files: Mapping[str, bytes], scored: Scored
    ) -> Mapping[str, bytes]:
        """Its notebooks as HTML by path, hidden tests left out."""

    def read_marks(self, assignment: str, learner: str) -> Marks:
        """The marks in the gradebook, those given by hand included; without a submission, no question at all."""

    def list_totals(self, assignment: str) -> dict[str, Total]:
        """The totals of all learners that the gradebook knows, in few queries."""

    def render_feedback(self, assignment: str, learner: str) -> Mapping[str, bytes]:
        """The marked notebooks as HTML by path, hidden tests left out."""

    def forget(self, learner: str) -> None:
        """Remove a learner's marks, comments and notebooks; safe to repeat."""


OpenEngine = Callable[[Settings, Placement], MarkingEngine]
"""`(settings, placement)` → its engine."""

CALM = frozenset({"graded", "needs_manual"})
"""Outcomes without anything to warn of. After any other one a text says what did not run, or why there is no score."""

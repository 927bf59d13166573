"""What nbgrader does through its exchange and Coursebridge does elsewhere: each says where."""

from nbgrader.exchange.abc import ExchangeCollect as AbstractCollect
from nbgrader.exchange.abc import ExchangeReleaseAssignment as AbstractReleaseAssignment
from nbgrader.exchange.abc import ExchangeReleaseFeedback as AbstractReleaseFeedback

from jupyter_ext.singleuser.exchange.base import Exchange


class ExchangeReleaseAssignment(Exchange, AbstractReleaseAssignment):
    """Releasing is done in the tool."""

    def start(self) -> None:
        """Say where a quiz is released."""
        self.refuse(
            "Coursebridge releases a quiz when the course is imported or published: use "
            '"coursebridge course import" or the course\'s page. Nothing was changed here.'
        )


class ExchangeCollect(Exchange, AbstractCollect):
    """Collecting happens by itself."""

    def start(self) -> None:
        """Say that there is nothing to collect."""
        self.refuse(
            "There is nothing to collect: Coursebridge stores and marks every submission as it arrives. "
            "The course's page lists them all; formgrader shows the marked ones."
        )


class ExchangeReleaseFeedback(Exchange, AbstractReleaseFeedback):
    """Feedback reaches learners through the tool."""

    def start(self) -> None:
        """Say how feedback reaches learners."""
        self.refuse(
            "Coursebridge shows feedback to learners by itself once a submission is marked. "
            "The course's page says who can see what. Nothing was changed here."
        )

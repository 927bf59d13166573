"""What grading needs of the LMS's gradebook: `lti.public.send_score` is the real one."""

from datetime import datetime
from typing import Protocol

from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.public import Score, Sent


class SendScore(Protocol):
    """Sends one score over the network; never called inside a transaction."""

    def __call__(self, runtime: Runtime, link_id: int, user_id: int, score: Score, *, after: datetime | None) -> Sent:
        """Send, with a timestamp that is later than `after`.

        Raises: ExternalError: refused or unreachable; says what to do, and whether trying again may help.
        """

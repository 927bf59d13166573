"""Named points at which a durability test may kill the process, as a power cut would.

Inert unless `COURSEBRIDGE_CRASH_AT` names a point, which nothing but tests/durability does.
"""

import os
import signal

VARIABLE = "COURSEBRIDGE_CRASH_AT"


def reach(point: str) -> None:
    """Die if the variable names this point."""
    if os.environ.get(VARIABLE) == point:
        die()


def die() -> None:
    """End this process with SIGKILL. The tests put in its place what takes the whole worker along."""
    os.kill(os.getpid(), signal.SIGKILL)

"""What is killed: `worker …` is the real `coursebridge worker`, `submit …` hands in through the web application.

`COURSEBRIDGE_CRASH_AT` names the point where it dies: the worker's first process and the one that has reached the
point, with SIGKILL; what else belongs to it must end by itself. `COURSEBRIDGE_TEST_GUARD_OFF` takes a safeguard away,
to show that the tests notice.
"""

import io
import os
import signal
import sys
from pathlib import Path
from typing import Any

from grading import results, sandbox
from grading.sealed_layout import layout_arguments
from lti_tool.app import cli, worker
from lti_tool.app.factory import create_app
from lti_tool.kernel import crashpoints, jobs
from lti_tool.kernel.db import after_commit
from lti_tool.kernel.jobs import JobRow, JobState
from lti_tool.web.session import BROWSER_COOKIE

GUARD_OFF = "COURSEBRIDGE_TEST_GUARD_OFF"
MAIN = os.getpid()


def submit(path: str, request_id: str, notebook: str, browser_secret: str) -> int:
    """Post a notebook file to a quiz page, as that browser. 0 when the answer says that it is submitted."""
    form = {"request_id": request_id, "notebook": (io.BytesIO(Path(notebook).read_bytes()), "quiz-1.ipynb")}
    client = create_app().test_client()
    client.set_cookie(BROWSER_COOKIE, browser_secret)
    return 0 if client.post(path, data=form).status_code == 303 else 1


def die() -> None:
    """Kill the worker's first process, and this one."""
    os.kill(MAIN, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def take_guard_off(name: str) -> None:
    """Break one promise on purpose."""
    if name == "leases":  # a job whose worker died is nobody's
        jobs._claimable = lambda moment: JobRow.state == JobState.QUEUED
    if name == "outbox":  # the outbox is written after the grade, not with it; the process dies in between
        results.tell_lms = _die_before_outbox
    if name == "parent_watch":  # children of the worker do not look for it
        worker.end_with_parent = lambda parent: None
    if name == "sandbox":  # a sandbox does not end with the process that started it (a warm one has two reasons to)
        os.environ["COURSEBRIDGE_GRADING__WARM"] = "false"
        vars(sandbox)["layout_arguments"] = lambda *given: _without(layout_arguments(*given), "--die-with-parent")


def _die_before_outbox(tx: Any, *args: Any, **kwargs: Any) -> None:
    after_commit(tx, die)


def _without(layout: tuple[list[str], list[int]], argument: str) -> tuple[list[str], list[int]]:
    return [each for each in layout[0] if each != argument], layout[1]


def main() -> None:
    """Run one of the two."""
    take_guard_off(os.environ.get(GUARD_OFF, ""))
    crashpoints.die = die
    if sys.argv[1] == "submit":
        sys.exit(submit(*sys.argv[2:]))
    cli.main()


if __name__ == "__main__":
    main()

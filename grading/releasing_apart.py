"""`install_quizzes` in a process of its own, for the web server.

nbgrader changes the working directory of the process that releases, which other threads would notice, and takes its
time and memory to be loaded. `python -m grading.releasing_apart` reads an order from its input and writes what came of
it to its output, both as JSON.
"""

import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from grading.engine.model import Release
from grading.releasing import Installation, install_quizzes
from lti_tool.kernel.errors import ExternalError

LONGEST_S = 300
"""How long a request waits; SQLite gradebooks that graders hold make it wait, too."""


class _Order(BaseModel):
    root: Path
    fresh: Path
    due_at: dict[str, datetime | None]
    others_stay: bool
    only_tries: bool


class _Answer(BaseModel):
    """`Installation`."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    problems: list[str]
    misfits: list[tuple[int, str]]
    releases: dict[str, Release]
    followed: list[int]
    structure_sha256: str


def install_quizzes_apart(
    root: Path,
    fresh: Path,
    due_at: Mapping[str, datetime | None],
    *,
    others_stay: bool = False,
    only_tries: bool = False,
) -> Installation:
    """As `install_quizzes`. Not within a transaction.

    Raises: ExternalError: it did not end well. The version may be the course's all the same; doing it again is safe.
    """
    order = _Order(root=root, fresh=fresh, due_at=dict(due_at), others_stay=others_stay, only_tries=only_tries)
    answer = _Answer.model_validate_json(_in_its_own_process(order.model_dump_json()))
    return Installation(answer.problems, answer.misfits, answer.releases, answer.followed, answer.structure_sha256)


def _in_its_own_process(order: str) -> str | bytes:
    command = [sys.executable, "-m", __name__]
    try:
        done = subprocess.run(command, input=order.encode(), capture_output=True, timeout=LONGEST_S, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = (error.stderr or b"").decode(errors="replace")[-2000:]
        raise ExternalError(
            "release_failed",
            "The learners' version could not be made now. Try again in a few minutes; if it stays so, ask the people "
            "who run this tool to look into its log.",
            {"said": said},
            retryable=True,
        ) from error
    return done.stdout


def _install(given: str | bytes) -> str:
    order = _Order.model_validate_json(given)
    done = install_quizzes(
        order.root, order.fresh, order.due_at, others_stay=order.others_stay, only_tries=order.only_tries
    )
    return _Answer.model_validate(done, from_attributes=True).model_dump_json()


if __name__ == "__main__":
    with redirect_stdout(sys.stderr):  # nbgrader may print
        answer = _install(sys.stdin.buffer.read())
    sys.stdout.write(answer)

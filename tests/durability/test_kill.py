"""kill -9 at twelve points between submit and passback: every submission ends graded once and delivered.

The web application, the job table, marking's transactions, the outbox and the HTTP calls to the LMS are real; the
engine marks at once. The last two tests take a safeguard away and show that the same check then fails.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, update

from config.settings import Settings, load_settings
from grading.models import DeliveryRow, PassbackRow, PassbackState, ResultRow, SubmissionRow, SubmissionState
from grading.plugin import make_plugin
from lti_tool.contract import Plugin, load_plugins
from lti_tool.kernel.crashpoints import VARIABLE
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.ags import SCORE_SCOPE
from lti_tool.lti.models import Link, Registration, User
from lti_tool.lti.public import send_score
from tests.durability import process
from tests.durability.process import GUARD_OFF
from tests.factories.grading import NAME, SLUG, Someone, make_person, make_place, publish, sign_in
from tests.fakes.engine import open_fake_course
from tests.fakes.lms_server import ScoreServer, running_score_server

ROOT = Path(__file__).parents[2]
POINTS = (
    "submit.stored",
    "submit.committed",
    "autograde.started",
    "autograde.claimed",
    "autograde.marked",
    "autograde.recorded",
    "autograde.committed",
    "passback.started",
    "passback.claimed",
    "passback.sent",
    "passback.recorded",
    "passback.committed",
)
LEASE_S = 2
SENT_TWICE = ("passback.sent", "passback.recorded")
"""Killed after the LMS took the score and before we wrote that down: it is sent again, the same score."""
NEVER_ANNOUNCED = ("passback.claimed",)
"""Killed when the LMS may have been told of a new submission: it is not told again, only given the score."""


@dataclass
class Handed:
    """A submission that was acknowledged."""

    who: Someone
    points: int
    killed_at: str


class Scene:
    """A tool, an LMS, and processes that can be killed."""

    def __init__(self, runtime: Runtime, app: Flask, lms: ScoreServer) -> None:
        self.runtime, self.app, self.lms = runtime, app, lms
        with runtime.db.transaction() as tx:
            publish(tx)
            self.place = make_place(tx)
            urls = {name: f"{lms.url}/{name.removesuffix('_url')}" for name in ("token_url", "jwks_url", "auth_url")}
            tx.execute(update(Registration).values(dialect="canvas", issuer=lms.url, **urls))
            tx.execute(update(Link).values(lineitem_url=f"{lms.url}/items/1?type_id=1", scopes=[SCORE_SCOPE]))

    def submit(self, number: int, killed_at: str) -> Handed:
        """Hand in like a browser that repeats a request that got no answer."""
        with self.runtime.db.transaction() as tx:
            who = make_person(tx, self.place, f"Learner {number}")
        points = number % 4 + 1
        path = f"{sign_in(self.app, who)}/grading/{SLUG}/{NAME}/upload"
        form = (path, f"request-{number}", str(points))
        if killed_at.startswith("submit."):
            assert self.run("submit", *form, crash_at=killed_at) == -signal.SIGKILL
        assert process.submit(self.app, *form) == 0
        return Handed(who, points, killed_at)

    def run(self, *arguments: str, crash_at: str = "", guard_off: str = "") -> int:
        """One process; its exit status."""
        settings = self.runtime.settings
        environment = os.environ | {
            "COURSEBRIDGE_BASE_URL": str(settings.base_url),
            "COURSEBRIDGE_DATA_DIR": str(settings.data_dir),
            "COURSEBRIDGE_DATABASE__URL": settings.database.url,
            "COURSEBRIDGE_SECRET_KEY": settings.secret_key.get_secret_value(),
            "COURSEBRIDGE_JOBS__LEASE_S": str(LEASE_S),
            "COURSEBRIDGE_LTI__ALLOW_PRIVATE_HOSTS": "true",
            VARIABLE: crash_at,
            GUARD_OFF: guard_off,
        }
        command = [sys.executable, "-m", "tests.durability.process", *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, check=False, timeout=120).returncode

    def problems(self, handed: list[Handed]) -> list[str]:
        """What is wrong with the history: lost, doubled, or not delivered."""
        found = []
        for each in handed:
            found += [f"{each.killed_at}: {problem}" for problem in self._problems_of(each)]
        return found

    def _problems_of(self, each: Handed) -> Iterator[str]:
        with self.runtime.db.reading() as tx:
            mine = each.who.user_id
            attempts = tx.scalars(select(SubmissionRow).where(SubmissionRow.user_id == mine)).all()
            result = tx.scalar(select(ResultRow).where(ResultRow.user_id == mine))
            outbox = tx.scalars(select(PassbackRow).where(PassbackRow.user_id == mine)).all()
            tries = select(DeliveryRow.state).join(PassbackRow).where(PassbackRow.user_id == mine)
            delivered = list(tx.scalars(tries))
            scores = self.lms.of(tx.get_one(User, mine).sub)
        if [row.state for row in attempts] != [SubmissionState.GRADED]:
            yield f"attempts are {[row.state for row in attempts]}"
        if result is None or (result.points, result.version) != (each.points, 1):
            yield "the grade was not recorded exactly once"
        if [(row.state, row.sent_version) for row in outbox] != [(PassbackState.SENT, 1)]:
            yield "the outbox is not settled"
        if delivered != [PassbackState.SENT]:
            yield f"deliveries are {delivered}"
        if [score for score, _new in scores] != [each.points] * (2 if each.killed_at in SENT_TWICE else 1):
            yield f"the LMS got {scores}"
        if sum(is_new for _score, is_new in scores) != (0 if each.killed_at in NEVER_ANNOUNCED else 1):
            yield f"the LMS was told of a new submission not exactly once: {scores}"


@pytest.fixture
def plugins() -> list[Plugin]:
    """What the processes load."""
    return [*load_plugins(["lti_tool.lti"]), make_plugin(open_fake_course, send_score)]


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings that processes share."""
    return load_settings(
        base_url="http://localhost",
        data_dir=tmp_path / "var",
        secret_key="a secret for tests only, long enough to sign with",
        database={"url": database_url},
        lti={"allow_private_hosts": True},
        jobs={"lease_s": LEASE_S},
    )


@pytest.fixture
def scene(runtime: Runtime, app: Flask) -> Iterator[Scene]:
    """Everything in place."""
    with running_score_server() as lms:
        yield Scene(runtime, app, lms)


def test_kill_at_twelve_points_loses_nothing_and_doubles_nothing(scene: Scene) -> None:
    handed = []
    for number, point in enumerate(POINTS):
        handed.append(scene.submit(number, point))
        if not point.startswith("submit."):
            assert scene.run("work", crash_at=point) == -signal.SIGKILL
        assert process.work(scene.runtime) == 0

    assert scene.problems(handed) == []


def test_check_notices_when_lapsed_leases_are_nobodys(scene: Scene) -> None:
    handed = [scene.submit(0, "autograde.claimed")]
    assert scene.run("work", crash_at="autograde.claimed") == -signal.SIGKILL
    assert scene.run("work", guard_off="leases") == 0

    assert "autograde.claimed: attempts are [<SubmissionState.RUNNING: 'running'>]" in scene.problems(handed)
    assert process.work(scene.runtime) == 0
    assert scene.problems(handed) == []


def test_check_notices_when_the_outbox_is_not_written_with_the_grade(scene: Scene) -> None:
    handed = [scene.submit(0, "autograde.committed")]
    assert scene.run("work", guard_off="outbox") == -signal.SIGKILL
    assert process.work(scene.runtime) == 0

    assert "autograde.committed: the outbox is not settled" in scene.problems(handed)

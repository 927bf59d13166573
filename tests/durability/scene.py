"""Learners of one course who hand in through the tool's pages, and the history that is checked in the end."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import select

from grading.engine_nbgrader import open_placement
from grading.engine_port import MarkingEngine
from grading.models import (
    ResultRow,
    SubmissionRow,
    SubmissionState,
)
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel.crashpoints import VARIABLE
from lti_tool.kernel.jobs import JobRow, JobState
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti import public as lti
from lti_tool.lti.models import User
from lti_tool.lti.score_models import DeliveryRow, ScoreRow, ScoreState
from lti_tool.web.session import BROWSER_COOKIE
from plugins.courses.importer import import_course
from tests.durability.machine import ROOT, Machine
from tests.factories import notebooks as make
from tests.fakes.launching import Launcher

SLUG, NAME = "notebooks-101", "quiz-1"
POINTS = 4
LONGEST_S = 240
SUBMISSION = "https://canvas.instructure.com/lti/submission"
COURSE = f"""
slug = "{SLUG}"
title = "Notebooks 101"
[[module]]
title = "Week 1"
[[module.item]]
type = "quiz"
slug = "{NAME}"
title = "Quiz 1"
assignment = "{NAME}"
"""


def write_course(folder: Path, test: str = "points") -> Path:
    """A course with one small quiz: the answer says how many points it gets, and the test gives them."""
    source = folder / "source" / NAME
    source.mkdir(parents=True, exist_ok=True)
    (folder / "course.toml").write_text(COURSE)
    answer = make.solution("answer", f"points = {make.SOLUTION.format(POINTS)}".replace("= ###", "= 0\n###"))
    (source / f"{NAME}.ipynb").write_bytes(make.notebook(answer, make.tests("tests", POINTS, test)))
    return folder


@dataclass(frozen=True)
class Handed:
    """A submission that was acknowledged."""

    username: str
    user_id: int
    hub_name: str
    points: int


class Scene:
    """A tool, an LMS, and a machine for the workers."""

    def __init__(self, runtime: Runtime, app: Flask, campus: CampusServer, machine: Machine, course: Path) -> None:
        """Import the course and place its quiz in the LMS."""
        self.runtime, self.app, self.campus, self.machine = runtime, app, campus, machine
        self.files = course.parent
        import_course(runtime, course)
        self.released = (runtime.settings.course_dir(SLUG) / "release" / NAME / f"{NAME}.ipynb").read_bytes()
        self.activity = campus.add_activity(
            "Quiz 1", custom={"coursebridge_item": f"courses/{SLUG}/{NAME}"}, points=POINTS
        )
        self.handed: list[Handed] = []

    def submit(self, *, code: str = "", crash_at: str = "") -> Handed:
        """Hand in as somebody new, like a browser that repeats a request that got no answer."""
        number = len(self.handed)
        points = number % POINTS + 1
        name = f"l{number}"
        self.campus.add_person(name, f"Learner {number}")
        client = self.app.test_client()
        path = Launcher(client, self.campus).open(name, self.activity) + "/upload"
        notebook = self.files / f"{name}.ipynb"
        filled = make.fill(self.released, {"answer": f"{code}\npoints = {points}"})
        notebook.write_text(json.dumps(filled))
        request_id = f"request-{number}"
        if crash_at:
            cookie = client.get_cookie(BROWSER_COOKIE)
            assert cookie and self._submit_and_die(path, request_id, notebook, cookie.value, crash_at) < 0
        with notebook.open("rb") as file:
            form = {"request_id": request_id, "notebook": (file, f"{NAME}.ipynb")}
            answer = client.post(path, data=form)
        assert answer.status_code == 303, answer.text
        with self.runtime.db.reading() as tx:
            user = tx.scalars(select(User).where(User.display_name == f"Learner {number}")).one()
        self.handed.append(Handed(name, user.id, user.hub_name, points))
        return self.handed[-1]

    @property
    def engine(self) -> MarkingEngine:
        """The gradebook of the LMS course."""
        with self.runtime.db.reading() as tx:
            (placement,) = lti.list_placements(tx, SLUG)
        return open_placement(self.runtime.settings, placement)

    def settle(self) -> None:
        """Until the workers have nothing more to do."""
        deadline = time.monotonic() + LONGEST_S
        while self.unfinished():
            if time.monotonic() > deadline:
                raise AssertionError(f"Not finished: {self.unfinished()}. {self.machine.said()}")
            time.sleep(0.1)

    def unfinished(self) -> list[str]:
        """Handlers of the jobs that are not done."""
        with self.runtime.db.reading() as tx:
            return list(tx.scalars(select(JobRow.handler).where(JobRow.state != JobState.DONE)))

    def wait_until_at_work(self, number: int) -> None:
        """Until so many submissions are marked at the same time."""
        deadline = time.monotonic() + LONGEST_S
        marking = select(SubmissionRow.id).where(SubmissionRow.state == SubmissionState.RUNNING)
        while True:
            with self.runtime.db.reading() as tx:
                if len(tx.scalars(marking).all()) >= number:
                    return
            assert time.monotonic() < deadline, self.machine.said()
            time.sleep(0.02)

    def attempts_at_marking(self) -> list[int]:
        """How often each submission was begun."""
        with self.runtime.db.reading() as tx:
            return list(tx.scalars(select(JobRow.attempts).where(JobRow.handler == "grading.autograde")))

    def problems(self) -> list[str]:
        """What is wrong with the history: lost, doubled, or not delivered."""
        return [f"{each.username}: {problem}" for each in self.handed for problem in self._problems_of(each)]

    def _problems_of(self, each: Handed) -> Iterator[str]:
        with self.runtime.db.reading() as tx:
            attempts = tx.scalars(select(SubmissionRow).where(SubmissionRow.user_id == each.user_id)).all()
            result = tx.scalar(select(ResultRow).where(ResultRow.user_id == each.user_id))
            outbox = tx.scalars(select(ScoreRow).where(ScoreRow.user_id == each.user_id)).all()
            tries = select(DeliveryRow.state).join(ScoreRow).where(ScoreRow.user_id == each.user_id)
            delivered = list(tx.scalars(tries))
        total = self.engine.list_totals(NAME).get(each.hub_name)
        grade = self.campus.grade(each.username, self.activity)
        if [(row.number, row.state) for row in attempts] != [(1, SubmissionState.GRADED)]:
            yield f"attempts are {[(row.number, row.state.value) for row in attempts]}"
        if total is None or total.score != each.points:
            yield f"the gradebook has {total}"
        if result is None or (result.points, result.version) != (each.points, 1):
            yield "the grade was not recorded exactly once"
        if [(row.state, row.sent_version) for row in outbox] != [(ScoreState.SENT, 1)]:
            yield "the outbox is not settled"
        if delivered != [ScoreState.SENT]:
            yield f"deliveries are {delivered}"
        if grade is None or grade.final != each.points:
            yield f"the LMS shows {grade}"
        wrong = [score for score in self.scores(each) if score["scoreGiven"] != each.points]
        if wrong:
            yield f"the LMS got other scores: {wrong}"

    def scores(self, each: Handed) -> list[dict[str, Any]]:
        """The scores that the LMS took."""
        return [dict(score.body) for score in self.campus.received_scores(each.username) if score.status == 200]

    def posts_and_announcements(self) -> tuple[int, int]:
        """How many scores the LMS took, and how many of them told it of a new submission."""
        taken = [score for each in self.handed for score in self.scores(each)]
        return len(taken), sum(score.get(SUBMISSION, {}).get("new_submission") is True for score in taken)

    def _submit_and_die(self, path: str, request_id: str, notebook: Path, secret: str, crash_at: str) -> int:
        command = [sys.executable, "-m", "tests.durability.process", "submit", path, request_id, str(notebook), secret]
        environment = self.machine.environment | {VARIABLE: crash_at}
        return subprocess.run(command, cwd=ROOT, env=environment, check=False, timeout=120).returncode

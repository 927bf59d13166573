"""An engine that marks at once: the "notebook" says what came of it. Its gradebook is a file that processes share.

A notebook is JSON: `{"points": 3}` of 4, `{"points": 2, "manual": true}` with an answer that a person marks,
`{"points": 3, "suspicion": "why"}` that a teacher has to look at,
`{"points": 3, "penalty": 1}` of which nbgrader takes a point for lateness,
`{"outcome": "timed_out", "points": 1}`, or `{"outcome": "not_a_notebook"}`, which cannot be marked.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from config.settings import Settings
from grading.engine.model import (
    Executed,
    Given,
    Marking,
    MarkLimits,
    Marks,
    Question,
    QuestionMark,
    Release,
    ReleasedAnew,
    Scored,
    Story,
    Superseded,
    Total,
)
from grading.engine.outcome import NOT_MARKED
from lti_tool.lti.public import Placement

MAX = Decimal(4)
BY_HAND = Decimal(2)
"""Of the 4 points, what a person gives when the notebook is `manual`."""


@dataclass
class FakeCourse:
    """One placement's engine."""

    folder: Path

    def prepare(self) -> str:
        (self.folder / "prepared").touch()
        return ""

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
        said = self._run(assignment, files)
        with (self.folder / "marked.log").open("a") as log:
            log.write(f"{assignment} {learner} {attempt}\n")
        if said.get("broken"):
            raise RuntimeError("the machine is broken")
        if said.get("outcome") in NOT_MARKED:
            return Marking(
                said["outcome"], f"It ended: {said['outcome']}.", None, {}, 0.0, attempt, cell_ms=_times(said)
            )
        book = self._read()
        if book.get(f"{assignment}/{learner}", {}).get("attempt", 0) > attempt:
            raise Superseded
        book[f"{assignment}/{learner}"] = _entry(said, submitted_at, attempt)
        self._write(book)
        scored = _scored(said, self.read_marks(assignment, learner))
        told = scored.outcome, scored.text, scored.marks
        return Marking(*told, {}, 0.0, attempt, said.get("suspicion"), _times(said))

    def execute(self, assignment: str, files: Mapping[str, bytes], *, limits: MarkLimits) -> Executed:
        said = self._run(assignment, files)
        with (self.folder / "executed.log").open("a") as log:
            log.write(f"{assignment} {json.dumps(said)}\n")
        if said.get("broken"):
            raise RuntimeError("the machine is broken")
        is_bad = said.get("outcome") in NOT_MARKED
        story = Story(f"{assignment}.ipynb", said.get("outcome", "graded"), "")
        notebooks = {} if is_bad else {f"{assignment}.ipynb": json.dumps(said).encode()}
        return Executed(notebooks, (story,), str(self._bonus()), _times(said), said.get("suspicion"))

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
        said, held = self._of(assignment, executed), self._read().get(f"{assignment}/{learner}")
        entry = _entry(said, submitted_at, attempt)
        if held and held["attempt"] == attempt:
            entry["by_hand"] = held["by_hand"]
        elif held and held["attempt"] > attempt and (known := given.get(("quiz-1", "q2"))):
            entry["by_hand"] = None if known.by_hand is None else str(known.by_hand)
        return _scored(said, _marks(assignment, learner, entry))

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
        said, book = self._of(assignment, executed), self._read()
        held = book.get(f"{assignment}/{learner}")
        if held and held["attempt"] > attempt:
            raise Superseded
        entry = _entry(said, submitted_at, attempt)
        if held and held["attempt"] == attempt:
            entry["by_hand"] = held["by_hand"]
        book[f"{assignment}/{learner}"] = entry
        self._write(book)
        return _scored(said, self.read_marks(assignment, learner))

    def render_executed(
        self, assignment: str, executed: Executed, files: Mapping[str, bytes], scored: Scored
    ) -> dict[str, bytes]:
        points = json.loads(executed.notebooks[f"{assignment}.ipynb"])["points"]
        return {f"{assignment}.html": f"<h1>{points} points</h1><script>bad()</script>".encode()}

    def release(self, bonus: int) -> None:
        """Other tests: everybody gets so many points more, within what there is."""
        (self.folder / "bonus").write_text(str(bonus))

    def executed(self) -> int:
        """How often something was run without being stored."""
        path = self.folder / "executed.log"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def _bonus(self) -> int:
        path = self.folder / "bonus"
        return int(path.read_text()) if path.exists() else 0

    def _run(self, assignment: str, files: Mapping[str, bytes]) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(files[f"{assignment}.ipynb"])
        most = MAX - (BY_HAND if said.get("manual") else 0)
        return said | {"points": str(max(Decimal(0), min(Decimal(said.get("points", 0)) + self._bonus(), most)))}

    def _of(self, assignment: str, executed: Executed) -> dict[str, Any]:
        if executed.basis != str(self._bonus()):
            raise ReleasedAnew
        said: dict[str, Any] = json.loads(executed.notebooks[f"{assignment}.ipynb"])
        return said

    def read_marks(self, assignment: str, learner: str) -> Marks:
        return _marks(assignment, learner, self._read().get(f"{assignment}/{learner}"))

    def list_totals(self, assignment: str) -> dict[str, Total]:
        found = {}
        for key, entry in self._read().items():
            if key.startswith(f"{assignment}/"):
                learner = key.partition("/")[2]
                marks, at = self.read_marks(assignment, learner), datetime.fromisoformat(entry["submitted_at"])
                found[learner] = Total(marks.total, marks.max_score, marks.needs_manual, at)
        return found

    def render_feedback(self, assignment: str, learner: str) -> dict[str, bytes]:
        entry = self._read()[f"{assignment}/{learner}"]
        return {f"{assignment}.html": f"<h1>{entry['points']} points</h1><script>bad()</script>".encode()}

    def forget(self, learner: str) -> None:
        self._write({key: entry for key, entry in self._read().items() if key.partition("/")[2] != learner})

    def mark_by_hand(self, assignment: str, learner: str, points: str) -> None:
        """What a teacher does in formgrader."""
        book = self._read()
        book[f"{assignment}/{learner}"]["by_hand"] = points
        self._write(book)

    def marked(self) -> list[str]:
        """A line for each time that something was marked."""
        path = self.folder / "marked.log"
        return path.read_text().splitlines() if path.exists() else []

    def attempt_held(self, assignment: str, learner: str) -> int:
        """Which attempt the gradebook holds."""
        held: int = self._read()[f"{assignment}/{learner}"]["attempt"]
        return held

    def _read(self) -> dict[str, Any]:
        path = self.folder / "gradebook.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def _write(self, book: dict[str, Any]) -> None:
        fresh = self.folder / f"gradebook.{id(book)}"
        fresh.write_text(json.dumps(book))
        fresh.replace(self.folder / "gradebook.json")


def open_fake_course(settings: Settings, placement: Placement) -> FakeCourse:
    """The fake engine of a placement, in the place of `open_placement`."""
    folder = settings.placement_dir(placement.course_slug, placement.id)
    folder.mkdir(parents=True, exist_ok=True)
    return FakeCourse(folder)


def fake_release(assignment: str = "quiz-1") -> Release:
    """A release that fits."""
    question = Question(assignment, "q1", "Question 1", MAX, "auto")
    files = {f"{assignment}.ipynb": b'{"cells": []}', "data.csv": b"1,2\n"}
    return Release(assignment, MAX, (assignment,), (question,), files)


def _times(said: Mapping[str, Any]) -> dict[str, int]:
    return {"quiz-1/q1": int(said["ms"])} if "ms" in said else {}


def _entry(said: Mapping[str, Any], submitted_at: datetime, attempt: int) -> dict[str, Any]:
    return {
        "points": str(said.get("points", 0)),
        "by_hand": None,
        "manual": bool(said.get("manual")),
        "penalty": str(said.get("penalty", 0)),
        "attempt": attempt,
        "submitted_at": submitted_at.isoformat(),
    }


def _marks(assignment: str, learner: str, entry: dict[str, Any] | None) -> Marks:
    questions = _questions(entry) if entry else ()
    return Marks(
        assignment=assignment,
        learner=learner,
        questions=questions,
        late_penalty=Decimal(entry["penalty"]) if entry else Decimal(0),
        total=sum((each.score for each in questions), Decimal(0)) - Decimal(entry["penalty"] if entry else 0),
        max_score=sum((question.max_score for question in questions), Decimal(0)),
        needs_manual=any(question.needs_manual for question in questions),
    )


def _scored(said: Mapping[str, Any], marks: Marks) -> Scored:
    outcome = said.get("outcome") or ("needs_manual" if marks.needs_manual else "graded")
    return Scored(outcome, f"It ended: {outcome}.", marks, {})


def _questions(entry: dict[str, Any]) -> tuple[QuestionMark, ...]:
    points, by_hand = Decimal(entry["points"]), entry["by_hand"]
    questions = [_question("q1", "Question 1", MAX - (BY_HAND if entry["manual"] else 0), points, None)]
    if entry["manual"] or by_hand is not None:
        given = None if by_hand is None else Decimal(by_hand)
        questions.append(_question("q2", "Question 2", BY_HAND, None, given, waits=by_hand is None))
    return tuple(questions)


def _question(
    name: str, title: str, maximum: Decimal, auto: Decimal | None, by_hand: Decimal | None, *, waits: bool = False
) -> QuestionMark:
    return QuestionMark(
        notebook="quiz-1",
        grade_id=name,
        title=title,
        kind="auto" if auto is not None else "manual",
        max_score=maximum,
        auto_score=auto,
        manual_score=by_hand,
        extra_credit=None,
        score=by_hand if by_hand is not None else auto or Decimal(0),
        needs_manual=waits,
        comment=None,
    )

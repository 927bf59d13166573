"""Mark one attempt: sanitise, run sealed, score with nbgrader, store where formgrader looks.

What nbgrader does is kept: a cell that fails or times out gives 0 and the next ones run; a missing
notebook gives 0; a deleted test is left to a person; a mark given by hand stays when the learner
submits again, and is flagged for another look. Where nbgrader would give up (Python ends, endless
output, a file that is no notebook) the tests that did not run give 0, and the outcome says so.

Where no notebook of the attempt could be read, nothing is stored at all: the attempt before stays
what the gradebook holds. An earlier attempt never replaces a later one.

The marks of an attempt enter the gradebook in one transaction, after the files are in place, so
doing it again after a crash at any point ends in the same state.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from traitlets.config import Config

from grading.engine import canaries
from grading.engine.execution import execute
from grading.engine.files import (
    check_name,
    keep_safe,
    overlay,
    replace_tree,
)
from grading.engine.gradebook import (
    list_grades_and_comments,
    start_submission,
    writing,
)
from grading.engine.model import (
    Marking,
    MarkLimits,
    MarkOutcome,
    Marks,
    QuestionMark,
    Superseded,
)
from grading.engine.nbgrader_parts import LimitOutput, Notebook, formats
from grading.engine.outcome import Story, tell
from grading.engine.outputs import RunEnd
from grading.engine.plan import NotebookPlan, release_titles
from grading.engine.scoring import save_marks
from grading.engine.site import Site
from grading.engine.submission import NotANotebook, read_notebook, sanitise

TIMESTAMP = "timestamp.txt"
"""Where nbgrader looks for the time of submission."""
RECEIPT = ".coursebridge.json"
"""Beside the marked notebooks: which attempt they are of."""
RELEASES = 5
"""How often marking begins again because the assignment was released meanwhile."""


class _ReleasedAnew(Exception):
    """The plan that was marked by is no longer the plan."""


@dataclass
class _Marked:
    """One notebook of the attempt on its way."""

    plan: NotebookPlan
    notebook: Notebook | None
    story: Story
    suspicion: str | None = None


def mark(
    site: Site,
    assignment: str,
    learner: str,
    files: Mapping[str, bytes],
    *,
    submitted_at: datetime,
    attempt: int,
    limits: MarkLimits,
    late_penalty: str = "none",
) -> Marking:
    """Mark an attempt and store it; see `CourseRoot.mark`."""
    check_name(assignment)
    check_name(learner)
    for _ in range(RELEASES):
        try:
            return _mark(site, assignment, learner, files, submitted_at, attempt, limits, late_penalty)
        except _ReleasedAnew:
            continue
    raise RuntimeError(f"{assignment} is released again and again while it is marked.")


def _mark(
    site: Site,
    assignment: str,
    learner: str,
    files: Mapping[str, bytes],
    submitted_at: datetime,
    attempt: int,
    limits: MarkLimits,
    late_penalty: str,
) -> Marking:
    """Mark by the plan of now. Raises: _ReleasedAnew: it is another one by the time the marks are there."""
    started = time.monotonic()
    plans, source = site.read(assignment)
    kept = keep_safe(files, reserved=(TIMESTAMP, RECEIPT))
    too_large = sum(map(len, kept.values())) > limits.input_bytes
    # nbgrader puts the teacher's files in place of the learner's
    data = overlay(_beside({} if too_large else kept), _beside(source))
    marked = [_mark_notebook(plan, kept, data, source, limits, too_large) for plan in plans]
    stories = [m.story for m in marked]
    if all(m.notebook is None for m in marked):
        outcome, text = tell(stories, None)
        return Marking(outcome, text, None, {}, time.monotonic() - started, attempt)
    results = {f"{m.plan.name}.ipynb": _write(m.notebook) for m in marked if m.notebook}
    digest = _digest(kept, attempt)
    stamp = submitted_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC\n").encode()
    autograded = site.work / "autograded" / learner / assignment
    with site.held():
        if not site.is_current(assignment, plans):
            raise _ReleasedAnew
        held = _receipt(autograded)
        if held.get("attempt", 0) > attempt:
            raise Superseded(f"Attempt {held['attempt']} is in the gradebook already.")
        is_repeat = held.get("digest") == digest
        submitted = {} if too_large else kept
        replace_tree(site.work / "submitted" / learner / assignment, submitted | {TIMESTAMP: stamp})
        receipt = json.dumps({"attempt": attempt, "digest": digest}).encode()
        replace_tree(autograded, data | results | {TIMESTAMP: stamp, RECEIPT: receipt})
        with writing(site.gradebook_url) as gradebook:
            start_submission(gradebook, assignment, learner, submitted_at)
            config = Config({"LateSubmissionPlugin": {"penalty_method": late_penalty}})
            notebooks = {m.plan.name: m.notebook for m in marked}
            save_marks(gradebook, assignment, learner, notebooks, is_repeat, config)
    marks = read_marks(site, assignment, learner)
    outcome, text = tell(stories, marks)
    suspicion = " ".join(m.suspicion for m in marked if m.suspicion) or None
    return Marking(outcome, text, marks, results, time.monotonic() - started, attempt, suspicion)


def _mark_notebook(
    plan: NotebookPlan,
    files: Mapping[str, bytes],
    data: Mapping[str, bytes],
    source: Mapping[str, bytes],
    limits: MarkLimits,
    too_large: bool,
) -> _Marked:
    """Everything up to the score of one notebook; touches neither course nor gradebook."""
    name = f"{plan.name}.ipynb"
    if too_large:
        words = f"All files together may have {limits.input_bytes >> 20} MB."
        return _Marked(plan, None, Story(name, "limit_exceeded", words))
    body = files.get(name)
    if body is None:
        return _Marked(plan, None, Story(name, "missing_notebook"))
    try:
        notebook = read_notebook(body)
    except NotANotebook as error:
        return _Marked(plan, None, Story(name, "not_a_notebook", str(error)))
    sanitise(notebook, plan)
    run = execute(notebook, data, limits)
    suspicion = canaries.find_suspicion(canaries.Marked(notebook, plan, data, source), limits)
    LimitOutput().preprocess(notebook, {})
    formats.validate(notebook)
    return _Marked(plan, notebook, Story(name, OUTCOMES[run.end], run.detail), suspicion)


OUTCOMES: dict[RunEnd, MarkOutcome] = {
    "ok": "graded",
    "timeout": "timed_out",
    "died": "kernel_died",
    "output": "too_much_output",
    "memory": "out_of_memory",
    "disk": "limit_exceeded",
}


def _beside(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files beside the notebooks."""
    return {name: body for name, body in files.items() if not name.endswith(".ipynb")}


def _write(notebook: Notebook) -> bytes:
    text: str = formats.writes(notebook)
    return text.encode()


def _digest(files: Mapping[str, bytes], attempt: int) -> str:
    lines = [f"{name}\0{hashlib.sha256(body).hexdigest()}\n" for name, body in sorted(files.items())]
    return hashlib.sha256(f"{attempt}\n{''.join(lines)}".encode()).hexdigest()


def _receipt(folder: Path) -> dict[str, Any]:
    """Number and digest of the attempt whose marked notebooks are there; empty if there is none of ours."""
    try:
        found: dict[str, Any] = json.loads((folder / RECEIPT).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return found


def read_marks(site: Site, assignment: str, learner: str) -> Marks:
    """The marks as the gradebook has them now; without a submission, no question at all."""
    titles = release_titles(site.course / "release" / check_name(assignment))
    rows, comments = list_grades_and_comments(site.gradebook_url, assignment, learner)
    penalties = {row.notebook: row.late_penalty for row in rows}
    questions = []
    for row in rows:
        key = row.notebook, row.grade_id
        given = row.manual_score if row.manual_score is not None else row.auto_score
        questions.append(
            QuestionMark(
                notebook=row.notebook,
                grade_id=row.grade_id,
                title=titles.get(key, (0, row.grade_id))[1],
                kind=row.kind,
                max_score=row.max_score,
                auto_score=row.auto_score,
                manual_score=row.manual_score,
                extra_credit=row.extra_credit,
                score=Decimal(0) if given is None else given + (row.extra_credit or 0),
                needs_manual=row.needs_manual,
                comment=comments.get(key),
            )
        )
    questions.sort(key=lambda q: titles.get((q.notebook, q.grade_id), (1 << 30, ""))[0])
    late = sum(penalties.values(), Decimal(0))
    return Marks(
        assignment=assignment,
        learner=learner,
        questions=tuple(questions),
        late_penalty=late,
        total=max(sum((q.score for q in questions), Decimal(0)) - late, Decimal(0)),
        max_score=sum((q.max_score for q in questions), Decimal(0)),
        needs_manual=any(q.needs_manual for q in questions),
    )

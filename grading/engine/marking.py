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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session
from traitlets.config import Config

from grading.engine import canaries
from grading.engine.claims import find_refusal
from grading.engine.execution import execute
from grading.engine.files import (
    check_name,
    keep_safe,
    overlay,
    replace_tree,
)
from grading.engine.gradebook import (
    GradeRow,
    comments_in,
    grades_in,
    list_grades_and_comments,
    start_submission,
    writing,
)
from grading.engine.learner_rows import LearnerRows
from grading.engine.model import (
    Marking,
    MarkLimits,
    MarkOutcome,
    Marks,
    QuestionMark,
    ReleasedAnew,
    Scored,
    Story,
    Superseded,
)
from grading.engine.nbgrader_parts import LimitOutput, Notebook, formats
from grading.engine.outcome import tell
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


@dataclass
class Marked:
    """One notebook of an attempt that was run."""

    plan: NotebookPlan
    notebook: Notebook | None
    """None: it could not be read."""
    story: Story
    cell_ms: dict[str, int] = field(default_factory=dict)
    suspicion: str | None = None


@dataclass
class Attempt:
    """An attempt that was run, and by which state of the assignment."""

    notebooks: list[Marked]
    submitted: dict[str, bytes]
    """What is kept of the submitted files; nothing if they are too large."""
    data: dict[str, bytes]
    """The files beside the notebooks, the teacher's in place of the learner's."""
    digest: str
    source: dict[str, bytes]
    """The teacher's files: the notebooks with their solutions, and what belongs beside them."""
    is_too_large: bool

    @property
    def plans(self) -> list[NotebookPlan]:
        """What it was run by."""
        return [each.plan for each in self.notebooks]

    @property
    def stories(self) -> list[Story]:
        """What happened to each notebook."""
        return [each.story for each in self.notebooks]

    @cached_property
    def results(self) -> dict[str, bytes]:
        """The notebooks with their outputs, by file name; those that could be read."""
        return {f"{each.plan.name}.ipynb": _write(each.notebook) for each in self.notebooks if each.notebook}

    @property
    def suspicion(self) -> str | None:
        """As in `Marking`."""
        return " ".join(each.suspicion for each in self.notebooks if each.suspicion) or None

    @property
    def cell_ms(self) -> dict[str, int]:
        """As in `Marking`."""
        return {key: ms for each in self.notebooks for key, ms in each.cell_ms.items()}


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
    check_name(learner)
    started = time.monotonic()
    for _ in range(RELEASES):
        ran = run_attempt(site, assignment, files, attempt, limits)
        results = ran.results
        if not results:
            outcome, text = tell(ran.stories, None)
            return Marking(outcome, text, None, {}, time.monotonic() - started, attempt, cell_ms=ran.cell_ms)
        try:
            scored = store_attempt(site, assignment, learner, ran, submitted_at, attempt, late_penalty)
        except ReleasedAnew:
            continue
        spent_s = time.monotonic() - started
        told = scored.outcome, scored.text, scored.marks
        return Marking(*told, results, spent_s, attempt, ran.suspicion, ran.cell_ms)
    raise RuntimeError(f"{assignment} is released again and again while it is marked.")


def run_attempt(site: Site, assignment: str, files: Mapping[str, bytes], attempt: int, limits: MarkLimits) -> Attempt:
    """Run every notebook by the plan of now; touches neither course nor gradebook."""
    plans, source = site.read(check_name(assignment))
    ran = prepare_attempt(source, files, attempt, limits)
    ran.notebooks = [_mark_notebook(plan, ran, limits) for plan in plans]
    return ran


def prepare_attempt(
    source: Mapping[str, bytes], files: Mapping[str, bytes], attempt: int, limits: MarkLimits
) -> Attempt:
    """What is kept of submitted files, with the teacher's beside them; no notebook has been run yet."""
    kept = keep_safe(files, reserved=(TIMESTAMP, RECEIPT))
    is_too_large = sum(map(len, kept.values())) > limits.input_bytes
    submitted = {} if is_too_large else kept
    # nbgrader puts the teacher's files in place of the learner's
    data = overlay(beside(submitted), beside(source))
    return Attempt([], submitted, data, _digest(kept, attempt), dict(source), is_too_large)


def store_attempt(
    site: Site,
    assignment: str,
    learner: str,
    ran: Attempt,
    submitted_at: datetime,
    attempt: int,
    late_penalty: str,
) -> Scored:
    """Put an attempt that was run into the gradebook, in place of the learner's earlier ones.

    Raises: ReleasedAnew: it was run by another plan. Superseded: a later attempt is there.
    """
    stamp = submitted_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC\n").encode()
    autograded = site.work / "autograded" / learner / assignment
    with site.held():
        held = find_receipt(autograded)
        results = ran.results
        if not site.is_there():
            raise ReleasedAnew
        with writing(site.gradebook_url) as gradebook:
            if not site.is_current(assignment, ran.plans, gradebook.db):
                raise ReleasedAnew
            if held.get("attempt", 0) > attempt:
                raise Superseded(f"Attempt {held['attempt']} is in the gradebook already.")
            is_repeat = held.get("digest") == ran.digest
            replace_tree(site.work / "submitted" / learner / assignment, ran.submitted | {TIMESTAMP: stamp})
            receipt = json.dumps({"attempt": attempt, "digest": ran.digest}).encode()
            replace_tree(autograded, ran.data | results | {TIMESTAMP: stamp, RECEIPT: receipt})
            rows = start_submission(gradebook, assignment, learner, submitted_at)
            save_attempt(rows, learner, ran, late_penalty, is_repeat=is_repeat)
            return read_scored(gradebook.db, site, assignment, learner, ran.stories)


def save_attempt(rows: LearnerRows, learner: str, ran: Attempt, late_penalty: str, *, is_repeat: bool) -> None:
    """Write the scores of an attempt that was run, in the gradebook's transaction."""
    config = Config({"LateSubmissionPlugin": {"penalty_method": late_penalty}})
    notebooks = {each.plan.name: each.notebook for each in ran.notebooks}
    save_marks(rows, learner, notebooks, is_repeat, config)


def read_scored(session: Session, site: Site, assignment: str, learner: str, stories: Sequence[Story]) -> Scored:
    """What the gradebook says within a transaction, and how marking went."""
    comments = comments_in(session, assignment, learner)
    marks = _make_marks(site, assignment, learner, grades_in(session, assignment, learner), comments)
    return Scored(*tell(stories, marks), marks, comments)


def _mark_notebook(plan: NotebookPlan, ran: Attempt, limits: MarkLimits) -> Marked:
    """Everything up to the score of one notebook; touches neither course nor gradebook."""
    name = f"{plan.name}.ipynb"
    if ran.is_too_large:
        words = f"All files together may have {limits.input_bytes >> 20} MB."
        return Marked(plan, None, Story(name, "limit_exceeded", words))
    body = ran.submitted.get(name)
    if body is None:
        return Marked(plan, None, Story(name, "missing_notebook"))
    try:
        notebook = read_notebook(body)
    except NotANotebook as error:
        return Marked(plan, None, Story(name, "not_a_notebook", str(error)))
    refusal = find_refusal(notebook, plan)
    sanitise(notebook, plan)
    run = execute(notebook, ran.data, limits)
    suspicion = canaries.find_suspicion(canaries.Marked(notebook, plan, ran.data, ran.source), limits)
    LimitOutput().preprocess(notebook, {})
    formats.validate(notebook)
    story = Story(name, OUTCOMES[run.end], run.detail)
    reasons = " ".join(filter(None, (refusal, suspicion))) or None
    return Marked(plan, notebook, story, _times(plan, notebook, run.cell_ms), reasons)


def _times(plan: NotebookPlan, notebook: Notebook, cell_ms: Sequence[int]) -> dict[str, int]:
    """Milliseconds by notebook and grade id."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    found: dict[str, int] = {}
    for cell, ms in zip(cells, cell_ms, strict=False):
        key = f"{plan.name}/{cell.metadata.get('nbgrader', {}).get('grade_id', '')}"
        found[key] = found.get(key, 0) + ms
    return {key: ms for key, ms in found.items() if ms}


OUTCOMES: dict[RunEnd, MarkOutcome] = {
    "ok": "graded",
    "timeout": "timed_out",
    "died": "kernel_died",
    "output": "too_much_output",
    "memory": "out_of_memory",
    "disk": "limit_exceeded",
}


def beside(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files beside the notebooks."""
    return {name: body for name, body in files.items() if not name.endswith(".ipynb")}


def _write(notebook: Notebook) -> bytes:
    """As `nbformat.writes` does with a notebook of this version that has been validated."""
    text: str = formats.v4.writes(notebook)
    return text.encode()


def _digest(files: Mapping[str, bytes], attempt: int) -> str:
    lines = [f"{name}\0{hashlib.sha256(body).hexdigest()}\n" for name, body in sorted(files.items())]
    return hashlib.sha256(f"{attempt}\n{''.join(lines)}".encode()).hexdigest()


def find_receipt(folder: Path) -> dict[str, Any]:
    """Number and digest of the attempt whose marked notebooks are there; empty if there is none of ours."""
    try:
        found: dict[str, Any] = json.loads((folder / RECEIPT).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return found


def read_marks(site: Site, assignment: str, learner: str) -> Marks:
    """The marks as the gradebook has them now; without a submission, no question at all."""
    rows, comments = list_grades_and_comments(site.gradebook_url, assignment, learner)
    return _make_marks(site, assignment, learner, rows, comments)


def _make_marks(
    site: Site,
    assignment: str,
    learner: str,
    rows: Sequence[GradeRow],
    comments: Mapping[tuple[str, str], str],
) -> Marks:
    titles = release_titles(site.course / "release" / check_name(assignment))
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

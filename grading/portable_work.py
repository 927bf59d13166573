"""What a student of an nbgrader course did, as attempts of a person here: read first, then written in a transaction."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from config.settings import Settings
from grading.engine.model import Marks
from grading.engine.portable_folder import list_attempts, list_inbound, read_files
from grading.engine.portable_rows import EPOCH, TABLES, Rows, Value, moment_of
from grading.engine_nbgrader import open_placement_at
from grading.filesets import Packed, pack_files, store_files
from grading.models import AssignmentRow, ExtensionRow, SubmissionRow, SubmissionState
from grading.results import record_marks, settle_result
from grading.submissions import Learner, move, receipt_of
from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.lti import public as lti

VIA = "nbgrader"
REASON = "As in the nbgrader course that it came from."
TEXT = "This attempt came from an earlier course without marks of its own. Your teacher can have it marked."


@dataclass(frozen=True)
class PastAttempt:
    """One attempt, read."""

    submitted_at: datetime
    files: Packed = field(repr=False)
    marks: Marks | None
    feedback: Packed = field(repr=False)


@dataclass
class PastWork:
    """All that one student did at the quizzes that are in the course here."""

    attempts: dict[str, list[PastAttempt]] = field(default_factory=dict)
    """By assignment, oldest first."""
    due_at: dict[str, datetime] = field(default_factory=dict)
    """Their own due dates, where they had more time than others."""


class WorkReader:
    """Reads the work of one student after another from a folder and its gradebook, before a transaction is opened."""

    def __init__(
        self, settings: Settings, placement: lti.Placement, root: Path, url: str, rows: Rows, quizzes: Iterable[str]
    ) -> None:
        """`root` has `submitted/` and so on, `url` is of the gradebook that has `rows`."""
        self._engine = open_placement_at(settings, placement, url)
        self._root, self._quizzes = root, set(quizzes)
        self._inbound = list_inbound(root)
        self._held: dict[tuple[str, str], tuple[Value, Value]] = {}
        names = {row[0]: str(row[1]) for row in rows["assignment"]}
        self._due = {str(name): due for _id, name, due, _course in rows["assignment"]}
        for row in rows["submitted_assignment"]:
            said = dict(zip(TABLES["submitted_assignment"], row, strict=True))
            key = str(said["student_id"]), names.get(said["assignment_id"], "")
            self._held[key] = said["timestamp"], said["extension"]

    def read(self, student: str) -> PastWork:
        """What one student did, by their id in that gradebook and those folders."""
        work = PastWork()
        for quiz in sorted(self._quizzes):
            attempts = self._read_quiz(student, quiz)
            if attempts:
                work.attempts[quiz] = attempts
            extension, due = self._held.get((student, quiz), (None, None))[1], self._due.get(quiz)
            if extension is not None and due is not None:
                more = moment_of(extension) - EPOCH
                if more > timedelta(0):
                    work.due_at[quiz] = moment_of(due) + more
        return work

    def _read_quiz(self, student: str, quiz: str) -> list[PastAttempt]:
        held = self._held.get((student, quiz))
        held_at = moment_of(held[0]) if held is not None and held[0] is not None else None
        inbound = self._inbound.get((student, quiz), [])
        found = []
        for attempt in list_attempts(self._root, student, quiz, inbound, held is not None, held_at):
            files = read_files(attempt.folder) if attempt.folder else {}
            marks = self._engine.read_marks(quiz, student) if attempt.is_marked else None
            pages = self._read_feedback(student, quiz) if marks is not None and marks.questions else {}
            has_marks = marks if marks is not None and marks.questions else None
            found.append(PastAttempt(attempt.submitted_at, pack_files(files), has_marks, pack_files(pages)))
        return found

    def _read_feedback(self, student: str, quiz: str) -> dict[str, bytes]:
        return read_pages(self._root / "feedback" / student / quiz)


def read_pages(folder: Path) -> dict[str, bytes]:
    """The marked notebooks in a folder that nbgrader made feedback in."""
    found = read_files(folder) if folder.is_dir() else {}
    return {path: content for path, content in found.items() if path.endswith(".html") and "/" not in path}


def record_work(
    tx: Tx, placement_id: int, person: lti.Person, work: PastWork, quizzes: Mapping[str, AssignmentRow], *, sends: bool
) -> int:
    """Write down what somebody did; they have handed in nothing here yet. Returns how many attempts.

    `sends`: their results go to the LMS.
    """
    who, number = Learner(placement_id, person.id), 0
    for quiz, due_at in work.due_at.items():
        tx.add(_extension(who, quizzes[quiz].id, due_at))
    for quiz, attempts in work.attempts.items():
        row = quizzes[quiz]
        for place, attempt in enumerate(attempts, 1):
            _record_attempt(tx, row, who, person.hub_name, place, attempt)
            number += 1
        tx.flush()
        settle_result(tx, row.id, who, sends=sends)
    return number


def _extension(who: Learner, assignment_id: int, due_at: datetime) -> ExtensionRow:
    return ExtensionRow(
        placement_id=who.placement_id,
        assignment_id=assignment_id,
        user_id=who.user_id,
        due_at=due_at,
        closes_at=None,
        more_attempts=0,
        reason=REASON,
        granted_at=clock.now(),
    )


def has_handed_in(tx: Tx, placement_id: int, user_id: int) -> bool:
    """Whether somebody has attempts in a placement."""
    mine = (SubmissionRow.placement_id == placement_id, SubmissionRow.user_id == user_id)
    return tx.scalar(select(SubmissionRow.id).where(*mine).limit(1)) is not None


def _record_attempt(
    tx: Tx, quiz: AssignmentRow, who: Learner, hub_name: str, number: int, attempt: PastAttempt
) -> None:
    name = f"{who.placement_id}:{quiz.id}:{who.user_id}:{attempt.submitted_at.isoformat()}"
    row = SubmissionRow(
        placement_id=who.placement_id,
        assignment_id=quiz.id,
        user_id=who.user_id,
        hub_name=hub_name,
        number=number,
        request_id=f"{VIA}-{hashlib.sha256(name.encode()).hexdigest()[:40]}",
        sha256=attempt.files.sha256,
        files=store_files(tx, attempt.files),
        receipt="",
        via=VIA,
        submitted_at=attempt.submitted_at,
        max_points=quiz.max_points,
        state=SubmissionState.QUEUED,
    )
    tx.add(row)
    tx.flush()
    row.receipt = receipt_of(row.sha256, row.id)
    if attempt.marks is not None:
        record_marks(tx, row, attempt.marks, attempt.feedback)
    else:
        move(row, SubmissionState.FAILED)
        row.text, row.marked_at = TEXT, clock.now()

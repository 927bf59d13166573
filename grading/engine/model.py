"""What marking a notebook quiz takes and gives: plain values, light to import."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

from grading.sandbox import Limits

QuestionKind = Literal["auto", "manual", "task"]
MarkOutcome = Literal[
    "graded",
    "needs_manual",
    "timed_out",
    "out_of_memory",
    "too_much_output",
    "kernel_died",
    "not_a_notebook",
    "missing_notebook",
    "limit_exceeded",
    "error",
]


HANDED_IN = (
    "Learners have submitted this assignment already, so its graded cells and notebooks "
    "cannot be added, removed or renamed. Change their text only, or make a new assignment."
)


class ContentError(ValueError):
    """A source notebook that cannot be released; says where and what to change."""

    def __init__(self, file: str, cell: str | None, message: str) -> None:
        super().__init__(": ".join(part for part in (file, cell, message) if part))
        self.file = file
        """The notebook, as `quiz-1/problem.ipynb`."""
        self.cell = cell
        """The cell, as `cell 3 ("add-tests")`, counted from 1; None if it is the whole file."""
        self.message = message


class NotReleased(LookupError):
    """The assignment is not in the gradebook: it has never been released."""


class Superseded(RuntimeError):
    """The gradebook holds a later attempt of the learner, which an earlier one never replaces."""


class ReleasedAnew(RuntimeError):
    """The assignment was released again since the attempt was run, so what came of it is of other tests."""


@dataclass(frozen=True)
class Question:
    """One graded cell of an assignment."""

    notebook: str
    """The notebook's name without `.ipynb`."""
    grade_id: str
    title: str
    """The nearest heading above the cell, or "Question N"."""
    max_score: Decimal
    kind: QuestionKind
    """auto: tests; manual: an answer that a person marks; task: a task that a person marks."""


@dataclass(frozen=True)
class Release:
    """The learners' version of an assignment."""

    assignment: str
    max_score: Decimal
    notebooks: tuple[str, ...]
    """Names without `.ipynb`."""
    questions: tuple[Question, ...]
    files: dict[str, bytes] = field(repr=False)
    """Every file a learner gets, by path inside the assignment."""


@dataclass(frozen=True)
class QuestionMark:
    """The mark for one question, as nbgrader's gradebook has it."""

    notebook: str
    grade_id: str
    title: str
    kind: QuestionKind
    max_score: Decimal
    auto_score: Decimal | None
    manual_score: Decimal | None
    """A person's mark; where there is one, it counts instead of the automatic one."""
    extra_credit: Decimal | None
    score: Decimal
    """What counts: manual or else automatic, plus extra credit; 0 while there is neither."""
    needs_manual: bool
    comment: str | None
    """The grader's comment, or nbgrader's "No response."."""


@dataclass(frozen=True)
class Marks:
    """All marks of one learner for one assignment."""

    assignment: str
    learner: str
    questions: tuple[QuestionMark, ...]
    late_penalty: Decimal
    total: Decimal
    """Sum of the scores less the late penalty, never below 0."""
    max_score: Decimal
    needs_manual: bool


@dataclass(frozen=True)
class Total:
    """One line of an assignment's list of marks."""

    score: Decimal
    max_score: Decimal
    needs_manual: bool
    submitted_at: datetime | None
    """When the attempt that the gradebook holds was submitted: it tells which one that is."""


@dataclass(frozen=True)
class Marking:
    """What came of marking one attempt."""

    outcome: MarkOutcome
    text: str
    """What happened and what to do, for the learner and the teacher alike."""
    marks: Marks | None
    """None: nothing of the attempt could be marked, and the gradebook is as it was before."""
    notebooks: dict[str, bytes] = field(repr=False)
    """The marked notebooks by file name. With hidden tests: for teachers only."""
    duration_s: float
    attempt: int
    suspicion: str | None = None
    """Why a teacher should look at it before its points count."""
    cell_ms: dict[str, int] = field(default_factory=dict)
    """How long each code cell ran, in milliseconds, by `<notebook>/<grade id>`; cells of the learner's own together,
    without a grade id. Those of less than a millisecond are left out."""


@dataclass(frozen=True)
class Story:
    """What happened to one notebook."""

    name: str
    """Its file name."""
    outcome: MarkOutcome
    detail: str = ""


@dataclass(frozen=True)
class Executed:
    """An attempt that was run by one version of the tests. No gradebook knows of it yet."""

    notebooks: dict[str, bytes] = field(repr=False)
    """With their outputs, by file name; those that could be read. None at all: it cannot be marked."""
    stories: tuple[Story, ...]
    basis: str
    """Checksum of the tests and the teacher's files that it was run with."""
    cell_ms: dict[str, int]
    """As in `Marking`."""
    suspicion: str | None = None
    """As in `Marking`."""


@dataclass(frozen=True)
class Given:
    """What a person gave one question of an attempt that the gradebook does not hold any more."""

    by_hand: Decimal | None
    """None: nothing, the tests decide."""
    extra_credit: Decimal | None
    comment: str | None


@dataclass(frozen=True)
class Scored:
    """What an executed attempt scores, marks given by hand included."""

    outcome: MarkOutcome
    text: str
    marks: Marks
    comments: Mapping[tuple[str, str], str]
    """By notebook and grade id, also of cells without points."""


@dataclass(frozen=True)
class Environment:
    """Where the cells of a notebook run; as it is made without anything: in this Python, with its packages."""

    folder: Path | None = None
    """A virtual environment of `environment_build`: its packages alone, and what a kernel needs behind them."""
    kernel: tuple[str, ...] = ()
    """The command of another kernel, with `{connection_file}` where that goes; empty: Python's own."""
    variables: tuple[tuple[str, str], ...] = ()
    """Environment variables that the kernel wants."""
    shown: tuple[Path, ...] = ()
    """Folders that it must be able to read, besides `/usr` and this Python."""

    @property
    def can_be_warm(self) -> bool:
        """Whether submissions can be forks of a warm process: of Python only."""
        return not self.kernel


@dataclass(frozen=True)
class MarkLimits:
    """What one submitted notebook may use while it is marked."""

    cell_s: float = 30.0
    """Seconds for one cell, nbgrader's default; then it is interrupted and fails."""
    notebook_s: float = 180.0
    """Seconds for all cells; cells that have not run by then fail."""
    memory_bytes: int = 1 << 30
    processes: int = 128
    file_bytes: int = 64 << 20
    disk_bytes: int = 256 << 20
    output_bytes: int = 10 << 20
    """What all cells of a notebook may print or show."""
    input_bytes: int = 20 << 20
    """Size of all submitted files."""
    warm: bool = True
    """Fork from a warm process where that gives the same outputs; False: always in a kernel of its own."""
    environment: Environment = Environment()
    warm_kept: int = 2
    """Warm processes that are kept at rest, of all environments together."""
    warm_bytes: int = 600 << 20
    """Memory of those, together; the last one used is kept in any case."""
    control_groups: tuple[Path, ...] = ()
    """Directories that are delegated for groups around sandboxes."""

    def sealed(self) -> Limits:
        """The limits of the sandbox, a little wider, so that the runner can report first."""
        return Limits(
            wall_s=self.notebook_s + 15,
            cpu_s=int(self.notebook_s) + 15,
            memory_bytes=self.memory_bytes,
            processes=self.processes,
            file_bytes=max(self.file_bytes, 4 * self.output_bytes),
            disk_bytes=self.disk_bytes + self.input_bytes + 4 * self.output_bytes,
            output_bytes=1 << 16,
            control_groups=self.control_groups,
        )


def question_kind(is_task: bool, is_answer: bool) -> QuestionKind:
    """Who marks a graded cell."""
    if is_task:
        return "task"
    return "manual" if is_answer else "auto"


def decimal(value: float | None) -> Decimal:
    """A score of nbgrader's (a float) as a decimal number of at most six places."""
    return Decimal(str(round(value or 0.0, 6))).normalize() + 0


def optional_decimal(value: float | None) -> Decimal | None:
    """The same, where there may be none."""
    return None if value is None else decimal(value)

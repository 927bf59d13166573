"""Make the learners' version of an assignment with nbgrader's own generate_assignment."""

import logging
import threading
from decimal import Decimal
from pathlib import Path

from traitlets.config import Config

from grading.engine.connection import patient_url
from grading.engine.files import check_name, locked, move_into_place, read_tree
from grading.engine.gradebook import ensure_database
from grading.engine.model import HANDED_IN, ContentError, Question, Release
from grading.engine.nbgrader_parts import ClearSolutions, CourseDirectory, GenerateAssignment, NbGraderException
from grading.engine.plan import load_plan, release_titles
from grading.engine.source_check import check_source

STUBS = {
    **ClearSolutions().code_stub,
    "bash": "# YOUR CODE HERE\nfalse",
    "julia": '# YOUR CODE HERE\nerror("No answer given")',
    "r": "# YOUR CODE HERE\nfail()",
}
"""What learners find in the place of a solution, by language; nbgrader's own, and others that kernels name so."""
_one_at_a_time = threading.Lock()
"""nbgrader's converters change the working directory of the process."""


def make_release(root: Path, db_url: str, course_id: str, assignment: str) -> Release:
    """Release (or release again) `source/<assignment>`; submissions and marks stay.

    Raises:
        ContentError: a notebook cannot be released; says which cell and why.
    """
    check_name(assignment)
    source = root / "source" / assignment
    check_source(source)
    ensure_database(db_url, course_id)
    with locked(root), _one_at_a_time:
        _generate(root, db_url, course_id, assignment)
    return read_release(root, db_url, assignment)


def read_release(root: Path, db_url: str, assignment: str) -> Release:
    """The release as it stands.

    Raises:
        NotReleased: there is none.
    """
    folder = root / "release" / check_name(assignment)
    plans = load_plan(db_url, assignment)
    graded = {
        (plan.name, cell.grade_id): cell
        for plan in plans
        for cell in plan.cells.values()
        if cell.is_graded or cell.is_task
    }
    questions = tuple(
        Question(
            notebook=key[0],
            grade_id=key[1],
            title=title,
            max_score=Decimal(str(graded[key].points or 0)),
            kind=graded[key].kind(),
        )
        for key, (_, title) in release_titles(folder).items()
        if key in graded
    )
    return Release(
        assignment=assignment,
        max_score=sum((q.max_score for q in questions), Decimal(0)),
        notebooks=tuple(plan.name for plan in plans),
        questions=questions,
        files=read_tree(folder),
    )


class _LastError(logging.Handler):
    """Keeps what nbgrader logs as an error: its exceptions say only "see above"."""

    def __init__(self) -> None:
        super().__init__(level=logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def _generate(root: Path, db_url: str, course_id: str, assignment: str) -> None:
    """Run nbgrader into a new folder, then put that in the old one's place."""
    fresh = f".new-{assignment}-release"
    log = logging.Logger("nbgrader.release", logging.ERROR)
    errors = _LastError()
    log.addHandler(errors)
    course = CourseDirectory(
        root=str(root.resolve()),
        db_url=patient_url(db_url),
        course_id=course_id,
        assignment_id=assignment,
        release_directory=f"release/{fresh}",
        log=log,
    )
    config = Config()
    config.IncludeHeaderFooter.header = _header(root)
    config.ClearSolutions.code_stub = STUBS
    converter = GenerateAssignment(coursedir=course, config=config, log=log)
    converter.force, converter.create_assignment = True, True
    try:
        converter.start()
    except (NbGraderException, SystemExit) as error:
        raise ContentError(f"{assignment}/", None, _plain_reason(errors.messages)) from error
    # nbgrader wrote <release_directory>/./<assignment>; what is left of it goes, too
    move_into_place(root / "release" / fresh / assignment, root / "release" / assignment)


def _header(root: Path) -> str:
    """The course's own header notebook, if it has one (as nbgrader's quickstart does)."""
    header = root / "source" / "header.ipynb"
    return str(header.resolve()) if header.is_file() else ""


def _plain_reason(messages: list[str]) -> str:
    """The line of nbgrader's log that says what is wrong."""
    text = "\n".join(messages)
    if "submissions associated with" in text:
        return HANDED_IN
    lines = [line for line in text.splitlines() if line[:1].strip() and ": " in line]
    reason = next((line for line in lines if not line.startswith(("Traceback", "There was"))), "")
    return f"nbgrader could not make the learners' version. {reason}".strip()

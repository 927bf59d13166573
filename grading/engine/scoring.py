"""Write scores and comments with nbgrader's own rules, inside one transaction."""

import logging
from collections.abc import Iterable, Mapping
from types import SimpleNamespace

from traitlets.config import Config

from grading.engine.learner_rows import CommentOf, GradeOf, LearnerRows, NotebookOf
from grading.engine.model import Given
from grading.engine.nbgrader_parts import AssignLatePenalties, Notebook, SaveAutoGrades, utils

log = logging.getLogger(__name__)


def save_marks(
    rows: LearnerRows,
    learner: str,
    notebooks: Mapping[str, Notebook | None],
    is_repeat: bool,
    config: Config,
) -> None:
    """Save the marks of every notebook; None stands for one that could not be read.

    `is_repeat`: this very attempt was marked before, so what a person has settled since then
    stays settled. (nbgrader flags every mark given by hand whenever it marks again.)
    """
    for name, notebook in notebooks.items():
        submitted = rows.notebooks[name]
        before = {key: (g.auto_score, g.manual_score, g.needs_manual_grade) for key, g in submitted.grades.items()}
        if notebook is None:
            for grade in submitted.grades.values():
                grade.auto_score, grade.needs_manual_grade = 0, grade.manual_score is not None
        else:
            _forget_deleted(submitted, notebook)
            _save_cells(_Gradebook(submitted), name, notebook)
        if is_repeat:
            for key, grade in submitted.grades.items():
                auto, manual, needs = before[key]
                if manual is not None and not needs and auto == grade.auto_score:
                    grade.needs_manual_grade = False
        submitted.late_submission_penalty = None
        if rows.seconds_late > 0:
            _assign_late_penalty(learner, submitted, rows.seconds_late, config)
    rows.write()


def recall(rows: LearnerRows, names: Iterable[str], given: Mapping[tuple[str, str], Given]) -> None:
    """Have the learner's rows say what a person gave another attempt of theirs; for a rehearsal only."""
    for name in names:
        for key, grade in rows.notebooks[name].grades.items():
            known = given.get((name, key), NOTHING_GIVEN)
            grade.manual_score = None if known.by_hand is None else float(known.by_hand)
            grade.extra_credit = None if known.extra_credit is None else float(known.extra_credit)
        for key, comment in rows.notebooks[name].comments.items():
            comment.manual_comment = given.get((name, key), NOTHING_GIVEN).comment


def leave_settled(rows: LearnerRows, names: Iterable[str]) -> None:
    """Ask nobody to look again at marks given by hand: in an attempt that formgrader does not show nobody could."""
    for name in names:
        for grade in rows.notebooks[name].grades.values():
            if grade.manual_score is not None:
                grade.needs_manual_grade = False
    rows.write()


NOTHING_GIVEN = Given(None, None, None)


class _Gradebook:
    """Stands for nbgrader's `Gradebook` where it saves marks: one notebook's rows, written at the end."""

    def __init__(self, submitted: NotebookOf) -> None:
        self.submitted = submitted
        self.db = SimpleNamespace(commit=lambda: None)

    def find_grade(self, name: str, *_: str) -> GradeOf:
        return self.submitted.grades[name]

    def find_comment(self, name: str, *_: str) -> CommentOf:
        return self.submitted.comments[name]


def _forget_deleted(submitted: NotebookOf, notebook: Notebook) -> None:
    """A graded cell that the learner deleted has no automatic mark; a person decides.

    Stock nbgrader would leave the mark of the attempt before.
    """
    present = {cell.metadata["nbgrader"]["grade_id"] for cell in notebook.cells if "nbgrader" in cell.metadata}
    for name, grade in submitted.grades.items():
        if name not in present:
            grade.auto_score, grade.needs_manual_grade = None, True


def _save_cells(rows: _Gradebook, name: str, notebook: Notebook) -> None:
    save = SaveAutoGrades()
    save.gradebook, save.notebook_id = rows, name
    save.assignment_id = save.student_id = ""
    for index, cell in enumerate(notebook.cells):
        try:
            save.preprocess_cell(cell, {}, index)
        except (KeyError, ValueError) as error:
            # a test returned more than its points, or nothing printable: nbgrader gives up here
            log.warning("score_unclear notebook=%s reason=%s", name, type(error).__name__)
            if utils.is_grade(cell):
                grade = rows.find_grade(cell.metadata["nbgrader"]["grade_id"])
                grade.auto_score, grade.needs_manual_grade = None, True


def _assign_late_penalty(learner: str, submitted: NotebookOf, late_s: float, config: Config) -> None:
    """Nbgrader's AssignLatePenalties, on our rows."""
    penalties = AssignLatePenalties(config=config)
    penalties.init_plugin()
    penalty = penalties.plugin_inst.late_submission_penalty(learner, submitted.score, late_s)
    if penalty is not None:
        submitted.late_submission_penalty = penalties._check_late_penalty(submitted, penalty)

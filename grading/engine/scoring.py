"""Write scores and comments with nbgrader's own rules, inside one transaction."""

import logging
from collections.abc import Mapping
from typing import Any

from traitlets.config import Config

from grading.engine.nbgrader_parts import AssignLatePenalties, Notebook, SaveAutoGrades, utils

log = logging.getLogger(__name__)


def save_marks(
    gradebook: Any,
    assignment: str,
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
        submitted = gradebook.find_submission_notebook(name, assignment, learner)
        before = {g.name: (g.auto_score, g.manual_score, g.needs_manual_grade) for g in submitted.grades}
        if notebook is None:
            for grade in submitted.grades:
                grade.auto_score, grade.needs_manual_grade = 0, grade.manual_score is not None
        else:
            _forget_deleted(submitted, notebook)
            _save_cells(gradebook, assignment, learner, name, notebook)
        if is_repeat:
            for grade in submitted.grades:
                auto, manual, needs = before[grade.name]
                if manual is not None and not needs and auto == grade.auto_score:
                    grade.needs_manual_grade = False
        gradebook.db.flush()
        gradebook.db.refresh(submitted)
        _assign_late_penalty(gradebook, assignment, learner, submitted, config)


def _forget_deleted(submitted: Any, notebook: Notebook) -> None:
    """A graded cell that the learner deleted has no automatic mark; a person decides.

    Stock nbgrader would leave the mark of the attempt before.
    """
    present = {cell.metadata["nbgrader"]["grade_id"] for cell in notebook.cells if "nbgrader" in cell.metadata}
    for grade in submitted.grades:
        if grade.name not in present:
            grade.auto_score, grade.needs_manual_grade = None, True


def _save_cells(gradebook: Any, assignment: str, learner: str, name: str, notebook: Notebook) -> None:
    save = SaveAutoGrades()
    save.gradebook, save.notebook_id = gradebook, name
    save.assignment_id, save.student_id = assignment, learner
    for index, cell in enumerate(notebook.cells):
        try:
            save.preprocess_cell(cell, {}, index)
        except (KeyError, ValueError) as error:
            # a test returned more than its points, or nothing printable: nbgrader gives up here
            log.warning("score_unclear notebook=%s reason=%s", name, type(error).__name__)
            if utils.is_grade(cell):
                grade_id = cell.metadata["nbgrader"]["grade_id"]
                grade = gradebook.find_grade(grade_id, name, assignment, learner)
                grade.auto_score, grade.needs_manual_grade = None, True


def _assign_late_penalty(gradebook: Any, assignment: str, learner: str, submitted: Any, config: Config) -> None:
    """Nbgrader's AssignLatePenalties, on our transaction."""
    penalties = AssignLatePenalties(config=config)
    penalties.init_plugin()
    submitted.late_submission_penalty = None
    late_s = gradebook.find_submission(assignment, learner).total_seconds_late
    if late_s > 0:
        penalty = penalties.plugin_inst.late_submission_penalty(learner, submitted.score, late_s)
        if penalty is not None:
            checked = penalties._check_late_penalty(submitted, penalty)
            submitted.late_submission_penalty = checked
    gradebook.db.flush()

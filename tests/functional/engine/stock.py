"""Stock nbgrader's own autograde, unsealed, for comparison."""

import logging
from pathlib import Path
from typing import Any

import pytest

from grading.engine.course import CourseRoot


def mark_with_nbgrader(course: CourseRoot, assignment: str, learner: str, config_dir: Path, cell_s: float) -> Any:
    """Mark what lies in the course's `submitted` folder; what nbgrader's API says of it."""
    from nbgrader.apps.api import NbGraderAPI
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config

    place = CourseDirectory(root=str(course.path), course_id="default_course", db_url=course.gradebook_url())
    config = Config({"Execute": {"timeout": int(cell_s), "shutdown_kernel": "immediate", "iopub_timeout": 30}})
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("JUPYTER_CONFIG_DIR", str(config_dir))
        patched.delenv("PYTEST_CURRENT_TEST", raising=False)  # ipykernel would not catch what goes to descriptors
        logging.getLogger("traitlets").setLevel(logging.CRITICAL)
        return NbGraderAPI(coursedir=place, config=config).autograde(assignment, learner)

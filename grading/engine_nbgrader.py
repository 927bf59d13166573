"""The real engine: nbgrader's rules over the course folder."""

from datetime import datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from config.settings import Settings
from grading.engine.model import Release
from grading.engine.source_check import find_problems
from grading.engine_port import MarkingEngine

if TYPE_CHECKING:
    from grading.engine.course import CourseRoot


def open_course_root(settings: Settings, course_slug: str) -> MarkingEngine:
    """The engine of a course."""
    return _course_root()(settings.courses_dir / course_slug, settings.gradebook_url(course_slug))


def make_release(root: Path, gradebook_url: str, assignment: str, *, due_at: datetime | None = None) -> Release:
    """Make nbgrader's release version of an assignment, and tell the gradebook when it is due: formgrader shows it.

    Raises: ContentError: names file and cell.
    """
    course = _course_root()(root, gradebook_url)
    release = course.make_release(assignment)
    course.set_due_date(assignment, due_at)
    return release


def list_source_problems(folder: Path) -> list[str]:
    """What keeps the source notebooks of `source/<assignment>` from being released; each names file and cell."""
    return [str(problem) for problem in find_problems(folder)]


def copy_gradebook_structure(gradebook_url: str, to_url: str) -> None:
    """Copy a gradebook without its marks into a new SQLite file, to try releases on."""
    _gradebook_module().copy_structure(gradebook_url, to_url)


@cache
def _gradebook_module() -> ModuleType:
    return import_module("grading.engine.gradebook")


@cache
def _course_root() -> "type[CourseRoot]":
    """Loaded when it is first needed: nbgrader takes seconds to import, and the web server never marks."""
    found: type[CourseRoot] = import_module("grading.engine.course").CourseRoot
    return found

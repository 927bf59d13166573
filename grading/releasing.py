"""Making releases of quizzes and giving them to every placement of a course. Used by imports, not by the web server."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from config.settings import Settings
from grading.engine.files import locked
from grading.engine.model import Release
from grading.engine.source_check import find_problems
from lti_tool.kernel.crashpoints import reach


def make_release(root: Path, assignment: str, *, due_at: datetime | None = None) -> Release:
    """Make nbgrader's release version of `source/<assignment>` in a folder, and what gradebooks are to follow.

    Raises: ContentError: names file and cell.
    """
    course = import_module("grading.engine.course").CourseRoot(root, _installing().structure_url_of(root))
    release: Release = course.make_release(assignment)
    course.set_due_date(assignment, due_at)
    return release


def list_source_problems(folder: Path) -> list[str]:
    """What keeps the source notebooks of `source/<assignment>` from being released; each names file and cell."""
    return [str(problem) for problem in find_problems(folder)]


@dataclass(frozen=True)
class CourseChange:
    """A course that nobody marks in, and that no gradebook follows, while it is changed."""

    _root: Path

    def list_misfits(self, fresh: Path) -> list[tuple[int, str]]:
        """(placement id, assignment) wherever the version in a folder does not fit what was handed in."""
        return list(_installing().list_misfits(self._root, fresh))

    def install(self, fresh: Path) -> tuple[list[int], str]:
        """Make the version in a folder the course's, and have every gradebook follow. The folder is gone then.

        Returns the placements that have a gradebook, and the checksum of what they follow now.
        """
        _installing().put_next(self._root, fresh)
        reach("import.sources")
        _installing().complete(self._root)
        reach("import.released")
        followed: tuple[list[int], str] = _installing().follow_everywhere(self._root)
        reach("import.followed")
        return followed


@contextmanager
def changing_course(settings: Settings, course_slug: str) -> Iterator[CourseChange]:
    """Hold a course among all processes of this machine, and complete what an import that was killed has begun."""
    root = settings.course_dir(course_slug)
    with locked(root):
        _installing().complete(root)
        yield CourseChange(root)


@cache
def _installing() -> ModuleType:
    """Loaded when it is first needed: nbgrader takes seconds to import."""
    return import_module("grading.engine.installing")

"""Making releases of quizzes and giving them to every placement of a course.

The web server has it done by `releasing_apart`: nbgrader changes the working directory of its process.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from grading.engine.files import locked
from grading.engine.model import ContentError, Release
from grading.engine.source_check import find_kernel_name, find_kernel_problems, find_problems
from lti_tool.kernel.crashpoints import reach


@dataclass(frozen=True)
class Installation:
    """What came of a version of a course: it is the course's now, or something is wrong and nothing was changed."""

    problems: list[str] = field(default_factory=list)
    """Why it cannot be released; each names the file from the course folder on, and the cell."""
    misfits: list[tuple[int, str]] = field(default_factory=list)
    """(placement id, assignment) wherever it does not fit what was handed in."""
    releases: dict[str, Release] = field(default_factory=dict)
    """By assignment."""
    followed: list[int] = field(default_factory=list)
    """Placements whose gradebooks follow it now."""
    structure_sha256: str = ""
    """Checksum of what they follow."""


def install_quizzes(
    root: Path,
    fresh: Path,
    due_at: Mapping[str, datetime | None],
    *,
    others_stay: bool = False,
    only_tries: bool = False,
) -> Installation:
    """Release quizzes of the folder `fresh`, which has their `source/`, and make it the course's version: all or none.

    Every gradebook of the course is asked first. `due_at` has each quiz by assignment. `others_stay`: the course keeps
    its other quizzes and its header as they are; else they are no part of it any more. `only_tries`: the course stays
    as it is, and what was made stays in `fresh`. Raises: OSError.
    """
    if others_stay:
        with changing_course(root):
            _begin_with(root, fresh)
    releases, problems = {}, []
    for name, due in due_at.items():
        try:
            releases[name] = make_release(fresh, name, due_at=due)
        except ContentError as error:
            problems.append(f"source/{error}")
        except OSError as error:
            problems.append(f"{error.filename}: cannot be read or written ({error.strerror}).")
    if problems:
        return Installation(problems=problems)
    with changing_course(root) as change:
        misfits = change.list_misfits(fresh)
        if only_tries:
            return Installation(misfits=misfits, releases=releases)
        if misfits:
            return Installation(misfits=misfits)
        followed, structure_sha256 = change.install(fresh)
    return Installation(releases=releases, followed=followed, structure_sha256=structure_sha256)


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


def list_kernel_problems(folder: Path, kernel: str) -> list[str]:
    """Which of its notebooks are written for another kernel than they are marked with; empty: Python."""
    return [str(problem) for problem in find_kernel_problems(folder, kernel)]


def find_source_kernel(folder: Path) -> str:
    """The kernel that the notebooks of `source/<assignment>` are written for; empty: Python."""
    return find_kernel_name(folder)


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
def changing_course(root: Path) -> Iterator[CourseChange]:
    """Hold a course among all processes of this machine, and complete what an import that was killed has begun."""
    with locked(root):
        _installing().complete(root)
        yield CourseChange(root)


def _begin_with(root: Path, fresh: Path) -> None:
    """What the course has besides the quizzes that are released in `fresh`."""
    for name in (_installing().STRUCTURE, str(_installing().HEADER)):
        if (root / name).is_file():
            (fresh / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(root / name, fresh / name)


@cache
def _installing() -> ModuleType:
    """Loaded when it is first needed: nbgrader takes seconds to import."""
    return import_module("grading.engine.installing")

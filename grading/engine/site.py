"""Where the parts of one gradebook's course are, who waits for whom, and when the gradebook is up to date."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from grading.engine.connection import exists
from grading.engine.files import locked, read_tree
from grading.engine.installing import complete, is_incomplete
from grading.engine.model import NotReleased
from grading.engine.plan import NotebookPlan, read_plans
from grading.engine.structure import (
    Structure,
    bring_up_to,
    find_structure,
    load_structures,
    require_plan,
    sha256_of,
)

OWN_FOLDERS = ("gradebook", "submitted", "autograded", "feedback")
"""What belongs to one placement alone; nbgrader's other folders are shared by all placements of a course."""


@dataclass(frozen=True)
class Site:
    """The folders and databases that marking works on.

    Locks: who changes a gradebook holds the course's lock shared and then the gradebook's own, so that different
    gradebooks do not wait for each other; who changes the course (an import) holds the course's lock alone.
    """

    course: Path
    """Has `source/` and `release/`."""
    work: Path
    """Has `submitted/` and `autograded/`; the same folder where a course has one gradebook only."""
    gradebook_url: str
    structure_url: str = ""
    """The gradebook without learners that this one follows; empty: releases are made in this one itself."""

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else changes this gradebook or the course meanwhile."""
        if self.work == self.course:
            with locked(self.course):
                yield
            return
        while True:
            if is_incomplete(self.course):  # an import was killed
                with locked(self.course):
                    complete(self.course)
            with locked(self.course, shared=True), locked(self.work):
                if not is_incomplete(self.course):
                    yield
                    return

    def prepare(self) -> str:
        """Bring the gradebook up to the course's release; returns the checksum of what it is up to.

        Raises:
            Misfit: the release does not fit what was handed in. An import finds that out before it changes anything.
        """
        with self.held():
            wanted = load_structures(self.structure_url or self.gradebook_url)
            if self.structure_url and wanted:
                self._follow(wanted)
        return sha256_of(wanted)

    def read(self, assignment: str) -> tuple[list[NotebookPlan], dict[str, bytes]]:
        """The notebooks of an assignment as released last, and the teacher's files.

        Raises:
            NotReleased: there is none, or an import was killed while it put the files in place.
        """
        with self.held():
            wanted = find_structure(self.structure_url, assignment) if self.structure_url else None
            if wanted is not None:
                self._follow({assignment: wanted})
            # the gradebook follows the course's, so what was read there need not be read again
            followed = list(wanted.notebooks) if wanted is not None else []
            plan = followed or require_plan(self.gradebook_url, assignment)
            source = self.course / "source" / assignment
            if not source.is_dir():
                raise NotReleased(f"The folder {source} is not there. Import the course again to complete it.")
            return plan, read_tree(source)

    def is_current(self, assignment: str, plan: list[NotebookPlan], session: Session) -> bool:
        """Whether this is still the plan to mark by; to be asked while the site is held.

        `session`: of its gradebook.
        """
        if not plan or read_plans(session, assignment) != plan:
            return False
        wanted = find_structure(self.structure_url, assignment) if self.structure_url else None
        return wanted is None or list(wanted.notebooks) == plan

    def is_there(self) -> bool:
        """Whether there is a gradebook yet."""
        return exists(self.gradebook_url)

    def _follow(self, wanted: dict[str, Structure]) -> None:
        for name in OWN_FOLDERS:
            (self.work / name).mkdir(parents=True, exist_ok=True)
        have = load_structures(self.gradebook_url, wanted)
        behind = {name: structure for name, structure in wanted.items() if have.get(name) != structure}
        if behind or not self.is_there():
            bring_up_to(self.gradebook_url, behind)

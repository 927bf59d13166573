"""One nbgrader gradebook with its course on disk: release, mark, read marks, render feedback."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from grading.engine import feedback, forgetting, gradebook, marking, release, remarking
from grading.engine.files import check_name
from grading.engine.model import Executed, Given, Marking, MarkLimits, Marks, Release, Scored, Total
from grading.engine.site import Site


@dataclass(frozen=True)
class CourseRoot:
    """A folder with `source/`, where nbgrader's other folders and its gradebook come to be.

    With `work` it is one of several gradebooks of the course: it takes its structure from the course's, and its
    learners' files and marks are in a folder of its own.

    Importing this module takes about a second (nbgrader); `grading.engine.model` does not.
    Marking is safe in several processes at once. Releasing changes the working directory of the
    process for a moment, as nbgrader does, and so wants a process without other threads at work.
    """

    path: Path
    db_url: str = ""
    """The gradebook; by default SQLite, `gradebook/gradebook.db` in the folder (or in `work`)."""
    course_id: str = "default_course"
    late_penalty: Literal["none", "zero"] = "none"
    """nbgrader's rule for late submissions: no penalty, or no points."""
    work: Path | None = None
    """Folder of `submitted/`, `autograded/` and the gradebook, where a course has several."""
    structure_url: str = ""
    """With `work`: the gradebook without learners that the course is released into."""

    def gradebook_url(self) -> str:
        """The URL of the gradebook."""
        return self.db_url or f"sqlite:///{(self.work or self.path).resolve()}/gradebook/gradebook.db"

    @property
    def site(self) -> Site:
        """Where everything is."""
        return Site(self.path, self.work or self.path, self.gradebook_url(), self.structure_url)

    def prepare(self) -> str:
        """Bring a placement's gradebook up to the course's release; returns the checksum of that release."""
        return self.site.prepare()

    def make_release(self, assignment: str) -> Release:
        """Make the learners' version of `source/<assignment>`; marks and submissions stay.

        Raises:
            ContentError: a notebook cannot be released; says which cell, why, and what to do.
        """
        return release.make_release(self.path, self.gradebook_url(), self.course_id, assignment)

    def read_release(self, assignment: str) -> Release:
        """The learners' version as it stands.

        Raises:
            NotReleased: there is none.
        """
        return release.read_release(self.path, self.gradebook_url(), assignment)

    def set_due_date(self, assignment: str, due: datetime | None) -> None:
        """When submissions of a released assignment become late; `due` has a time zone."""
        gradebook.set_due_date(self.gradebook_url(), assignment, due)

    def mark(
        self,
        assignment: str,
        learner: str,
        files: Mapping[str, bytes],
        *,
        submitted_at: datetime,
        attempt: int,
        limits: MarkLimits | None = None,
    ) -> Marking:
        """Mark an attempt and store it; to do so again changes nothing.

        The gradebook holds one attempt, the latest that could be marked. Problems of the submission
        are outcomes, not exceptions.

        Raises:
            NotReleased: the assignment has no release.
            Superseded: a later attempt is in the gradebook; nothing was stored.
            SandboxUnavailable: bubblewrap is missing; nothing was stored.
            SandboxBroken: no kernel starts in the sandbox; nothing was stored.
        """
        return marking.mark(
            self.site,
            assignment,
            learner,
            files,
            submitted_at=submitted_at,
            attempt=attempt,
            limits=limits or MarkLimits(),
            late_penalty=self.late_penalty,
        )

    def execute(self, assignment: str, files: Mapping[str, bytes], *, limits: MarkLimits | None = None) -> Executed:
        """Run an attempt as `mark` does, and leave the gradebook alone. Raises as `mark` does, but for `Superseded`."""
        return remarking.execute_attempt(self.site, assignment, files, limits or MarkLimits())

    def weigh(
        self,
        assignment: str,
        learner: str,
        executed: Executed,
        *,
        submitted_at: datetime,
        attempt: int,
        given: Mapping[tuple[str, str], Given],
    ) -> Scored:
        """What an executed attempt would score; the gradebook is as it was before.

        Raises:
            ReleasedAnew: it was run by other tests than those of now.
        """
        return remarking.weigh(
            self.site,
            assignment,
            learner,
            executed,
            submitted_at=submitted_at,
            attempt=attempt,
            given=given,
            late_penalty=self.late_penalty,
        )

    def put(
        self,
        assignment: str,
        learner: str,
        executed: Executed,
        files: Mapping[str, bytes],
        *,
        submitted_at: datetime,
        attempt: int,
        limits: MarkLimits | None = None,
    ) -> Scored:
        """Store an executed attempt, as `mark` would; to do so again changes nothing.

        Raises:
            ReleasedAnew: it was run by other tests than those of now.
            Superseded: a later attempt is in the gradebook; nothing was stored.
        """
        return remarking.put(
            self.site,
            assignment,
            learner,
            executed,
            files,
            submitted_at=submitted_at,
            attempt=attempt,
            limits=limits or MarkLimits(),
            late_penalty=self.late_penalty,
        )

    def render_executed(
        self, assignment: str, executed: Executed, files: Mapping[str, bytes], scored: Scored
    ) -> dict[str, bytes]:
        """The pages of an executed attempt, as `render_feedback` makes them of the one in the gradebook."""
        return remarking.render_executed(self.site, assignment, executed, files, scored)

    def read_marks(self, assignment: str, learner: str) -> Marks:
        """The marks in the gradebook now, formgrader's included; two queries."""
        return marking.read_marks(self.site, assignment, learner)

    def list_totals(self, assignment: str) -> dict[str, Total]:
        """Every learner's total, in one query; none where there is no gradebook yet."""
        return gradebook.list_totals(self.gradebook_url(), assignment) if self.site.is_there() else {}

    def forget(self, learner: str) -> None:
        """Remove a learner's marks, comments and notebooks; safe to repeat."""
        forgetting.forget(self.site, learner)

    def render_feedback(self, assignment: str, learner: str) -> dict[str, bytes]:
        """The marked notebooks as pages for the learner, by file name (`quiz-1.html`).

        Self-contained, without scripts, and without anything of the hidden tests.
        """
        marks = self.read_marks(assignment, learner)
        folder = self.site.work / "autograded" / check_name(learner) / check_name(assignment)
        return feedback.render_feedback(self.gradebook_url(), folder, marks)

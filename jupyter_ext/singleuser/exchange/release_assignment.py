"""`nbgrader release_assignment`: the quiz as it stands in `source`, through the whole check that Publish makes."""

import time
from pathlib import Path

from nbgrader.exchange.abc import ExchangeReleaseAssignment as AbstractReleaseAssignment
from traitlets import Bool, Float

from jupyter_ext.singleuser.contract import (
    SourceRelease,
    SourceReleased,
    begin_release,
    look_at_release,
    release_checked,
)
from jupyter_ext.singleuser.exchange.base import Exchange
from jupyter_ext.singleuser.fileset import FileSetError, read_folder

_PAUSES_S = (0.2, 0.3, 0.5)
"""Between the first questions how far it is; then the last one."""


class ExchangeReleaseAssignment(Exchange, AbstractReleaseAssignment):
    """Release a quiz. The tool makes the learners' version itself: `source` is what it takes."""

    accept_warnings = Bool(False, help="Release in spite of what the check warns of.").tag(config=True)

    patience_s = Float(1800, help="How long to wait for a check, in seconds. It goes on without the command.").tag(
        config=True
    )

    def init_src(self) -> None:
        """Read the source."""
        place = self.place()
        source = self._folder(self.coursedir.source_directory)
        if not source.is_dir():
            if self._folder(self.coursedir.release_directory).is_dir():
                self.refuse(
                    f"Assignment found in '{self._folder(self.coursedir.release_directory)}' but not '{source}': "
                    "Coursebridge makes the learners' version itself, from the notebooks with solutions and tests."
                )
            self.refuse(f"Assignment not found at: {source}")
        try:
            self.files = read_folder(source)
        except FileSetError as error:
            self.refuse(str(error))
        self.log.info("Source: %s", source)
        self.log.info("Destination: %s %s", place.course, place.assignment)

    def copy_files(self) -> None:
        """Have it checked and put in place, and say what learners have now."""
        place = self.place()
        way = self.ask(begin_release(place.course, place.assignment, self.files, force=self.force))
        if way.is_busy:
            self.log.info("Checking it: the solution is run, then what learners would get. This takes a moment.")
        way = self._wait(way)
        if way.stage == "checked":
            self._read_check(way)
            way = self._wait(
                self.ask(release_checked(place.course, place.assignment, way.sha256, confirmed=self.accept_warnings))
            )
        if way.released is None:
            self.refuse(f"Not released. {way.said}".strip())
        self._tell(way.released)

    def _wait(self, way: SourceRelease) -> SourceRelease:
        """Until the tool has done what it is at."""
        place, end, said, pauses = self.place(), time.monotonic() + self.patience_s, "", list(_PAUSES_S)
        sha256 = way.sha256
        while way.is_busy:
            if time.monotonic() > end:
                self.refuse("It is not done yet, and goes on without you. Give the command again to see how it ends.")
            time.sleep(pauses.pop(0) if len(pauses) > 1 else pauses[0])
            way = self.ask_patiently(look_at_release(place.course, place.assignment))
            if way.sha256 != sha256:
                self.refuse("Not released: you have sent another version of this quiz meanwhile, from elsewhere.")
            if way.is_busy and way.said not in ("", said):
                said = way.said
                self.log.info("It waits: %s", said)
        return way

    def _read_check(self, way: SourceRelease) -> None:
        """Say what the check found. Raises: ExchangeError: it cannot be released so."""
        if way.said:
            self.refuse(f"Not released. {way.said}")
        for text in way.errors:
            self.log.error("To be put right: %s", text)
        for text in way.warnings:
            self.log.warning("Worth a look: %s", text)
        if way.errors:
            self.refuse("Not released: put this right in source, then give the command again. Learners notice nothing.")
        if way.warnings and not self.accept_warnings:
            self.refuse(
                "Not released: put right what is worth a look, or give the command again with "
                "--ExchangeReleaseAssignment.accept_warnings=True"
            )
        for text in way.news:
            self.log.info("%s", text)

    def _tell(self, done: SourceReleased) -> None:
        place = self.place()
        if done.is_draft:
            self.log.warning(
                "%s is new in the course and a draft at its end. Give it its title, place and dates in the editor, "
                "then publish it there, or release it again: %s %s (%g points)",
                *(place.assignment, place.course, place.assignment, done.max_score),
            )
            return
        if not done.is_new:
            self.log.info("Learners have it already, as it is here.")
        if done.opens_at is not None:
            self.log.warning("Learners get it from %s on", self.shown_time(done.opens_at))
        if not done.is_course_shown:
            self.log.warning("The course is a draft: learners see nothing of it until it is published in your LMS")
        self.log.info("Released as: %s %s (%g points)", place.course, place.assignment, done.max_score)

    def _folder(self, step: str) -> Path:
        return Path(self.coursedir.format_path(step, ".", self.place().assignment))

"""`nbgrader release_assignment`: the quiz as it stands in `source`, through the checks of the course's editor."""

from pathlib import Path

from nbgrader.exchange.abc import ExchangeReleaseAssignment as AbstractReleaseAssignment

from jupyter_ext.singleuser.contract import release_source
from jupyter_ext.singleuser.exchange.base import Exchange
from jupyter_ext.singleuser.fileset import FileSetError, read_folder


class ExchangeReleaseAssignment(Exchange, AbstractReleaseAssignment):
    """Release a quiz. The tool makes the learners' version itself: `source` is what it takes."""

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
        """Send it, and say what learners have now."""
        place = self.place()
        done = self.ask(release_source(place.course, place.assignment, self.files, force=self.force))
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

"""`nbgrader release_feedback`: what the gradebook says now reaches the learners, marks and comments by hand too."""

from pathlib import Path

from nbgrader.exchange.abc import ExchangeReleaseFeedback as AbstractReleaseFeedback

from jupyter_ext.singleuser.contract import release_feedback
from jupyter_ext.singleuser.exchange.class_work import ClassExchange, tell_feedback


class ExchangeReleaseFeedback(ClassExchange, AbstractReleaseFeedback):
    """Have the tool make the feedback from the gradebook anew. It releases it by itself as soon as there are marks."""

    def init_src(self) -> None:
        """Find whose."""
        self.attempts = self.find_attempts()

    def copy_files(self) -> None:
        """Ask for it, and say how far everybody's is."""
        place = self.place()
        if not self.attempts:
            self.log.warning("No submissions of '%s' for course '%s'", place.assignment, place.course)
            return
        made = Path(self.coursedir.format_path(self.coursedir.feedback_directory, "*", place.assignment))
        if any(Path(made.anchor).glob(str(made.relative_to(made.anchor) / "*.html"))):
            self.log.warning("The pages in %s are not sent: Coursebridge makes them from the gradebook", made)
        count = self.ask(release_feedback(place.course, place.assignment, list(self.attempts)))
        for learner, attempts in self.attempts.items():
            self.log.info(
                "%s %s attempt %d: %s", learner, place.assignment, attempts[-1].number, tell_feedback(attempts[-1])
            )
        self.log.info("Learners whose feedback follows the gradebook within seconds: %d", count)

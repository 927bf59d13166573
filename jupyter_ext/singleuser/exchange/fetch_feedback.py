"""`nbgrader fetch_feedback`: the marked notebooks of every attempt that has them."""

from nbgrader.exchange.abc import ExchangeFetchFeedback as AbstractFetchFeedback

from jupyter_ext.singleuser.contract import get_feedback
from jupyter_ext.singleuser.exchange.base import Exchange, name_times
from jupyter_ext.singleuser.exchange.feedback_folder import feedback_folder, write_feedback
from jupyter_ext.singleuser.fileset import FileSetError


class ExchangeFetchFeedback(Exchange, AbstractFetchFeedback):
    """Fetch the feedback of one assignment."""

    def init_src(self) -> None:
        """Find the attempts."""
        self.require_self()
        self.assignment = self.get_assignment()

    def copy_files(self) -> None:
        """Write each attempt's feedback into its own folder, over what was fetched before."""
        place = self.place()
        times = name_times(self.assignment.attempts)
        for attempt in self.assignment.attempts:
            name = f"{place.course}/{place.assignment}, attempt {attempt.number} of {times[attempt.number]}"
            if not attempt.has_feedback:
                self.log.warning("No feedback yet for %s", name)
                continue
            files = self.ask(get_feedback(place.course, place.assignment, attempt.number))
            try:
                written = write_feedback(feedback_folder(self.folder(place), times[attempt.number]), attempt, files)
            except (FileSetError, OSError) as error:
                self.refuse(f"The feedback for {name} cannot be saved: {error}")
            for path in written:
                self.log.info("Fetched feedback: %s", path)

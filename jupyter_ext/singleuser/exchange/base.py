"""What all exchange classes share: the tool, the folders, the times, and errors that nbgrader understands."""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn, TypeVar

from nbgrader.exchange.abc import Exchange as AbstractExchange
from nbgrader.utils import get_username
from traitlets import Bool, Unicode

from jupyter_ext.singleuser.contract import Assignment, Attempt, Call, list_assignments, list_courses
from jupyter_ext.singleuser.folders import BadName, Place
from jupyter_ext.singleuser.tool_client import ToolAddress, ToolClient, ToolError

T = TypeVar("T")

_PAUSES_S = (0.5, 1.5)

TIMESTAMP_FORMAT = "%Y-%m-%d %H:%M:%S.%f UTC"


class Exchange(AbstractExchange):
    """An exchange whose other side is the tool's HTTP API. Who may do what is for the tool to say, by the token."""

    path_includes_course = Bool(True, help="Work lies in <course>/<assignment> below assignment_dir.").tag(config=True)

    root = Unicode("", help="Not used: there is no shared folder. nbgrader's API asks for it.")

    def ask(self, call: Call[T]) -> T:
        """Send one call; the tool's refusal ends as nbgrader's ExchangeError with its message."""
        try:
            with ToolClient(ToolAddress.from_env()) as client:
                return client.send(call)
        except ToolError as error:
            self.refuse(error.message)

    def ask_patiently(self, call: Call[T]) -> T:
        """As `ask`, for calls that may be repeated: tries twice more when the tool cannot be reached."""
        for pause_s in _PAUSES_S:
            try:
                with ToolClient(ToolAddress.from_env()) as client:
                    return client.send(call)
            except ToolError as error:
                if not error.retryable:
                    self.refuse(error.message)
                self.log.warning("Trying again: %s", error.message)
            time.sleep(pause_s)
        return self.ask(call)

    def refuse(self, message: str) -> NoReturn:
        """Log the message and raise nbgrader's ExchangeError."""
        self.fail(message)
        raise AssertionError("fail() raises")

    def courses(self) -> list[str]:
        """The one course that was asked for, or all of the person's."""
        if self.coursedir.course_id:
            return [str(self.coursedir.course_id)]
        return [course.key for course in self.ask(list_courses())]

    def find_assignments(self) -> list[tuple[str, Assignment]]:
        """(course, assignment) for everything released to the person that matches what was asked for."""
        wanted = self.coursedir.assignment_id
        return [
            (course, assignment)
            for course in self.courses()
            for assignment in self.ask(list_assignments(course))
            if not wanted or assignment.name == wanted
        ]

    def get_assignment(self) -> Assignment:
        """The one assignment that was asked for."""
        place = self.place()
        released = {one.name: one for one in self.ask(list_assignments(place.course))}
        if place.assignment not in released:
            names = ", ".join(released) or "none"
            self.refuse(f"The course {place.course} has no quiz {place.assignment}. It has: {names}.")
        return released[place.assignment]

    def place(self) -> Place:
        """The course and assignment that were asked for."""
        if not self.coursedir.course_id:
            self.refuse("No course id specified. Re-run with --course flag.")
        try:
            return Place(str(self.coursedir.course_id), str(self.coursedir.assignment_id))
        except BadName as error:
            self.refuse(str(error))

    def folder(self, place: Place) -> Path:
        """Where the work of a place lies on this machine."""
        base = Path(self.assignment_dir).absolute()
        return place.folder(base) if self.path_includes_course else base / place.assignment

    def student_id(self) -> str:
        """Who works here: the Hub's name of the person."""
        return os.environ.get("JUPYTERHUB_USER") or str(get_username())

    def init_src(self) -> None:
        """Nothing to prepare by default."""

    def init_dest(self) -> None:
        """Nothing to prepare by default."""

    def copy_files(self) -> None:
        """Nothing to copy by default."""


def name_times(attempts: Sequence[Attempt]) -> dict[int, str]:
    """Attempt number -> its timestamp as nbgrader writes it (UTC), each different: it names the feedback folder too."""
    named: dict[int, str] = {}
    last: datetime | None = None
    for attempt in attempts:
        moment = datetime.fromisoformat(attempt.submitted_at).astimezone(UTC)
        if last is not None and moment <= last:
            moment = last + timedelta(microseconds=1)
        named[attempt.number] = moment.strftime(TIMESTAMP_FORMAT)
        last = moment
    return named

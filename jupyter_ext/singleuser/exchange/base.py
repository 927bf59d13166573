"""What all exchange classes share: the tool, the folders, the times, and errors that nbgrader understands."""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NoReturn, TypeVar

from nbgrader.exchange.abc import Exchange as AbstractExchange
from nbgrader.utils import as_timezone, get_username, parse_utc
from traitlets import Bool, Unicode

from jupyter_ext.singleuser.contract import Assignment, Call, list_assignments, list_courses
from jupyter_ext.singleuser.contract_work import Attempt
from jupyter_ext.singleuser.folders import BadName, Place
from jupyter_ext.singleuser.tool_client import ToolAddress, ToolClient, ToolError

T = TypeVar("T")

_PAUSES_S = (0.5, 1.5)

EVERYTHING = "*"
TIMESTAMP_FORMAT = "%Y-%m-%d %H:%M:%S.%f UTC"
TIMESTAMP_FILE = "timestamp.txt"
"""Where nbgrader looks for the time of submission, and its plugin for late submissions."""


class Exchange(AbstractExchange):
    """An exchange whose other side is the tool's HTTP API. Who may do what is for the tool to say, by the token."""

    path_includes_course = Bool(True, help="Work lies in <course>/<assignment> below assignment_dir.").tag(config=True)

    root = Unicode("", help="Not used: there is no shared folder. nbgrader's API asks for it.").tag(config=True)

    def send(self, call: Call[T]) -> T:
        """Send one call. Raises: ToolError."""
        with ToolClient(ToolAddress.from_env()) as client:
            return client.send(call)

    def ask(self, call: Call[T]) -> T:
        """Send one call; the tool's refusal ends as nbgrader's ExchangeError with its message."""
        try:
            return self.send(call)
        except ToolError as error:
            self.refuse(error.message)

    def ask_patiently(self, call: Call[T]) -> T:
        """As `ask`, for calls that may be repeated: tries twice more when the tool cannot be reached."""
        for pause_s in _PAUSES_S:
            try:
                return self.send(call)
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
        """The one course that was asked for; without one, or with `*`, all of the person's."""
        if self.coursedir.course_id not in ("", EVERYTHING):
            return [str(self.coursedir.course_id)]
        return [course.key for course in self.ask(list_courses())]

    def find_assignments(self) -> list[tuple[str, Assignment]]:
        """(course, assignment) for everything released to the person that matches what was asked for."""
        return [
            (course, assignment)
            for course in self.courses()
            for assignment in self.ask(list_assignments(course))
            if self.is_wanted(assignment.name)
        ]

    def is_wanted(self, assignment: str) -> bool:
        """Whether the name is the one that was asked for, or matches the pattern that was."""
        return fnmatchcase(assignment, self.coursedir.assignment_id or EVERYTHING)

    def is_wanted_learner(self, name: str) -> bool:
        """Whether `--student`, which may be a pattern, and `student_id_exclude` leave this learner."""
        left_out = {each.strip() for each in self.coursedir.student_id_exclude.split(",")}
        return name not in left_out and fnmatchcase(name, self.coursedir.student_id or EVERYTHING)

    def require_self(self) -> None:
        """Refuse `--student` with somebody else's name: the token says who works here."""
        asked = self.coursedir.student_id
        if asked not in ("", EVERYTHING, self.student_id(), str(get_username())):
            self.refuse(f"You work here as {self.student_id()}, not as {asked}. Leave --student out.")

    def get_assignment(self) -> Assignment:
        """The one assignment that was asked for."""
        place = self.place()
        released = {one.name: one for one in self.ask(list_assignments(place.course))}
        if place.assignment not in released:
            names = ", ".join(released) or "none"
            self.refuse(
                f"The course {place.course} has no quiz {place.assignment} that is open to you. It has: {names}."
            )
        return released[place.assignment]

    def place(self) -> Place:
        """The course and assignment that were asked for."""
        if self.coursedir.course_id in ("", EVERYTHING):
            self.refuse("No course id specified. Re-run with --course flag, for one course.")
        try:
            return Place(str(self.coursedir.course_id), str(self.coursedir.assignment_id))
        except BadName as error:
            self.refuse(str(error))

    def folder(self, place: Place) -> Path:
        """Where the work of a place lies on this machine."""
        base = Path(self.assignment_dir).absolute()
        return place.folder(base) if self.path_includes_course else base / place.assignment

    def shown_time(self, moment: str) -> str:
        """A time of the tool (ISO 8601) as `Exchange.timezone` and `Exchange.timestamp_format` want it shown."""
        return str(as_timezone(parse_utc(moment), self.timezone).strftime(self.timestamp_format))

    def student_id(self) -> str:
        """Who works here: the Hub's name of the person."""
        return os.environ.get("JUPYTERHUB_USER") or str(get_username())

    def init_src(self) -> None:
        """Nothing to prepare by default."""

    def init_dest(self) -> None:
        """Nothing to prepare by default."""

    def copy_files(self) -> None:
        """Nothing to copy by default."""


def as_timestamp(moment: str) -> str:
    """A time of the tool (ISO 8601) as nbgrader writes it into `timestamp.txt`: in UTC, which it always reads back."""
    return datetime.fromisoformat(moment).astimezone(UTC).strftime(TIMESTAMP_FORMAT)


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

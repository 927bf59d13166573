"""Whom formgrader names: where marking is without names, it shows the codes that the tool's own pages show.

The tool says for which quizzes (`GET /courses/<key>/names`), each time a list or a page with names is asked for.
While it does not answer, what it said last holds; if it has said nothing yet, no name is shown anywhere.

A code also stands for its learner in addresses, so that every link of a list works. A learner's own address leads to
nothing of a quiz without names.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from nbgrader.server_extensions.formgrader import apihandlers, base, handlers
from tornado import web
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

log = logging.getLogger(__name__)

ASKING_S = 5.0
CODE_LENGTH = 6
LEARNER = "Learner"
HIDDEN = "Names are hidden in this quiz. Open it from the list of its submissions."


@dataclass(frozen=True)
class Names:
    """What the tool has said."""

    hidden: Mapping[str, str]
    """By quiz: what stands before a student's id to make the code."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Of learners and groups, by the student's id."""
    hidden_everywhere: str = ""
    """The same for every other quiz; empty: those are not hidden."""

    def hides(self, assignment: str) -> bool:
        """Is it hidden whose this quiz's answers are?"""
        return bool(self._salt(assignment))

    def code(self, assignment: str, student: str) -> str:
        """A name that says nothing, the same as on the tool's pages."""
        text = self._salt(assignment) + student
        return hashlib.sha256(text.encode()).hexdigest()[:CODE_LENGTH].upper()

    def find_student(self, assignment: str, code: str, students: Iterable[str]) -> str | None:
        """Whose code it is."""
        return next((student for student in students if self.code(assignment, student) == code), None)

    def show(self, assignment: str, row: dict[str, Any]) -> dict[str, Any]:
        """A row for a list that names nobody by the id: the code, or the name."""
        student = row["student"]
        if self.hides(assignment):
            return row | {"student": f"{LEARNER} {self.code(assignment, student)}"} | _NOBODY
        return row | {"student": self.names.get(student, student)}

    def show_linked(self, assignment: str, row: dict[str, Any]) -> dict[str, Any]:
        """A row for a list whose links are made from the student's id."""
        if self.hides(assignment):
            code = self.code(assignment, row["student"])
            return row | {"student": code, "last_name": LEARNER, "first_name": code}
        return self.fill_in(row, row["student"])

    def fill_in(self, row: dict[str, Any], student: str) -> dict[str, Any]:
        """The row with the name that the tool knows, if the gradebook has none; its last word as the last name."""
        known = self.names.get(student)
        if not known or row.get("last_name") or row.get("first_name"):
            return row
        first, _space, last = known.rpartition(" ")
        return row | {"last_name": last, "first_name": first}

    def _salt(self, assignment: str) -> str:
        return self.hidden.get(assignment, self.hidden_everywhere)


_NOBODY: dict[str, None] = {"last_name": None, "first_name": None}


class NamesSource:
    """Asks the tool."""

    def __init__(self, tool_url: str, course: str, token: str) -> None:
        self._url = f"{tool_url.rstrip('/')}/api/v1/courses/{quote(course)}/names"
        self._token = token
        self._last = Names({}, {}, uuid4().hex)

    async def ask(self) -> Names:
        """What holds now, as far as can be known."""
        headers = {"Authorization": f"Bearer {self._token}"}
        request = HTTPRequest(self._url, headers=headers, request_timeout=ASKING_S, connect_timeout=ASKING_S)
        try:
            answer = await AsyncHTTPClient().fetch(request)
            told = json.loads(answer.body)
            self._last = Names(dict(told["hidden"]), dict(told["names"]))
        except (OSError, HTTPClientError, ValueError, KeyError, TypeError) as error:
            log.warning("names_not_told reason=%s", type(error).__name__)
        return self._last


class _Knows(base.BaseHandler):
    """Mixed into the handlers that name learners. `names` is set before the request is answered."""

    names: Names

    async def prepare(self) -> None:
        """Ask the tool, for somebody who is signed in."""
        await super().prepare()
        if self.current_user:
            self.names = await self.settings["coursebridge_names"].ask()

    def student_of(self, assignment: str, said: str) -> str:
        """The id behind what an address says. Raises: HTTPError: 403: an id where names are hidden; 404: nobody."""
        if not self.names.hides(assignment):
            return said
        students = [student.id for student in self.gradebook.students]
        if said in students:
            raise web.HTTPError(HTTPStatus.FORBIDDEN, HIDDEN)
        found = self.names.find_student(assignment, said, students)
        if found is None:
            raise web.HTTPError(HTTPStatus.NOT_FOUND)
        return found


class NotebooksHandler(_Knows, base.BaseApiHandler):
    """The submissions of a notebook, for the list from which marking starts."""

    @web.authenticated
    @base.check_xsrf
    @base.check_notebook_dir
    def get(self, assignment: str, notebook: str) -> None:
        """The rows, in the order of ids that say nothing."""
        rows = self.api.get_notebook_submissions(assignment, notebook)
        self.write(json.dumps([self.names.show(assignment, row) for row in rows]))


class SubmissionsHandler(_Knows, base.BaseApiHandler):
    """The submissions of a quiz."""

    @web.authenticated
    @base.check_xsrf
    @base.check_notebook_dir
    def get(self, assignment: str) -> None:
        """The rows, in the order of what is shown."""
        rows = [self.names.show_linked(assignment, row) for row in self.api.get_submissions(assignment)]
        self.write(json.dumps(sorted(rows, key=lambda row: row["student"])))


class OneSubmissionHandler(_Knows, base.BaseApiHandler):
    """One submission of a quiz."""

    @web.authenticated
    @base.check_xsrf
    @base.check_notebook_dir
    def get(self, assignment: str, said: str) -> None:
        """Its row."""
        row = self.api.get_submission(assignment, self.student_of(assignment, said))
        if row is None:
            raise web.HTTPError(HTTPStatus.NOT_FOUND)
        self.write(json.dumps(self.names.show_linked(assignment, row)))


class FlagHandler(_Knows, apihandlers.FlagSubmissionHandler):
    """nbgrader's flag; its answer is the row."""

    def write(self, chunk: Any) -> None:
        """The row as the list shows it."""
        if isinstance(chunk, str) and self.get_status() == HTTPStatus.OK:
            row = self.gradebook.find_submission_notebook_by_id(self.path_args[0])
            chunk = json.dumps(self.names.show(row.assignment.assignment.name, json.loads(chunk)))
        super().write(chunk)


class StudentsHandler(_Knows, base.BaseApiHandler):
    """All students, for no quiz in particular."""

    @web.authenticated
    @base.check_xsrf
    @base.check_notebook_dir
    def get(self) -> None:
        """Their rows, with names."""
        self.write(json.dumps([self.names.fill_in(row, row["id"]) for row in self.api.get_students()]))


class StudentSubmissionsHandler(_Knows, base.BaseApiHandler):
    """What one student has handed in."""

    @web.authenticated
    @base.check_xsrf
    @base.check_notebook_dir
    def get(self, student: str) -> None:
        """The rows of quizzes with names."""
        rows = self.api.get_student_submissions(student)
        self.write(json.dumps([row for row in rows if not self.names.hides(row["name"])]))


class StudentNotebooksHandler(_Knows, base.BaseApiHandler):
    """The notebooks of one submission."""

    @web.authenticated
    @base.check_xsrf
    @base.check_notebook_dir
    def get(self, said: str, assignment: str) -> None:
        """Their rows."""
        rows = self.api.get_student_notebook_submissions(self.student_of(assignment, said), assignment)
        self.write(json.dumps([self.names.show(assignment, row) for row in rows]))


class StudentNotebooksPage(_Knows, handlers.ManageStudentNotebookSubmissionsHandler):
    """nbgrader's page of those."""

    @web.authenticated
    def get(self, said: str, assignment: str) -> None:
        """The page, under the code where names are hidden."""
        self.student_of(assignment, said)
        super().get(said, assignment)


class NamelessSubmission(_Knows, handlers.SubmissionHandler):
    """nbgrader's page of one submission. What is told to its template goes through `_without_name`."""

    @property
    def exporter(self) -> Any:
        """The exporter that makes the page."""
        return _Exporting(super().exporter, self._without_name)

    def render(self, name: str, **told: Any) -> Any:
        """The page for a missing file has a name, too."""
        if "resources" in told:
            told["resources"] = self._without_name(told["resources"])
        return super().render(name, **told)

    def _without_name(self, resources: dict[str, Any]) -> dict[str, Any]:
        assignment = resources["assignment_id"]
        if not self.names.hides(assignment):
            return self.names.show(assignment, resources)
        missing = {"filename": ""} if "filename" in resources else {}
        return self.names.show(assignment, resources) | {"notebook_path": ""} | missing


@dataclass(frozen=True)
class _Exporting:
    """An exporter whose resources are changed first."""

    exporter: Any
    change: Any

    def from_filename(self, filename: str, resources: dict[str, Any]) -> Any:
        """As nbconvert's."""
        return self.exporter.from_filename(filename, resources=self.change(resources))


_API = r"/formgrader/api"
RULES: tuple[tuple[str, type], ...] = (
    (rf"{_API}/submitted_notebooks/([^/]+)/([^/]+)", NotebooksHandler),
    (rf"{_API}/submitted_notebook/([^/]+)/flag", FlagHandler),
    (rf"{_API}/submissions/([^/]+)", SubmissionsHandler),
    (rf"{_API}/submission/([^/]+)/([^/]+)", OneSubmissionHandler),
    (rf"{_API}/students", StudentsHandler),
    (rf"{_API}/student_submissions/([^/]+)", StudentSubmissionsHandler),
    (rf"{_API}/student_notebook_submissions/([^/]+)/([^/]+)", StudentNotebooksHandler),
    (r"/formgrader/manage_students/([^/]+)/([^/]+)/?", StudentNotebooksPage),
)

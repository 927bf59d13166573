"""Jupyter server extension for a grader's server: formgrader marks, Coursebridge does everything else.

* A mark that somebody else has changed since the page was opened is not overwritten unseen (`grader_conflicts`).
* A mark or comment that formgrader saves is reported to the tool, which brings the new total to the LMS.
* What the tool does itself (release, collect, autograde, feedback, students) is refused here: run by formgrader it
  would be outside the sandbox and the record of attempts.
* Where marking is without names, codes stand in their place (`grader_names`).
* A learner's files are shown with scripts off, and no address can make the server read configuration from them.
"""

import asyncio
import json
import logging
import os
import re
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from nbgrader.api import MissingEntry
from nbgrader.server_extensions.formgrader import apihandlers, base, handlers
from tornado import web
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from jupyter_ext.grader_conflicts import COMMENT, MARK, SCRIPT, ComparesFirst
from jupyter_ext.grader_names import RULES, NamelessSubmission, NamesSource
from jupyter_ext.singleuser.quiz_sessions import CourseKernels, choose_kernels
from jupyter_ext.singleuser.tool_client import AsyncToolClient, ToolAddress

log = logging.getLogger(__name__)

TRIES = 10
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
REQUEST_S = 10.0
DONE_BY_COURSEBRIDGE = (
    "Coursebridge does this by itself: it collects and marks what a learner submits, and shows the feedback. "
    "Open the course in Coursebridge to see submissions or to mark one again."
)

MATHJAX_CDN = re.compile(r"https://cdnjs\.cloudflare\.com/ajax/libs/mathjax/[^\"'<>]*")
MATHJAX_CONFIG = "config=TeX-AMS-MML_HTMLorMML-full,Safe"
MATHJAX_START = "<!-- Load mathjax -->"
MATHJAX_FONT = (
    '<script type="text/x-mathjax-config">MathJax.Hub.Config({"HTML-CSS": {availableFonts: [], preferredFont: null, '
    'webFont: "STIX-Web", imageFont: null}});</script>'
)
"""jupyter_server_mathjax brings this one font."""

MODELS = re.compile(r'<script src="[^"]*/formgrader/static/js/formgrade_models\.js"></script>')

_API = r"/formgrader/api"
REFUSED = (
    rf"{_API}/assignment/[^/]+/(?:assign|unrelease|release|collect|generate_feedback|release_feedback)",
    rf"{_API}/assignment/[^/]+/[^/]+/(?:generate_feedback|release_feedback)",
    rf"{_API}/submission/[^/]+/[^/]+/autograde",
)


def pauses_s(first_s: float) -> list[float]:
    """Seconds to wait before each try, in order. What is saved within the first one is one report."""
    return [min(first_s * 2**number, LONGEST_WAIT_S) for number in range(TRIES)]


class MarksReporter:
    """Tells the tool, in the background and with patience, whose marks changed.

    Losing a report is harmless, since the tool also compares the gradebook by itself; so after `TRIES` it gives up.
    """

    def __init__(self, tool_url: str, course: str, token: str, first_wait_s: float = FIRST_WAIT_S) -> None:
        self._url = f"{tool_url.rstrip('/')}/api/v1/courses/{quote(course)}/marks-changed"
        self._token = token
        self._first_wait_s = first_wait_s
        self._waiting: set[tuple[str, str]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def report(self, assignment: str, learner: str) -> None:
        """Report soon; a report of the same that still waits covers this one too."""
        key = (assignment, learner)
        if key in self._waiting:
            return
        self._waiting.add(key)
        task = asyncio.get_running_loop().create_task(self._deliver(key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, key: tuple[str, str]) -> None:
        for wait_s in pauses_s(self._first_wait_s):
            await asyncio.sleep(wait_s)
            self._waiting.discard(key)  # a change from here on needs a report of its own
            if await self._post(*key):
                return
            if key in self._waiting:
                return  # a newer report of the same took over
            self._waiting.add(key)
        self._waiting.discard(key)
        log.warning("marks_report_given_up assignment=%s", key[0])

    async def _post(self, assignment: str, learner: str) -> bool:
        """Whether the tool took the report, or never will."""
        request = HTTPRequest(
            self._url,
            method="POST",
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
            body=json.dumps({"assignment": assignment, "learner": learner}),
            request_timeout=REQUEST_S,
        )
        try:
            response = await AsyncHTTPClient().fetch(request, raise_error=False)
        except (OSError, HTTPClientError) as error:
            log.info("marks_report_delayed assignment=%s reason=%s", assignment, type(error).__name__)
            return False
        if response.code in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}:
            log.warning("marks_report_refused assignment=%s status=%s", assignment, response.code)
            return True
        return response.code < HTTPStatus.MULTIPLE_CHOICES


class _ReportsMarks:
    """Mixed into the handlers that save: reports after a save that worked. The address ends in the row's id."""

    finder = ""
    """Name of the gradebook's method that finds the row."""

    def on_finish(self: Any) -> None:
        """Called when the answer has been sent."""
        if self.request.method == "PUT" and self.get_status() == HTTPStatus.OK:
            try:
                notebook = getattr(self.gradebook, self.finder)(self.path_args[0]).notebook
            except MissingEntry:
                log.warning("marks_report_skipped: the row is gone")
            else:
                self.settings["coursebridge_reporter"].report(notebook.assignment.assignment.name, notebook.student.id)
        super().on_finish()  # type: ignore[misc]  # a mixin: the class it is mixed into has the method


class ReportingGradeHandler(_ReportsMarks, ComparesFirst, apihandlers.GradeHandler):
    """nbgrader's handler for one mark, with a comparison before each save and a report after it."""

    finder = "find_grade_by_id"
    compared = MARK


class ReportingCommentHandler(_ReportsMarks, ComparesFirst, apihandlers.CommentHandler):
    """nbgrader's handler for one comment, with a comparison before each save and a report after it."""

    finder = "find_comment_by_id"
    compared = COMMENT


class RefusedActionHandler(base.BaseApiHandler):
    """An action that is the tool's own. It fails the way nbgrader's actions do, so that formgrader's page shows why."""

    @web.authenticated
    def post(self) -> None:
        """Say so."""
        self.write({"success": False, "error": DONE_BY_COURSEBRIDGE, "log": DONE_BY_COURSEBRIDGE})


class ReadOnlyAssignmentHandler(apihandlers.AssignmentHandler):
    """nbgrader's handler for one assignment, without making or changing it."""

    @web.authenticated
    def put(self, assignment_id: str) -> None:
        """409."""
        raise web.HTTPError(HTTPStatus.CONFLICT, DONE_BY_COURSEBRIDGE)


class ReadOnlyStudentHandler(apihandlers.StudentHandler):
    """nbgrader's handler for one student, without making or changing one."""

    @web.authenticated
    def put(self, student_id: str) -> None:
        """409."""
        raise web.HTTPError(HTTPStatus.CONFLICT, DONE_BY_COURSEBRIDGE)


class FormgraderStartHandler(handlers.FormgraderHandler):
    """formgrader's start page, for this course only.

    nbgrader's takes a folder to read configuration (that is, Python) from as `?path=`. A learner's submission may hold
    such a file, and a link is all it would take to run it with the grader's rights.
    """

    @web.authenticated
    def get(self) -> None:
        """On to the list of quizzes to mark."""
        self.redirect(f"{self.base_url}/formgrader/gradebook")


class SubmissionPageHandler(NamelessSubmission):
    """nbgrader's page of one submission: MathJax from this server, nothing from any other, and no save unseen."""

    def set_default_headers(self) -> None:
        """Headers of every answer here."""
        super().set_default_headers()
        self.set_header(
            "Content-Security-Policy",
            "default-src 'self' 'unsafe-inline' 'unsafe-eval' data:; object-src 'none'; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'self'",
        )

    def write(self, chunk: Any) -> None:
        """The page, with the address of MathJax changed; nbconvert's template has a CDN's written into it."""
        if isinstance(chunk, str):
            here = f"{self.base_url}/static/jupyter_server_mathjax/MathJax.js?{MATHJAX_CONFIG}"
            chunk = MATHJAX_CDN.sub(here, chunk).replace(MATHJAX_START, MATHJAX_START + MATHJAX_FONT, 1)
            chunk = MODELS.sub(lambda found: found[0] + SCRIPT, chunk, count=1)
        super().write(chunk)


class SubmissionFileHandler(handlers.SubmissionFilesHandler):
    """A file of a learner's submission, in a browser sandbox: it may be a page with scripts."""

    def set_default_headers(self) -> None:
        """Headers of every answer here."""
        super().set_default_headers()
        self.set_header(
            "Content-Security-Policy", "sandbox; default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'"
        )
        self.set_header("X-Content-Type-Options", "nosniff")


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "jupyter_ext.grader_extension"}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Put our handlers before formgrader's: extensions load in order of name, and the first that matches wins."""
    app = server.web_app
    prefix = app.settings["base_url"].rstrip("/")
    tool = (os.environ["COURSEBRIDGE_URL"], os.environ["COURSEBRIDGE_COURSE"], os.environ["JUPYTERHUB_API_TOKEN"])
    app.settings["coursebridge_reporter"] = MarksReporter(*tool)
    app.settings["coursebridge_names"] = NamesSource(*tool)
    base.BaseHandler.on_finish = _end_transaction
    submission_files = (
        r"/formgrader/submissions/((?!components/)[^/]+/(?!(?:next_incorrect|prev_incorrect|next|prev)/?$).+)"
    )
    rules: list[tuple[str, type]] = [
        (r"/formgrader/?", FormgraderStartHandler),
        (rf"{_API}/grade/([^/]+)", ReportingGradeHandler),
        (rf"{_API}/comment/([^/]+)", ReportingCommentHandler),
        (rf"{_API}/assignment/([^/]+)", ReadOnlyAssignmentHandler),
        (rf"{_API}/student/([^/]+)", ReadOnlyStudentHandler),
        *RULES,
        (r"/formgrader/submissions/([^/]+)/?", SubmissionPageHandler),
        (submission_files, SubmissionFileHandler),
        *((pattern, RefusedActionHandler) for pattern in REFUSED),
    ]
    app.add_handlers(".*$", [(prefix + pattern, handler) for pattern, handler in rules])
    kernels = CourseKernels(AsyncToolClient(ToolAddress(tool[0], tool[2])).send, tool[1])
    choose_kernels(server, kernels.find_kernel)
    server.io_loop.add_callback(kernels.learn)


def _end_transaction(handler: Any) -> None:
    """End formgrader's read transaction after each request.

    formgrader keeps one session for its whole life. Left open, it shows marks as they were before the tool marked
    again, and blocks the tool's writes on a shared database.
    """
    gradebook = handler.settings.get("nbgrader_gradebook")
    if gradebook is not None:
        gradebook.db.rollback()

"""The HTTP side of the server extension: /coursebridge/open, submit and status, and with them those of the panel."""

import uuid
from dataclasses import asdict
from urllib.parse import quote, urlencode

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from jupyter_ext.singleuser.answers import SERVICE_SETTING, JsonHandler, Problem, status_and_code
from jupyter_ext.singleuser.fileset import FileSetError
from jupyter_ext.singleuser.folders import BadName, Place, ReadingPlace
from jupyter_ext.singleuser.pages import render_problem
from jupyter_ext.singleuser.panel_handlers import PANEL_HANDLERS
from jupyter_ext.singleuser.service import LearnerService
from jupyter_ext.singleuser.tool_client import ToolError


class OpenHandler(JupyterHandler):
    """GET: fetch the quiz or the notebook lesson if it is not here yet, then show it in JupyterLab."""

    auth_resource = "contents"

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        """Redirect to the first notebook, or tell why that is not possible."""
        service: LearnerService = self.settings[SERVICE_SETTING]
        course, reading = self.get_query_argument("course", ""), self.get_query_argument("reading", "")
        asked = {"course": course} | (
            {"reading": reading} if reading else {"assignment": self.get_query_argument("assignment", "")}
        )
        try:
            if reading:
                path = await service.open_reading(ReadingPlace(course, reading))
            else:
                path = await service.open(Place(**asked))
        except (ToolError, FileSetError, BadName) as error:
            here = url_path_join(self.base_url, "coursebridge/open") + "?" + urlencode(asked)
            self._show(error, "" if isinstance(error, BadName) else here)
            return
        self.redirect(url_path_join(self.base_url, "lab/tree", quote(path)), status=303)

    def _show(self, error: Problem, retry_url: str) -> None:
        status, code = status_and_code(error)
        self.log.warning("open.failed status=%s code=%s: %s", status, code, error)
        self.set_status(status if status >= 400 else 502)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(render_problem("This cannot be opened just now", str(error), retry_url, code))


class StatusHandler(JsonHandler):
    """GET ?path=: which quiz a path belongs to and how it stands."""

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        """Tell the status; never an error because of the tool: that is part of the answer."""
        self.answer(await self.service.status(self.get_query_argument("path", "")))


class SubmitHandler(JsonHandler):
    """POST {course, assignment, request_id}: hand in what is on disk."""

    @web.authenticated
    @authorized("write")
    async def post(self) -> None:
        """Answer with the receipt."""
        data = self.get_json_body() or {}
        try:
            place = Place(str(data.get("course", "")), str(data.get("assignment", "")))
            request_id = str(uuid.UUID(str(data.get("request_id", ""))))
        except BadName as error:
            self.refuse(error)
            return
        except ValueError as error:
            raise web.HTTPError(400, reason="request_id is not a UUID") from error
        try:
            receipt = await self.service.submit(place, request_id)
        except (ToolError, FileSetError) as error:
            self.refuse(error)
            return
        self.answer(asdict(receipt), 201)


HANDLERS = [
    *PANEL_HANDLERS,
    (r"/coursebridge/open", OpenHandler),
    (r"/coursebridge/status", StatusHandler),
    (r"/coursebridge/submit", SubmitHandler),
]

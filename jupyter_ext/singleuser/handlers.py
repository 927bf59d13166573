"""The HTTP side of the server extension: /coursebridge/open, submit and status, and with them those of the panel."""

import uuid
from dataclasses import asdict

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_ext.singleuser.answers import SERVICE_SETTING, JsonHandler, OpenPage
from jupyter_ext.singleuser.fileset import FileSetError
from jupyter_ext.singleuser.folders import BadName, Place, ReadingPlace
from jupyter_ext.singleuser.panel_handlers import PANEL_HANDLERS
from jupyter_ext.singleuser.service import LearnerService
from jupyter_ext.singleuser.tool_client import ToolError


class OpenHandler(OpenPage):
    """GET: fetch the quiz or the notebook lesson if it is not here yet, then show it in JupyterLab."""

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
            self.show(error, asked)
            return
        self.lead_to(path)


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

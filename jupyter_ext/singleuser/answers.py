"""How the addresses of the server extension answer: JSON, and a refusal in words."""

import json
from typing import Any

from jupyter_server.base.handlers import APIHandler

from jupyter_ext.singleuser.fileset import FileSetError
from jupyter_ext.singleuser.folders import BadName, Place
from jupyter_ext.singleuser.service import LearnerService
from jupyter_ext.singleuser.tool_client import ToolError

SERVICE_SETTING = "coursebridge_service"

Problem = ToolError | FileSetError | BadName


def status_and_code(error: Problem) -> tuple[int, str]:
    """The HTTP status and the stable word of a refusal."""
    if isinstance(error, ToolError):
        return error.status or 503, error.code
    return (400, "bad_name") if isinstance(error, BadName) else (409, "files")


class JsonHandler(APIHandler):
    """Answers JSON, refusals too."""

    auth_resource = "contents"

    @property
    def service(self) -> LearnerService:
        """The server's one service."""
        service: LearnerService = self.settings[SERVICE_SETTING]
        return service

    def answer(self, data: dict[str, Any], status: int = 200) -> None:
        """Send JSON that no cache keeps."""
        self.set_status(status)
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(data))

    def refuse(self, error: Problem) -> None:
        """Send a problem that the page can show as it is."""
        status, code = status_and_code(error)
        retryable = isinstance(error, ToolError) and error.retryable
        self.log.warning("request.refused status=%s code=%s", status, code)
        # A 401 of the tool is not one of this server: the page would send the learner to a login.
        status = 502 if status == 401 or status < 400 else status
        self.answer({"code": code, "message": str(error), "retryable": retryable}, status)

    def asked_place(self) -> Place:
        """The quiz that the body names. Raises: BadName."""
        data = self.get_json_body() or {}
        if not isinstance(data, dict):
            raise BadName("The body is no JSON object.")
        return Place(str(data.get("course", "")), str(data.get("assignment", "")))

    def place_in_query(self) -> Place:
        """The quiz that the address names. Raises: BadName."""
        return Place(self.get_query_argument("course", ""), self.get_query_argument("assignment", ""))

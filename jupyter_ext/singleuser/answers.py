"""How the addresses of the server extension answer: JSON, and a refusal in words."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.utils import url_path_join

from jupyter_ext.singleuser.fileset import FileSetError
from jupyter_ext.singleuser.folders import BadName, Place
from jupyter_ext.singleuser.pages import render_problem
from jupyter_ext.singleuser.service import LearnerService
from jupyter_ext.singleuser.tool_client import ToolError

SERVICE_SETTING = "coursebridge_service"

Problem = ToolError | FileSetError | BadName


def status_and_code(error: Problem) -> tuple[int, str]:
    """The HTTP status and the stable word of a refusal."""
    if isinstance(error, ToolError):
        return error.status or 503, error.code
    return (400, "bad_name") if isinstance(error, BadName) else (409, "files")


class OpenPage(JupyterHandler):
    """Ends in JupyterLab, or on a page that says why not."""

    auth_resource = "contents"

    def lead_to(self, path: str) -> None:
        """Show a file or folder below the root."""
        self.redirect(url_path_join(self.base_url, "lab/tree", quote(path)), status=303)

    def show(self, error: Problem, asked: Mapping[str, str]) -> None:
        """Tell the problem; "Try again" leads to this address with `asked`, unless that names nothing."""
        status, code = status_and_code(error)
        self.log.warning("open.failed status=%s code=%s: %s", status, code, error)
        self.set_status(status if status >= 400 else 502)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        retry = "" if isinstance(error, BadName) else f"{self.request.path}?{urlencode(asked)}"
        self.finish(render_problem("This cannot be opened just now", str(error), retry, code))


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

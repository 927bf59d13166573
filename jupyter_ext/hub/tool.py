"""What the Hub asks the tool, over HTTP with the service token."""

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse

from jupyter_ext.hub.places import is_course_key, is_user_name

TIMEOUT_S = 10.0
SHORT_S = 3.0
"""For what a server can start without."""
FOLDER = re.compile(r"[0-9a-f]{64}")
NOT_KNOWN = {(HTTPStatus.NOT_FOUND, "person_not_found"), (HTTPStatus.GONE, "ticket_gone")}
"""The tool's own words. A 404 of whatever stands in front of a tool that is down says nothing about anybody."""


class ToolUnavailable(Exception):
    """The tool did not answer, or not as agreed; trying again later may help."""


class Unknown(Exception):
    """The tool says that this ticket, or this person, is not (or no longer) known."""


@dataclass(frozen=True)
class Course:
    """A course as one LMS course uses it, and the person's role there."""

    key: str
    title: str
    role: str
    is_graded_by_them: bool
    """May they mark? The tool decides: an assistant's teacher may have said no."""
    is_written_by_them: bool = False
    """May they write its quizzes?"""


@dataclass(frozen=True)
class Environment:
    """The packages of a quiz in somebody's courses."""

    folder: str
    """Its name; nothing but hexadecimal digits."""
    is_ready: bool


@dataclass(frozen=True)
class Visit:
    """Who redeemed a ticket, and where they were going."""

    name: str
    display_name: str
    courses: tuple[Course, ...]
    next_path: str
    platform: str = ""
    """Name of the LMS that they come from."""


class Tool:
    """The tool's API, as far as the Hub needs it."""

    def __init__(self, url: str, service_token: str) -> None:
        self._api = url.rstrip("/") + "/api/v1"
        self._headers = {"Authorization": f"Bearer {service_token}", "Accept": "application/json"}

    async def redeem_ticket(self, ticket: str) -> Visit:
        """Trade a ticket for a person, once. Raises: Unknown, ToolUnavailable."""
        answer = await self._ask("POST", "/hub/tickets/redeem", {"ticket": ticket})
        name = str(answer.get("name", ""))
        if not is_user_name(name):
            raise ToolUnavailable("the tool named a person in a way the Hub does not accept")
        said = {key: str(answer.get(key, "")) for key in ("display_name", "next", "platform")}
        return Visit(name, said["display_name"], _courses(answer), said["next"], said["platform"])

    async def list_courses(self, name: str) -> tuple[Course, ...]:
        """Courses of a person with their role today. Raises: Unknown, ToolUnavailable."""
        return _courses(await self._ask("GET", f"/hub/users/{quote(name, safe='')}/courses"))

    async def list_environments(self, name: str) -> tuple[Environment, ...]:
        """The environments of the quizzes in a person's courses. Raises: Unknown, ToolUnavailable."""
        path = f"/hub/users/{quote(name, safe='')}/environments"
        answer = await self._ask("GET", path, timeout_s=SHORT_S)
        try:
            found = [Environment(str(row["folder"]), row["state"] == "ready") for row in answer["environments"]]
        except (KeyError, TypeError) as error:
            raise ToolUnavailable("the tool's answer names no environments") from error
        return tuple(each for each in found if FOLDER.fullmatch(each.folder))

    async def _ask(
        self, method: str, path: str, body: dict[str, str] | None = None, *, timeout_s: float = TIMEOUT_S
    ) -> dict[str, Any]:
        request = HTTPRequest(
            self._api + path,
            method=method,
            headers={**self._headers, **({"Content-Type": "application/json"} if body else {})},
            body=json.dumps(body) if body else None,
            connect_timeout=timeout_s,
            request_timeout=timeout_s,
            follow_redirects=False,
        )
        try:
            response = await AsyncHTTPClient().fetch(request, raise_error=False)
        except (OSError, HTTPClientError) as error:
            raise ToolUnavailable(str(error)) from error
        document = _document(response)
        if (response.code, document.get("code")) in NOT_KNOWN:
            raise Unknown(f"{response.code} from the tool")
        if response.code != HTTPStatus.OK:
            raise ToolUnavailable(f"{response.code} from the tool")
        return document


def _document(response: HTTPResponse) -> dict[str, Any]:
    try:
        document = json.loads(response.body)
    except ValueError as error:
        raise ToolUnavailable(f"{response.code} from the tool, and its answer is not JSON") from error
    if not isinstance(document, dict):
        raise ToolUnavailable(f"{response.code} from the tool, and its answer is not an object")
    return document


def _course(row: dict[str, Any]) -> Course:
    return Course(
        str(row["key"]), str(row["title"]), str(row["role"]), row["may_mark"] is True, row.get("may_write") is True
    )


def _courses(answer: dict[str, Any]) -> tuple[Course, ...]:
    try:
        found = [_course(row) for row in answer["courses"]]
    except (KeyError, TypeError) as error:  # no courses is an empty list; anything else is not the tool's answer
        raise ToolUnavailable("the tool's answer names no courses") from error
    return tuple(course for course in found if is_course_key(course.key))

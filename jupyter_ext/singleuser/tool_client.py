"""Talk to the tool's HTTP API with the user's JupyterHub token, blocking (nbgrader) or not (the Jupyter server)."""

import os
import ssl
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from jupyter_ext.singleuser.contract import Call

T = TypeVar("T")

_CONNECT_TIMEOUT_S = 5.0
_RETRYABLE = frozenset({408, 425, 429, 500, 502, 503, 504})
_BUSY = frozenset({"version_busy"})
"""Refusals that say "not now"."""
_PLAIN = {
    401: ("not_signed_in", "Your session has ended. Open the quiz again from your course."),
    403: ("forbidden", "You have no access to this in the course. Open the quiz again from your course."),
    404: ("not_found", "The course has no such quiz. Open it again from your course, or ask your teacher."),
    413: ("too_large", "The files are larger than the course takes (20 MB). Remove large files and try again."),
}


@cache
def _trusted() -> ssl.SSLContext:
    """Whom to trust, read once: it takes longer than most answers."""
    return httpx.create_ssl_context(trust_env=False)


class ToolError(Exception):
    """The tool said no, or could not be reached. `message` is for people and says what to do next."""

    def __init__(self, status: int, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.status = status
        """The HTTP status; 0 when there was no answer."""
        self.code = code
        self.message = message
        self.retryable = retryable


@dataclass(frozen=True)
class ToolAddress:
    """Where the tool is and who asks."""

    url: str
    token: str

    @classmethod
    def from_env(cls) -> "ToolAddress":
        """Read COURSEBRIDGE_URL and JUPYTERHUB_API_TOKEN.

        Raises: ToolError when either is missing, which means that this server was not started for a course.
        """
        url, token = os.environ.get("COURSEBRIDGE_URL", ""), os.environ.get("JUPYTERHUB_API_TOKEN", "")
        for name, value in (("COURSEBRIDGE_URL", url), ("JUPYTERHUB_API_TOKEN", token)):
            if not value:
                message = f"This Jupyter server does not know its course: {name} is not set. Open it from your course."
                raise ToolError(0, "not_configured", message)
        return cls(url.rstrip("/"), token)

    def client_options(self) -> dict[str, Any]:
        """Arguments for an httpx client. Proxies of the environment are not used: the token is for the tool alone."""
        return {
            "base_url": f"{self.url}/api/v1",
            "headers": {"Authorization": f"Bearer {self.token}", "Accept": "application/json"},
            "follow_redirects": False,
            "trust_env": False,
            "verify": _trusted(),
        }


class ToolClient:
    """The blocking client. Use it in a `with` block."""

    def __init__(self, address: ToolAddress) -> None:
        self._http = httpx.Client(**address.client_options())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def send(self, call: Call[T]) -> T:
        """Send one call and read its answer. Raises: ToolError."""
        try:
            response = self._http.request(call.method, call.path, json=call.body, timeout=_timeout(call))
        except httpx.HTTPError as error:
            raise _unreachable(error) from error
        return _read(call, response)


class AsyncToolClient:
    """The client for the Jupyter server's event loop."""

    def __init__(self, address: ToolAddress) -> None:
        self._http = httpx.AsyncClient(**address.client_options())

    async def send(self, call: Call[T]) -> T:
        """Send one call and read its answer. Raises: ToolError."""
        try:
            response = await self._http.request(call.method, call.path, json=call.body, timeout=_timeout(call))
        except httpx.HTTPError as error:
            raise _unreachable(error) from error
        return _read(call, response)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def _timeout(call: Call[Any]) -> httpx.Timeout:
    return httpx.Timeout(call.timeout_s, connect=_CONNECT_TIMEOUT_S)


def _unreachable(error: httpx.HTTPError) -> ToolError:
    kind = "took too long to answer" if isinstance(error, httpx.TimeoutException) else "cannot be reached"
    message = f"The course {kind} just now. Try again in a minute."
    return ToolError(0, "unreachable", message, retryable=True)


def _read(call: Call[T], response: httpx.Response) -> T:
    if not response.is_success:
        raise _problem(response)
    try:
        return call.read(response.json())
    except (ValueError, KeyError, TypeError) as error:
        message = "The course gave an answer that this server does not understand. Tell your teacher."
        raise ToolError(response.status_code, "bad_answer", message) from error


def _problem(response: httpx.Response) -> ToolError:
    status = response.status_code
    code, message = _PLAIN.get(status, (f"http_{status}", ""))
    try:
        data = response.json()
    except ValueError:
        data = {}
    if isinstance(data, dict):
        code = str(data.get("code") or code)
        message = str(data.get("detail") or message or data.get("title") or "")
    retryable = status in _RETRYABLE or code in _BUSY
    if not message and retryable:
        message = "The course is busy just now. Try again in a minute."
    message = message or f"The course said no (HTTP {status}). Tell your teacher."
    return ToolError(status, code, message, retryable=retryable)

"""Stops servers whose person may not have them any more: `python -m jupyter_ext.hub.role_watch`, a service of the Hub.

`admission` decides when a server starts; this asks the same question of those that run. Every round lists the running
servers at the Hub and asks the tool about each person who has one. A tool that does not answer stops nobody's server.
Stopping ends the sandbox and the server's token, and so all that it could ask of Hub and tool.
"""

import asyncio
import json
import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from jupyter_ext.hub.places import GRADE_PREFIX, WRITE_PREFIX, grade_server_name, write_server_name
from jupyter_ext.hub.tool import Course, Tool, ToolUnavailable, Unknown

log = logging.getLogger(__name__)

TIMEOUT_S = 20.0
STOPPED = {202, 204, 404}
"""Being stopped, stopped, was not there any more."""


@dataclass(frozen=True)
class Server:
    """A running server."""

    user_name: str
    name: str
    """Empty for a person's default server."""


class Hub:
    """The Hub's REST API, as far as this needs it."""

    def __init__(self, api_url: str, token: str) -> None:
        self._api = api_url.rstrip("/")
        self._headers = {"Authorization": f"token {token}", "Accept": "application/jupyterhub-pagination+json"}

    async def list_servers(self) -> list[Server]:
        """Every server that runs. Raises: OSError, HTTPClientError."""
        found: list[Server] = []
        url: str | None = f"{self._api}/users?state=active"
        while url:
            page = await self._ask("GET", url)
            found += [Server(user["name"], name) for user in page["items"] for name in user.get("servers", {})]
            offset = (page["_pagination"].get("next") or {}).get("offset")
            url = f"{self._api}/users?state=active&offset={offset}" if offset else None
        return found

    async def stop(self, server: Server) -> None:
        """Stop a server. Raises: OSError, HTTPClientError."""
        path = f"servers/{quote(server.name, safe='')}" if server.name else "server"
        await self._ask("DELETE", f"{self._api}/users/{quote(server.user_name, safe='')}/{path}")

    async def _ask(self, method: str, url: str) -> Any:
        request = HTTPRequest(url, method=method, headers=self._headers, request_timeout=TIMEOUT_S)
        response = await AsyncHTTPClient().fetch(request, raise_error=False)
        if method == "DELETE" and response.code in STOPPED:
            return None
        response.rethrow()
        return json.loads(response.body)


async def watch_once(hub: Hub, tool: Tool) -> list[Server]:
    """Stop every server that its person may not have any more; those that were stopped."""
    servers = await hub.list_servers()
    gone: list[Server] = []
    for user_name in sorted({server.user_name for server in servers}):
        try:
            courses: tuple[Course, ...] | None = await tool.list_courses(user_name)
        except Unknown:
            courses = None
        except ToolUnavailable as error:
            log.warning("roles of %s not asked: %s", user_name, error)
            continue
        gone += [server for server in servers if server.user_name == user_name and not may_have(server, courses)]
    for server in gone:
        log.warning("%s of %s is stopped: not theirs to have any more", server.name or "the server", server.user_name)
        try:
            await hub.stop(server)
        except (OSError, HTTPClientError) as error:  # it is just starting, say
            log.warning("%s of %s was not stopped yet: %s", server.name, server.user_name, error)
    return gone


def may_have(server: Server, courses: tuple[Course, ...] | None) -> bool:
    """Whether somebody with these courses may have the server; None: the tool does not know them."""
    if courses is None:
        return False
    if server.name.startswith(WRITE_PREFIX):
        return any(course.is_written_by_them and write_server_name(course.key) == server.name for course in courses)
    if server.name.startswith(GRADE_PREFIX):
        return any(course.is_graded_by_them and grade_server_name(course.key) == server.name for course in courses)
    return True


async def watch(hub: Hub, tool: Tool, every_s: float) -> None:
    """Watch for ever. What fails is tried again in the next round."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await watch_once(hub, tool)
        except (OSError, HTTPClientError, ValueError, KeyError) as error:
            log.warning("servers not looked at: %s", error)


def main() -> None:
    """Run as a service that JupyterHub starts, until it sends SIGINT."""
    logging.basicConfig(format="[%(levelname)s %(asctime)s role_watch] %(message)s")
    hub = Hub(os.environ["JUPYTERHUB_API_URL"], os.environ["JUPYTERHUB_API_TOKEN"])
    tool = Tool(os.environ["COURSEBRIDGE_URL"], os.environ["COURSEBRIDGE_HUB__SERVICE_TOKEN"])
    with suppress(KeyboardInterrupt):
        asyncio.run(watch(hub, tool, float(os.environ["COURSEBRIDGE_JUPYTERHUB_ROLE_CHECK_S"])))


if __name__ == "__main__":
    main()

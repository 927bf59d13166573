"""A real JupyterHub with its proxy on free ports, and a browser-like client for it."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.fakes.hub_tool import TOKEN, HubTool

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 240
LONGEST_S = 120


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


def wait_for(condition: Any) -> Any:
    """The first true answer of `condition()`."""
    end = time.monotonic() + LONGEST_S
    while time.monotonic() < end:
        if answer := condition():
            return answer
        time.sleep(0.1)
    raise TimeoutError(f"not true after {LONGEST_S} s")


class RunningHub:
    """One Hub, as in the demo on `hub.localhost` with a name below that for each person, or all on one address.

    Its log is in `data_dir/hub.log`.
    """

    def __init__(self, data_dir: Path, tool: HubTool, *, subdomains: bool = True, **more: str) -> None:
        proxy_port, api_port, control_port = free_ports(3)
        self.data_dir, self.tool, self.subdomains = data_dir, tool, subdomains
        self.here = f"http://127.0.0.1:{proxy_port}"
        self.url = f"http://hub.localhost:{proxy_port}" if subdomains else self.here
        self.api = tool.hub_api = f"{self.here}/hub/api"
        tool.hub_url = self.url
        self.log_path = data_dir / "hub.log"
        self.env = {
            **{
                key: value
                for key, value in os.environ.items()
                if not key.startswith(("COURSEBRIDGE_", "JUPYTER", "PYTEST"))
            },
            "COURSEBRIDGE_URL": tool.url,
            "COURSEBRIDGE_DATA_DIR": str(data_dir),
            "COURSEBRIDGE_HUB__URL": self.url,
            "COURSEBRIDGE_HUB__SERVICE_TOKEN": TOKEN,
            "COURSEBRIDGE_JUPYTERHUB_API_PORT": str(api_port),
            "COURSEBRIDGE_JUPYTERHUB_PROXY_PORT": str(control_port),
            "COURSEBRIDGE_JUPYTERHUB_KEEP_SERVERS": "1",
            **more,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.visitors: list[Visitor] = []

    def start(self) -> None:
        """Start and wait until the Hub answers through the proxy."""
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jupyter_ext.hub"], cwd=ROOT, env=self.env, stdout=log, stderr=log
            )
        wait_for(self._answers)

    def _answers(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            raise RuntimeError("the Hub ended:\n" + self.log())
        try:
            return httpx.get(f"{self.here}/hub/health", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self, sig: signal.Signals = signal.SIGTERM) -> None:
        """Stop the Hub process and wait for it."""
        if self.process is not None:
            self.process.send_signal(sig)
            self.process.wait(150)

    def close(self) -> None:
        """Stop the Hub, its servers, which it keeps, and the visitors' connections."""
        self.stop()
        theirs = f"http://127.0.0.1:{self.env['COURSEBRIDGE_JUPYTERHUB_API_PORT']}/hub/api"
        for process in psutil.process_iter(["environ"]):
            if (process.info["environ"] or {}).get("JUPYTERHUB_API_URL") == theirs:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        for visitor in self.visitors:
            visitor.http.close()

    def log(self) -> str:
        """What the Hub said so far."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def get(self, path: str, **more: Any) -> httpx.Response:
        """GET of somebody who has no cookie."""
        with client(self) as http:
            return http.get(path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        """POST of somebody who has no cookie."""
        with client(self) as http:
            return http.post(path, **more)

    def address(self, path: str) -> str:
        """A path with its host: a person's servers have one of their own."""
        name = path.split("/")[2] if path.startswith("/user/") else ""
        return (self.url.replace("://hub.", f"://{name}.hub.") if name and self.subdomains else self.url) + path

    def visit(self, name: str, next_path: str) -> "Visitor":
        """A browser that came with a fresh ticket and followed it to its end."""
        visitor = Visitor(self)
        visitor.arrive(self.tool.ticket(name, next_path))
        return visitor


class Loopback(httpx.HTTPTransport):
    """Every name below `localhost` is this machine to a browser, and a safe place for its `Secure` cookies.

    Python's cookie jar and the C library do not know either.
    """

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The same request, to 127.0.0.1."""
        url = request.url
        if url.host.endswith(".localhost"):
            url = url.copy_with(host="127.0.0.1")
        answer = super().handle_request(
            httpx.Request(
                request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
            )
        )
        answer.headers = httpx.Headers(
            [
                (name, re.sub(rb"(?i);\s*secure", b"", value) if name.lower() == b"set-cookie" else value)
                for name, value in answer.headers.raw
            ]
        )
        return answer


def client(hub: RunningHub) -> httpx.Client:
    """Something with cookies that starts at the Hub."""
    return httpx.Client(base_url=hub.url, follow_redirects=True, timeout=60, transport=Loopback())


class Visitor:
    """A browser without JavaScript that waits on the page that waits."""

    def __init__(self, hub: RunningHub) -> None:
        self.hub = hub
        self.http = client(hub)
        self.last: httpx.Response
        hub.visitors.append(self)

    def arrive(self, ticket: str) -> httpx.Response:
        """Come from the tool's page with a ticket, and wait for a server if one has to start."""
        return self.wait(self.post_ticket(ticket, self.hub.tool.url))

    def post_ticket(self, ticket: str, origin: str) -> httpx.Response:
        """What the browser sends for a form on a page of that origin. A login cookie stays behind: it is `Lax`."""
        door = f"{self.hub.url}/hub/coursebridge/ticket"
        headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}  # which redirects keep, as in a browser
        request = self.http.build_request("POST", door, data={"ticket": ticket}, headers=headers)
        request.headers.pop("Cookie", None)
        return self.http.send(request)

    def go_in(self) -> httpx.Response:
        """Press the button of the page that asks who it is."""
        page = str(self.last.url)
        return self.wait(self.http.post(page, headers={"Origin": self.hub.url}))

    def go(self, path: str) -> httpx.Response:
        """GET, then reload while the Hub says it is starting the server."""
        return self.wait(self.http.get(self.hub.address(path) if path.startswith("/") else path))

    def wait(self, answer: httpx.Response) -> httpx.Response:
        """Reload while the Hub says it is starting the server."""
        self.last = answer
        end = time.monotonic() + PATIENCE_S
        while self._is_waiting() and time.monotonic() < end:
            time.sleep(0.5)
            self.last = self.http.get(str(self.last.url))
        return self.last

    def _is_waiting(self) -> bool:
        page = self.last
        return "/hub/spawn-pending/" in str(page.url) and page.status_code == 200 and "is not running" not in page.text

    def xsrf(self, prefix: str) -> str:
        """The XSRF token that a page below `prefix` would send."""
        host = httpx.URL(self.hub.address(prefix)).host
        tokens = [
            cookie.value
            for cookie in self.http.cookies.jar
            if cookie.name == "_xsrf" and cookie.path == prefix and cookie.domain.removesuffix(".local") == host
        ]
        return tokens[-1] or ""

    def send(self, method: str, prefix: str, path: str, document: Any = None) -> httpx.Response:
        """A request as that page's script sends it."""
        address = self.hub.address(prefix)
        headers = {"X-XSRFToken": self.xsrf(prefix), "Referer": address}
        return self.http.request(method, address + path, json=document, headers=headers)

    def cookie_header(self, prefix: str) -> str:
        """The cookies a browser would send below `prefix`."""
        return self.http.build_request("GET", self.hub.address(prefix)).headers["Cookie"]

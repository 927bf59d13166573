"""JupyterHub as the tool sees it: `GET /hub/api/user` over real HTTP."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FakeHub:
    """Knows tokens."""

    users: dict[str, dict[str, object]] = field(default_factory=dict)
    """The Hub's answer by token."""
    asked: int = 0
    api_url: str = ""

    def token_of(self, hub_name: str, server: str = "") -> str:
        """The token that a person's server has; `server` is its name, empty: their own."""
        token = f"token-of-{hub_name}-{server}"
        scopes = [f"access:servers!server={hub_name}/{server}", f"users:activity!user={hub_name}"]
        self.users[token] = {"name": hub_name, "kind": "user", "scopes": scopes}
        return token


@contextmanager
def running_hub() -> Iterator[FakeHub]:
    """A Hub on a free port."""
    hub = FakeHub()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hub.asked += 1
            token = self.headers.get("Authorization", "").removeprefix("token ")
            found = hub.users.get(token) if self.path == "/hub/api/user" else None
            body = json.dumps(found or {"status": 403}).encode()
            self.send_response(200 if found else 403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    hub.api_url = f"http://127.0.0.1:{server.server_port}/hub/api"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

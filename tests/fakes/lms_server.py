"""A score endpoint over real HTTP: gives tokens, records scores, refuses with 409 what is not a whole second later."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SUBMISSION = "https://canvas.instructure.com/lti/submission"


@dataclass
class ScoreServer:
    """What arrived, in order."""

    url: str = ""
    scores: list[dict[str, Any]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, sub: str) -> list[tuple[float, bool]]:
        """(score, announced as a new submission) of one person, in the order of arrival."""
        return [
            (score["scoreGiven"], score[SUBMISSION]["new_submission"])
            for score in self.scores
            if score["userId"] == sub
        ]

    def take(self, score: dict[str, Any]) -> int:
        """Record a score; the HTTP status."""
        at = datetime.fromisoformat(score["timestamp"])
        with self._lock:
            known = [each for each in self.scores if each["userId"] == score["userId"]]
            if any(datetime.fromisoformat(each["timestamp"]) >= at for each in known):
                return 409
            self.scores.append(score)
            return 200


@contextmanager
def running_score_server() -> Iterator[ScoreServer]:
    """On a free port."""
    lms = ScoreServer()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/token":
                self._answer(200, {"access_token": "token", "token_type": "Bearer", "expires_in": 3600})
            elif self.headers["Authorization"] != "Bearer token":
                self._answer(401, {})
            else:
                self._answer(lms.take(json.loads(body)), {})

        def _answer(self, status: int, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    lms.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield lms
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""A real HTTP server that answers a single-user server as the tool does, from memory.

One learner, any number of courses. It can be stopped and started again on the same port, can fail the next requests,
and can lose an answer after it stored a submission.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

TOKEN = "token-of-the-learner"
LIMIT_BYTES = 20 * 1024 * 1024


class Problem(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail


@dataclass
class Quiz:
    """One released assignment and what the learner did with it."""

    title: str
    files: dict[str, bytes]
    attempts_allowed: int | None = None
    draft: dict[str, Any] | None = None
    draft_puts: int = 0
    attempts: list[dict[str, Any]] = field(default_factory=list)
    submitted_files: list[dict[str, bytes]] = field(default_factory=list)
    vias: list[str] = field(default_factory=list)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    feedback: dict[int, dict[str, bytes]] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    """What the list of quizzes says of it besides."""
    is_closed: bool = False
    """Its release is not given out."""


class FakeTool:
    """The tool. `courses` is key -> assignment name -> Quiz."""

    def __init__(self) -> None:
        self.courses: dict[str, dict[str, Quiz]] = {}
        self.readings: dict[tuple[str, str], dict[str, bytes]] = {}
        self.requests: list[str] = []
        self.fail_next: list[int] = []
        """HTTP statuses for the next requests."""
        self.lose_next_receipt = False
        """Store the next submission, but answer 502."""
        self.lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        """What COURSEBRIDGE_URL is set to."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen; again on the same port after a stop."""
        handler = type("Handler", (_Handler,), {"tool": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        """Refuse connections."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def add_quiz(self, course: str, name: str, files: Mapping[str, bytes], **more: Any) -> Quiz:
        """Release a quiz."""
        quiz = Quiz(title=more.pop("title", name), files=dict(files), **more)
        self.courses.setdefault(course, {})[name] = quiz
        return quiz

    def mark(self, quiz: Quiz, number: int, score: float, html: bytes) -> None:
        """Mark an attempt and give feedback."""
        quiz.attempts[number - 1] |= {"state": "graded", "score": score, "feedback": True}
        name = next(path for path in quiz.files if path.endswith(".ipynb")).removesuffix(".ipynb")
        quiz.feedback[number] = {f"{name}.html": html}

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Route one request."""
        for pattern, allowed, handle in _ROUTES:
            found = re.fullmatch(pattern, path)
            if found and allowed == method:
                status, data = handle(
                    self, *(unquote(part) for part in found.groups()), **({"body": body} if body else {})
                )
                return status, data
        raise Problem(404, "not_found", "There is no such address.")

    def quiz(self, course: str, name: str) -> Quiz:
        """Find a quiz."""
        try:
            return self.courses[course][name]
        except KeyError:
            raise Problem(404, "not_found", f"There is no quiz {name} in {course}.") from None

    def list_courses(self) -> tuple[int, Any]:
        """GET /courses"""
        return 200, {"courses": [{"key": key, "title": key.title(), "role": "learner"} for key in self.courses]}

    def list_assignments(self, course: str) -> tuple[int, Any]:
        """GET /courses/<key>/assignments"""
        if course not in self.courses:
            raise Problem(404, "not_found", f"There is no course {course}.")
        return 200, {"assignments": [self._told(course, name, quiz) for name, quiz in self.courses[course].items()]}

    def release(self, course: str, name: str) -> tuple[int, Any]:
        """GET …/release"""
        quiz = self.quiz(course, name)
        if quiz.is_closed:
            raise Problem(403, "quiz_closed", "This quiz is not open to you now.")
        return 200, {"sha256": snapshot(quiz.files), "files": encode(quiz.files)}

    def get_reading(self, course: str, name: str) -> tuple[int, Any]:
        """GET /courses/<key>/readings/<name>"""
        if (course, name) not in self.readings:
            raise Problem(404, "reading_not_found", "There is no such notebook in this course.")
        return 200, {"files": encode(self.readings[course, name])}

    def get_draft(self, course: str, name: str) -> tuple[int, Any]:
        """GET …/draft"""
        draft = self.quiz(course, name).draft
        if draft is None:
            raise Problem(404, "not_found", "There is no draft.")
        return 200, draft

    def put_draft(self, course: str, name: str, body: Any) -> tuple[int, Any]:
        """PUT …/draft; the newest saved_at wins."""
        quiz = self.quiz(course, name)
        quiz.draft_puts += 1
        if quiz.draft is None or body["saved_at"] >= quiz.draft["saved_at"]:
            quiz.draft = {"saved_at": body["saved_at"], "files": body["files"]}
        return 200, {"saved_at": quiz.draft["saved_at"]}

    def submit(self, course: str, name: str, body: Any) -> tuple[int, Any]:
        """POST …/submissions; the same request_id gives the same answer."""
        quiz = self.quiz(course, name)
        known = quiz.answers.get(body["request_id"])
        if known is not None:
            return 200, known
        if quiz.attempts_allowed is not None and len(quiz.attempts) >= quiz.attempts_allowed:
            raise Problem(409, "attempts_used_up", "You have used all your attempts.")
        files = decode(body["files"])
        if sum(len(content) for content in files.values()) > LIMIT_BYTES:
            raise Problem(413, "too_large", "The files are larger than 20 MB.")
        number, sha256 = len(quiz.attempts) + 1, snapshot(files)
        receipt = f"{sha256[:4]}-{sha256[4:8]}".upper()
        now = datetime.now(UTC).isoformat()
        quiz.attempts.append(
            {"number": number, "submitted_at": now, "receipt": receipt, "state": "queued", "state_text": "Waiting",
             "score": None, "max_score": 4.0, "feedback": False}
        )  # fmt: skip
        quiz.submitted_files.append(files)
        quiz.vias.append(body["via"])
        answer = {"attempt": number, "receipt": receipt, "sha256": sha256, "submitted_at": now, "state": "queued",
                  "page_url": f"{self.url}/courses/{course}/{name}"}  # fmt: skip
        quiz.answers[body["request_id"]] = answer
        if self.lose_next_receipt:
            self.lose_next_receipt = False
            raise Problem(502, "bad_gateway", "The answer was lost.")
        return 201, answer

    def get_feedback(self, course: str, name: str, number: str) -> tuple[int, Any]:
        """GET …/submissions/<n>/feedback"""
        files = self.quiz(course, name).feedback.get(int(number))
        if files is None:
            raise Problem(404, "not_found", "There is no feedback yet.")
        return 200, {"files": encode(files)}

    def _told(self, course: str, name: str, quiz: Quiz) -> dict[str, Any]:
        return {
            "name": name,
            "title": quiz.title,
            "due": None,
            "closes": None,
            "extended": False,
            "closed": False,
            "why_not": None,
            "result": None,
            "terms": [],
            "max_score": 4.0,
            "attempts_allowed": quiz.attempts_allowed,
            "release_sha256": snapshot(quiz.files),
            "notebooks": [path.removesuffix(".ipynb") for path in sorted(quiz.files) if path.endswith(".ipynb")],
            "draft_saved_at": quiz.draft["saved_at"] if quiz.draft else None,
            "page_url": f"{self.url}/courses/{course}/{name}",
            "attempts": quiz.attempts,
        } | quiz.told


_ASSIGNMENT = r"/api/v1/courses/([^/]+)/assignments/([^/]+)"
_ROUTES: list[tuple[str, str, Any]] = [
    (r"/api/v1/courses", "GET", FakeTool.list_courses),
    (r"/api/v1/courses/([^/]+)/assignments", "GET", FakeTool.list_assignments),
    (r"/api/v1/courses/([^/]+)/readings/([^/]+)", "GET", FakeTool.get_reading),
    (_ASSIGNMENT + "/release", "GET", FakeTool.release),
    (_ASSIGNMENT + "/draft", "GET", FakeTool.get_draft),
    (_ASSIGNMENT + "/draft", "PUT", FakeTool.put_draft),
    (_ASSIGNMENT + "/submissions", "POST", FakeTool.submit),
    (_ASSIGNMENT + r"/submissions/(\d+)/feedback", "GET", FakeTool.get_feedback),
]


class _Handler(BaseHTTPRequestHandler):
    tool: FakeTool
    protocol_version = "HTTP/1.1"

    def _respond(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        try:
            with self.tool.lock:
                self.tool.requests.append(f"{self.command} {self.path}")
                if self.tool.fail_next:
                    status = self.tool.fail_next.pop(0)
                    code = "version_busy" if status == 409 else "unavailable"
                    raise Problem(status, code, "Try again in a minute.")
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    raise Problem(401, "not_signed_in", "The token is not known.")
                status, data = self.tool.answer(self.command, self.path, json.loads(raw) if raw else None)
        except Problem as problem:
            data = {"type": "about:blank", "title": "Error", "status": problem.status}
            self._send(
                problem.status, data | {"code": problem.code, "detail": problem.detail}, "application/problem+json"
            )
        else:
            self._send(status, data, "application/json")

    do_GET = do_PUT = do_POST = _respond  # noqa: N815 - the names that http.server calls

    def _send(self, status: int, data: Any, media_type: str) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        # A kept connection would outlive stop().
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet."""


def encode(files: Mapping[str, bytes]) -> list[dict[str, str]]:
    """A file set as the API carries it."""
    return [{"path": path, "content_b64": base64.b64encode(content).decode()} for path, content in files.items()]


def decode(files: list[dict[str, str]]) -> dict[str, bytes]:
    """A file set as bytes."""
    return {item["path"]: base64.b64decode(item["content_b64"]) for item in files}


def snapshot(files: Mapping[str, bytes]) -> str:
    """The snapshot hash of a file set."""
    lines = [f"{path}\0{hashlib.sha256(files[path]).hexdigest()}\n" for path in sorted(files)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()

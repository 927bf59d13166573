"""The tool as the Hub sees it: a real HTTP server with the tool's contract, kept in memory."""

import base64
import json
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "service-token-of-the-tests"


@dataclass
class HubTool:
    """People, tickets and reports; `serve()` answers for them."""

    hub_api: str = ""
    hub_url: str = ""
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    tickets: dict[str, tuple[str, str]] = field(default_factory=dict)
    given: int = 0
    expired: set[str] = field(default_factory=set)
    marks_changed: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    """(Hub user name of the grader, course, body)"""
    releases: dict[tuple[str, str], dict[str, bytes]] = field(default_factory=dict)
    """Files of a quiz by (course, assignment)."""
    class_work: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Attempts of a class by course, as the tool tells of them, each with its `files`."""
    scopes: dict[str, list[str]] = field(default_factory=dict)
    """What the Hub said of the token that a person's server used last, by Hub user name."""
    sources: dict[tuple[str, str], tuple[int, str | None, dict[str, bytes]]] = field(default_factory=dict)
    """Base, time of saving and files by (course, assignment), as if all writers were one."""
    hidden: dict[str, dict[str, str]] = field(default_factory=dict)
    """By course: the quizzes whose names are hidden, each with what comes before a Hub name to make its code."""
    environments: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What a quiz is marked in, as the tool tells of it, by course: of its quiz-1."""
    failures: int = 0
    """How many more reports are answered with 503."""
    is_down: bool = False
    down: tuple[int, bytes] = (503, b'{"code": "down"}')
    """What is answered while it is down: status and body."""
    url: str = ""

    def add_person(self, name: str, display_name: str, **roles: str) -> str:
        """A person with a role in each course; `_` in a keyword stands for `-`."""
        courses = [
            {
                "key": key.replace("_", "-"),
                "title": key.title(),
                "role": role,
                "may_mark": role in ("teacher", "assistant"),
                "may_write": role == "teacher",
            }
            for key, role in roles.items()
        ]
        self.people[name] = {"name": name, "display_name": display_name, "platform": "Moodle demo", "courses": courses}
        return name

    def ticket(self, name: str, next_path: str) -> str:
        """A fresh ticket. Raises: LookupError, the tool does not know this person."""
        if name not in self.people:
            raise LookupError(f"{name} is nobody here: add_person comes first")
        self.given += 1  # redeemed ones are forgotten, and no number comes twice
        ticket = f"ticket-{self.given}-of-{name}"
        self.tickets[ticket] = (name, next_path)
        return ticket

    def serve(self) -> ThreadingHTTPServer:
        """Start answering on a free port."""
        tool = self

        class Handler(_Handler):
            state = tool

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


class _Handler(BaseHTTPRequestHandler):
    state: HubTool

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""

    def do_GET(self) -> None:
        parts = self.path.strip("/").split("/")
        if parts[0] == "page":
            self._page(parts[1])
        elif self.state.is_down:
            self._send(*self.state.down)
        elif parts[2] == "courses" and len(parts) > 4 and self._user():
            self._answer(*self._quiz(parts[3], parts[4:]))
        elif parts[2:] == ["courses"] and (name := self._user()):
            self._answer(200, {"courses": self.state.people[name]["courses"]})
        elif parts[:4] != ["api", "v1", "hub", "users"] or not self._is_hub():
            self._answer(404, {"code": "not_found"})
        elif parts[5:] == ["environments"] and parts[4] in self.state.people:
            self._answer(200, {"environments": self._needed(parts[4])})
        elif person := self.state.people.get(parts[4]):
            self._answer(200, {"courses": person["courses"]})
        else:
            self._answer(404, {"code": "person_not_found"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        parts = self.path.strip("/").split("/")
        if self.state.is_down:
            self._send(*self.state.down)
        elif parts[2:] == ["hub", "tickets", "redeem"] and self._is_hub():
            self._redeem(body["ticket"])
        elif parts[2] == "courses" and parts[4] == "marks-changed":
            self._marks_changed(parts[3], body)
        else:
            self._answer(404, {"code": "not_found"})

    def _page(self, ticket: str) -> None:
        """What the tool shows after "Open in JupyterHub": a form that sends itself."""
        door = f"{self.state.hub_url}/hub/coursebridge/ticket"
        form = f'<form method="post" action="{door}"><input type="hidden" name="ticket" value="{ticket}"></form>'
        data = f"<!doctype html>{form}<script>document.forms[0].submit()</script>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Referrer-Policy", "strict-origin")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _quiz(self, course: str, rest: list[str]) -> tuple[int, dict[str, Any]]:
        if rest[0].startswith("submissions"):
            return 200, {"submissions": [row | {"files": None} for row in self.state.class_work[course]]}
        if rest[2:3] == ["learners"]:
            return 200, {
                "files": next(row["files"] for row in self.state.class_work[course] if row["learner"] == rest[3])
            }
        if rest == ["names"]:
            names = {name: person["display_name"] for name, person in self.state.people.items()}
            return 200, {"hidden": self.state.hidden.get(course, {}), "names": names}
        if rest == ["assignments"]:
            released = [assignment for slug, assignment in self.state.releases if slug == course]
            given = {"quiz-1": self.state.environments.get(course)}
            return 200, {"assignments": [_row(name) | {"environment": given.get(name)} for name in released]}
        if rest[2:] == ["source"]:
            return self._source(course, rest[1])
        files = self.state.releases.get((course, rest[1]))
        if files is None or rest[2:] != ["release"]:
            return 404, {"code": "not_found", "detail": "There is none."}
        return 200, {"sha256": "0" * 64, "files": _listed(files)}

    def _needed(self, name: str) -> list[dict[str, str]]:
        keys = [course["key"] for course in self.state.people[name]["courses"]]
        found = [self.state.environments[key] for key in keys if key in self.state.environments]
        return [{"folder": each["folder"], "state": each["state"]} for each in found if each["folder"]]

    def _source(self, course: str, assignment: str) -> tuple[int, dict[str, Any]]:
        base, saved_at, files = self.state.sources.get((course, assignment), (0, None, {}))
        if not files:
            return 404, {"code": "source_not_found", "detail": "The course has no such quiz."}
        return 200, {"base": base, "saved_at": saved_at, "files": _listed(files)}

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        parts = self.path.strip("/").split("/")
        if self.state.is_down:
            self._send(*self.state.down)
        elif parts[2] != "courses" or parts[6:] != ["source"] or not self._user():
            self._answer(404, {"code": "not_found"})
        else:
            files = {file["path"]: base64.b64decode(file["content_b64"]) for file in body["files"]}
            self.state.sources[parts[3], parts[5]] = (body["base"], body["saved_at"], files)
            self._answer(200, {"saved_at": body["saved_at"]})

    def _redeem(self, ticket: str) -> None:
        found = self.state.tickets.pop(ticket, None)
        if found is None or ticket in self.state.expired:
            self._answer(410, {"code": "ticket_gone"})
            return
        name, next_path = found
        self._answer(200, {**self.state.people[name], "next": next_path})

    def _marks_changed(self, course: str, body: dict[str, Any]) -> None:
        if self.state.failures:
            self.state.failures -= 1
            self._answer(503, {"code": "down"})
            return
        name = self._user()
        if name is None:
            self._answer(401, {"code": "unauthorized"})
            return
        self.state.marks_changed.append((name, course, body))
        self._answer(202, {})

    def _is_hub(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _user(self) -> str | None:
        """Who the token belongs to, asked at the Hub as the tool does it."""
        request = urllib.request.Request(
            f"{self.state.hub_api}/user", headers={"Authorization": self.headers["Authorization"]}
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                told = json.load(answer)
                self.state.scopes[told["name"]] = told["scopes"]
                return str(told["name"])
        except urllib.error.URLError:
            return None

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        self._send(status, json.dumps(document).encode())

    def _send(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _listed(files: dict[str, bytes]) -> list[dict[str, str]]:
    return [{"path": path, "content_b64": base64.b64encode(text).decode()} for path, text in files.items()]


def _row(name: str) -> dict[str, Any]:
    """An assignment nobody has handed in yet."""
    return {
        "name": name,
        "title": name,
        "due": None,
        "max_score": 5.0,
        "attempts_allowed": None,
        "release_sha256": "0" * 64,
        "notebooks": [name],
        "draft_saved_at": None,
        "page_url": "",
        "attempts": [],
    }

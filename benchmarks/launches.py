"""Launches over HTTP: login, launch and the page that follows, beside PyLTI1p3's Flask flow in the same run.

A minimal tool written by hand runs beside as well: what the machine is worth today. All run under the server of
`coursebridge up` with two processes and are loaded in turns, over connections that every browser shares, as behind a
proxy. The platform is here: it signs with a key of its own, serves its key set, and counts how often that is asked
for. CPU is user and system time of the server's processes; signing and sending are not in it.
"""

import http.client
import json
import os
import queue
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from benchmarks.launch_apps import DATABASE_CPU, ISSUER, JWKS_URL, SLOTS, read_database_cpu
from benchmarks.rows import Row
from benchmarks.serving import Serving, environment_of, serving_app
from config.settings import Settings, load_settings
from lti_tool.app.process import make_process
from lti_tool.kernel.db import Base
from lti_tool.lti.registrations import PlatformFacts, add_registration
from tests.servers import running_postgresql

COURSE = Path(__file__).parent.parent / "config" / "demo" / "course"
LAUNCHES, WARM, LINES, PEOPLE = 300, 60, 8, 150
TARGET_MS = 5.5
LTI = "https://purl.imsglobal.org/spec/lti/claim/"


class Platform:
    """Signs, and serves its key."""

    def __init__(self) -> None:
        """One key for the whole run."""
        self._key = rsa.generate_private_key(65537, 2048)
        jwk = {**jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True), "kid": "1", "alg": "RS256"}
        body, self.fetches = json.dumps({"keys": [jwk]}).encode(), [0]
        fetches = self.fetches

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                fetches[0] += 1
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def sign(self, person: int, nonce: str, target: str, item: str) -> str:
        """A learner's launch of one quiz."""
        now = int(time.time())
        claims = {
            "iss": ISSUER, "aud": "bench", "sub": f"person-{person}", "name": f"Person {person}", "nonce": nonce,
            "iat": now, "exp": now + 300, LTI + "message_type": "LtiResourceLinkRequest", LTI + "version": "1.3.0",
            LTI + "deployment_id": "1", LTI + "target_link_uri": target,
            LTI + "roles": ["http://purl.imsglobal.org/vocab/lis/v2/membership#Learner"],
            LTI + "context": {"id": "c1", "title": "Course"}, LTI + "resource_link": {"id": "link-1", "title": "Quiz"},
            LTI + "custom": {"coursebridge_item": item},
            LTI + "tool_platform": {"name": "Bench", "product_family_code": "moodle", "guid": "g"},
        }  # fmt: skip
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": "1"})


@dataclass
class Line:
    """One browser; it sends over whichever kept connection is free, as through a proxy."""

    connections: "queue.SimpleQueue[http.client.HTTPConnection]"
    cookies: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        """Status and where it leads."""
        headers = {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "cross-site", "Accept-Encoding": "gzip, br"}
        headers |= {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = self.connections.get()
        connection.request(method, path, urlencode(form) if form is not None else None, headers)
        answer = connection.getresponse()
        answer.read()
        self.connections.put(connection)
        for cookie in answer.headers.get_all("Set-Cookie", ()):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer.status, answer.headers.get("Location", "")


@dataclass
class Visit:
    """One person's launch."""

    person: int
    line: Line
    asked: dict[str, str] = field(default_factory=dict)
    """What the login asks the platform for."""
    token: str = ""


@dataclass
class Side:
    """One tool, as one kind of visitor uses it."""

    name: str
    served: Serving
    item: str
    root: str
    database_cpu: Callable[[], float]
    keeps_cookies: bool
    follows: bool
    lines: list[Line] = field(default_factory=list)
    connections: list[http.client.HTTPConnection] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    without_database_ms: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    fetches: int = 0
    launches: int = 0
    failures: int = 0

    def load(self, platform: Platform, count: int, *, counted: bool) -> None:
        """So many launches over all lines: the logins, then the platform signs (for nobody's time), then the rest."""
        if not self.lines:
            pool_of_all: queue.SimpleQueue[http.client.HTTPConnection] = queue.SimpleQueue()
            self.connections = [
                http.client.HTTPConnection("127.0.0.1", self.served.port, timeout=60) for _ in range(2 * LINES + 1)
            ]
            for connection in self.connections:
                pool_of_all.put(connection)
            self.lines = [Line(pool_of_all) for _ in range(LINES)]
        for connection in self.connections:  # the server closes those that rested while others had their turn
            connection.close()
        before, fetched = (self.served.cpu_s(), self.database_cpu()), platform.fetches[0]
        visits = [self._visit(number) for number in range(count)]
        logins_s, _done = self._all(visits, self._log_in)
        for visit in visits:
            visit.token = platform.sign(visit.person, visit.asked["nonce"], self.root + "/lti/launch", self.item)
        launches_s, done = self._all(visits, self._launch)
        if counted:
            good = sum(done)
            total, database = self.served.cpu_s() - before[0], self.database_cpu() - before[1]
            self.cpu_ms.append(1000 * total / good)
            self.without_database_ms.append(1000 * (total - database) / good)
            self.rates.append(good / (logins_s + launches_s))
            self.fetches += platform.fetches[0] - fetched
            self.launches += count
            self.failures += count - good

    def _visit(self, number: int) -> Visit:
        line = self.lines[number % LINES]
        # a state of PyLTI1p3 leaves a cookie behind, which every later request of one browser would carry
        return Visit(number % PEOPLE, line if self.keeps_cookies else Line(line.connections))

    def _all(self, visits: list[Visit], part: Callable[[Visit], bool]) -> tuple[float, list[bool]]:
        """Seconds that it took, and whether each went well."""
        began = time.perf_counter()
        with ThreadPoolExecutor(LINES) as pool:
            done = pool.map(lambda first: [part(visit) for visit in visits[first::LINES]], range(LINES))
            results = [one for each in done for one in each]
        return time.perf_counter() - began, results

    def _log_in(self, visit: Visit) -> bool:
        target = self.root + "/lti/launch"
        form = {"iss": ISSUER, "client_id": "bench", "login_hint": str(visit.person), "target_link_uri": target}
        _status, location = visit.line.send("POST", "/lti/login", form)
        if location.startswith("/lti/login"):
            _status, location = visit.line.send("GET", location)
        visit.asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        return bool(visit.asked)

    def _launch(self, visit: Visit) -> bool:
        form = {"id_token": visit.token, "state": visit.asked["state"]}
        status, location = visit.line.send("POST", "/lti/launch", form)
        if self.follows and status == 303:
            status, _location = visit.line.send("GET", location)
            return status == 200
        return status in (200, 303)


def run(rounds: int) -> list[Row]:
    """On SQLite and on PostgreSQL."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        rows += _measure("SQLite", f"sqlite:///{folder}/bench.sqlite3", rounds)
    with running_postgresql(is_durable=True) as server:
        rows += _measure("PostgreSQL", server.format(database="postgres"), rounds)
    return rows


def _measure(database: str, url: str, rounds: int) -> list[Row]:
    platform = Platform()
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(
            data_dir=Path(folder),
            secret_key=secrets.token_hex(32),
            database={"url": url},
            lti={"allow_private_hosts": True},
        )
        item, cpu_file = _prepare(settings, platform), Path(folder) / "database-cpu"
        cpu_file.write_bytes(bytes(8 * SLOTS))
        env = {**_environment(settings), DATABASE_CPU: str(cpu_file)}
        stock = {JWKS_URL: platform.url}
        with (
            serving_app("benchmarks.launch_apps:create_tool", env, 2) as tool,
            serving_app("benchmarks.launch_apps:create_pylti", stock, 2) as pylti,
            serving_app("benchmarks.launch_apps:create_minimal", stock, 2) as minimal,
        ):
            ours = _tool_side("ours", tool, item, settings, cpu_file, follows=True)
            alone = _tool_side("ours without the page", tool, item, settings, cpu_file, follows=False)
            theirs = Side("PyLTI1p3", pylti, item, ISSUER, lambda: 0.0, keeps_cookies=False, follows=False)
            by_hand = Side("by hand", minimal, item, ISSUER, lambda: 0.0, keeps_cookies=True, follows=True)
            sides = (ours, alone, theirs, by_hand)
            for side in sides:
                side.load(platform, WARM + PEOPLE, counted=False)
            for _round in range(rounds):
                for side in sides:
                    side.load(platform, LAUNCHES, counted=True)
    platform.server.shutdown()
    platform.server.server_close()
    return _report(database, ours, alone, theirs, by_hand)


def _tool_side(name: str, tool: Serving, item: str, settings: Settings, cpu_file: Path, *, follows: bool) -> Side:
    def database_cpu() -> float:
        return read_database_cpu(cpu_file)

    return Side(name, tool, item, settings.root_url, database_cpu, keeps_cookies=True, follows=follows)


def _environment(settings: Settings) -> dict[str, str]:
    return {**environment_of(settings), "COURSEBRIDGE_LTI__ALLOW_PRIVATE_HOSTS": "true"}


def _prepare(settings: Settings, platform: Platform) -> str:
    """Tables, the demo course, the platform; returns the reference of a quiz."""
    runtime, plugins = make_process(settings)
    Base.metadata.create_all(runtime.db.engine)
    command = [sys.executable, "-m", "lti_tool.app", "course", "import", str(COURSE)]
    subprocess.run(command, env={**os.environ, **_environment(settings)}, check=True, stdout=subprocess.DEVNULL)
    facts = PlatformFacts("Bench", ISSUER, "bench", f"{ISSUER}/auth", f"{ISSUER}/token", platform.url, ("1",))
    with runtime.db.transaction() as tx:
        row = add_registration(tx, facts, allow_http=True)
        choices = [one for plugin in plugins if plugin.contents for one in plugin.contents.list_choices(tx, row.id)]
    runtime.db.close()
    return next(choice.ref for choice in choices if choice.kind == "quiz")


def _report(database: str, *sides: Side) -> list[Row]:
    for side in sides:
        print(
            f"{database}, {side.name}: {statistics.median(side.cpu_ms):.2f} ms CPU for each that did not fail, "
            f"{statistics.median(side.without_database_ms):.2f} without statements, "
            f"{statistics.median(side.rates):.0f} of those/s, {side.failures} of {side.launches} failed, "
            f"{side.fetches} key fetches; load {os.getloadavg()[0]:.1f}",
            flush=True,
        )
    ours, alone, theirs, by_hand = sides
    cpu, least = (statistics.median(side.without_database_ms) for side in (ours, by_hand))
    rate, rate_alone, their_rate = (statistics.median(side.rates) for side in (ours, alone, theirs))
    parts = "login, launch and the quiz page that follows; 2 granian processes; CPU inside of SQL not counted"
    flow = "its Flask flow under the same server, failures not counted as launches, no page beyond a greeting"
    hand = "a minimal tool by hand: login, verified launch, small page, no database"
    users = "8 lines on the same machine; signing not in it"
    return [
        Row(f"launch CPU, {database}", round(cpu, 2), TARGET_MS, "the target", round(TARGET_MS / cpu, 2), "ms",
            ours.launches, parts),
        Row(f"launch CPU beside a tool by hand, {database}", round(cpu, 2), round(least, 2), hand,
            round(least / cpu, 2), "ms", ours.launches, parts),
        Row(f"launches a second, {database}", round(rate), round(their_rate), f"PyLTI1p3 2.0.0, {flow}",
            round(rate / their_rate, 2), "/s", ours.launches, users),
        Row(f"launches a second without the page, {database}", round(rate_alone), round(their_rate),
            f"PyLTI1p3 2.0.0, {flow}", round(rate_alone / their_rate, 2), "/s", alone.launches, users),
    ]  # fmt: skip

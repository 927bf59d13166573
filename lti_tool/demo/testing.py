"""A campus in a thread, for tests: everything a test asks of the platform, in Python."""

from __future__ import annotations

import functools
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import httpx
from joserfc.jwk import RSAKey
from werkzeug.serving import BaseWSGIServer

from lti_tool.demo import deep_linking, minting, notices, oidc, pages, registration, seed
from lti_tool.demo.admin_pages import conventional_tool
from lti_tool.demo.campus import Campus
from lti_tool.demo.config import CampusConfig, Clock
from lti_tool.demo.faults import Fault
from lti_tool.demo.keys import trusted
from lti_tool.demo.minting import SigningKey
from lti_tool.demo.model import (
    Activity,
    CampusError,
    Course,
    FormPost,
    Grade,
    Launch,
    LineItem,
    Person,
    ReceivedScore,
    Tool,
)
from lti_tool.demo.profiles import Profile, Role
from lti_tool.demo.server import bind, create_campus


@functools.cache
def _first_key() -> str:
    """One key for all test campuses of a process: making one takes longer than most tests."""
    return RSAKey.generate_key(2048).as_pem(private=True).decode()


def make_signing_key(kid: str = "another-key") -> SigningKey:
    """Return a fresh RSA key that the platform does not publish."""
    return SigningKey(RSAKey.generate_key(2048).as_pem(private=True), kid)


class CampusServer:
    """Serves one campus on a free port while the context lasts.

    ``CampusServer("canvas")`` or ``CampusServer(CampusConfig(...))``; the test API is on, rows are in memory and the
    clock is its own unless the config says otherwise.
    """

    def __init__(self, config: CampusConfig | str = "moodle", *, issuer: str | None = None) -> None:
        if isinstance(config, str):
            config = CampusConfig(profile=config, port=0, issuer=issuer, test_api=True, signing_key_pem=_first_key())
        self.config = config
        self.app = create_campus(config)
        self.campus: Campus = self.app.extensions["campus"]
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._server = bind(self.config, self.app)
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(0.02,), name="campus", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.campus.stopping.set()
        if self._server and self._thread:
            self._server.shutdown()
            self._thread.join(10)
        self.campus.close()

    # --- what it is
    @property
    def base_url(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return self.campus.base_url

    @property
    def issuer(self) -> str:
        """The ``iss`` of its messages."""
        return self.campus.issuer

    @property
    def auth_url(self) -> str:
        """OIDC authentication endpoint."""
        return self.campus.auth_url

    @property
    def token_url(self) -> str:
        """Token endpoint."""
        return self.campus.token_url

    @property
    def jwks_url(self) -> str:
        """Key set."""
        return self.campus.jwks_url

    @property
    def profile(self) -> Profile:
        """How it behaves."""
        return self.campus.profile

    @property
    def clock(self) -> Clock:
        """Its clock; ``advance()`` moves it."""
        return self.campus.clock

    # --- course
    def person(self, username: str) -> Person:
        """Return a person.

        Raises:
            CampusError: there is nobody of that name (404).
        """
        found = self.campus.store.find_person(username)
        if found is None:
            raise CampusError(f"There is nobody called {username}.", 404)
        return found

    def add_person(self, username: str, name: str, role: Role = Role.LEARNER) -> Person:
        """Enrol one more person."""
        number = self.campus.store.last_person_id() + 1
        given, _, family = name.partition(" ")
        person = seed.make_person(number, username, given, family, role, self.profile)
        self.campus.store.add_person(person)
        return person

    def remove_person(self, username: str) -> Person:
        """Let somebody leave the course; returns who it was, for `campus.store.add_person`."""
        person = self.person(username)
        self.campus.store.delete_person(person.id)
        return person

    def change_person(self, username: str, **changes: Any) -> Person:
        """Give somebody another role, name or state; ``changes`` replace any of ``Person``."""
        person = replace(self.person(username), **changes)
        self.campus.store.save_person(person)
        return person

    def add_tool(
        self, base_url: str, *, client_id: str = "coursebridge", deployment_id: str = "", **fields: Any
    ) -> Tool:
        """Register a tool with the usual paths under its base URL; ``fields`` replace any of ``Tool``."""
        tool = conventional_tool("Coursebridge", client_id, base_url.rstrip("/"), deployment_id)
        return self.campus.store.add_tool(replace(tool, **fields))

    def registration_url(self, tool_url: str, updates: str = "") -> str:
        """Return the tool's registration URL with openid_configuration and a one-time token; see ``updates`` there."""
        return registration.registration_url(self.campus, tool_url, updates)

    def add_activity(
        self,
        title: str = "Quiz 1",
        *,
        url: str = "",
        custom: Mapping[str, str] | None = None,
        points: float | None = None,
        resource_id: str = "",
        tag: str = "",
        tool: Tool | None = None,
    ) -> Activity:
        """Add an activity as deep linking would, with a column when ``points`` says so."""
        item: dict[str, Any] = {"type": "ltiResourceLink", "title": title, "url": url, "custom": dict(custom or {})}
        if points is not None:
            item["lineItem"] = {"scoreMaximum": points, "resourceId": resource_id, "tag": tag}
        return deep_linking.create_activity(self.campus, tool or self.campus.get_tool(), item)

    def activities(self) -> list[Activity]:
        """Return the activities of the course."""
        return self.campus.store.list_activities()

    def line_items(self, activity: Activity | None = None) -> list[LineItem]:
        """Return the columns, or those of one activity."""
        return [i for i in self.campus.store.list_line_items() if activity is None or i.activity_id == activity.id]

    def copy_course(self, title: str = "Notebooks 101 again") -> None:
        """Let a copy of the course take its place, as a teacher makes one for the next year."""
        course_id = str(int(self.campus.store.course.id) + 100)
        notices.copy_course(self.campus, Course(course_id, title, "NB101b"))

    def add_group(self, name: str, *members: str, set_name: str = "", hidden: bool = False, tag: str = "") -> str:
        """Make a group of usernames; returns its id."""
        groups = self.campus.store.list_groups()
        row = {"id": f"group-{len(groups) + 1}", "name": name, "tag": tag, "hidden": hidden, "members": list(members)}
        row |= {"set_name": set_name, "set_id": f"set-{set_name}" if set_name else ""}
        self.campus.store.set_groups([*groups, row])
        return str(row["id"])

    def mint_notice(
        self,
        kind: str = notices.HELLO,
        *,
        origins: Iterable[str] = (),
        claims: Mapping[str, Any] | None = None,
        drop: Iterable[str] = (),
        header: Mapping[str, Any] | None = None,
        key: SigningKey | None = None,
    ) -> str:
        """Return the token of a notice to the first tool, changed as asked."""
        current = self.campus.keys.current
        key = key or SigningKey(current.as_pem(private=True), str(current.kid))
        body = notices.notice_claims(self.campus, self.campus.get_tool(), kind, list(origins))
        left_out = set(drop)
        body = {name: value for name, value in {**body, **(claims or {})}.items() if name not in left_out}
        return minting.compact_jws({"alg": "RS256", "typ": "JWT", "kid": key.kid, **(header or {})}, body, key.pem)

    # --- grades
    def grade(self, username: str, activity: Activity) -> Grade | None:
        """Return a learner's grade in the activity's column; None before any score.

        Raises:
            CampusError: the activity has no column (404).
        """
        items = self.line_items(activity)
        if not items:
            raise CampusError(f"{activity.title} has no gradebook column.", 404)
        return self.campus.store.find_grade(items[0].id, self.person(username).id)

    def override_grade(self, username: str, activity: Activity, value: float | None) -> None:
        """Let the teacher set (or with None lift) their own grade."""
        pages.override_grade(self.campus, self.line_items(activity)[0].id, username, value)

    def received_scores(self, username: str | None = None) -> list[ReceivedScore]:
        """Return every score POST, oldest first, also refused ones."""
        sub = self.person(username).sub if username else None
        return [s for s in self.campus.store.list_received_scores() if sub in {None, s.user_id}]

    # --- launches
    @contextmanager
    def browser(self, username: str | None = None) -> Iterator[httpx.Client]:
        """Yield a client of this campus, signed in; follows no redirects."""
        with httpx.Client(base_url=self.base_url, trust_env=False, timeout=10, verify=trusted()) as client:

            def send_cookies(request: httpx.Request) -> None:
                """As browsers do on a loopback address: secure cookies too, without TLS."""
                request.headers["Cookie"] = "; ".join(f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar)

            client.event_hooks = {"request": [send_cookies]}
            if username:
                client.get(f"/login/{username}")
            yield client

    def start_launch(
        self,
        username: str,
        activity: Activity | None = None,
        *,
        tool: Tool | None = None,
        method: str | None = None,
        for_user: str | None = None,
    ) -> FormPost:
        """Return the login initiation form; without an activity it is deep linking, with ``for_user`` a review."""
        tool = tool or self.campus.get_tool(activity.tool_id if activity else None)
        return oidc.start_launch(self.campus, self.person(username), tool, activity, method=method, for_user=for_user)

    def authorize(self, username: str | None, auth_url: str) -> FormPost:
        """Answer the tool's redirect to the authentication endpoint, honestly: the form to post to the tool.

        Raises:
            CampusError: the platform shows an error page instead.
        """
        params = dict(parse_qsl(urlsplit(auth_url).query, keep_blank_values=True))
        return oidc.authorize(self.campus, self.person(username) if username else None, params)

    def mint_id_token(
        self,
        username: str,
        activity: Activity | None = None,
        *,
        nonce: str,
        tool: Tool | None = None,
        claims: Mapping[str, Any] | None = None,
        header: Mapping[str, Any] | None = None,
        drop: Iterable[str] = (),
        drop_header: Iterable[str] = (),
        key: SigningKey | None = None,
        payload: bytes | None = None,
    ) -> str:
        """Return an id_token changed as asked; see ``minting.mint_id_token``. No activity: deep linking."""
        tool = tool or self.campus.get_tool(activity.tool_id if activity else None)
        person = self.person(username)
        return_token = self._open_return(person, tool) if activity is None else ""
        return minting.mint_id_token(
            self.campus,
            tool,
            person,
            activity,
            nonce=nonce,
            claims=claims,
            header=header,
            drop=drop,
            drop_header=drop_header,
            key=key,
            payload=payload,
            return_token=return_token,
        )

    def _open_return(self, person: Person, tool: Tool) -> str:
        word = secrets.token_urlsafe(16)
        self.campus.store.add_launch(Launch(word, person.id, tool.id, None, f"return-{word}", used=True))
        return f"return-{word}"

    def mint_launch(
        self, username: str, activity: Activity | None, auth_url: str, *, state: str | None = None, **changes: Any
    ) -> FormPost:
        """Return the launch form that answers ``auth_url``, with the id_token changed as ``mint_id_token`` allows.

        Nonce, state and redirect_uri are those of ``auth_url`` unless given; the endpoint's own checks are skipped.
        """
        params = dict(parse_qsl(urlsplit(auth_url).query, keep_blank_values=True))
        nonce = changes.pop("nonce", params.get("nonce", ""))
        token = self.mint_id_token(username, activity, nonce=nonce, **changes)
        fields = {"id_token": token, "state": params.get("state", "") if state is None else state}
        return FormPost(params.get("redirect_uri", ""), fields)

    # --- trouble
    def set_fault(self, endpoint: str, kind: str, *, value: int | None = None, times: int | None = None) -> Fault:
        """Make an endpoint fail; see ``faults.ENDPOINTS`` and ``faults.KINDS``."""
        return self.campus.faults.set(endpoint, kind, value=value, times=times)

    def clear_faults(self) -> None:
        """End all faults."""
        self.campus.faults.clear()

    def hits(self, endpoint: str) -> int:
        """Return how many requests an endpoint has had since the start."""
        return self.campus.faults.hits(endpoint)

    def hit_times(self, endpoint: str) -> list[float]:
        """Return when they came, in seconds on the campus clock."""
        return self.campus.faults.hit_times(endpoint)

    def rotate_keys(self, *, keep_old: bool = True) -> str:
        """Sign with a new key and return its kid."""
        return self.campus.keys.rotate(keep_old=keep_old)

"""The Hub's own addresses: the way in with a ticket, and the two places a person can go."""

import asyncio
import re
import time
from http import HTTPStatus
from typing import Any

from jupyterhub.handlers import BaseHandler
from jupyterhub.handlers.pages import SpawnHandler
from jupyterhub.utils import url_path_join
from tornado import web
from tornado.httputil import url_concat

from jupyter_ext.hub.arrivals import LIFE_S, Arrival
from jupyter_ext.hub.places import (
    formgrader_path,
    grade_server_name,
    hub_path,
    is_assignment_name,
    is_course_key,
    open_path,
    reading_path,
    write_path,
    write_server_name,
)
from jupyter_ext.hub.tool import Course, ToolUnavailable, Unknown, Visit

MAX_TICKET = 512
STOPPING_S = 20.0
KEY = re.compile(r"[A-Za-z0-9_-]{12}")

TICKET_USED = (
    "Every link into JupyterHub works once and for a minute. Go back to your course and open it again from there."
)
TOOL_DOWN = (
    "Coursebridge, which knows who you are, does not answer. Wait a minute, then open this again from your course."
)
NOT_A_GRADER = "Marking this course is for its teachers and assistants. If you are one, open it again from your course."
NOT_A_WRITER = (
    "Writing the quizzes of this course is for its teachers, and assistants whom they let. If you are one, open it "
    "again from your course."
)
NOT_OUR_PAGE = "This answer did not come from the page that asked. Go back to your course and open it again from there."
NO_SUCH_PLACE = "This link names no course or assignment. Go back to your course and open it again from there."


class _DoorHandler(BaseHandler):
    """What the handlers of the way in share: nothing of it is cached, and no other page learns its address."""

    def set_default_headers(self) -> None:
        """Headers of every answer here, also of refusals."""
        super().set_default_headers()
        self.set_header("Referrer-Policy", "same-origin")  # `no-referrer` would have forms say `Origin: null`
        self.set_header("Cache-Control", "no-store")

    def check_xsrf_cookie(self) -> None:
        """Nothing: nobody is signed in yet, so JupyterHub's token would say little. Each `post` looks at `Origin`."""


class TicketHandler(_DoorHandler):
    """POST /hub/coursebridge/ticket with the field `ticket`, or GET with it in the address: redeem it, go on.

    A ticket signs in whoever brings it. That the person asked for it in this browser is proved by the browser itself,
    which writes the tool's origin into a form's post from the tool's page. The login cookie does not come with a post
    from another site, so signing in is a step of its own: `ArrivalHandler`. A ticket must not travel further: not to a
    log (the request's address is cut), a referrer, or a cache.
    """

    def prepare(self) -> Any:
        """Take the ticket out of the address before anything can log it."""
        self._ticket = self.get_argument("ticket", "")
        self.request.uri = self.request.path
        self.request.query = ""
        return super().prepare()

    async def get(self) -> None:
        """Redeem and go on, to be asked. 400 no ticket, 410 used or expired, 503 the tool is down."""
        if "prefetch" in self.request.headers.get("Sec-Purpose", ""):
            raise web.HTTPError(HTTPStatus.SERVICE_UNAVAILABLE, "A link that works once is not fetched in advance.")
        await self._arrive(is_proved=False)

    async def post(self) -> None:
        """Redeem and go on. Errors as for GET."""
        await self._arrive(is_proved=self.request.headers.get("Origin") == self.authenticator.tool_origin)

    async def _arrive(self, *, is_proved: bool) -> None:
        if not self._ticket or len(self._ticket) > MAX_TICKET:
            self.set_status(HTTPStatus.BAD_REQUEST)
            self.finish(await self.render_template("login.html"))
            return
        visit = await self._redeem()
        key, secret = self.authenticator.arrivals.add(visit, is_proved=is_proved)
        self._set_cookie(arrival_cookie(self, key), secret, encrypted=False, path=self.hub.base_url, max_age=LIFE_S)
        there = url_path_join(self.hub.base_url, "coursebridge/arrive")
        self.redirect(url_concat(there, {"visit": key}), status=HTTPStatus.SEE_OTHER)

    async def _redeem(self) -> Visit:
        try:
            visit: Visit = await self.authenticator.tool.redeem_ticket(self._ticket)
        except Unknown as error:
            raise web.HTTPError(HTTPStatus.GONE, TICKET_USED) from error
        except ToolUnavailable as error:
            self.log.error("Ticket not redeemed: %s", error)
            raise web.HTTPError(HTTPStatus.SERVICE_UNAVAILABLE, TOOL_DOWN) from error
        return visit


class ArrivalHandler(_DoorHandler):
    """GET, POST /hub/coursebridge/arrive?visit=K: sign in whose ticket this browser brought, or ask first."""

    async def get(self) -> None:
        """On to the notebook; a page that asks where there is no proof or another person is signed in. 410: over."""
        key, arrival = self._arrival()
        before = self.current_user.name if self.current_user else None
        if before == arrival.visit.name or (arrival.is_proved and before is None):
            await self._sign_in(key, arrival)
            return
        html = await self.render_template("arrive.html", visit=arrival.visit, is_somebody_else=before is not None)
        self.finish(html)

    async def post(self) -> None:
        """The person has said yes. 403: the answer was not given on our page."""
        if self.request.headers.get("Origin") != self.authenticator.hub_origin:
            raise web.HTTPError(HTTPStatus.FORBIDDEN, NOT_OUR_PAGE)
        await self._sign_in(*self._arrival())

    def _arrival(self) -> tuple[str, Arrival]:
        key = self.get_query_argument("visit", "")
        secret = self.get_cookie(arrival_cookie(self, key), "") if KEY.fullmatch(key) else ""
        arrival = self.authenticator.arrivals.find(key, secret or "")
        if arrival is None:
            raise web.HTTPError(HTTPStatus.GONE, TICKET_USED)
        return key, arrival

    async def _sign_in(self, key: str, arrival: Arrival) -> None:
        visit, before = arrival.visit, self.current_user
        self.authenticator.arrivals.end(key)
        self.clear_cookie(arrival_cookie(self, key), path=self.hub.base_url)
        if before is not None and before.name != visit.name:
            # another person's login in the same browser: end it whole, with its session and the tokens of that session
            self.clear_login_cookie()
            self.set_session_cookie()
        if await self.login_user({"visit": visit}) is None:
            raise web.HTTPError(HTTPStatus.FORBIDDEN, "This account may not use JupyterHub. Ask whoever runs it.")
        place = hub_path(visit.next_path)
        if place:
            self.authenticator.arrivals.note(visit.name)
        self.redirect(url_path_join(self.hub.base_url, place or "home"), status=HTTPStatus.SEE_OTHER)


def arrival_cookie(handler: BaseHandler, key: str) -> str:
    """Name of the cookie for one arrival: two windows that open at once do not mix."""
    prefix = "__Host-" if handler.settings.get("cookie_host_prefix_enabled") else ""
    return f"{prefix}coursebridge-arrival-{key}"


class LoginPageHandler(BaseHandler):
    """GET /hub/login: says how to get in; there is nothing to fill in."""

    async def get(self) -> None:
        """The page, or on to where a person who is logged in was going."""
        user = self.current_user
        if user is not None:
            self.redirect(self.get_next_url(user, default=url_path_join(self.hub.base_url, "home")))
            return
        self.finish(await self.render_template("login.html"))


class OpenHandler(BaseHandler):
    """GET /hub/open?course=K&assignment=A, or &reading=R: the person's own server, at that quiz or notebook lesson."""

    @web.authenticated
    async def get(self) -> None:
        """Redirect there, by way of starting the server if needed."""
        course, reading = self.get_argument("course", ""), self.get_argument("reading", "")
        name = reading or self.get_argument("assignment", "")
        if not is_course_key(course) or not is_assignment_name(name):
            raise web.HTTPError(HTTPStatus.NOT_FOUND, NO_SUCH_PLACE)
        await _go(self, "", (reading_path if reading else open_path)(course, name))


class FormgraderHandler(BaseHandler):
    """GET /hub/formgrader?course=K&path=P: formgrader on the person's server for that course, graders only."""

    @web.authenticated
    async def get(self) -> None:
        """Redirect to formgrader, by way of starting the server if needed. 403 for everybody else."""
        key = self.get_argument("course", "")
        if not is_course_key(key):
            raise web.HTTPError(HTTPStatus.NOT_FOUND, NO_SUCH_PLACE)
        if not any(course.key == key and course.is_graded_by_them for course in await _courses_of(self)):
            raise web.HTTPError(HTTPStatus.FORBIDDEN, NOT_A_GRADER)
        await _go(self, grade_server_name(key), formgrader_path(self.get_argument("path", "")))


class WriteHandler(BaseHandler):
    """GET /hub/write?course=K&assignment=A: the source of a quiz on the person's server for writing that course."""

    @web.authenticated
    async def get(self) -> None:
        """Redirect there, by way of starting the server if needed. 403 for who may not edit the course."""
        key, name = self.get_argument("course", ""), self.get_argument("assignment", "")
        if not is_course_key(key) or not is_assignment_name(name):
            raise web.HTTPError(HTTPStatus.NOT_FOUND, NO_SUCH_PLACE)
        if not any(course.key == key and course.is_written_by_them for course in await _courses_of(self)):
            raise web.HTTPError(HTTPStatus.FORBIDDEN, NOT_A_WRITER)
        await _go(self, write_server_name(key), write_path(name))


async def _courses_of(handler: BaseHandler) -> tuple[Course, ...]:
    """The courses of who asks, with what they may do there now."""
    try:
        courses: tuple[Course, ...] = await handler.authenticator.tool.list_courses(handler.current_user.name)
    except Unknown:
        return ()
    except ToolUnavailable as error:
        raise web.HTTPError(HTTPStatus.SERVICE_UNAVAILABLE, TOOL_DOWN) from error
    return courses


class CarefulSpawnHandler(SpawnHandler):
    """GET /hub/spawn/U/S: starts a server, but not because a page of another site says so.

    JupyterHub starts a server at a mere visit, which any page can make a browser do, a learner's server's too. A visit
    from elsewhere gets the page with the button, unless the person has just come from the tool.
    """

    @web.authenticated
    async def get(self, user_name: str | None = None, server_name: str = "") -> None:
        """Start it, or show the page that offers to."""
        user = self.current_user
        is_theirs = user_name in {None, user.name}
        spawner = user.spawners.get(server_name) if is_theirs else None
        await _until_stopped(spawner)
        if is_theirs and not (spawner and spawner.active) and _is_sent_from_elsewhere(self):
            html = await self.render_template(
                "not_running.html", user=user, server_name=server_name, spawn_url=self.request.uri, failed=False
            )
            self.finish(html)
            return
        self.authenticator.arrivals.forget(user.name)
        await super().get(user_name, server_name)


async def _until_stopped(spawner: Any) -> None:
    """Wait while a server is being stopped (the culler may have just begun): then it can be started again."""
    end = time.monotonic() + STOPPING_S
    while spawner is not None and spawner.pending == "stop" and time.monotonic() < end:  # noqa: ASYNC110 - as in line.py
        await asyncio.sleep(0.2)


def _is_sent_from_elsewhere(handler: BaseHandler) -> bool:
    """Whether a page of another site made the browser come here, and no ticket did (`Sec-Fetch-Site`, W3C)."""
    site = handler.request.headers.get("Sec-Fetch-Site", "none")
    return site in {"cross-site", "same-site"} and not handler.authenticator.arrivals.is_noted(
        handler.current_user.name
    )


async def _go(handler: BaseHandler, server_name: str, path: str) -> None:
    """To a path in one of the person's servers; the Hub's spawn pages start it first where it is not running."""
    user = handler.current_user
    there = url_path_join(user.server_url(server_name), path)
    spawner = user.spawners.get(server_name)
    if spawner is not None and spawner.ready and await spawner.poll_and_notify() is None:
        handler.authenticator.arrivals.forget(user.name)
        handler.redirect(there)
        return
    spawn = url_path_join(handler.hub.base_url, "spawn", user.escaped_name, server_name)
    handler.redirect(url_concat(spawn, {"next": there}))

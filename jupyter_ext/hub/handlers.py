"""The Hub's own addresses: the way in with a ticket, and the two places a person can go."""

from http import HTTPStatus
from typing import Any

from jupyterhub.handlers import BaseHandler
from jupyterhub.utils import url_path_join
from tornado import web
from tornado.httputil import url_concat

from jupyter_ext.hub.places import (
    formgrader_path,
    grade_server_name,
    hub_path,
    is_assignment_name,
    is_course_key,
    open_path,
)
from jupyter_ext.hub.tool import ToolUnavailable, Unknown, Visit

MAX_TICKET = 512

TICKET_USED = (
    "Every link into JupyterHub works once and for a minute. Go back to your course and open it again from there."
)
TOOL_DOWN = (
    "Coursebridge, which knows who you are, does not answer. Wait a minute, then open this again from your course."
)
NOT_A_GRADER = "Marking this course is for its teachers and assistants. If you are one, open it again from your course."
NO_SUCH_PLACE = "This link names no course or assignment. Go back to your course and open it again from there."


class TicketHandler(BaseHandler):
    """GET /hub/coursebridge/ticket?ticket=T: redeem the ticket, log in, go on.

    The ticket is in the address because the tool can only send a browser here. It is used up by this request, and it
    must not travel further: not to a log (the request's address is cut), a referrer, or a cache.
    """

    def prepare(self) -> Any:
        """Take the ticket out of the address before anything can log it."""
        self._ticket = self.get_argument("ticket", "")
        self.request.uri = self.request.path
        self.request.query = ""
        return super().prepare()

    def set_default_headers(self) -> None:
        """Headers of every answer here, also of refusals."""
        super().set_default_headers()
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cache-Control", "no-store")

    async def get(self) -> None:
        """Redeem and redirect. 400 no ticket, 410 used or expired, 503 the tool is down."""
        if "prefetch" in self.request.headers.get("Sec-Purpose", ""):
            raise web.HTTPError(HTTPStatus.SERVICE_UNAVAILABLE, "A link that works once is not fetched in advance.")
        if not self._ticket or len(self._ticket) > MAX_TICKET:
            self.set_status(HTTPStatus.BAD_REQUEST)
            self.finish(await self.render_template("login.html"))
            return
        visit = await self._redeem()
        before = self.current_user
        if before is not None and before.name != visit.name:
            # another person's login in the same browser: end it whole, with its session and the tokens of that session
            self.clear_login_cookie()
            self.set_session_cookie()
        if await self.login_user({"visit": visit}) is None:
            raise web.HTTPError(HTTPStatus.FORBIDDEN, "This account may not use JupyterHub. Ask whoever runs it.")
        self.redirect(url_path_join(self.hub.base_url, hub_path(visit.next_path) or "home"))

    async def _redeem(self) -> Visit:
        try:
            visit: Visit = await self.authenticator.tool.redeem_ticket(self._ticket)
        except Unknown as error:
            raise web.HTTPError(HTTPStatus.GONE, TICKET_USED) from error
        except ToolUnavailable as error:
            self.log.error("Ticket not redeemed: %s", error)
            raise web.HTTPError(HTTPStatus.SERVICE_UNAVAILABLE, TOOL_DOWN) from error
        return visit


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
    """GET /hub/open?course=K&assignment=A: the person's own server, at that assignment."""

    @web.authenticated
    async def get(self) -> None:
        """Redirect to the assignment, by way of starting the server if needed."""
        course, assignment = self.get_argument("course", ""), self.get_argument("assignment", "")
        if not is_course_key(course) or not is_assignment_name(assignment):
            raise web.HTTPError(HTTPStatus.NOT_FOUND, NO_SUCH_PLACE)
        await _go(self, "", open_path(course, assignment))


class FormgraderHandler(BaseHandler):
    """GET /hub/formgrader?course=K&path=P: formgrader on the person's server for that course, graders only."""

    @web.authenticated
    async def get(self) -> None:
        """Redirect to formgrader, by way of starting the server if needed. 403 for everybody else."""
        key = self.get_argument("course", "")
        if not is_course_key(key):
            raise web.HTTPError(HTTPStatus.NOT_FOUND, NO_SUCH_PLACE)
        try:
            courses = await self.authenticator.tool.list_courses(self.current_user.name)
        except Unknown:
            courses = ()
        except ToolUnavailable as error:
            raise web.HTTPError(HTTPStatus.SERVICE_UNAVAILABLE, TOOL_DOWN) from error
        if not any(course.key == key and course.is_graded_by_them for course in courses):
            raise web.HTTPError(HTTPStatus.FORBIDDEN, NOT_A_GRADER)
        await _go(self, grade_server_name(key), formgrader_path(self.get_argument("path", "")))


async def _go(handler: BaseHandler, server_name: str, path: str) -> None:
    """To a path in one of the person's servers; the Hub's spawn pages start it first where it is not running."""
    user = handler.current_user
    there = url_path_join(user.server_url(server_name), path)
    spawner = user.spawners.get(server_name)
    if spawner is not None and spawner.ready and await spawner.poll_and_notify() is None:
        handler.redirect(there)
        return
    spawn = url_path_join(handler.hub.base_url, "spawn", user.escaped_name, server_name)
    handler.redirect(url_concat(spawn, {"next": there}))

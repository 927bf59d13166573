"""People come from the tool: a single-use ticket is the only way in."""

from typing import Any

from jupyterhub.auth import Authenticator
from traitlets import Unicode

from jupyter_ext.hub.arrivals import Arrivals
from jupyter_ext.hub.handlers import (
    ArrivalHandler,
    CarefulSpawnHandler,
    FormgraderHandler,
    LoginPageHandler,
    OpenHandler,
    TicketHandler,
    WriteHandler,
)
from jupyter_ext.hub.tool import Course, Tool, ToolUnavailable, Unknown, Visit


class CoursebridgeAuthenticator(Authenticator):
    """Logs a person in under the opaque name that the tool gives for a ticket, and keeps courses and roles as groups.

    There is no password and no login form, so there is nothing to guess: `authenticate` only takes what
    `TicketHandler` got from the tool itself.
    """

    tool_url = Unicode(help="Address of the tool.").tag(config=True)
    service_token = Unicode(help="Secret shared by Hub and tool.").tag(config=True)

    tool_origin = Unicode(help="Origin of the tool's pages: where tickets are posted from.").tag(config=True)
    hub_origin = Unicode(help="Origin of the Hub's pages.").tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.arrivals = Arrivals()

    @property
    def tool(self) -> Tool:
        """The tool's API."""
        return Tool(self.tool_url, self.service_token)

    async def authenticate(self, handler: Any, data: Any) -> dict[str, Any] | None:
        """The model of a person who redeemed a ticket.

        JupyterHub's REST API also offers this method what a request's body says, so a plain dict proves nothing; only
        a `Visit` object, which only code in this process can make, does.
        """
        visit = data.get("visit") if isinstance(data, dict) else None
        if not isinstance(visit, Visit):
            return None
        return {"name": visit.name, "admin": False, "groups": group_names(visit.courses)}

    async def refresh_user(self, user: Any, handler: Any = None, **kwargs: Any) -> bool | dict[str, Any]:
        """Ask the tool now and then what the person may still do; a tool that is down logs nobody out."""
        try:
            courses = await self.tool.list_courses(user.name)
        except Unknown:
            self.log.warning("The tool no longer knows %s: signed out", user.name)
            return False
        except ToolUnavailable as error:
            self.log.warning("Courses of %s not refreshed: %s", user.name, error)
            return True
        return {"name": user.name, "groups": group_names(courses)}

    def get_handlers(self, app: Any) -> list[tuple[str, type]]:
        """Our pages; the Hub's login form is not among them."""
        return [
            ("/login", LoginPageHandler),
            ("/coursebridge/ticket", TicketHandler),
            ("/coursebridge/arrive", ArrivalHandler),
            ("/open", OpenHandler),
            ("/formgrader", FormgraderHandler),
            ("/write", WriteHandler),
            ("/spawn", CarefulSpawnHandler),
            ("/spawn/([^/]+)", CarefulSpawnHandler),
            ("/spawn/([^/]+)/([^/]+)", CarefulSpawnHandler),
        ]


def group_names(courses: tuple[Course, ...]) -> list[str]:
    """One Hub group for each course and role, as in `course:notebooks-101-7:learner`."""
    return sorted({f"course:{course.key}:{course.role}" for course in courses})

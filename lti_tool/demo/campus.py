"""One running campus: its settings, rows, keys and faults, and the URLs it answers on."""

from __future__ import annotations

import threading
from urllib.parse import urlsplit

from flask import current_app

from lti_tool.demo.config import CampusConfig
from lti_tool.demo.faults import Faults
from lti_tool.demo.keys import PlatformKeys
from lti_tool.demo.model import CampusError, LineItem, Tool
from lti_tool.demo.profiles import PROFILES, Profile
from lti_tool.demo.store import Store


class Campus:
    """What every endpoint needs."""

    def __init__(self, config: CampusConfig) -> None:
        if config.profile not in PROFILES:
            raise CampusError(f"There is no profile {config.profile!r}; choose one of {', '.join(PROFILES)}.")
        self.config = config
        self.profile: Profile = PROFILES[config.profile]
        self.clock = config.clock
        self.store = Store(config.database)
        self.keys = PlatformKeys(self.store, config.signing_key_pem)
        self.faults = Faults()
        self.stopping = threading.Event()
        """Set when the server ends, so that a slow answer does not hold it up."""
        self.tells_differences = False
        """Serve the roster's differences and inactive people: NRPS 2.0 allows it, neither Moodle nor Canvas does."""
        self.results_page = 0
        """Results a page unless ``limit`` says otherwise; 0: all."""
        self.base_url = config.base_url or f"http://{config.host}:{config.port}"

    @property
    def issuer(self) -> str:
        """The ``iss`` of this platform."""
        return self.config.issuer or self.base_url

    def url(self, path: str) -> str:
        """Return the absolute URL of a path."""
        return f"{self.base_url}{path}"

    @property
    def auth_url(self) -> str:
        """OIDC authentication endpoint."""
        return self.url("/auth")

    @property
    def token_url(self) -> str:
        """OAuth token endpoint."""
        return self.url("/token")

    @property
    def jwks_url(self) -> str:
        """The platform's key set."""
        return self.url("/jwks")

    def _service_url(self, tool: Tool, path: str) -> str:
        query = self.profile.service_query.format(tool=tool.id)
        return self.url(f"/services/{self.store.course.id}{path}") + (f"?{query}" if query else "")

    def line_items_url(self, tool: Tool) -> str:
        """Line item container of the course, as this tool sees it."""
        return self._service_url(tool, "/lineitems")

    def line_item_url(self, tool: Tool, item: LineItem) -> str:
        """Line item id, which is its URL."""
        return self._service_url(tool, f"/lineitems/{item.id}{self.profile.line_item_tail}")

    @property
    def memberships_url(self) -> str:
        """Roster of the course."""
        return self.url(f"/services/{self.store.course.id}/memberships")

    def notices_url(self, tool: Tool) -> str:
        """Notification service, of one tool."""
        return self.url(f"/services/notice-handlers/{tool.id}")

    @property
    def groups_url(self) -> str:
        """Groups of the course."""
        return self.url(f"/services/{self.store.course.id}/groups")

    @property
    def group_sets_url(self) -> str:
        """Sets of groups of the course."""
        return self.url(f"/services/{self.store.course.id}/groupsets")

    @property
    def tool_origins(self) -> list[str]:
        """The origins whose pages may use what this platform offers to frames."""
        urls = [urlsplit(tool.login_url) for tool in self.store.list_tools() if tool.is_active]
        return sorted({f"{url.scheme}://{url.netloc}" for url in urls})

    def get_tool(self, tool_id: int | None = None) -> Tool:
        """Return that tool, or the first one that can be launched.

        Raises:
            CampusError: there is none (404).
        """
        tools = self.store.list_tools()
        found = next((t for t in tools if (t.id == tool_id if tool_id else t.is_active)), None)
        if found is None:
            raise CampusError("No tool is registered. Register one on the Tools page.", 404, "not_found")
        return found

    def close(self) -> None:
        """End waiting answers and close the store."""
        self.stopping.set()
        self.store.close()


def the_campus() -> Campus:
    """Return the campus of the running Flask app."""
    campus = current_app.extensions["campus"]
    if not isinstance(campus, Campus):
        raise TypeError("This Flask app has no campus; make it with create_campus().")
    return campus

"""Tickets that sign somebody in to JupyterHub: signed, short-lived, used once."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote, urlencode

from config.settings import Settings
from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Gone, Invalid, Unauthenticated
from lti_tool.kernel.once import use_once
from lti_tool.kernel.runtime import Runtime

PURPOSE = "hub_ticket"
GONE = "This link to JupyterHub has been used or is too old. Go back to your course and open it from there again."


@dataclass(frozen=True)
class Ticket:
    """Who is let in, and where they go."""

    hub_name: str
    next_path: str
    """A path that the Hub understands: `/open?…`, `/write?…` or `/formgrader?…`."""


def work_path(key: str, assignment: str) -> str:
    """To a learner's copy of a quiz; `key` is the placement's."""
    return "/open?" + urlencode({"course": key, "assignment": assignment})


def reading_path(key: str, name: str) -> str:
    """To a person's copy of a notebook lesson; `key` is the placement's."""
    return "/open?" + urlencode({"course": key, "reading": name})


def write_path(key: str, assignment: str) -> str:
    """To the source of a quiz, for those who write it; `key` is the placement's."""
    return "/write?" + urlencode({"course": key, "assignment": assignment})


def formgrader_path(key: str, path: str = "") -> str:
    """To formgrader of a placement; `path` is below its root."""
    query = {"course": key} | ({"path": path} if path else {})
    return "/formgrader?" + urlencode(query, safe="/", quote_via=quote)


def make_ticket(runtime: Runtime, ticket: Ticket) -> str:
    """The ticket as text. Nothing is stored until it is used."""
    payload = {"name": ticket.hub_name, "next": ticket.next_path, "id": secrets.token_hex(8)}
    return runtime.signer.sign(PURPOSE, payload)


def hub_door(runtime: Runtime) -> str:
    """Where a browser hands its ticket in: by POST in the field `ticket`."""
    return runtime.settings.hub.url.rstrip("/") + "/hub/coursebridge/ticket"


def ticket_url(runtime: Runtime, ticket: Ticket) -> str:
    """A link with a ticket, for a browser that cannot prove it comes from our page: the Hub asks who it is first."""
    return f"{hub_door(runtime)}?" + urlencode({"ticket": make_ticket(runtime, ticket)})


def redeem_ticket(tx: Tx, runtime: Runtime, token: str) -> Ticket:
    """Use a ticket up. Raises: Gone: it is used, too old or not ours."""
    life_s = runtime.settings.hub.ticket_s
    try:
        payload = runtime.signer.verify(PURPOSE, token, life_s)
    except (Gone, Invalid) as error:
        raise Gone("ticket_gone", GONE) from error
    if not use_once(tx, PURPOSE, token, clock.now() + timedelta(seconds=life_s + 60)):
        raise Gone("ticket_gone", GONE)
    return Ticket(payload["name"], payload["next"])


def check_service_token(settings: Settings, presented: str | None) -> None:
    """Let the Hub in. Raises: Unauthenticated."""
    expected = settings.hub.service_token.get_secret_value()
    if not expected or not presented or not hmac.compare_digest(expected.encode(), presented.encode()):
        raise Unauthenticated("service_token_refused", "This address is for JupyterHub, which shows its service token.")

"""What every page of the console has: the way around, paging by the last row shown, words for states."""

from collections.abc import Mapping
from typing import Any

from flask import Response, request, url_for
from flask_babel import gettext as _
from werkzeug.utils import redirect
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.kernel.errors import AppError
from lti_tool.lti.models import Approval
from lti_tool.lti.reach import Reach
from lti_tool.web.render import page

PAGE_SIZE = 50
LONGEST_NUMBER = 18
"""Digits of the number of a row: more fit no column."""


def places(current: str | None = None) -> dict[str, Any]:
    """The way around, for the header; `current` is the endpoint that it shows as where one is."""
    names = [
        (_("Overview"), "admin.show_overview"),
        (_("Platforms"), "admin.list_platforms"),
        (_("Registration"), "admin.show_registration"),
        (_("Keys"), "admin.show_keys"),
        (_("Jobs"), "admin.list_jobs"),
        (_("Deliveries"), "admin.list_deliveries"),
        (_("Audit log"), "admin.list_audit"),
    ]
    nav = [{"label": label, "url": url_for(name), "current": name == current} for label, name in names]
    return {"nav": nav, "nav_label": _("Console")}


def console_page(template: str, current: str, *, status: int = 200, **context: Any) -> Response:
    """A page of the console; `current` is the endpoint that the header shows as where one is."""
    said = request.args.get("said", "")
    flashes = [{"kind": "good", "text": text} for text in [what_was_done(said)] if text and status == 200]
    return page(f"admin/{template}.html", status=status, **places(current), **{"flashes": flashes, **context})


def done(endpoint: str, said: str, **values: Any) -> AnyResponse:
    """Back to a page that says what was done; `said` is a key of `what_was_done`."""
    return redirect(url_for(endpoint, **values, said=said), 303)


def what_was_done(said: str) -> str:
    """A sentence for what an address says, empty for anything else."""
    words: dict[str, str] = {
        "approved": _("Approved: launches work from now on."),
        "disabled": _("Disabled: its people are signed out, and its work waits."),
        "renamed": _("The new name holds."),
        "edited": _("The new addresses hold. Keys and tokens of the old ones are forgotten."),
        "added": _("Registered."),
        "host": _("The list of hosts is changed."),
        "trust": _("Who may open the console is changed."),
        "sent": _("The LMS has taken over what this tool is now."),
        "withdrawn": _("Nobody can use that link any more."),
        "rotated": _("A new key is published. It signs in an hour."),
        "fetched": _("Its keys were read anew."),
        "retried": _("Queued again."),
        "resent": _("On the way again."),
    }
    return words.get(said, "")


def problem_of(error: AppError) -> list[dict[str, str]]:
    """A refusal as the notice at the top of a page."""
    return [{"kind": "bad", "text": error.message}]


def state_badge(state: Approval) -> tuple[str, str]:
    """(look of `ui.badge`, word)."""
    return {
        Approval.PENDING: ("waiting", _("Waits for approval")),
        Approval.ACTIVE: ("done", _("Active")),
        Approval.DISABLED: ("closed", _("Disabled")),
    }[state]


def reach_badge(reach: Reach) -> tuple[str, str]:
    """(look of `ui.badge`, word): whether grades get through to a platform."""
    if reach.state is not Approval.ACTIVE:
        return "closed", _("Switched off")
    return ("done", _("Answers")) if reach.is_reachable else ("failed", _("No answer"))


def older_url(endpoint: str, rows: list[Any], filters: Mapping[str, Any]) -> str | None:
    """The next page, if this one is full."""
    if len(rows) < PAGE_SIZE:
        return None
    kept = {name: value for name, value in filters.items() if value}
    return url_for(endpoint, **kept, before=rows[-1].id)


def asked_before() -> int | None:
    """The row after which the page begins; None: it begins with the newest."""
    return asked_number("before")


def asked_number(name: str) -> int | None:
    """The number of a row in the address; None: there is none, or it can be no row's."""
    return number_of(request.args.get(name, ""))


def number_of(text: str) -> int | None:
    """A row's number; None: it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER else None


def asked_for(name: str, longest: int = 200) -> str:
    """A word of the address to filter by, as a database takes it."""
    return request.args.get(name, "").replace("\0", "")[:longest]

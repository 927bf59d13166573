"""The grades that have not arrived, and whether the platforms can be reached."""

from collections.abc import Iterable
from typing import Any

from flask import Response, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.admin.blueprint import BLUEPRINT
from lti_tool.admin.guard import current_admin, for_admins
from lti_tool.admin.pages import (
    PAGE_SIZE,
    asked_before,
    asked_number,
    console_page,
    done,
    number_of,
    older_url,
    reach_badge,
)
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Invalid, NotFound
from lti_tool.lti import public as lti
from lti_tool.lti.models import Approval
from lti_tool.lti.unsent import UNSENT, Unsent, list_unsent, send_unsent
from lti_tool.web.runtime import current_plugins, current_runtime

DELIVERIES = "admin.list_deliveries"


@BLUEPRINT.get("/deliveries")
@for_admins
def list_deliveries() -> Response:
    """Grades that wait or were refused, across all courses."""
    refused, chosen = request.args.get("show") == "refused", asked_number("platform")
    with current_runtime().db.reading() as tx:
        counts, reaches = lti.count_by_platform(tx), {each.registration_id: each for each in lti.list_reach(tx)}
        rows = list_unsent(tx, registration_id=chosen, refused_only=refused, before_id=asked_before(), limit=PAGE_SIZE)
        titles = _titles(tx, rows)
    filters: dict[str, Any] = {"show": "refused" if refused else "", "platform": chosen or ""}
    return console_page(
        "deliveries",
        DELIVERIES,
        **filters,
        platforms=[("", _("All platforms")), *((number, each.name) for number, each in reaches.items())],
        summary=[
            _of_platform(each, counts[number])
            for number, each in reaches.items()
            if counts.get(number, {}).keys() & UNSENT
        ],
        rows=[_line(row, reaches[row.registration_id].name, titles[row.item_ref]) for row in rows],
        older_url=older_url(DELIVERIES, rows, filters),
        retry_url=url_for("admin.send_again"),
    )


@BLUEPRINT.post("/deliveries/send")
@for_admins
def send_again() -> AnyResponse:
    """Try the grades once more that were ticked; one that has arrived meanwhile is left alone."""
    wanted = [_number(text) for text in request.form.getlist("grade")[:PAGE_SIZE]]
    if not wanted:
        raise Invalid("nothing_ticked", _("No grade was ticked. Go back, and tick those that are to be sent again."))
    with current_runtime().db.transaction() as tx:
        send_unsent(tx, wanted, current_admin().actor)
    kept = {name: request.form.get(name) or None for name in ("show", "platform")}
    return done(DELIVERIES, "resent", **kept)


def _number(text: str) -> int:
    number = number_of(text)
    if number is None:
        raise NotFound("grade_not_found", "There is no such grade any more.")
    return number


def _titles(tx: Tx, rows: Iterable[Unsent]) -> dict[str, str]:
    """What each grade is of, in words; the bare reference where that is gone."""
    titles = {row.item_ref: row.item_ref for row in rows}
    for plugin in current_plugins():
        if plugin.contents:
            titles |= plugin.contents.list_titles(tx, titles.keys())
    return titles


def _of_platform(reach: lti.Reach, counts: dict[lti.ScoreState, int]) -> dict[str, Any]:
    return {
        "name": reach.name,
        "waiting": counts.get(lti.ScoreState.PENDING, 0),
        "refused": counts.get(lti.ScoreState.REFUSED, 0),
        "badge": reach_badge(reach),
        "next_try_at": None if reach.state is not Approval.ACTIVE else reach.next_try_at,
        "why": reach.text or "",
    }


def _line(row: Unsent, platform: str, title: str) -> dict[str, Any]:
    return {
        "value": row.id,
        "platform": platform,
        "learner": row.learner,
        "what": title,
        "points": _("%(points)s of %(maximum)s", points=f"{row.points:f}", maximum=f"{row.max_points:f}"),
        "since": row.since,
        "state": "refused" if row.is_refused else "retrying" if row.reason else "waiting",
        "reason": row.reason,
    }

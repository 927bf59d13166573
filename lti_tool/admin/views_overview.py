"""How everything is, and who did what."""

import csv
import io
import re
from datetime import UTC, datetime
from typing import Any

from flask import Response, url_for
from flask_babel import gettext as _

from lti_tool.admin.blueprint import BLUEPRINT
from lti_tool.admin.guard import for_admins
from lti_tool.admin.pages import PAGE_SIZE, asked_before, asked_for, console_page, older_url
from lti_tool.contract import Level
from lti_tool.kernel import clock
from lti_tool.kernel.audit import AuditRow, list_acts
from lti_tool.kernel.db import Tx
from lti_tool.kernel.types import to_json
from lti_tool.web.runtime import current_checks, current_runtime

MOST_EXPORTED = 100_000
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+\d\d:\d\d|Z)")
"""How acts write moments down."""


@BLUEPRINT.get("/")
@for_admins
def show_overview() -> Response:
    """What works, what does not, and what to do about it: the worst first."""
    found = [finding for check in current_checks() for finding in check(current_runtime())]
    order = [Level.BAD, Level.WARN, Level.GOOD]
    found.sort(key=lambda finding: order.index(finding.level))
    wrong = sum(finding.level is not Level.GOOD for finding in found)
    return console_page("overview", "admin.show_overview", findings=found, wrong=wrong, at=clock.now())


@BLUEPRINT.get("/audit")
@for_admins
def list_audit() -> Response:
    """What administrators and teachers changed, the newest first."""
    filters = _filters()
    kept: dict[str, Any] = {name: value for name, value in filters.items() if value}
    with current_runtime().db.reading() as tx:
        rows = _read(tx, filters, PAGE_SIZE, asked_before())
    areas = [("", _("Everything")), *((f"{area}.", word) for area, word in areas_of_acts().items())]
    return console_page(
        "audit",
        "admin.list_audit",
        acts=[_shown(row) for row in rows],
        areas=areas,
        action=filters["action"],
        words=filters["words"],
        older_url=older_url("admin.list_audit", rows, filters),
        export_url=url_for("admin.export_audit", **kept),
    )


@BLUEPRINT.get("/audit.csv")
@for_admins
def export_audit() -> Response:
    """The same as a file, all of it."""
    with current_runtime().db.reading() as tx:
        text = _csv(_read(tx, _filters(), MOST_EXPORTED))
    response = Response(text, content_type="text/csv; charset=utf-8")
    response.headers.set("Content-Disposition", "attachment", filename=f"audit-{datetime.now(UTC):%Y-%m-%d}.csv")
    return response


def areas_of_acts() -> dict[str, str]:
    """What stands before the point in the name of an act, and the word for it."""
    return {
        "platform": _("Platforms"),
        "deployment": _("Installations"),
        "invite": _("Registration links"),
        "key": _("Keys"),
        "job": _("Jobs"),
        "delivery": _("Deliveries"),
        "admin": _("The console"),
        "rights": _("Rights of assistants"),
        "course": _("Courses"),
        "quiz": _("Quizzes"),
        "extension": _("Extensions"),
        "remark": _("Marking again"),
        "group_work": _("Group work"),
        "person": _("Data of persons"),
    }


def _read(tx: Tx, filters: dict[str, str], limit: int, before_id: int | None = None) -> list[AuditRow]:
    return list_acts(tx, action=filters["action"], words=filters["words"], before_id=before_id, limit=limit)


def _filters() -> dict[str, str]:
    return {name: asked_for(name) for name in ("action", "words")}


def _shown(row: AuditRow) -> dict[str, object]:
    names = dict.fromkeys([*row.before, *row.after])
    changes = [(name, _text(row.before.get(name)), _text(row.after.get(name))) for name in names]
    via = {"console": _("console"), "command": _("command line"), "course": _("course"), "platform": _("registration")}
    facts = {"at": row.at, "actor": row.actor, "via": via[row.via.value], "action": row.action}
    return facts | {"target": row.target, "changes": changes}


def _text(value: object) -> str:
    if value is None or value == []:
        return "–"
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, str) and MOMENT.fullmatch(value):
        return f"{datetime.fromisoformat(value).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return str(value)


def _csv(rows: list[AuditRow]) -> str:
    """A text that a spreadsheet would take for a formula is made harmless."""
    out = io.StringIO()
    write = csv.writer(out).writerow
    write(["number", "at", "actor", "via", "action", "target", "before", "after"])
    for row in rows:
        texts = [row.actor, row.via.value, row.action, row.target, to_json(row.before), to_json(row.after)]
        safe = ["'" + text if text[:1] in "=+-@\t\r" else text for text in texts]
        write([row.id, row.at.isoformat(), *safe])
    return out.getvalue()

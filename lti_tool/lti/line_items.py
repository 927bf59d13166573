"""An activity's column in the LMS follows what the activity shows: its name, points and dates.

AGS 2.0 replaces a line item whole (`PUT`), so it is read first and all in it that is not ours is sent back. Moodle
takes a column off its activity when `resourceLinkId` is left out.
"""

import json
from decimal import Decimal
from typing import Any

import httpx

from lti_tool.contract import Choice
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import ExternalError
from lti_tool.kernel.jobs import JobRun, enqueue
from lti_tool.lti.ags import LINE_ITEM_SCOPE, LINE_ITEM_TYPE
from lti_tool.lti.deep_linking import TAG, iso
from lti_tool.lti.dialects import link_score_maximum
from lti_tool.lti.messages import UpdateLineItem
from lti_tool.lti.models import ID_LENGTH, Link, Registration
from lti_tool.lti.registrations import dialect_of
from lti_tool.lti.retry_after import retry_after_s
from lti_tool.lti.services import PlatformService


def may_update(link: Link, choice: Choice) -> bool:
    """Has the activity a column, may the tool change it, and is the choice graded?"""
    return bool(choice.max_points and link.lineitem_url and LINE_ITEM_SCOPE in link.scopes)


def want_update(tx: Tx, link: Link, choice: Choice) -> bool:
    """Have a job carry a choice over into the activity's column. False: there is none, or it may not be changed."""
    if not may_update(link, choice):
        return False
    enqueue(
        tx,
        UpdateLineItem(
            link.id,
            choice.ref,
            choice.title,
            str(choice.max_points),
            opens_at=iso(choice.opens_at) if choice.opens_at else "",
            due_at=iso(choice.due_at) if choice.due_at else "",
        ),
    )
    return True


def update_line_item(run: JobRun, message: UpdateLineItem) -> None:
    """Handle `UpdateLineItem`; nothing is done for an activity that shows something else by now."""
    runtime = run.runtime
    with runtime.db.reading() as tx:
        link = tx.get(Link, message.link_id)
        registration = tx.get(Registration, link.registration_id) if link else None
    if link is None or registration is None or link.item_ref != message.item_ref or not link.lineitem_url:
        return
    service = PlatformService(runtime, registration, [LINE_ITEM_SCOPE])
    before = _answer(registration, service.request("GET", link.lineitem_url, accept=LINE_ITEM_TYPE))
    wanted = json.dumps(_changed(registration, link, before, message))
    answer = service.request(
        "PUT", link.lineitem_url, content=wanted, content_type=LINE_ITEM_TYPE, accept=LINE_ITEM_TYPE
    )
    _answer(registration, answer)


def _changed(registration: Registration, link: Link, before: dict[str, Any], message: UpdateLineItem) -> dict[str, Any]:
    dialect = dialect_of(registration)
    after = {**before, "label": message.title[:ID_LENGTH], "resourceId": message.item_ref, "tag": TAG}
    after["scoreMaximum"] = link_score_maximum(dialect, Decimal(message.max_points))
    after["resourceLinkId"] = before.get("resourceLinkId") or link.resource_link_id
    for name, value in (("startDateTime", message.opens_at), ("endDateTime", message.due_at)):
        after.pop(name, None)
        if value:
            after[name] = value
    return after


def _answer(registration: Registration, response: httpx.Response) -> dict[str, Any]:
    """The line item of an answer. Raises: ExternalError."""
    status = response.status_code
    busy = status in (408, 425, 429) or status >= 500
    try:
        found = json.loads(response.content)
    except ValueError:
        found = None
    if not response.is_success or not isinstance(found, dict):
        text = f"{registration.name} did not take the change of the activity's column ({status})."
        wait = retry_after_s(response) if busy else None
        raise ExternalError("line_item_refused", text, {"status": status}, retryable=busy, retry_after_s=wait)
    return found

"""An activity's column in the LMS follows what the activity shows: its name, points and dates.

AGS 2.0 replaces a line item whole (`PUT`), so it is read first and all in it that is not ours is sent back. Moodle
takes a column off its activity when `resourceLinkId` is left out.
"""

from decimal import Decimal

from lti_tool.contract import Choice
from lti_tool.kernel.db import Tx
from lti_tool.kernel.jobs import JobRun, enqueue
from lti_tool.lti.deep_linking import TAG, iso
from lti_tool.lti.dialects import link_score_maximum
from lti_tool.lti.line_items import LINE_ITEM_SCOPE, LineItems
from lti_tool.lti.messages import UpdateLineItem
from lti_tool.lti.models import ID_LENGTH, Link, Registration
from lti_tool.lti.registrations import dialect_of
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
    """Handle `UpdateLineItem`; nothing is done for an activity that shows something else by now, or has no column.

    Raises: ExternalError: the LMS did not take it.
    """
    runtime = run.runtime
    with runtime.db.reading() as tx:
        link = tx.get(Link, message.link_id)
        registration = tx.get(Registration, link.registration_id) if link else None
    if link is None or registration is None or link.item_ref != message.item_ref or not link.lineitem_url:
        return
    items = LineItems(PlatformService(runtime, registration, [LINE_ITEM_SCOPE]), link.lineitems_url or "")
    before = items.find(link.lineitem_url)
    if before is None:
        return
    dates = {"startDateTime": message.opens_at, "endDateTime": message.due_at}
    kept = {name: value for name, value in before.extra.items() if name not in dates}
    items.change(
        before,
        label=message.title[:ID_LENGTH],
        maximum=Decimal(link_score_maximum(dialect_of(registration), Decimal(message.max_points))),
        resource_id=message.item_ref,
        resource_link_id=before.resource_link_id or link.resource_link_id,
        tag=TAG,
        extra=kept | {name: value for name, value in dates.items() if value},
    )

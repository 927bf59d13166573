"""An activity's column in the LMS follows what the activity shows: its name, points and dates.

AGS 2.0 replaces a line item whole (`PUT`), so it is read first and all in it that is not ours is sent back. Moodle
takes a column off its activity when `resourceLinkId` is left out.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import select

from lti_tool.contract import Choice
from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import ExternalError
from lti_tool.kernel.jobs import JobRow, JobRun, Retry, enqueue
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.deep_linking import TAG, iso, review_offer
from lti_tool.lti.dialects import link_score_maximum
from lti_tool.lti.line_items import LINE_ITEM_SCOPE, LineItems
from lti_tool.lti.messages import UpdateLineItem
from lti_tool.lti.models import ID_LENGTH, Approval, Link, Registration
from lti_tool.lti.reach import DOWN, is_outage
from lti_tool.lti.registrations import dialect_of
from lti_tool.lti.services import PlatformService

LOOK_AGAIN = timedelta(hours=1)
"""While a platform is switched off, though switching it on brings the update forward (`registrations.approve`)."""
TRIES = 40
"""Calls to the LMS; waiting for it uses up none."""


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
            link.registration_id,
            link.id,
            choice.ref,
            choice.title,
            str(choice.max_points),
            opens_at=iso(choice.opens_at) if choice.opens_at else "",
            due_at=iso(choice.due_at) if choice.due_at else "",
        ),
    )
    return True


def follow_item(
    tx: Tx, ref: str, *, title: str, max_points: Decimal, opens_at: datetime | None, due_at: datetime | None
) -> int:
    """Have jobs carry what an item is now over into the columns of all activities that show it; how many there are."""
    choice = Choice(
        ref=ref,
        course_slug="",
        course_title="",
        title=title,
        kind="quiz",
        group="",
        path="",
        max_points=max_points,
        opens_at=opens_at,
        due_at=due_at,
    )
    links = tx.scalars(select(Link).where(Link.item_ref == ref).order_by(Link.id)).all()
    return sum(want_update(tx, link, choice) for link in links)


@dataclass(frozen=True)
class Columns:
    """How many columns in the LMSs are of an item."""

    following: int
    """The tool may change them."""
    fixed: int
    """The LMS lets the tool write scores only."""


def count_columns(tx: Tx, ref: str) -> Columns:
    """The columns of activities that show an item. One query."""
    links = tx.scalars(select(Link).where(Link.item_ref == ref, Link.lineitem_url.is_not(None))).all()
    following = sum(LINE_ITEM_SCOPE in link.scopes for link in links)
    return Columns(following, len(links) - following)


def update_line_item(run: JobRun, message: UpdateLineItem) -> None:
    """Handle `UpdateLineItem`; nothing is done for an activity that shows something else by now, or has no column.

    Waits while the platform is switched off or is not called. Raises: ExternalError: the LMS did not take it. Retry:
    the LMS does not answer, or gives no token.
    """
    runtime = run.runtime
    with runtime.db.reading() as tx:
        link = tx.get(Link, message.link_id)
        registration = tx.get(Registration, message.registration_id)
        is_outdated = _is_outdated(tx, run.job_id, message)
    if link is None or registration is None or link.item_ref != message.item_ref or is_outdated:
        return
    if registration.state is not Approval.ACTIVE:
        with runtime.db.transaction() as tx:
            run.postpone(tx, clock.now() + LOOK_AGAIN, f"{registration.name} is switched off.")
        return
    try:
        _change_column(runtime, registration, link, message)
    except ExternalError as error:
        if not is_outage(error):
            raise
        if error.code != DOWN:
            raise Retry(error.message, error.retry_after_s) from error
        with runtime.db.transaction() as tx:
            run.postpone(tx, clock.now() + timedelta(seconds=error.retry_after_s or 60), error.message)


def _is_outdated(tx: Tx, job_id: int, message: UpdateLineItem) -> bool:
    """Was the same column to be changed once more since? This may have waited long, and must not undo it."""
    same = (JobRow.message == message.name, JobRow.payload["link_id"].as_integer() == message.link_id)
    return tx.scalar(select(JobRow.id).where(JobRow.id > job_id, *same).limit(1)) is not None


def _change_column(runtime: Runtime, registration: Registration, link: Link, message: UpdateLineItem) -> None:
    if not link.lineitem_url:
        return
    items = LineItems(PlatformService(runtime, registration, [LINE_ITEM_SCOPE]), link.lineitems_url or "")
    before = items.find(link.lineitem_url)
    if before is None:
        return
    dates = {"startDateTime": message.opens_at, "endDateTime": message.due_at}
    kept = review_offer(dialect_of(registration))
    kept |= {name: value for name, value in before.extra.items() if name not in dates}
    items.change(
        before,
        label=message.title[:ID_LENGTH],
        maximum=Decimal(link_score_maximum(dialect_of(registration), Decimal(message.max_points))),
        resource_id=message.item_ref,
        resource_link_id=before.resource_link_id or link.resource_link_id,
        tag=TAG,
        extra=kept | {name: value for name, value in dates.items() if value},
    )

"""When the list of participants of an LMS course is read, and what came of it."""

import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx, affect
from lti_tool.kernel.jobs import enqueue
from lti_tool.kernel.upsert import insert_into, upsert
from lti_tool.lti.messages import ReadRoster, ReadRosters
from lti_tool.lti.models import Approval, Context, Placement, Registration, Roster

PAUSE = timedelta(minutes=1)
"""Between two requests by people or launches."""
FULL_EVERY = timedelta(days=1)
"""Differences in between."""
JITTER = 0.1
"""Share of the interval by which readings are spread, both ways."""
SOONEST_S = 300.0
"""After a failed reading; doubled after each further one, up to the interval."""
AT_ONCE = 200
"""Lists that one job reads."""
LONGEST_WAIT = timedelta(minutes=10)
"""Whoever asked longer ago than this waits for nothing any more."""


@dataclass(frozen=True)
class RosterState:
    """What is known of the list of participants of an LMS course."""

    is_offered: bool
    """Does the LMS offer it?"""
    is_awaited: bool = False
    """Somebody asked for it, and it is not read yet."""
    read_at: datetime | None = None
    """When the last reading ended, whatever came of it."""
    error: str = ""
    """Why it failed."""
    listed: int = 0
    joined: int = 0
    left: int = 0
    changed: int = 0
    changed_at: datetime | None = None
    """When a reading last changed something; the three numbers before are of that one."""


def read_roster_state(tx: Tx, context_id: int | None) -> RosterState:
    """When the list of participants was last read, and what came of it. One query; None: no LMS course."""
    query = select(Context.memberships_url, Roster).outerjoin(Roster, Roster.context_id == Context.id)
    found = tx.execute(query.where(Context.id == context_id)).one_or_none()
    if found is None:
        return RosterState(is_offered=False)
    url, row = found
    if row is None:
        return RosterState(url is not None)
    asked = row.requested_at if row.requested_at and row.requested_at > clock.now() - LONGEST_WAIT else None
    return RosterState(
        url is not None,
        asked is not None and (row.tried_at is None or row.tried_at < asked),
        row.tried_at,
        row.error,
        listed=row.listed,
        joined=row.joined,
        left=row.left,
        changed=row.changed,
        changed_at=row.changed_at,
    )


def request_reading(tx: Tx, context_id: int) -> bool:
    """Have the list read soon, unless somebody asked for it a moment ago; returns whether it was asked for now."""
    moment = clock.now()
    dialect = tx.get_bind().dialect.name
    statement = insert_into(dialect, Roster).values(context_id=context_id, next_at=moment, requested_at=moment)
    asked = statement.on_conflict_do_update(
        index_elements=[Roster.context_id],
        set_={"requested_at": moment},
        where=Roster.requested_at.is_(None) | (Roster.requested_at <= moment - PAUSE),
    ).returning(Roster.context_id)
    if tx.scalar(asked) is None:
        return False
    enqueue(tx, ReadRoster(context_id))
    return True


def enqueue_due(tx: Tx, interval_s: float) -> int:
    """A job for each platform that has lists to be read; returns how many lists. They are due again later."""
    moment = clock.now()
    query = (
        select(Context.registration_id, Context.id)
        .join(Registration, Registration.id == Context.registration_id)
        .outerjoin(Roster, Roster.context_id == Context.id)
        .where(Registration.state == Approval.ACTIVE, Context.memberships_url.is_not(None))
        .where(Context.id.in_(select(Placement.context_id)))
        .where(Roster.next_at.is_(None) | (Roster.next_at <= moment))
        .order_by(Context.registration_id, Roster.next_at, Context.id)
    )
    due: dict[int, list[int]] = defaultdict(list)
    for registration_id, context_id in tx.execute(query):
        if len(due[registration_id]) < AT_ONCE:
            due[registration_id].append(context_id)
    for registration_id, context_ids in due.items():
        for context_id in context_ids:
            upsert(tx, Roster, {"context_id": context_id}, {"next_at": next_moment(interval_s)})
        enqueue(tx, ReadRosters(registration_id, context_ids))
    return sum(map(len, due.values()))


def next_moment(interval_s: float) -> datetime:
    """About an interval from now, so that not all lists are due together."""
    return clock.now() + timedelta(seconds=interval_s * random.uniform(1 - 2 * JITTER, 1))


def record_failure(tx: Tx, context_id: int, error: str, interval_s: float) -> None:
    """A reading failed: nothing changes but what people see of it. It is tried again, ever later up to the interval."""
    row = lock(tx, context_id)
    row.failures, row.error, row.tried_at = row.failures + 1, error, clock.now()
    row.differences_url = None
    wait_s = min(SOONEST_S * 2 ** min(row.failures - 1, 10), interval_s)
    row.next_at = next_moment(wait_s)


def postpone(tx: Tx, context_ids: list[int]) -> None:
    """The platform does not answer: leave its other lists alone for a while. They did not fail."""
    later = next_moment(SOONEST_S)
    affect(tx, update(Roster).where(Roster.context_id.in_(context_ids)).values(next_at=later))


def lock(tx: Tx, context_id: int) -> Roster:
    """The row of a list, made if there is none, held until the end of the transaction."""
    values: dict[str, Any] = {"context_id": context_id}
    upsert(tx, Roster, values, {}, initial={"next_at": clock.now()})
    return tx.get_one(Roster, context_id, with_for_update=True, populate_existing=True)

"""Comparing the LMS's gradebook with what was sent to it. What differs is shown to teachers; nothing is overwritten."""

import logging
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Text, cast, func, or_, select, update

from lti_tool.kernel import clock, jobs
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import ExternalError
from lti_tool.kernel.jobs import JobRun
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.line_items import GONE
from lti_tool.lti.messages import CompareResults
from lti_tool.lti.models import Approval, Link, Registration, User
from lti_tool.lti.results import RESULT_SCOPE, Result, list_results
from lti_tool.lti.score_models import Drift, ScoreRow, ScoreState
from lti_tool.lti.services import PlatformService

log = logging.getLogger(__name__)

COMPARE_EVERY = timedelta(hours=24)
LOOK_EVERY_S = 3600.0
LINKS_AT_ONCE = 200
SAME = Decimal("0.0005")
"""Shares of the maximum that differ by less are the same: platforms round."""


def compare_results(run: JobRun, message: CompareResults) -> None:
    """Handle `CompareResults`."""
    runtime, began = run.runtime, clock.now()
    with runtime.db.reading() as tx:
        link = tx.get(Link, message.link_id)
        registration = tx.get(Registration, link.registration_id) if link else None
    if link is None or registration is None or not link.lineitem_url or RESULT_SCOPE not in link.scopes:
        return
    found: dict[str, Result] | None = None
    try:
        found = list_results(PlatformService(runtime, registration, [RESULT_SCOPE]), link.lineitem_url)
    except ExternalError as error:
        if error.details.get("status") not in GONE:
            if error.retryable:
                raise
            log.warning("results_unreadable", extra={"link": link.id, "code": error.code})
            return
    with runtime.db.transaction() as tx:
        run.finish(tx)
        _note(tx, link.id, found, began)


def compare_old(runtime: Runtime) -> None:
    """Have the columns compared that were not compared for long: recurring.

    Those come first that were asked for least recently: columns that an LMS does not let us read hold up no others.
    """
    old = or_(ScoreRow.compared_at.is_(None), ScoreRow.compared_at < clock.now() - COMPARE_EVERY)
    query = select(ScoreRow.link_id).join(Registration, Registration.id == ScoreRow.registration_id)
    query = query.where(ScoreRow.state == ScoreState.SENT, ScoreRow.is_final, old)
    query = query.join(Link, Link.id == ScoreRow.link_id).where(Registration.state == Approval.ACTIVE)
    query = query.where(Link.lineitem_url.is_not(None), cast(Link.scopes, Text).contains(RESULT_SCOPE))
    query = query.group_by(ScoreRow.link_id, Link.results_asked_at)
    query = query.order_by(Link.results_asked_at.nulls_first(), func.min(ScoreRow.changed_at)).limit(LINKS_AT_ONCE)
    with runtime.db.transaction() as tx:
        link_ids = tx.scalars(query).all()
        tx.execute(update(Link).where(Link.id.in_(link_ids)).values(results_asked_at=clock.now()))
        for link_id in link_ids:
            _enqueue(tx, link_id)


def compare(tx: Tx, source: str, placement_id: int, item_id: int) -> None:
    """Have the columns of an item in one placement compared now."""
    mine = (ScoreRow.source == source, ScoreRow.placement_id == placement_id, ScoreRow.item_id == item_id)
    for link_id in tx.scalars(select(ScoreRow.link_id).where(*mine).distinct()).all():
        _enqueue(tx, link_id)


def _enqueue(tx: Tx, link_id: int) -> None:
    if jobs.find_waiting(tx, CompareResults, "link_id", link_id) is None:
        jobs.enqueue(tx, CompareResults(link_id))


def _note(tx: Tx, link_id: int, found: dict[str, Result] | None, began: datetime) -> None:
    """Write down how each score differs that was sent before the reading began."""
    sent = (ScoreRow.link_id == link_id, ScoreRow.state == ScoreState.SENT, ScoreRow.sent_version == ScoreRow.version)
    query = select(ScoreRow, User.sub).join(User, User.id == ScoreRow.user_id)
    query = query.where(*sent, ScoreRow.is_final, ScoreRow.changed_at <= began)
    for row, sub in tx.execute(query.with_for_update(of=ScoreRow)):
        result = found.get(sub) if found is not None else None
        row.compared_at = began
        row.lms_points, row.lms_maximum = (result.points, result.maximum) if result else (None, None)
        row.drift = Drift.NO_COLUMN if found is None else _drift(row, result)


def _drift(row: ScoreRow, result: Result | None) -> Drift | None:
    if result is None or result.points is None:
        return Drift.MISSING
    share = row.points / row.max_points if row.max_points > 0 else Decimal(0)
    return None if abs(share - result.points / result.maximum) < SAME else Drift.OTHER

"""Keeps each LMS course that is in use in step with the platform's list of participants (NRPS 2.0).

The whole list at least once a day, differences in between where the platform offers them. A list that was read in part,
or that names nobody, changes nothing.
"""

import logging
from datetime import datetime

from sqlalchemy import select

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import ExternalError, NotFound
from lti_tool.kernel.jobs import JobRun
from lti_tool.kernel.messages import Handler
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.members import Outcome, apply_list
from lti_tool.lti.messages import ReadRoster, ReadRosters
from lti_tool.lti.models import Approval, Context, Placement, Registration, Roster
from lti_tool.lti.nrps import Listing, read_differences, read_list
from lti_tool.lti.roster_state import FULL_EVERY, enqueue_due, lock, next_moment, postpone, record_failure

log = logging.getLogger(__name__)

LOOK_EVERY_S = 60.0


def read_due_rosters(runtime: Runtime) -> None:
    """Have read what is due."""
    with runtime.db.transaction() as tx:
        enqueue_due(tx, runtime.settings.lti.roster_interval_s)


def read_one_roster(run: JobRun, job: ReadRoster) -> None:
    """Somebody asked for it."""
    try:
        read_roster(run.runtime, job.context_id)
    except ExternalError as error:
        log.warning("roster_failed", extra={"context": job.context_id, "code": error.code})


def read_rosters_of_platform(run: JobRun, job: ReadRosters) -> None:
    """One after the other, as platforms ask for; one that does not answer is not asked for its other lists now."""
    for number, context_id in enumerate(job.context_ids):
        try:
            read_roster(run.runtime, context_id)
        except ExternalError as error:
            log.warning("roster_failed", extra={"context": context_id, "code": error.code})
            if error.retryable:
                with run.runtime.db.transaction() as tx:
                    run.finish(tx)
                    postpone(tx, job.context_ids[number + 1 :])
                return


def read_roster(runtime: Runtime, context_id: int) -> Outcome | None:
    """Read one list and take it over. None: there is nothing to read, or a later reading was quicker.

    Raises: ExternalError: it failed; that is noted, and nothing else has changed.
    """
    began = clock.now()
    with runtime.db.reading() as tx:
        row = tx.get(Roster, context_id)
        is_read = _is_in_use(tx, context_id)
    if not is_read:
        return None
    try:
        listing, full = _fetch(runtime, context_id, row, began)
    except NotFound:
        return None
    except ExternalError as error:
        with runtime.db.transaction() as tx:
            record_failure(tx, context_id, error.message, runtime.settings.lti.roster_interval_s)
        raise
    with runtime.db.transaction() as tx:
        return _take_over(tx, runtime, context_id, listing, began, full=full)


def _is_in_use(tx: Tx, context_id: int) -> bool:
    context = tx.get(Context, context_id)
    registration = tx.get(Registration, context.registration_id) if context else None
    if registration is None or registration.state is not Approval.ACTIVE:
        return False
    return tx.scalar(select(Placement.id).where(Placement.context_id == context_id).limit(1)) is not None


def _fetch(runtime: Runtime, context_id: int, row: Roster | None, began: datetime) -> tuple[Listing, bool]:
    """The list or what changed, and whether it is the list."""
    if row and row.differences_url and row.full_at and row.full_at > began - FULL_EVERY:
        try:
            return read_differences(runtime, context_id, row.differences_url), False
        except ExternalError as error:
            if error.retryable:
                raise
            log.info("roster_differences_refused", extra={"context": context_id, "code": error.code})
    return read_list(runtime, context_id), True


def _take_over(
    tx: Tx, runtime: Runtime, context_id: int, listing: Listing, began: datetime, *, full: bool
) -> Outcome | None:
    row = lock(tx, context_id)
    if row.began_at is not None and row.began_at >= began:
        return None
    registration = tx.get_one(Registration, tx.get_one(Context, context_id).registration_id)
    outcome = apply_list(tx, runtime, registration, context_id, listing, began, full=full)
    moment = clock.now()
    row.began_at, row.tried_at, row.failures, row.error = began, moment, 0, ""
    row.next_at = next_moment(runtime.settings.lti.roster_interval_s)
    # what this list could not say is said once in differences, so that the whole list is needed next
    row.differences_url = listing.differences_url if listing.is_whole and not outcome.skipped else None
    if full:
        row.full_at, row.listed = began, sum(member.is_active for member in listing.members)
    if outcome.joined or outcome.left or outcome.changed:
        row.joined, row.left, row.changed = len(outcome.joined), len(outcome.left), len(outcome.changed)
        row.changed_at = moment
    tx.flush()
    return outcome


HANDLERS = (
    Handler("lti.read_roster", ReadRoster, read_one_roster),
    Handler("lti.read_rosters", ReadRosters, read_rosters_of_platform),
)

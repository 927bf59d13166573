"""Why launches of a platform were refused, for the people who run the tool: a row for each reason, not for each launch.

Only refusals after the signature has held are noted: who is not the platform stores nothing here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import delete, select, update

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx, affect
from lti_tool.kernel.errors import AppError
from lti_tool.kernel.runtime import Runtime
from lti_tool.kernel.upsert import upsert
from lti_tool.lti.models import Refusal, Registration

QUIET = timedelta(seconds=10)
"""One reason is noted this often at most, however many launches it meets."""
KEPT = timedelta(days=30)


@contextmanager
def noting(runtime: Runtime, registration: Registration) -> Iterator[None]:
    """Note why the body refuses a launch whose signature has held."""
    try:
        yield
    except AppError as error:
        _note(runtime, registration.id, error)
        raise


def list_refusals(tx: Tx, registration_id: int) -> list[Refusal]:
    """Of a platform, the newest first."""
    query = select(Refusal).where(Refusal.registration_id == registration_id)
    return list(tx.scalars(query.order_by(Refusal.last_at.desc())))


def forget_old_refusals(tx: Tx) -> None:
    """Delete reasons that were not met for a while."""
    affect(tx, delete(Refusal).where(Refusal.last_at < clock.now() - KEPT))


def _note(runtime: Runtime, registration_id: int, error: AppError) -> None:
    key, moment = {"registration_id": registration_id, "code": error.code}, clock.now()
    with runtime.db.reading() as tx:
        last_at = tx.scalar(select(Refusal.last_at).filter_by(**key))
    if last_at is not None and last_at > moment - QUIET:
        return
    with runtime.db.transaction() as tx:
        upsert(tx, Refusal, key, {"text": error.message, "last_at": moment}, initial={"number": 0})
        affect(tx, update(Refusal).filter_by(**key).values(number=Refusal.number + 1))

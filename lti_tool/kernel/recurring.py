"""Work done again and again, by whichever worker comes first: the database says who and when."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import String, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.kernel import clock
from lti_tool.kernel.db import Base, affect
from lti_tool.kernel.runtime import Runtime
from lti_tool.kernel.types import UtcDateTime

log = logging.getLogger(__name__)


class RecurringRow(Base):
    """When a piece of recurring work last began."""

    __tablename__ = "kernel_recurring"

    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)


def run_due(runtime: Runtime, work: Iterable[tuple[str, float, Callable[[Any], None]]]) -> list[str]:
    """Run what is due of (name, every seconds, call); returns the names. One that fails is logged and comes again."""
    done = []
    for name, every_s, call in work:
        if not take_over(runtime, name, every_s):
            continue
        try:
            call(runtime)
        except Exception:
            log.exception("recurring_failed", extra={"recurring": name})
        done.append(name)
    return done


def take_over(runtime: Runtime, name: str, every_s: float) -> bool:
    """Is it this process that does it now? Not if it is not due, or another one has taken this turn."""
    moment = clock.now()
    with runtime.db.reading() as tx:
        began_at = tx.scalar(select(RecurringRow.began_at).where(RecurringRow.name == name))
    if began_at is not None and began_at > moment - timedelta(seconds=every_s):
        return False
    try:
        with runtime.db.transaction() as tx:
            if began_at is None:
                tx.execute(insert(RecurringRow).values(name=name, began_at=moment))
                return True
            mine = (RecurringRow.name == name, RecurringRow.began_at == began_at)
            return affect(tx, update(RecurringRow).where(*mine).values(began_at=moment)) == 1
    except IntegrityError:
        return False

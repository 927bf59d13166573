"""Things that may happen once: a state, a nonce, a ticket, a code.

Nothing is stored when such a value is made, only when it is used, so that a flood of anonymous requests stores nothing.
The unique key makes two simultaneous uses impossible.
"""

import hashlib
from datetime import datetime

from sqlalchemy import String, delete
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.kernel import clock
from lti_tool.kernel.db import Base, Tx, affect
from lti_tool.kernel.types import UtcDateTime
from lti_tool.kernel.upsert import insert_new


class UsedOnce(Base):
    """A value that was used and is remembered until it could not be used anyway."""

    __tablename__ = "kernel_used_once"

    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


def use_once(tx: Tx, kind: str, value: str, expires_at: datetime) -> bool:
    """Mark a value as used. False if it was used before: then nothing else may happen."""
    digest = hashlib.sha256(value.encode()).hexdigest()
    return insert_new(tx, UsedOnce, {"kind": kind, "digest": digest, "expires_at": expires_at})


def forget_expired(tx: Tx) -> int:
    """Delete what has expired; returns how many."""
    return affect(tx, delete(UsedOnce).where(UsedOnce.expires_at < clock.now()))

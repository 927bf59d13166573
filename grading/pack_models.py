"""Table of packed courses."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.kernel.db import Base
from lti_tool.kernel.types import EnumValue, UtcDateTime

SERIAL_LENGTH = 32


class PackState(StrEnum):
    """How far it is."""

    PACKING = "packing"
    READY = "ready"
    FAILED = "failed"


PACK_TRANSITIONS = {
    PackState.PACKING: {PackState.READY, PackState.FAILED},
    PackState.READY: set[PackState](),
    PackState.FAILED: set[PackState](),
}
"""A new one takes the row's place with a serial of its own."""


class PackRow(Base):
    """A placement as an nbgrader course in one file, to be fetched for some hours. Its name has the serial in it."""

    __tablename__ = "grading_pack"

    placement_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    serial: Mapped[str] = mapped_column(String(SERIAL_LENGTH))
    state: Mapped[PackState] = mapped_column(EnumValue(PackState))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    """Of one that is being packed: when it is given up as lost."""
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    """Bytes."""
    problem: Mapped[str] = mapped_column(Text, default="")
    """Why it failed, with what to do."""

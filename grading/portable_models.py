"""Tables of what came from an nbgrader course."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.kernel.db import Base
from lti_tool.kernel.types import UtcDateTime


class ArrivalRow(Base):
    """The nbgrader course whose work a placement took over; at most one."""

    __tablename__ = "grading_arrival"

    placement_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    digest: Mapped[str] = mapped_column(String(64))
    """Of its gradebook and files: the same again changes nothing."""
    token: Mapped[str] = mapped_column(String(32))
    """Of the folder in which it waits until it is in place."""
    shared: Mapped[dict[str, str]] = mapped_column(JSON)
    """Checksum of the course's own `source/<assignment>` and `release/<assignment>` at that time, by path."""
    sends: Mapped[bool]
    """Do results that came with it go to the LMS? Else none does before it changes."""
    arrived_at: Mapped[datetime] = mapped_column(UtcDateTime)
    placed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Since when files and gradebook are in place."""


class ArrivedStudentRow(Base):
    """A student of that course, and who that is here."""

    __tablename__ = "grading_arrived_student"

    placement_id: Mapped[int] = mapped_column(ForeignKey(ArrivalRow.placement_id), primary_key=True)
    student_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    """As in that gradebook, and in every export."""
    wanted: Mapped[str | None] = mapped_column(String(255))
    """The LMS's id of the person, where it was said; they may not have come yet."""
    user_id: Mapped[int | None] = mapped_column(index=True)
    """None: nobody yet; what they did is kept under their id."""
    hub_name: Mapped[str | None] = mapped_column(String(40))
    placed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Since when files and gradebook call them by `hub_name`."""

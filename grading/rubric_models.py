"""Tables of marking by hand: what the gradebook has no place for. Points and comments are in the gradebook."""

from decimal import Decimal

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.kernel.db import Base
from lti_tool.kernel.types import Points


class HandMarkingRow(Base):
    """How a quiz is marked by hand in one placement. No row: as by default."""

    __tablename__ = "grading_hand_marking"

    placement_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("grading_assignment.id"), primary_key=True)
    hides_names: Mapped[bool]
    """Whoever marks does not see whose answer it is."""


class RubricItemRow(Base):
    """One thing that an answer may have, and what it is worth. Nothing in it is about a learner."""

    __tablename__ = "grading_rubric_item"
    __table_args__ = (
        Index("ix_grading_rubric_item_cell", "placement_id", "assignment_id", "notebook", "cell", "position"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    placement_id: Mapped[int]
    assignment_id: Mapped[int] = mapped_column(ForeignKey("grading_assignment.id"))
    notebook: Mapped[str] = mapped_column(String(200))
    cell: Mapped[str] = mapped_column(String(200))
    """nbgrader's id of the graded cell."""
    position: Mapped[int]
    label: Mapped[str] = mapped_column(String(300))
    points: Mapped[Decimal] = mapped_column(Points)
    """May be negative: something taken off."""
    version: Mapped[int]
    """Counts up with each change."""


class RubricChoiceRow(Base):
    """An item that was found to hold for the answer of a learner."""

    __tablename__ = "grading_rubric_choice"

    item_id: Mapped[int] = mapped_column(ForeignKey("grading_rubric_item.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, index=True)

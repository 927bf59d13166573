"""Tables of comparing the submissions of a quiz with each other. They can be made anew at any time."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.kernel.db import Base
from lti_tool.kernel.types import UtcDateTime


class ComparisonRow(Base):
    """When the submissions of a quiz in one LMS course were last compared, and how many."""

    __tablename__ = "grading_comparison"

    placement_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("grading_assignment.id"), primary_key=True)
    job_id: Mapped[int]
    """Of the job that compares, or did so last."""
    compared_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    number: Mapped[int] = mapped_column(default=0)
    too_short: Mapped[int] = mapped_column(default=0)
    left_out: Mapped[int] = mapped_column(default=0)


class SimilarPairRow(Base):
    """Two learners whose newest submissions are similar."""

    __tablename__ = "grading_similar_pair"

    id: Mapped[int] = mapped_column(primary_key=True)
    placement_id: Mapped[int] = mapped_column(index=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("grading_assignment.id"))
    first_id: Mapped[int] = mapped_column(ForeignKey("grading_submission.id"))
    second_id: Mapped[int] = mapped_column(ForeignKey("grading_submission.id"))
    first_user_id: Mapped[int] = mapped_column(index=True)
    second_user_id: Mapped[int] = mapped_column(index=True)
    percent: Mapped[int]

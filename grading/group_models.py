"""Tables of group work: sets of groups, who is in which, the quizzes that are done so, and whose a submission is."""

from datetime import datetime

from sqlalchemy import ForeignKey, ForeignKeyConstraint, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from grading.models import SubmissionRow
from lti_tool.kernel.db import Base
from lti_tool.kernel.types import UtcDateTime

LONGEST_NAME = 255


class GroupSetRow(Base):
    """A division of a class into groups: one that the LMS has, as last read, or one that was made here."""

    __tablename__ = "grading_group_set"
    __table_args__ = (UniqueConstraint("placement_id", "lms_set"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    placement_id: Mapped[int] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    lms_set: Mapped[str | None] = mapped_column(String(LONGEST_NAME))
    """The LMS's number of the set; empty: its groups that are in no set; None: made here."""
    read_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When it was last taken over from the LMS, or changed here."""


class GroupRow(Base):
    """A group. It stays when the LMS has it no more, for what it handed in."""

    __tablename__ = "grading_group"
    __table_args__ = (UniqueConstraint("set_id", "lms_group"), UniqueConstraint("set_id", "id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    set_id: Mapped[int] = mapped_column(ForeignKey(GroupSetRow.id))
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    lms_group: Mapped[str | None] = mapped_column(String(LONGEST_NAME))
    """The LMS's number of the group; None: made here."""


class GroupMemberRow(Base):
    """Who is in which group now: in one of each set at most."""

    __tablename__ = "grading_group_member"
    __table_args__ = (ForeignKeyConstraint(["set_id", "group_id"], ["grading_group.set_id", "grading_group.id"]),)

    set_id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(primary_key=True, index=True)
    group_id: Mapped[int] = mapped_column(index=True)


class GroupWorkRow(Base):
    """A quiz that is done in groups in one placement. No row: everybody does it alone."""

    __tablename__ = "grading_group_work"

    placement_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("grading_assignment.id"), primary_key=True)
    set_id: Mapped[int] = mapped_column(ForeignKey(GroupSetRow.id), index=True)


class ShareRow(Base):
    """A member of the group when it handed in: the submission is theirs, and so are its marks. None for one alone."""

    __tablename__ = "grading_share"

    submission_id: Mapped[int] = mapped_column(ForeignKey(SubmissionRow.id, ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(primary_key=True, index=True)


GROUP_MODELS = (GroupSetRow, GroupRow, GroupMemberRow, GroupWorkRow, ShareRow)

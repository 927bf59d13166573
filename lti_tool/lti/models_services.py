"""The tables of what platforms tell beside launches: copies of courses, groups, notices, identities of LTI 1.1."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.kernel.db import Base
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.types import EnumValue, UtcDateTime
from lti_tool.lti.models import ID_LENGTH, Context, Deployment, Registration, User


class CopyState(StrEnum):
    """offered → linked, separate. A teacher of the copy decides."""

    OFFERED = "offered"
    LINKED = "linked"
    SEPARATE = "separate"


class ContextCopy(Base):
    """An LMS course that was copied from another one that is known here."""

    __tablename__ = "lti_context_copy"

    context_id: Mapped[int] = mapped_column(ForeignKey(Context.id), primary_key=True)
    origin_id: Mapped[int] = mapped_column(ForeignKey(Context.id))
    state: Mapped[CopyState] = mapped_column(EnumValue(CopyState), default=CopyState.OFFERED)
    found_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Observing(Base):
    """Whom an observer may follow in an LMS course, as of their last launch there."""

    __tablename__ = "lti_observing"

    user_id: Mapped[int] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), primary_key=True)
    context_id: Mapped[int] = mapped_column(ForeignKey(Context.id), primary_key=True, index=True)
    sub: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    """Of the learner, who may not have launched yet."""


class Group(Base):
    """A group of learners that a teacher has made in the LMS, as last read."""

    __tablename__ = "lti_group"
    __table_args__ = (UniqueConstraint("context_id", "group_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    context_id: Mapped[int] = mapped_column(ForeignKey(Context.id))
    group_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    name: Mapped[str] = mapped_column(String(ID_LENGTH), default="")
    tag: Mapped[str] = mapped_column(String(ID_LENGTH), default="")
    set_id: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    set_name: Mapped[str] = mapped_column(String(ID_LENGTH), default="")
    is_hidden: Mapped[bool] = mapped_column(default=False)
    """Do its members not see that there is this group?"""


class GroupMember(Base):
    """Somebody in a group; they need not have launched yet."""

    __tablename__ = "lti_group_member"

    group_row_id: Mapped[int] = mapped_column(ForeignKey(Group.id, ondelete="CASCADE"), primary_key=True)
    sub: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, index=True)
    role: Mapped[Role] = mapped_column(EnumValue(Role))


class NoticeHandler(Base):
    """Where a platform was asked to send one type of notice of one deployment."""

    __tablename__ = "lti_notice_handler"

    deployment_row_id: Mapped[int] = mapped_column(ForeignKey(Deployment.id), primary_key=True)
    notice_type: Mapped[str] = mapped_column(String(80), primary_key=True)
    service_url: Mapped[str] = mapped_column(Text)
    handler_url: Mapped[str] = mapped_column(Text)
    registered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """None: not taken yet."""
    heard_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When a notice of this type last came."""
    problem: Mapped[str | None] = mapped_column(Text)


class Notice(Base):
    """A notice of a platform: kept so that one that comes again changes nothing."""

    __tablename__ = "lti_notice"
    __table_args__ = (UniqueConstraint("registration_id", "notice_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    registration_id: Mapped[int] = mapped_column(ForeignKey(Registration.id))
    deployment_row_id: Mapped[int] = mapped_column(ForeignKey(Deployment.id))
    notice_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    notice_type: Mapped[str] = mapped_column(String(80))
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    """What it says: `context`, `title`, `origins`."""
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    handled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class LegacyConsumer(Base):
    """A key and secret that a platform used with this tool, or its forerunner, under LTI 1.1."""

    __tablename__ = "lti_legacy_consumer"
    __table_args__ = (UniqueConstraint("registration_id", "consumer_key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    registration_id: Mapped[int] = mapped_column(ForeignKey(Registration.id))
    consumer_key: Mapped[str] = mapped_column(String(ID_LENGTH))
    secret_cipher: Mapped[str] = mapped_column(Text)
    """Encrypted with the operator's secret key."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LegacyUser(Base):
    """Who a person was under LTI 1.1, as the platform has proved with the old secret."""

    __tablename__ = "lti_legacy_user"

    consumer_id: Mapped[int] = mapped_column(ForeignKey(LegacyConsumer.id, ondelete="CASCADE"), primary_key=True)
    legacy_id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    """`user_id` of LTI 1.1."""
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), index=True)
    mapped_at: Mapped[datetime] = mapped_column(UtcDateTime)


SERVICE_MODELS = (
    ContextCopy,
    Observing,
    Group,
    GroupMember,
    NoticeHandler,
    Notice,
    LegacyConsumer,
    LegacyUser,
)

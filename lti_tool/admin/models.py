"""The tables of the console: who is in it, and links that let somebody in once."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.kernel.db import Base
from lti_tool.kernel.types import UtcDateTime
from lti_tool.lti.models import Registration


class AdminSession(Base):
    """An administrator in one browser. Only the digest of the cookie is kept."""

    __tablename__ = "admin_session"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    registration_id: Mapped[int | None] = mapped_column(ForeignKey(Registration.id, ondelete="CASCADE"))
    """The platform whose administrator it is; None: of a link made at the command line."""
    user_id: Mapped[int | None] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class AdminLink(Base):
    """A link that signs in once. Only the digest of its secret part is kept; using it deletes the row."""

    __tablename__ = "admin_link"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    registration_id: Mapped[int | None] = mapped_column(ForeignKey(Registration.id, ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


MODELS = (AdminSession, AdminLink)

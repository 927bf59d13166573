"""Tables of courses."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lti_tool.kernel.db import Base
from lti_tool.kernel.types import EnumValue, UtcDateTime


class ItemKind(StrEnum):
    """What an item of a course is."""

    LESSON = "lesson"
    QUIZ = "quiz"


class Course(Base):
    """A course as last imported."""

    __tablename__ = "courses_course"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(80), unique=True)
    title: Mapped[str] = mapped_column(String(200))
    summary: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(String(10))
    authors: Mapped[list[str]] = mapped_column(JSON)
    licence: Mapped[str] = mapped_column(String(200))
    registration_id: Mapped[int | None]
    """The one platform whose teachers may place it; None: every platform."""
    imported_at: Mapped[datetime] = mapped_column(UtcDateTime)

    modules: Mapped[list["Module"]] = relationship(
        order_by="Module.position", cascade="all, delete-orphan", back_populates="course", lazy="raise"
    )
    items: Mapped[list["Item"]] = relationship(
        order_by="Item.position", cascade="all, delete-orphan", back_populates="course", lazy="raise"
    )


class Module(Base):
    """A part of a course."""

    __tablename__ = "courses_module"

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("courses_course.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]
    title: Mapped[str] = mapped_column(String(200))
    summary: Mapped[str] = mapped_column(Text)

    course: Mapped[Course] = relationship(back_populates="modules", lazy="raise")


class Item(Base):
    """A lesson or a quiz. Its slug is its identity: a re-import finds it again by it."""

    __tablename__ = "courses_item"
    __table_args__ = (UniqueConstraint("course_id", "slug"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("courses_course.id", ondelete="CASCADE"))
    module_id: Mapped[int] = mapped_column(ForeignKey("courses_module.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]
    kind: Mapped[ItemKind] = mapped_column(EnumValue(ItemKind))
    slug: Mapped[str] = mapped_column(String(80))
    title: Mapped[str] = mapped_column(String(200))
    summary: Mapped[str] = mapped_column(Text)
    file: Mapped[str] = mapped_column(String(200), default="", server_default="")
    """Of a lesson: its file in the course folder. Links between lessons name it."""
    markdown: Mapped[str] = mapped_column(Text, default="", deferred=True)
    """Of a lesson."""
    assignment: Mapped[str | None] = mapped_column(String(80))
    """Of a quiz: the nbgrader assignment's name."""

    course: Mapped[Course] = relationship(back_populates="items", lazy="raise")
    module: Mapped[Module] = relationship(lazy="raise")


class Media(Base):
    """A file that lessons show."""

    __tablename__ = "courses_media"
    __table_args__ = (UniqueConstraint("course_id", "path"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("courses_course.id", ondelete="CASCADE"))
    path: Mapped[str] = mapped_column(String(300))
    content_type: Mapped[str] = mapped_column(String(100))
    sha256: Mapped[str] = mapped_column(String(64))
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)

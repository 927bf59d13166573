"""Tables of courses.

A row of Course, Module or Item is what learners see. What teachers write becomes a row of Revision first, and reaches
the other tables when it is published; `Unsaved` is what an editor has typed since the last revision.
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grading.public import Counts
from lti_tool.kernel.db import Base
from lti_tool.kernel.types import EnumValue, Points, UtcDateTime

SLUG_LENGTH = 80
PART_LENGTH = 100


class ItemKind(StrEnum):
    """What an item of a course is."""

    LESSON = "lesson"
    VIDEO = "video"
    NOTEBOOK = "notebook"
    QUIZ = "quiz"
    FILE = "file"
    LINK = "link"


class PartState(StrEnum):
    """draft ⇄ published. Learners see what is published."""

    DRAFT = "draft"
    PUBLISHED = "published"


class Level(StrEnum):
    """What learners should know before; ANY: the author did not say."""

    ANY = ""
    BEGINNER = "beginner"
    INTERMEDIATE = "intermediate"
    ADVANCED = "advanced"


class Admission(StrEnum):
    """Who gets into a course beside the members of the LMS courses that use it."""

    LMS = "lms"
    """Nobody else."""
    INVITATION = "invitation"
    """Whoever has the code that a teacher gave out."""
    OPEN = "open"
    """Every learner of a platform that may use it, from the catalogue; for nothing, whatever the price says."""
    PAID = "paid"
    """Whoever has paid the price."""


class Course(Base):
    """A course."""

    __tablename__ = "courses_course"
    __table_args__ = (Index("ix_courses_course_listed", "state", "title", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(SLUG_LENGTH), unique=True)
    uid: Mapped[str] = mapped_column(String(16))
    """Random: tells an exported folder of this course from one of another installation."""
    title: Mapped[str] = mapped_column(String(200))
    summary: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, default="", deferred=True)
    """Markdown."""
    language: Mapped[str] = mapped_column(String(10))
    level: Mapped[Level] = mapped_column(EnumValue(Level), default=Level.ANY)
    categories: Mapped[list[str]] = mapped_column(JSON, default=list)
    tags: Mapped[list[str]] = mapped_column(JSON, default=list)
    authors: Mapped[list[str]] = mapped_column(JSON)
    licence: Mapped[str] = mapped_column(String(200))
    price_minor: Mapped[int | None]
    """In minor units of `currency` (1999 for 19.99 EUR); None: free."""
    currency: Mapped[str] = mapped_column(String(3), default="")
    state: Mapped[PartState] = mapped_column(EnumValue(PartState), default=PartState.PUBLISHED)
    admission: Mapped[Admission] = mapped_column(EnumValue(Admission), default=Admission.LMS)
    lms_members_pay: Mapped[bool] = mapped_column(default=False)
    """Of a paid course: do members of an LMS course pay too whose teacher placed it there?"""
    registration_id: Mapped[int | None] = mapped_column(index=True)
    """The one platform whose teachers may place it; None: every platform."""
    item_count: Mapped[int] = mapped_column(default=0)
    """Published items; here and in `minutes` so that the catalogue need not count."""
    minutes: Mapped[int] = mapped_column(default=0)
    """Of published items together."""
    imported_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When a folder was last read, or the course was made."""
    toml: Mapped[str] = mapped_column(Text, default="", deferred=True)
    """course.toml as last imported: exported again as it is while it still says what the course is."""

    modules: Mapped[list["Module"]] = relationship(
        order_by="Module.position", cascade="all, delete-orphan", back_populates="course", lazy="raise"
    )
    items: Mapped[list["Item"]] = relationship(
        order_by="Item.position", cascade="all, delete-orphan", back_populates="course", lazy="raise"
    )


class CourseLabel(Base):
    """One category or tag of a course, for the filters of the catalogue."""

    __tablename__ = "courses_label"

    course_id: Mapped[int] = mapped_column(ForeignKey("courses_course.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    """`category` or `tag`."""
    label: Mapped[str] = mapped_column(String(200), primary_key=True, index=True)


_WORD = String(40).with_variant(postgresql.VARCHAR(40, collation="C"), "postgresql")
"""Compared by bytes everywhere, so that an index finds words by their beginning."""


class CourseWord(Base):
    """A word that finds a course: the search of the catalogue, alike on every database."""

    __tablename__ = "courses_word"
    __table_args__ = (Index("ix_courses_word_found", "word", "course_id", "weight"),)
    """A search reads this index alone."""

    course_id: Mapped[int] = mapped_column(ForeignKey("courses_course.id", ondelete="CASCADE"), primary_key=True)
    word: Mapped[str] = mapped_column(_WORD, primary_key=True)
    """Lower case, without accents."""
    weight: Mapped[int]
    """How much it says about the course: higher in its title than in its description."""


class Module(Base):
    """A part of a course."""

    __tablename__ = "courses_module"
    __table_args__ = (UniqueConstraint("course_id", "slug"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("courses_course.id", ondelete="CASCADE"))
    position: Mapped[int]
    slug: Mapped[str] = mapped_column(String(SLUG_LENGTH))
    title: Mapped[str] = mapped_column(String(200))
    summary: Mapped[str] = mapped_column(Text)
    release_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Closed to learners until then."""
    after: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Slugs of modules whose required items have to be done before."""

    course: Mapped[Course] = relationship(back_populates="modules", lazy="raise")


class Item(Base):
    """A lesson, video, quiz … Its slug is its identity: a re-import finds it again by it."""

    __tablename__ = "courses_item"
    __table_args__ = (UniqueConstraint("course_id", "slug"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("courses_course.id", ondelete="CASCADE"))
    module_id: Mapped[int] = mapped_column(ForeignKey("courses_module.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]
    """In the course, over all modules."""
    kind: Mapped[ItemKind] = mapped_column(EnumValue(ItemKind))
    slug: Mapped[str] = mapped_column(String(SLUG_LENGTH))
    title: Mapped[str] = mapped_column(String(200))
    summary: Mapped[str] = mapped_column(Text)
    state: Mapped[PartState] = mapped_column(EnumValue(PartState), default=PartState.PUBLISHED)
    has_changes: Mapped[bool] = mapped_column(default=False)
    """There is a revision that is not published."""
    release_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    after: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Slugs of items that have to be done before."""
    required: Mapped[bool] = mapped_column(default=True)
    """Counts for completing the course."""
    minutes: Mapped[int | None]
    """How long it takes, as the author says."""
    file: Mapped[str] = mapped_column(String(300), default="")
    """From the course folder on: a lesson's Markdown file, else a file in `media/`. Links between lessons name it."""
    url: Mapped[str] = mapped_column(Text, default="")
    """Of a link, and of a video or file that lies elsewhere."""
    markdown: Mapped[str] = mapped_column(Text, default="", deferred=True)
    """Of a lesson."""
    assignment: Mapped[str | None] = mapped_column(String(80))
    """Of a quiz: the nbgrader assignment's name."""
    attempts: Mapped[int | None]
    """Of a quiz: how many are counted; None: any number."""
    pass_mark: Mapped[int | None]
    """Of a quiz: percent of its points from which on it is done; None: when it is marked."""
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Of a quiz, as are the next four."""
    counts: Mapped[Counts | None] = mapped_column(EnumValue(Counts))
    late_per_day: Mapped[int | None]
    """Percent of the points that each day begun after `due_at` costs; None: nothing."""
    late_at_most: Mapped[int | None]
    """Percent that lateness costs at most; None: all."""
    closes_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """After this nothing is taken; None: never."""
    time_limit: Mapped[int | None]
    """Of a quiz, as are the next three: seconds for a notebook while it is marked; None: what holds for every quiz."""
    cell_time_limit: Mapped[int | None]
    memory_limit: Mapped[int | None]
    """MiB."""
    environment: Mapped[str] = mapped_column(String(80), default="")
    """A requirements file beside its notebooks, or a kernel; empty: the Python that every quiz has."""
    points: Mapped[Decimal | None] = mapped_column(Points)
    """Of a quiz: what it is worth, as grading said last; here so that a page need not ask."""

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
    from_browser: Mapped[bool] = mapped_column(default=False)
    """Uploaded by a teacher and in no folder yet: an import keeps it."""
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)


class Origin(StrEnum):
    """Where a revision came from."""

    BROWSER = "browser"
    IMPORT = "import"
    RESTORE = "restore"


class Revision(Base):
    """What a part of a course said, from some moment on. Never changed, never deleted while the course is there."""

    __tablename__ = "courses_revision"
    __table_args__ = (UniqueConstraint("course_id", "part", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("courses_course.id", ondelete="CASCADE"))
    part: Mapped[str] = mapped_column(String(PART_LENGTH))
    """`course`, `outline`, `module/<slug>`, `item/<slug>` or `source/<assignment>`."""
    number: Mapped[int]
    """1, 2, 3 … of this part: two teachers cannot both make the next one."""
    content: Mapped[dict[str, Any]] = mapped_column(JSON, deferred=True)
    author_id: Mapped[int | None] = mapped_column(index=True)
    """A person of `lti`; None: the command line, or somebody whose data was erased."""
    author_name: Mapped[str] = mapped_column(String(255), default="")
    origin: Mapped[Origin] = mapped_column(EnumValue(Origin))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When learners first saw it; None: never."""


class Unsaved(Base):
    """What one person has typed into an editor since the revision that they began with."""

    __tablename__ = "courses_unsaved"

    course_id: Mapped[int] = mapped_column(ForeignKey("courses_course.id", ondelete="CASCADE"), primary_key=True)
    part: Mapped[str] = mapped_column(String(PART_LENGTH), primary_key=True)
    user_id: Mapped[int] = mapped_column(primary_key=True, index=True)
    base: Mapped[int]
    """Number of the revision that they began with."""
    form: Mapped[dict[str, Any]] = mapped_column(JSON)
    saved_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Via(StrEnum):
    """How somebody came into a course."""

    LMS = "lms"
    INVITATION = "invitation"
    OPEN = "open"
    PAYMENT = "payment"


class Standing(StrEnum):
    """active ⇄ dropped; active ⇄ ended. What a person has done stays."""

    ACTIVE = "active"
    DROPPED = "dropped"
    """By the person."""
    ENDED = "ended"
    """What had let them in is no more: they left the LMS course, or a payment was given back."""


class Enrolment(Base):
    """A person takes a course."""

    __tablename__ = "courses_enrolment"
    __table_args__ = (Index("ix_courses_enrolment_course", "course_id", "standing"),)

    user_id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("courses_course.id", ondelete="CASCADE"), primary_key=True)
    via: Mapped[Via] = mapped_column(EnumValue(Via))
    standing: Mapped[Standing] = mapped_column(EnumValue(Standing), default=Standing.ACTIVE)
    enrolled_at: Mapped[datetime] = mapped_column(UtcDateTime)
    dropped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it was dropped or ended."""


class Entitlement(Base):
    """A payment, or what counts as one, lets a person take a course. Access is derived from all valid ones."""

    __tablename__ = "courses_entitlement"
    __table_args__ = (UniqueConstraint("source", "reference", "course_id", "user_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int | None] = mapped_column(index=True)
    """None: their data was erased; that a payment was made stays on record."""
    course_id: Mapped[int] = mapped_column(ForeignKey("courses_course.id", ondelete="CASCADE"), index=True)
    source: Mapped[str] = mapped_column(String(20))
    """Who says so: `transfer` (an operator), or the name of a plugin."""
    reference: Mapped[str] = mapped_column(String(100))
    """Of the source: an order line, a bank's reference."""
    granted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """None: it is valid."""


class Invitation(Base):
    """A code that lets people into a course. Kept are its digest, and its first characters to tell it from others."""

    __tablename__ = "courses_invitation"

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("courses_course.id", ondelete="CASCADE"), index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    hint: Mapped[str] = mapped_column(String(8))
    made_by: Mapped[int | None]
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    places: Mapped[int]
    """How many people it lets in."""
    used: Mapped[int] = mapped_column(default=0)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


MODELS = (Course, CourseLabel, CourseWord, Module, Item, Media, Revision, Unsaved, Enrolment, Entitlement, Invitation)

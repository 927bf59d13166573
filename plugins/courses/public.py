"""What other plugins may ask of courses, and how a payment lets somebody in. Plain values in and out.

Access is derived from all that lets a person in, so that taking one payment back never takes away what another
payment, a code or the LMS course gives. The newest word on one (source, reference) holds: whoever hears of payments out
of order settles first what holds, then says it here.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from plugins.courses import admitting
from plugins.courses.checkout import payment_reference, set_checkout
from plugins.courses.models import Admission, Course, Enrolment, PartState, Standing, Via
from plugins.courses.service import find_course as find_row

__all__ = [
    "CourseFacts",
    "Standing",
    "Taking",
    "Via",
    "find_course",
    "find_taking",
    "get_course",
    "grant",
    "is_entitled",
    "list_takings",
    "payment_reference",
    "revoke",
    "set_checkout",
]


@dataclass(frozen=True)
class CourseFacts:
    """What a course says of itself."""

    slug: str
    title: str
    summary: str
    authors: tuple[str, ...]
    """Its teachers, by name."""
    language: str
    price_minor: int | None
    """In minor units of `currency` (1999 for 19.99 EUR); None: free."""
    currency: str
    is_paid: bool
    """Does paying let people in? A price alone is only shown."""
    is_published: bool
    registration_id: int | None
    """The one platform that it is for; None: every platform."""


@dataclass(frozen=True)
class Taking:
    """That a person takes a course, or took it."""

    course_slug: str
    user_id: int
    via: Via
    """What lets them in."""
    standing: Standing
    since: datetime
    until: datetime | None
    """When it was dropped or ended."""

    @property
    def is_active(self) -> bool:
        """Do they take it now?"""
        return self.standing is Standing.ACTIVE


def find_course(tx: Tx, slug: str) -> CourseFacts | None:
    """The course of that slug."""
    row = find_row(tx, slug)
    return _facts(row) if row else None


def get_course(tx: Tx, slug: str) -> CourseFacts:
    """Raises: NotFound."""
    return _facts(_get_row(tx, slug))


def find_taking(tx: Tx, user_id: int, slug: str) -> Taking | None:
    """Whether and since when a person takes a course, and by what; None: they never did. One query."""
    return next(iter(_list_takings(tx, user_id, slug)), None)


def list_takings(tx: Tx, user_id: int) -> list[Taking]:
    """All courses that a person takes or took, by slug. One query."""
    return _list_takings(tx, user_id, None)


def is_entitled(tx: Tx, user_id: int, slug: str) -> bool:
    """Is there at least one valid payment of this person for the course? Raises: NotFound."""
    return admitting.is_entitled(tx, user_id, _get_row(tx, slug).id)


def grant(tx: Tx, user_id: int, slug: str, source: str, reference: str) -> bool:
    """Somebody has paid: they take the course. Saying it again changes nothing; returns whether it is new.

    `source` is the name of the plugin (up to 20 characters), `reference` what it knows the payment by (up to 100), for
    example an order line. Raises: NotFound: no such course.
    """
    return admitting.grant(tx, user_id, _get_row(tx, slug), source, reference)


def revoke(tx: Tx, user_id: int, slug: str, source: str, reference: str) -> bool:
    """The payment was given back. Saying it again changes nothing; returns whether it was valid until now.

    The person keeps the course if anything else lets them in, and what they did in any case. Raises: NotFound.
    """
    return admitting.revoke(tx, user_id, _get_row(tx, slug), source, reference)


def _get_row(tx: Tx, slug: str) -> Course:
    row = find_row(tx, slug)
    if row is None:
        raise NotFound("course_not_found", f"There is no course {slug}. `coursebridge course list` shows them.")
    return row


def _facts(row: Course) -> CourseFacts:
    return CourseFacts(
        slug=row.slug,
        title=row.title,
        summary=row.summary,
        authors=tuple(row.authors),
        language=row.language,
        price_minor=row.price_minor,
        currency=row.currency,
        is_paid=row.admission is Admission.PAID,
        is_published=row.state is PartState.PUBLISHED,
        registration_id=row.registration_id,
    )


def _list_takings(tx: Tx, user_id: int, slug: str | None) -> list[Taking]:
    query = select(Course.slug, Enrolment).join(Course, Course.id == Enrolment.course_id)
    query = query.where(Enrolment.user_id == user_id).order_by(Course.slug)
    if slug is not None:
        query = query.where(Course.slug == slug)
    return [
        Taking(found, user_id, row.via, row.standing, row.enrolled_at, row.dropped_at)
        for found, row in tx.execute(query)
    ]

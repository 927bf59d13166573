"""Who takes a course, for its teachers: the class of their LMS course, and whoever else of their platform came in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import select

from lti_tool.kernel.db import Tx
from lti_tool.lti import public as lti
from plugins.courses.models import Admission, Course, Enrolment, Standing, Via
from plugins.progress import public as progress


@dataclass(frozen=True)
class Row:
    """One person."""

    person: lti.Person
    enrolment: Enrolment | None
    """None: of the class, and does not take the course."""
    member: lti.MemberState | None
    """In the teacher's LMS course; None: not from there."""
    last_at: datetime | None
    """When they were last seen in the course, or launched."""


def load_people(tx: Tx, course: Course, registration_id: int, context_id: int | None, placement_id: int) -> list[Row]:
    """By name; without staff and test students. Three queries."""
    query = select(Enrolment).where(Enrolment.course_id == course.id)
    enrolments = {row.user_id: row for row in tx.scalars(query)}
    enrolled = select(Enrolment.user_id).where(Enrolment.course_id == course.id)
    people = lti.list_class(tx, registration_id, context_id, enrolled)
    seen = progress.read_many(tx, placement_id)
    rows = [_row(person, enrolments.get(person.id), member, seen) for person, member in people if not person.is_test]
    return sorted(rows, key=lambda row: row.person.display_name.casefold())


def _row(
    person: lti.Person,
    enrolment: Enrolment | None,
    member: lti.MemberState | None,
    seen: Mapping[int, progress.LearnerProgress],
) -> Row:
    moments = [seen[person.id].last_at if person.id in seen else None, member.launched_at if member else None]
    return Row(person, enrolment, member, max((moment for moment in moments if moment), default=None))


def people_context(slug: str, course: Course, rows: list[Row], number: int, size: int) -> dict[str, Any]:
    """The table of `courses/edit/people.html`, one page of it."""
    pages = max(1, -(-len(rows) // size))
    page = min(number, pages)
    first = (page - 1) * size
    return {
        "people": [_shown(course, row) for row in rows[first : first + size]],
        "page_number": page,
        "page_count": pages,
        "found": ngettext("%(num)d person", "%(num)d people", len(rows)),
        "url_of": lambda wanted: url_for("courses.edit_people", slug=slug, page=wanted),
        "ways_url": url_for("courses.show_ways_in", slug=slug),
        "active": sum(row.enrolment is not None and row.enrolment.standing is Standing.ACTIVE for row in rows),
        "stopped": sum(row.enrolment is not None and row.enrolment.standing is not Standing.ACTIVE for row in rows),
    }


def _shown(course: Course, row: Row) -> dict[str, Any]:
    words = {
        Via.LMS: _("LMS"),
        Via.INVITATION: _("Code"),
        Via.OPEN: _("Catalogue"),
        Via.PAYMENT: _("Payment"),
    }
    return {
        "name": row.person.display_name,
        "source": words[row.enrolment.via] if row.enrolment else _("LMS"),
        "state": _state(course, row),
        "is_in": row.enrolment is not None and row.enrolment.standing is Standing.ACTIVE,
        "last_at": row.last_at,
    }


def _state(course: Course, row: Row) -> str:
    has_left = row.member is not None and row.member.left_at is not None
    if row.enrolment is None:
        if has_left:
            return str(_("Has left the LMS course"))
        is_unpaid = course.admission is Admission.PAID and course.lms_members_pay
        return str(_("Has not paid") if is_unpaid else _("Does not take it yet"))
    states = {
        Standing.ACTIVE: _("Takes it"),
        Standing.DROPPED: _("Dropped it"),
        Standing.ENDED: _("Has left the LMS course") if has_left else _("No longer entitled"),
    }
    return str(states[row.enrolment.standing])

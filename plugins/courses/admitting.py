"""Who may take a course, derived from everything that lets people in: LMS courses, payments, codes.

No single record decides: whoever has paid twice keeps the course when one payment is given back.
"""

from sqlalchemy import select

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.upsert import insert_into
from lti_tool.lti import public as lti
from plugins.courses.enrolling import end, enrol
from plugins.courses.models import Admission, Course, Enrolment, Entitlement, Standing, Via
from plugins.courses.service import Outline


def must_pay(tx: Tx, user_id: int, placement_id: int | None, role: Role, outline: Outline) -> bool:
    """Is the course closed to this person until they pay? Test students pay nothing."""
    course = outline.course
    if course.admission is not Admission.PAID or role is not Role.LEARNER or outline.standing is Standing.ACTIVE:
        return False
    return not may_take(tx, user_id, placement_id, course)


def may_take(tx: Tx, user_id: int, placement_id: int | None, course: Course) -> bool:
    """May somebody take the course (again) for what they have paid, by their LMS course, or by a code used before?

    Courses without payment are open to whoever has a session for them.
    """
    if course.admission is not Admission.PAID or is_entitled(tx, user_id, course.id):
        return True
    row = tx.get(Enrolment, (user_id, course.id))
    if row is not None and row.via is Via.INVITATION:
        return True
    placement = lti.find_placement(tx, placement_id) if placement_id and not course.lms_members_pay else None
    return placement is not None and placement.is_assigned


def is_entitled(tx: Tx, user_id: int, course_id: int) -> bool:
    """Is there at least one valid entitlement?"""
    query = select(Entitlement.id).where(Entitlement.user_id == user_id, Entitlement.course_id == course_id)
    return tx.scalar(query.where(Entitlement.revoked_at.is_(None)).limit(1)) is not None


# ---- payments ----


def grant(tx: Tx, user_id: int, course: Course, source: str, reference: str) -> bool:
    """Entitle somebody, and have them take the course; returns whether that is new. What was revoked is valid again."""
    dialect = tx.get_bind().dialect.name
    facts = {"user_id": user_id, "course_id": course.id, "source": source, "reference": reference}
    statement = insert_into(dialect, Entitlement).values(**facts, granted_at=clock.now())
    new = statement.on_conflict_do_update(
        index_elements=["source", "reference", "course_id", "user_id"],
        set_={"revoked_at": None, "granted_at": clock.now()},
        where=Entitlement.revoked_at.is_not(None),
    ).returning(Entitlement.id)
    if tx.scalar(new) is None:
        return False
    enrol(tx, user_id, course.id, Via.PAYMENT)
    return True


def revoke(tx: Tx, user_id: int, course: Course, source: str, reference: str) -> bool:
    """Take an entitlement back; returns whether it was valid. Access ends only if nothing else lets the person in."""
    enrolment = tx.get(Enrolment, (user_id, course.id), with_for_update=True)
    mine = {"user_id": user_id, "course_id": course.id, "source": source, "reference": reference}
    row = tx.scalar(select(Entitlement).filter_by(**mine, revoked_at=None).with_for_update())
    if row is None:
        return False
    row.revoked_at = clock.now()
    tx.flush()
    if enrolment is not None and enrolment.via is Via.PAYMENT and enrolment.standing is Standing.ACTIVE:
        _keep_or_end(tx, enrolment, course)
    return True


# ---- LMS courses ----


def admit_member(tx: Tx, user_id: int, course: Course) -> None:
    """Have a learner of an LMS course take the course placed there, unless they have to pay or dropped it."""
    row = tx.get(Enrolment, (user_id, course.id))
    if row is not None and row.standing is not Standing.ENDED:
        return
    if course.admission is not Admission.PAID or not course.lms_members_pay:
        enrol(tx, user_id, course.id, Via.LMS)
    elif is_entitled(tx, user_id, course.id):
        enrol(tx, user_id, course.id, Via.PAYMENT)


def release_member(tx: Tx, user_id: int, course: Course) -> None:
    """Somebody is no learner of an LMS course any more that uses the course."""
    row = tx.get(Enrolment, (user_id, course.id), with_for_update=True)
    if row is not None and row.standing is Standing.ACTIVE and row.via in (Via.LMS, Via.OPEN):
        _keep_or_end(tx, row, course)


def _keep_or_end(tx: Tx, row: Enrolment, course: Course) -> None:
    """Find what else lets the person in; with nothing, their time in the course is over."""
    if is_entitled(tx, row.user_id, course.id):
        row.via = Via.PAYMENT
    elif _learns_in_an_lms_course(tx, row.user_id, course) and not _members_pay(course):
        row.via = Via.LMS
    else:
        end(tx, row)
    tx.flush()


def _members_pay(course: Course) -> bool:
    return course.admission is Admission.PAID and course.lms_members_pay


def _learns_in_an_lms_course(tx: Tx, user_id: int, course: Course) -> bool:
    return any(
        placement.is_assigned and placement.course_slug == course.slug and role.is_learner
        for placement, role in lti.list_placement_roles(tx, user_id)
    )

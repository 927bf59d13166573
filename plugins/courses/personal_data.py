"""What courses keep about a person."""

from typing import Any

from sqlalchemy import delete, select, update

from lti_tool.kernel.db import Tx
from plugins.courses.models import Course, Enrolment, Entitlement, Invitation, Revision, Unsaved
from plugins.courses.written_models import Written, WrittenBlob


def export_personal_data(tx: Tx, user_id: int) -> dict[str, Any]:
    """Courses that they take, texts that they wrote."""
    enrolments = select(Course.slug, Enrolment).join(Course, Course.id == Enrolment.course_id)
    entitlements = select(Course.slug, Entitlement).join(Course, Course.id == Entitlement.course_id)
    revisions = select(Course.slug, Revision).join(Course, Course.id == Revision.course_id)
    unsaved = select(Course.slug, Unsaved).join(Course, Course.id == Unsaved.course_id)
    written = select(Course.slug, Written).join(Course, Course.id == Written.course_id)
    return {
        "enrolments": [
            {
                "course": slug,
                "via": row.via.value,
                "standing": row.standing.value,
                "enrolled_at": row.enrolled_at.isoformat(),
                "dropped_at": row.dropped_at.isoformat() if row.dropped_at else None,
            }
            for slug, row in tx.execute(enrolments.where(Enrolment.user_id == user_id))
        ],
        "entitlements": [
            {
                "course": slug,
                "source": row.source,
                "reference": row.reference,
                "granted_at": row.granted_at.isoformat(),
                "revoked_at": row.revoked_at.isoformat() if row.revoked_at else None,
            }
            for slug, row in tx.execute(entitlements.where(Entitlement.user_id == user_id))
        ],
        "revisions": [
            {"course": slug, "part": row.part, "number": row.number, "made_at": row.made_at.isoformat()}
            for slug, row in tx.execute(revisions.where(Revision.author_id == user_id))
        ],
        "unsaved": [
            {"course": slug, "part": row.part, "form": row.form, "saved_at": row.saved_at.isoformat()}
            for slug, row in tx.execute(unsaved.where(Unsaved.user_id == user_id))
        ],
        "written": [
            {
                "course": slug,
                "quiz": row.assignment,
                "way": row.way.value,
                "files": row.files,
                "saved_at": row.saved_at.isoformat(),
            }
            for slug, row in tx.execute(written.where(Written.user_id == user_id))
        ],
    }


def erase_personal_data(tx: Tx, user_id: int) -> None:
    """Forget enrolments and what was not saved. What they wrote for the course stays without their name, and so does
    the record of what was paid.
    """
    tx.execute(delete(Enrolment).where(Enrolment.user_id == user_id))
    tx.execute(update(Entitlement).where(Entitlement.user_id == user_id).values(user_id=None))
    tx.execute(delete(Unsaved).where(Unsaved.user_id == user_id))
    theirs = select(Written.id).where(Written.user_id == user_id)
    tx.execute(delete(WrittenBlob).where(WrittenBlob.written_id.in_(theirs)))
    tx.execute(delete(Written).where(Written.user_id == user_id))
    tx.execute(update(Revision).where(Revision.author_id == user_id).values(author_id=None, author_name=""))
    tx.execute(update(Invitation).where(Invitation.made_by == user_id).values(made_by=None))

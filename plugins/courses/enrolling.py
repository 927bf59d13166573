"""Who takes a course: by membership of an LMS course, by invitation, from the catalogue, by payment.

Whoever drops a course keeps what they have done; they can take it up again.
"""

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx, affect
from lti_tool.kernel.errors import Forbidden, Gone, NotFound
from lti_tool.web.session import SignedIn
from plugins.courses.models import Admission, Course, Enrolment, Invitation, PartState, Standing, Via

INVITATION_LIFE = timedelta(days=90)
ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without what is easily mistaken for something else."""


def enrol(tx: Tx, user_id: int, course_id: int, via: Via) -> Enrolment:
    """Have somebody take a course, again if they had dropped it or it had ended. Doing it twice changes nothing."""
    row = _lock_enrolment(tx, user_id, course_id, via)
    if row.standing is not Standing.ACTIVE:
        row.standing, row.dropped_at, row.via = Standing.ACTIVE, None, via
    tx.flush()
    return row


def drop(tx: Tx, user_id: int, course_id: int) -> None:
    """End it. What was done stays."""
    row = _lock_enrolment(tx, user_id, course_id, Via.LMS)
    row.standing, row.dropped_at = Standing.DROPPED, clock.now()
    tx.flush()


def end(tx: Tx, row: Enrolment) -> None:
    """What had let somebody in is no more. What was done stays."""
    row.standing, row.dropped_at = Standing.ENDED, clock.now()


def _lock_enrolment(tx: Tx, user_id: int, course_id: int, via: Via) -> Enrolment:
    """The row, made if there is none; of two requests that make it one finds the other's."""
    key = (user_id, course_id)
    row = tx.get(Enrolment, key, with_for_update=True)
    if row is not None:
        return row
    made = Enrolment(user_id=user_id, course_id=course_id, via=via, enrolled_at=clock.now(), standing=Standing.ACTIVE)
    try:
        with tx.begin_nested():
            tx.add(made)
    except IntegrityError:
        return tx.get_one(Enrolment, key, with_for_update=True)
    return made


def may_use(course: Course, registration_id: int) -> bool:
    """Is the course for this platform?"""
    return course.registration_id in (None, registration_id)


def require_open(course: Course, session: SignedIn) -> None:
    """Raises: NotFound, Forbidden: nobody enrols in this one from the catalogue."""
    if course.state is not PartState.PUBLISHED or not may_use(course, session.registration_id):
        raise NotFound("course_not_found", "There is no such course here. Look for it in the catalogue.")
    if course.admission is not Admission.OPEN:
        raise Forbidden("course_closed", "You cannot enrol in this course yourself. Ask its teacher for a code.")


# ---- invitations ----


def make_invitation(tx: Tx, course_id: int, made_by: int, places: int) -> str:
    """A new code, shown this once: ten characters, 49 bits."""
    code = "".join(secrets.choice(ALPHABET) for _ in range(10))
    invitation = Invitation(
        course_id=course_id,
        digest=_digest(code),
        hint=code[:3],
        made_by=made_by,
        made_at=clock.now(),
        expires_at=clock.now() + INVITATION_LIFE,
        places=places,
    )
    tx.add(invitation)
    tx.flush()
    return f"{code[:5]}-{code[5:]}"


def require_codes(course: Course) -> None:
    """Raises: Forbidden: only members of the LMS courses that use it get in."""
    if course.admission is Admission.LMS:
        raise Forbidden(
            "members_only",
            "Only members of the LMS courses that use this course get in, so its codes let nobody in. "
            "Its teacher can change that in the settings of the course, under Who gets in.",
        )


def accept_invitation(tx: Tx, code: str, session: SignedIn) -> Course:
    """Enrol by code.

    Raises: NotFound: no such code, or not of this platform. Forbidden: the course is for members only. Gone: used up,
    expired or withdrawn.
    """
    bare = "".join(character for character in code.upper() if character in ALPHABET)
    invitation = tx.scalar(select(Invitation).where(Invitation.digest == _digest(bare)).with_for_update())
    course = tx.get(Course, invitation.course_id) if invitation else None
    if invitation is None or course is None or not may_use(course, session.registration_id):
        raise NotFound("code_unknown", "There is no such code. Look at it again: it has ten letters and digits.")
    row = tx.get(Enrolment, (session.user_id, course.id))
    if row is not None and row.standing is Standing.ACTIVE:
        return course
    require_codes(course)
    taken = update(Invitation).where(
        Invitation.id == invitation.id,
        Invitation.used < Invitation.places,
        Invitation.expires_at > clock.now(),
        Invitation.withdrawn_at.is_(None),
    )
    if not affect(tx, taken.values(used=Invitation.used + 1)):
        raise Gone("code_used_up", "This code is used up or no longer valid. Ask the teacher for another.")
    enrol(tx, session.user_id, course.id, Via.INVITATION)
    return course


def withdraw_invitation(tx: Tx, course_id: int, invitation_id: int) -> None:
    """Let nobody else in by a code. Raises: NotFound."""
    row = tx.get(Invitation, invitation_id)
    if row is None or row.course_id != course_id:
        raise NotFound("invitation_not_found", "There is no such code. Open the list again.")
    row.withdrawn_at = row.withdrawn_at or clock.now()


def list_invitations(tx: Tx, course_id: int) -> list[Invitation]:
    """The codes of a course, newest first."""
    query = select(Invitation).where(Invitation.course_id == course_id).order_by(Invitation.id.desc()).limit(50)
    return list(tx.scalars(query))


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()

"""Roles, rights, and who may do what. Whether somebody may do something is decided here and nowhere else."""

from collections.abc import Iterable
from enum import StrEnum


class Role(StrEnum):
    """What a person is in one course, taken from LTI membership roles only."""

    LEARNER = "learner"
    TEACHER = "teacher"
    ASSISTANT = "assistant"
    OBSERVER = "observer"
    TEST_STUDENT = "test_student"

    @property
    def is_staff(self) -> bool:
        """Sees the course before learners do. What staff may do beyond that is a matter of rights."""
        return self in (Role.TEACHER, Role.ASSISTANT)

    @property
    def is_learner(self) -> bool:
        """Does quizzes and gets marks (a teacher's test student does too)."""
        return self in (Role.LEARNER, Role.TEST_STUDENT)


class Right(StrEnum):
    """What teachers may do, and assistants as far as the teacher of the LMS course lets them."""

    MARK = "mark"
    """Read what learners handed in, mark it, open formgrader."""
    SEE_PEOPLE = "see_people"
    """See the class by name, and everybody's progress."""
    SEND_GRADES = "send_grades"
    """Send grades to the LMS again that did not arrive."""
    GRANT_EXTENSIONS = "grant_extensions"
    """Give one learner more time or more attempts."""
    EDIT_COURSE = "edit_course"
    """Change texts, quizzes, videos and files, and when the course is finished."""
    MODERATE_REVIEWS = "moderate_reviews"
    """Hide and restore reviews, and answer them."""
    MANAGE_ENROLMENT = "manage_enrolment"
    """Make and withdraw codes that let people in."""


ASSISTANT_RIGHTS = frozenset({Right.MARK, Right.SEE_PEOPLE, Right.SEND_GRADES})
"""Of assistants until the teacher says otherwise."""


def rights_of(role: Role, granted: Iterable[str] | None) -> frozenset[Right]:
    """The rights of a role. `granted`: what assistants of this LMS course were given; None: nobody has said.

    A right that this release does not know gives nothing.
    """
    if role is Role.TEACHER:
        return frozenset(Right)
    if role is not Role.ASSISTANT:
        return frozenset()
    if granted is None:
        return ASSISTANT_RIGHTS
    known = frozenset(Right)
    return frozenset(Right(name) for name in granted if name in known)

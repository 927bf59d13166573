"""Roles, and who may do what."""

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
        """May see every learner's work and mark it."""
        return self in (Role.TEACHER, Role.ASSISTANT)

    @property
    def is_learner(self) -> bool:
        """Does quizzes and gets marks (a teacher's test student does too)."""
        return self in (Role.LEARNER, Role.TEST_STUDENT)

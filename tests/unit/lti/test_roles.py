"""Roles come from the membership vocabulary alone."""

import pytest

from lti_tool.kernel.permissions import Role
from lti_tool.lti.roles import may_place_content, role_of

M = "http://purl.imsglobal.org/vocab/lis/v2/membership"
PERSON = "http://purl.imsglobal.org/vocab/lis/v2/institution/person"
SYSTEM = "http://purl.imsglobal.org/vocab/lis/v2/system/person"


@pytest.mark.parametrize(
    ("names", "role"),
    [
        ([f"{M}#Instructor"], Role.TEACHER),
        (["Instructor"], Role.TEACHER),
        ([f"{M}#Administrator"], Role.TEACHER),
        ([f"{M}#Instructor", f"{M}/Instructor#TeachingAssistant"], Role.ASSISTANT),
        ([f"{M}/Instructor#TeachingAssistant"], Role.ASSISTANT),
        ([f"{M}/Instructor#PrimaryInstructor"], Role.TEACHER),
        ([f"{M}#Learner"], Role.LEARNER),
        (["Learner"], Role.LEARNER),
        ([f"{M}/Learner#GuestLearner"], Role.LEARNER),
        ([f"{M}#Learner", "http://purl.imsglobal.org/vocab/lti/system/person#TestUser"], Role.TEST_STUDENT),
        ([f"{M}#Mentor"], Role.OBSERVER),
        ([f"{M}#ContentDeveloper"], Role.OBSERVER),
        ([f"{PERSON}#Instructor", f"{M}#Learner"], Role.LEARNER),
        ([f"{PERSON}#Administrator", f"{SYSTEM}#SysAdmin"], Role.OBSERVER),
        ([f"{M}#InstructorX", "Instructors", f"{M}#Learner"], Role.LEARNER),
        ([f"{M}-evil#Instructor"], Role.OBSERVER),
        (["https://evil.example/membership#Instructor"], Role.OBSERVER),
        (["instructor"], Role.OBSERVER),
        ([], Role.OBSERVER),
    ],
)
def test_role(names: list[str], role: Role) -> None:
    assert role_of(names) is role


def test_designer_places_content_without_staff_rights() -> None:
    assert may_place_content([f"{M}#ContentDeveloper"])
    assert not role_of([f"{M}#ContentDeveloper"]).is_staff
    assert not may_place_content([f"{M}#Learner"])

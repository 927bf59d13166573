"""From LTI role names to our roles.

Only the membership (context) vocabulary counts, in its URI form or as the short name that the specification allows
(https://www.imsglobal.org/spec/lti/v1p3/#role-vocabularies). Institution and system roles say what somebody is
elsewhere: Canvas sends the roles of every other course among them. A role that we do not know gives no staff rights.
"""

from collections.abc import Iterable

from lti_tool.kernel.permissions import Role

MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership"
TEST_USERS = frozenset(
    {
        "http://purl.imsglobal.org/vocab/lti/system/person#TestUser",
        "http://purl.imsglobal.org/vocab/lis/v2/system/person#TestUser",
    }
)
ADMINISTRATORS = frozenset(
    {
        "http://purl.imsglobal.org/vocab/lis/v2/system/person#Administrator",
        "http://purl.imsglobal.org/vocab/lis/v2/system/person#SysAdmin",
        "http://purl.imsglobal.org/vocab/lis/v2/institution/person#Administrator",
    }
)
"""Of the LMS as a whole. In a course they say nothing."""
ASSISTANTS = frozenset(
    {
        "Instructor#TeachingAssistant",
        "Instructor#TeachingAssistantGroup",
        "Instructor#TeachingAssistantOffering",
        "Instructor#TeachingAssistantSection",
        "Instructor#TeachingAssistantSectionAssociation",
        "Instructor#TeachingAssistantTemplate",
        "Instructor#Grader",
    }
)
SUBROLE_OWNERS = (
    "Administrator",
    "ContentDeveloper",
    "Instructor",
    "Learner",
    "Manager",
    "Member",
    "Mentor",
    "Officer",
)


def role_of(names: Iterable[str]) -> Role:
    """The one role that a launch gives. Without a role that we know: observer, who reads and changes nothing."""
    found = set(names)
    memberships = _memberships(found)
    if found & TEST_USERS and not memberships & {"Instructor", "Administrator"}:
        return Role.TEST_STUDENT
    if memberships & ASSISTANTS:
        return Role.ASSISTANT  # Canvas sends Instructor beside it
    if memberships & {"Instructor", "Administrator"}:
        return Role.TEACHER
    if "Learner" in memberships:
        return Role.LEARNER
    return Role.OBSERVER


def may_place_content(names: Iterable[str]) -> bool:
    """May this person pick content in deep linking? Course designers may, without seeing learners' work."""
    found = set(names)
    return role_of(found).is_staff or "ContentDeveloper" in _memberships(found)


def is_administrator(names: Iterable[str]) -> bool:
    """Does this person administer the LMS? A test user never does."""
    found = set(names)
    return bool(found & ADMINISTRATORS) and not found & TEST_USERS


def _memberships(names: Iterable[str]) -> set[str]:
    """`Instructor`, `Instructor#TeachingAssistant` …: the owner of a sub-role counts as given too."""
    found: set[str] = set()
    for name in names:
        if name.startswith(MEMBERSHIP + "#"):
            found.add(name.removeprefix(MEMBERSHIP + "#"))
        elif name.startswith(MEMBERSHIP + "/"):
            sub_role = name.removeprefix(MEMBERSHIP + "/")
            found |= {sub_role, sub_role.partition("#")[0]}
        elif name in SUBROLE_OWNERS:
            found.add(name)
    return found

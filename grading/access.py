"""Who a caller of the API is, and what they are in which course."""

from dataclasses import dataclass

from sqlalchemy import select

from grading.api_models import Course
from grading.models import CourseRow
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Forbidden, NotFound
from lti_tool.kernel.permissions import Role
from lti_tool.lti import public as lti

STRONGEST_FIRST = (Role.TEACHER, Role.ASSISTANT, Role.LEARNER, Role.TEST_STUDENT, Role.OBSERVER)


@dataclass(frozen=True)
class CourseAccess:
    """A person in one course. Somebody may learn in one LMS course and teach in another that uses the same course."""

    person: lti.Person
    roles: frozenset[Role]

    def require_learner(self) -> None:
        """Raises: Forbidden."""
        if not any(role.is_learner for role in self.roles):
            message = "Only learners hand in. To try it yourself, use your LMS's student view."
            raise Forbidden("role_refused", message)

    def require_staff(self) -> None:
        """Raises: Forbidden."""
        if not any(role.is_staff for role in self.roles):
            raise Forbidden("role_refused", "Only teachers and assistants of the course may do this.")


@dataclass(frozen=True)
class Access:
    """A person and their roles by course."""

    person: lti.Person
    roles: dict[str, frozenset[Role]]

    def in_course(self, slug: str) -> CourseAccess:
        """What they are in a course. Raises: NotFound: nothing."""
        if slug not in self.roles:
            raise NotFound("course_not_found", "There is no such course for you. Open it from your LMS first.")
        return CourseAccess(self.person, self.roles[slug])


def load_access_by_name(tx: Tx, hub_name: str) -> Access:
    """The person of a Hub name. Raises: Forbidden: nobody of that name has come from an LMS."""
    person = lti.find_person_by_hub_name(tx, hub_name)
    if person is None:
        raise Forbidden(
            "person_unknown", "Nobody of that name has come from an LMS. Open the course from your LMS first."
        )
    roles: dict[str, set[Role]] = {}
    for placement, role in lti.list_placement_roles(tx, person.id):
        roles.setdefault(placement.course_slug, set()).add(role)
    return Access(person, {slug: frozenset(found) for slug, found in roles.items()})


def course_models(tx: Tx, access: Access) -> list[Course]:
    """The courses of a person with the strongest of their roles."""
    query = select(CourseRow).where(CourseRow.slug.in_(list(access.roles))).order_by(CourseRow.title, CourseRow.slug)
    return [
        Course(slug=row.slug, title=row.title, role=min(access.roles[row.slug], key=STRONGEST_FIRST.index).value)
        for row in tx.scalars(query)
    ]

"""Who a caller is, and what they are in which placement: the course as one LMS course uses it."""

from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import select

from grading.api_models import Course
from grading.authoring import Writer, find_authoring
from grading.gates import Caller
from grading.models import CourseRow
from grading.submissions import Learner, Submitter
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Forbidden, NotFound
from lti_tool.kernel.permissions import Right, Role, rights_of
from lti_tool.lti import public as lti
from lti_tool.web.session import SignedIn


@dataclass(frozen=True)
class PlacementAccess:
    """A person in one placement. Somebody may learn in one LMS course and teach in another that uses our course too."""

    person: lti.Person
    placement: lti.Placement
    role: Role

    @property
    def who(self) -> Submitter:
        """The person as a learner here."""
        return Submitter(self.placement.id, self.person.id, self.person.hub_name)

    @property
    def caller(self) -> Caller:
        """The person for the gates of quizzes."""
        return Caller(self.placement.id, self.person.id, self.role)

    @property
    def writer(self) -> Writer:
        """The person for those who keep sources."""
        granted = self.placement.assistant_rights
        return Writer(
            self.person.id, self.person.display_name, self.person.registration_id, self.role, granted and tuple(granted)
        )

    @property
    def slug(self) -> str:
        """Of the course."""
        return self.placement.course_slug

    def require_learner(self) -> None:
        """Raises: Forbidden."""
        if not self.role.is_learner:
            message = "Only learners hand in. To try it yourself, use your LMS's student view."
            raise Forbidden("role_refused", message)

    @property
    def may_mark(self) -> bool:
        """May this person mark here?"""
        return Right.MARK in rights_of(self.role, self.placement.assistant_rights)

    def require_marker(self) -> None:
        """Raises: Forbidden."""
        if not self.may_mark:
            message = "Only teachers of the course may do this, and assistants whom they let mark."
            raise Forbidden("role_refused", message)


@dataclass(frozen=True)
class Access:
    """A person and their placements by key."""

    person: lti.Person
    placements: dict[str, PlacementAccess]

    def at(self, key: str) -> PlacementAccess:
        """What they are in a placement. Raises: NotFound: nothing."""
        if key not in self.placements:
            raise NotFound("course_not_found", "There is no such course for you. Open it from your LMS first.")
        return self.placements[key]


def load_access_by_name(tx: Tx, hub_name: str) -> Access:
    """The person of a Hub name. Raises: Forbidden: nobody of that name has come from an LMS."""
    person = lti.find_person_by_hub_name(tx, hub_name)
    if person is None:
        raise Forbidden(
            "person_unknown", "Nobody of that name has come from an LMS. Open the course from your LMS first."
        )
    roles = lti.list_placement_roles(tx, person.id)
    return Access(person, {placement.key: PlacementAccess(person, placement, role) for placement, role in roles})


def course_models(tx: Tx, access: Access) -> list[Course]:
    """The courses of a person, once for each LMS course that uses them, by title."""
    slugs = {found.slug for found in access.placements.values()}
    titles = {row.slug: row.title for row in tx.scalars(select(CourseRow).where(CourseRow.slug.in_(slugs)))}
    found = [
        Course(
            key=key,
            title=_title(each.placement, titles[each.slug]),
            role=each.role.value,
            may_mark=each.may_mark,
            may_write=_may_write(tx, each),
        )
        for key, each in access.placements.items()
        if each.slug in titles
    ]
    return sorted(found, key=lambda course: (course.title, course.key))


def _may_write(tx: Tx, access: PlacementAccess) -> bool:
    authoring = find_authoring() if access.role.is_staff else None
    return authoring is not None and authoring.may_write(tx, access.slug, access.writer)


def _title(placement: lti.Placement, course_title: str) -> str:
    """Of the LMS course and of ours, unless they say the same."""
    return course_title if placement.title in ("", course_title) else f"{placement.title}: {course_title}"


def placement_of(session: SignedIn) -> int:
    """The placement that a session is for. Raises: Forbidden: none."""
    if session.placement_id is None:
        raise Forbidden("course_refused", _("This session is for no course. Open the activity again from your LMS."))
    return session.placement_id


def get_placement(tx: Tx, session: SignedIn) -> lti.Placement:
    """The same with its key and title. Raises: Forbidden: the session is for none."""
    placement = lti.find_placement(tx, placement_of(session))
    if placement is None:
        raise Forbidden("course_refused", _("This session is for no course. Open the activity again from your LMS."))
    return placement


def learner_of(session: SignedIn) -> Learner:
    """The person of a session, in its placement. Raises: Forbidden: it is for none."""
    return Learner(placement_of(session), session.user_id)

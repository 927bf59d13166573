"""What courses do about messages."""

from collections.abc import Collection

from lti_tool.kernel.db import Tx
from lti_tool.kernel.jobs import JobRun
from lti_tool.kernel.messages import Handler
from lti_tool.kernel.permissions import Role
from lti_tool.lti import public as lti
from lti_tool.lti.messages import CourseAssigned, LinkLaunched, MembersJoined, MembersLeft, RolesChanged
from plugins.courses.admitting import admit_member, release_member
from plugins.courses.library import note_named
from plugins.courses.messages import CheckVersion, PublishVersion
from plugins.courses.service import find_course
from plugins.courses.version_checking import check_version, give_up_check
from plugins.courses.version_publishing import give_up_publishing, publish_version
from plugins.files import public as files
from plugins.files.messages import FileStored


def enrol_on_launch(run: JobRun, fact: LinkLaunched) -> None:
    """Whoever comes from an LMS course as a learner takes the course that it uses."""
    with run.runtime.db.transaction() as tx:
        run.finish(tx)
        placement = lti.find_placement(tx, fact.placement_id) if fact.placement_id else None
        course = find_course(tx, placement.course_slug) if placement else None
        if course is not None and Role(fact.role).is_learner:
            admit_member(tx, fact.user_id, course)


def enrol_class(run: JobRun, fact: CourseAssigned) -> None:
    """The whole class takes a course that is placed in its LMS course."""
    with run.runtime.db.transaction() as tx:
        run.finish(tx)
        placement = lti.find_placement(tx, fact.placement_id)
        if placement is not None:
            _follow(tx, placement, None)


def follow_members(run: JobRun, fact: MembersJoined | MembersLeft | RolesChanged) -> None:
    """Enrolment follows membership of the LMS course, as it is now."""
    with run.runtime.db.transaction() as tx:
        run.finish(tx)
        for placement in lti.list_class_placements(tx, fact.context_id):
            _follow(tx, placement, fact.user_ids)


def keep_named_file(run: JobRun, fact: FileStored) -> None:
    """What a lesson named before it was there, and is there now, is not deleted."""
    with run.runtime.db.transaction() as tx:
        run.finish(tx)
        file = files.find_file(tx, fact.file_id)
        if file is not None and file.slug:
            note_named(tx, file.course_slug, file.slug)


def _follow(tx: Tx, placement: lti.Placement, user_ids: Collection[int] | None) -> None:
    course = find_course(tx, placement.course_slug)
    if course is None:
        return
    for member in sorted(lti.list_members(tx, placement.context_id, user_ids), key=lambda each: each.person.id):
        (admit_member if member.is_learning else release_member)(tx, member.person.id, course)


HANDLERS = (
    Handler("courses.enrol_on_launch", LinkLaunched, enrol_on_launch),
    Handler("courses.enrol_class", CourseAssigned, enrol_class),
    Handler("courses.enrol_who_joined", MembersJoined, follow_members),
    Handler("courses.release_who_left", MembersLeft, follow_members),
    Handler("courses.keep_named_file", FileStored, keep_named_file),
    Handler("courses.follow_roles", RolesChanged, follow_members),
    Handler("courses.check_version", CheckVersion, check_version, queue="grade", max_attempts=5, on_dead=give_up_check),
    Handler("courses.publish_version", PublishVersion, publish_version, max_attempts=5, on_dead=give_up_publishing),
)

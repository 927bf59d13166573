"""What courses do about messages."""

from lti_tool.kernel.jobs import JobRun
from lti_tool.kernel.messages import Handler
from lti_tool.kernel.permissions import Role
from lti_tool.lti import public as lti
from lti_tool.lti.messages import LinkLaunched
from plugins.courses.enrolling import enrol
from plugins.courses.models import Via
from plugins.courses.service import find_course


def enrol_on_launch(run: JobRun, fact: LinkLaunched) -> None:
    """Whoever comes from an LMS course as a learner takes the course that it uses."""
    with run.runtime.db.transaction() as tx:
        run.finish(tx)
        placement = lti.find_placement(tx, fact.placement_id) if fact.placement_id else None
        course = find_course(tx, placement.course_slug) if placement else None
        if course is not None and Role(fact.role).is_learner:
            enrol(tx, fact.user_id, course.id, Via.LMS)


HANDLERS = (Handler("courses.enrol_on_launch", LinkLaunched, enrol_on_launch),)

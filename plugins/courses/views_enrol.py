"""Enrolling, dropping, and opening another course of the catalogue in a session of its own."""

from dataclasses import replace

from flask import redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Forbidden, NotFound
from lti_tool.kernel.permissions import Role
from lti_tool.lti import public as lti
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import BROWSER_COOKIE, SignedIn, current_session, open_course, session_path, start_session
from plugins.courses.admitting import may_take
from plugins.courses.blueprint import blueprint
from plugins.courses.editing import Editor, may_edit
from plugins.courses.enrolling import accept_invitation, drop, enrol, may_use, require_open
from plugins.courses.models import Admission, Course, Enrolment, PartState, Standing, Via
from plugins.courses.service import find_course


@blueprint.post("/<slug>/drop")
def drop_course(slug: str) -> AnyResponse:
    """Drop the course of this session."""
    session = open_course(slug)
    _require_learner(session)
    with current_runtime().db.transaction() as tx:
        drop(tx, session.user_id, _get_course(tx, slug).id)
    return redirect(url_for("courses.show_course", slug=slug), 303)


@blueprint.post("/<slug>/take-up")
def take_up(slug: str) -> AnyResponse:
    """Take the course of this session up again: it was open to this learner before."""
    session = open_course(slug)
    _require_learner(session)
    with current_runtime().db.transaction() as tx:
        course = _get_course(tx, slug)
        if not may_take(tx, session.user_id, session.placement_id, course):
            raise Forbidden("course_unpaid", "This course has to be paid first. Its page says how.")
        row = tx.get(Enrolment, (session.user_id, course.id))
        enrol(tx, session.user_id, course.id, row.via if row else Via.LMS)
    return redirect(url_for("courses.show_course", slug=slug), 303)


@blueprint.post("/enrol/<slug>")
def enrol_in_course(slug: str) -> AnyResponse:
    """Enrol from the catalogue, and go to the course."""
    session = current_session()
    _require_learner(session)
    with current_runtime().db.transaction() as tx:
        course = _get_course(tx, slug)
        require_open(course, session)
        enrol(tx, session.user_id, course.id, Via.OPEN)
        return enter_course(tx, session, course)


@blueprint.post("/invitation")
def use_invitation() -> AnyResponse:
    """Enrol by code, and go to the course."""
    session = current_session()
    _require_learner(session)
    with current_runtime().db.transaction() as tx:
        return enter_course(tx, session, accept_invitation(tx, request.form.get("code", ""), session))


@blueprint.post("/open/<slug>")
def open_other_course(slug: str) -> AnyResponse:
    """Go to another course: a learner to one that they take, a teacher to any of their platform."""
    session = current_session()
    with current_runtime().db.transaction() as tx:
        course = _get_course(tx, slug)
        if slug != session.course_slug:
            _require_entry(tx, session, course)
        return enter_course(tx, session, course)


def _require_entry(tx: Tx, session: SignedIn, course: Course) -> None:
    if not may_use(course, session.registration_id):
        raise NotFound("course_not_found", "There is no such course here. Look for it in the catalogue.")
    if session.role.is_staff:
        editor = Editor(session.user_id, session.display_name, session.registration_id, session.role, session.granted)
        if session.role is Role.ASSISTANT and not lti.uses_course(tx, session.context_id, course.slug):
            message = "Your LMS course does not use this course. Ask its teacher to place it there."
            raise Forbidden("course_refused", message)
        if course.state is PartState.PUBLISHED or may_edit(tx, course, editor):
            return
    if course.admission is Admission.PAID and course.state is PartState.PUBLISHED:
        return  # its page shows what is in it and what it costs
    row = tx.get(Enrolment, (session.user_id, course.id))
    if row is None or row.standing is not Standing.ACTIVE:
        raise Forbidden("not_enrolled", "You do not take this course. Enrol in it first.")


def enter_course(tx: Tx, session: SignedIn, course: Course, path: str = "") -> AnyResponse:
    """The course page, or `path`, in a session of that course and of the same LMS course. Raises: Forbidden."""
    if session.course_slug == course.slug:
        return redirect(url_for("courses.show_course", slug=course.slug), 303)
    if session.context_id is None:
        raise Forbidden("no_lms_course", "Open an activity of a course in your LMS first, then come back here.")
    placement_id = lti.place_course(tx, session.context_id, course.slug)
    entered = replace(
        session, course_slug=course.slug, course_title=course.title, placement_id=placement_id, link_id=None
    )
    token = start_session(tx, entered, request.cookies.get(BROWSER_COOKIE))
    return redirect(request.environ["coursebridge.root"] + session_path(token, path or f"/courses/{course.slug}/"), 303)


def _get_course(tx: Tx, slug: str) -> Course:
    course = find_course(tx, slug)
    if course is None:
        raise NotFound("course_not_found", "There is no such course here. Look for it in the catalogue.")
    return course


def _require_learner(session: SignedIn) -> None:
    if session.role not in (Role.LEARNER, Role.TEST_STUDENT):
        raise Forbidden("role_refused", "Only learners enrol. To try it yourself, use your LMS's student view.")

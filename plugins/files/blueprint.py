"""The blueprint that all pages of files hang on, and whom they are for."""

from flask import Blueprint

from lti_tool.kernel.errors import Forbidden
from lti_tool.web.session import SignedIn

blueprint = Blueprint("files", __name__, url_prefix="/files")


def staff_course(session: SignedIn) -> str:
    """The course of a session. Raises: Forbidden: it has none."""
    if not session.course_slug:
        raise Forbidden("course_refused", "This session is for no course. Open an activity of the course in your LMS.")
    return session.course_slug

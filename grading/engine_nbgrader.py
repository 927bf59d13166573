"""The real engine: nbgrader's rules over the course folder."""

from pathlib import Path

from config.settings import Settings
from grading.engine.model import Release
from grading.engine_port import MarkingEngine


def open_course_root(settings: Settings, course_slug: str) -> MarkingEngine:
    """The engine of a course."""
    from grading.engine.course import CourseRoot  # nbgrader takes a second to import, and only workers need it

    return CourseRoot(settings.courses_dir / course_slug, settings.gradebook_url(course_slug))


def make_release(root: Path, gradebook_url: str, assignment: str) -> Release:
    """Make nbgrader's release version of an assignment. Raises: ContentError: names file and cell."""
    from grading.engine.course import CourseRoot  # as above

    return CourseRoot(root, gradebook_url).make_release(assignment)

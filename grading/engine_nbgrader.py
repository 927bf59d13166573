"""The real engine: nbgrader's rules over the course folder and the gradebook of a placement."""

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from config.settings import Settings
from grading.engine_port import MarkingEngine
from lti_tool.lti.public import Placement

if TYPE_CHECKING:
    from grading.engine.course import CourseRoot


def open_placement(settings: Settings, placement: Placement) -> MarkingEngine:
    """The engine of a placement."""
    return open_placement_at(settings, placement, settings.gradebook_url(placement.course_slug, placement.id))


def open_placement_at(settings: Settings, placement: Placement, gradebook_url: str) -> "CourseRoot":
    """The same over another gradebook."""
    slug = placement.course_slug
    return _course_root()(
        settings.course_dir(slug),
        db_url=gradebook_url,
        work=settings.placement_dir(slug, placement.id),
        structure_url=settings.structure_url(slug),
    )


@cache
def _course_root() -> "type[CourseRoot]":
    """Loaded when it is first needed: nbgrader takes seconds to import, and the web server never marks."""
    found: type[CourseRoot] = import_module("grading.engine.course").CourseRoot
    return found

"""What of a course a teacher can place in the LMS, and where a launch of it ends."""

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import ColumnElement, or_, select

from grading import public as grading
from lti_tool.contract import Choice
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from lti_tool.kernel.permissions import Role
from plugins.courses.models import Course, Item, Module
from plugins.courses.service import find_course


class CourseContents:
    """Answers `lti_tool.contract.Contents`: references are `courses/<course>` and `courses/<course>/<item>`."""

    def list_choices(self, tx: Tx, registration_id: int) -> list[Choice]:
        """Whole courses, lessons and quizzes of every course that this platform may use, in reading order."""
        rows = _rows(tx, _may_use(registration_id))
        points = grading.list_max_points(tx, {course.slug for course, _, _ in rows})
        choices: dict[str, Choice] = {}
        for course, module, item in rows:
            whole = _course_choice(course)
            choices.setdefault(whole.ref, whole)
            choice = _item_choice(course, module, item, points)
            choices[choice.ref] = choice
        return list(choices.values())

    def find_choice(self, tx: Tx, registration_id: int, ref: str) -> Choice | None:
        """The item behind a reference, None if it is gone or not for this platform."""
        slug, item_slug = split_ref(ref) or ("", "")
        if not slug:
            return None
        if not item_slug:
            course = find_course(tx, slug)
            is_theirs = course is not None and course.registration_id in (None, registration_id)
            return _course_choice(course) if course is not None and is_theirs else None
        rows = _rows(tx, _may_use(registration_id), Course.slug == slug, Item.slug == item_slug)
        points = grading.list_max_points(tx, {slug}) if rows and rows[0][2].assignment else {}
        return next((_item_choice(*row, points) for row in rows), None)

    def path_of(self, tx: Tx, ref: str, role: Role) -> str:
        """The quiz page, the lesson, or the course page."""
        found = split_ref(ref)
        if found is None:
            raise NotFound(
                "item_not_found",
                "This activity points to something that is no longer here. Ask your teacher to place it again.",
            )
        slug, item_slug = found
        if not item_slug:
            return f"/courses/{slug}/"
        query = (
            select(Item.assignment)
            .join(Course, Course.id == Item.course_id)
            .where(Course.slug == slug, Item.slug == item_slug)
        )
        assignment = tx.scalar(query)
        return grading.assignment_path(slug, assignment) if assignment else f"/courses/{slug}/{item_slug}"


def split_ref(ref: str) -> tuple[str, str] | None:
    """(course slug, item slug or "") of a reference of ours, else None."""
    parts = ref.split("/")
    if parts[0] != "courses" or len(parts) not in (2, 3) or not all(parts) or not ref.isprintable():
        return None
    return parts[1], parts[2] if len(parts) == 3 else ""


def _may_use(registration_id: int) -> ColumnElement[bool]:
    return or_(Course.registration_id.is_(None), Course.registration_id == registration_id)


def _rows(tx: Tx, *conditions: ColumnElement[bool]) -> Sequence[tuple[Course, Module, Item]]:
    query = (
        select(Course, Module, Item)
        .join(Module, Module.course_id == Course.id)
        .join(Item, Item.module_id == Module.id)
        .where(*conditions)
        .order_by(Course.title, Course.id, Item.position)
    )
    return [(course, module, item) for course, module, item in tx.execute(query)]


def _course_choice(course: Course) -> Choice:
    return Choice(f"courses/{course.slug}", course.slug, course.title, course.title, "course", "", text=course.summary)


def _item_choice(course: Course, module: Module, item: Item, points: dict[tuple[str, str], Decimal]) -> Choice:
    return Choice(
        ref=f"courses/{course.slug}/{item.slug}",
        course_slug=course.slug,
        course_title=course.title,
        title=item.title,
        kind=item.kind.value,
        group=module.title,
        text=item.summary,
        max_points=points.get((course.slug, item.assignment)) if item.assignment else None,
    )

"""What of a course a teacher can place in the LMS, and where a launch of it ends."""

from sqlalchemy import or_, select

from grading import public as grading
from lti_tool.contract import Choice
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from lti_tool.kernel.permissions import Role
from plugins.courses.models import Course, Item, Module


class CourseContents:
    """Answers `lti_tool.contract.Contents`: references are `courses/<course>` and `courses/<course>/<item>`."""

    def list_choices(self, tx: Tx, registration_id: int) -> list[Choice]:
        """Whole courses, lessons and quizzes of every course that this platform may use, in reading order."""
        return self._choices(tx, registration_id, None)

    def find_choice(self, tx: Tx, registration_id: int, ref: str) -> Choice | None:
        """The item behind a reference, None if it is gone or not for this platform."""
        found = split_ref(ref)
        if found is None:
            return None
        return next((choice for choice in self._choices(tx, registration_id, found[0]) if choice.ref == ref), None)

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
            select(Item).join(Course, Course.id == Item.course_id).where(Course.slug == slug, Item.slug == item_slug)
        )
        item = tx.scalar(query)
        if item is not None and item.assignment:
            return grading.assignment_path(slug, item.assignment)
        return f"/courses/{slug}/{item_slug}"

    def _choices(self, tx: Tx, registration_id: int, slug: str | None) -> list[Choice]:
        allowed = or_(Course.registration_id.is_(None), Course.registration_id == registration_id)
        query = (
            select(Course, Module, Item)
            .join(Module, Module.course_id == Course.id)
            .join(Item, Item.module_id == Module.id)
            .where(allowed)
            .order_by(Course.title, Course.id, Item.position)
        )
        rows = tx.execute(query if slug is None else query.where(Course.slug == slug)).all()
        points = grading.list_max_points(tx, {course.slug for course, _, _ in rows})
        choices: list[Choice] = []
        for course, module, item in rows:
            ref = f"courses/{course.slug}"
            if not any(choice.ref == ref for choice in choices):
                choices.append(Choice(ref, course.slug, course.title, course.title, "course", "", text=course.summary))
            choices.append(
                Choice(
                    ref=f"{ref}/{item.slug}",
                    course_slug=course.slug,
                    course_title=course.title,
                    title=item.title,
                    kind=item.kind.value,
                    group=module.title,
                    text=item.summary,
                    max_points=points.get((course.slug, item.assignment)) if item.assignment else None,
                )
            )
        return choices


def split_ref(ref: str) -> tuple[str, str] | None:
    """(course slug, item slug or "") of a reference of ours, else None."""
    parts = ref.split("/")
    if parts[0] != "courses" or len(parts) not in (2, 3) or not all(parts) or not ref.isprintable():
        return None
    return parts[1], parts[2] if len(parts) == 3 else ""

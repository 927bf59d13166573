"""What of a course a teacher can place in the LMS, and where a launch of it ends."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, or_, select

from grading import public as grading
from lti_tool.contract import Choice
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from lti_tool.kernel.permissions import Role
from plugins.courses.access import may_be_closed
from plugins.courses.models import Course, Item, Module, PartState


class CourseContents:
    """Answers `lti_tool.contract.Contents`.

    References are `courses/<course>`, `courses/<course>/<item>` and `courses/<course>/modules/<module>`.
    """

    def list_choices(self, tx: Tx, registration_id: int) -> list[Choice]:
        """Courses, modules and items of every published course that this platform may use, in reading order."""
        rows = _rows(
            tx, _may_use(registration_id), Course.state == PartState.PUBLISHED, Item.state == PartState.PUBLISHED
        )
        choices: dict[str, Choice] = {}
        for course, module, item in rows:
            for choice in (_course_choice(course), _module_choice(course, module), _item_choice(course, module, item)):
                choices.setdefault(choice.ref, choice)
        return list(choices.values())

    def find_choice(self, tx: Tx, registration_id: int, ref: str) -> Choice | None:
        """The part behind a reference, None if it is gone or not for this platform.

        Drafts too: what was placed and is hidden for a while is not gone.
        """
        found = split_ref(ref)
        if found is None:
            return None
        if not found.item and not found.module:
            course = tx.scalar(select(Course).where(Course.slug == found.course, _may_use(registration_id)))
            return _course_choice(course) if course is not None else None
        part = Item.slug == found.item if found.item else Module.slug == found.module
        for row in _rows(tx, _may_use(registration_id), Course.slug == found.course, part):
            return _item_choice(*row) if found.item else _module_choice(*row[:2])
        return None

    def begin_path(self, role: Role) -> str | None:
        """The catalogue, where teachers write a new course."""
        return "/courses/#new-title" if role is Role.TEACHER else None

    def path_of(self, tx: Tx, ref: str, role: Role) -> str:
        """The page of the quiz or item, or the course page, at the module."""
        found = split_ref(ref)
        if found is None:
            raise NotFound(
                "item_not_found",
                "This activity points to something that is no longer here. Ask your teacher to place it again.",
            )
        if found.module:
            return f"/courses/{found.course}/#m-{found.module}"
        if not found.item:
            return f"/courses/{found.course}/"
        query = (
            select(Item, Module)
            .join(Course, Course.id == Item.course_id)
            .join(Module, Module.id == Item.module_id)
            .where(Course.slug == found.course, Item.slug == found.item)
        )
        row = tx.execute(query).one_or_none()
        if row is not None and row[0].assignment and not may_be_closed(*row):
            return grading.assignment_path(found.course, row[0].assignment)
        return f"/courses/{found.course}/{found.item}"

    def review_path_of(self, tx: Tx, ref: str, user_id: int) -> str:
        """The learner's attempts at a quiz; of anything else how far they are in the course."""
        found = split_ref(ref)
        if found is None:
            raise NotFound("item_not_found", "This activity points to something that is no longer here.")
        query = select(Item.assignment).join(Course, Course.id == Item.course_id)
        name = tx.scalar(query.where(Course.slug == found.course, Item.slug == found.item)) if found.item else None
        if name:
            return f"{grading.assignment_path(found.course, name)}/learners/{user_id}"
        return f"/progress/{found.course}/learners/{user_id}"


@dataclass(frozen=True)
class Ref:
    """What a reference names; empty where it names nothing of that kind."""

    course: str
    item: str = ""
    module: str = ""


def split_ref(ref: str) -> Ref | None:
    """A reference of ours in its parts, else None."""
    parts = ref.split("/")
    if parts[0] != "courses" or not all(parts) or not ref.isprintable():
        return None
    if len(parts) == 4 and parts[2] == "modules":
        return Ref(parts[1], module=parts[3])
    return Ref(*parts[1:]) if len(parts) in (2, 3) else None


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


def _module_choice(course: Course, module: Module) -> Choice:
    return Choice(
        ref=f"courses/{course.slug}/modules/{module.slug}",
        course_slug=course.slug,
        course_title=course.title,
        title=module.title,
        kind="module",
        group=module.title,
        text=module.summary,
    )


def _item_choice(course: Course, module: Module, item: Item) -> Choice:
    return Choice(
        ref=f"courses/{course.slug}/{item.slug}",
        course_slug=course.slug,
        course_title=course.title,
        title=item.title,
        kind=item.kind.value,
        group=module.title,
        text=item.summary,
        max_points=item.points if item.assignment else None,
        opens_at=max((moment for moment in (module.release_at, item.release_at) if moment), default=None),
        due_at=item.due_at if item.assignment else None,
    )

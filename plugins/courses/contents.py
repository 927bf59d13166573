"""What of a course a teacher can place in the LMS, and where a launch of it ends."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import ColumnElement, CompoundSelect, Select, Table, bindparam, literal, or_, select, union_all

from grading import public as grading
from lti_tool.contract import Choice
from lti_tool.kernel.db import Tx, run
from lti_tool.kernel.errors import NotFound
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.prepared import Prepared
from plugins.courses.access import has_limits
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
        if found.item:
            row = _find_item(tx, found)
            may_use = row is not None and row.registration_id in (None, registration_id)
            return _chosen_item(found, row) if row is not None and may_use else None
        for course, module, _item in _rows(
            tx, _may_use(registration_id), Course.slug == found.course, Module.slug == found.module
        ):
            return _module_choice(course, module)
        return None

    def list_titles(self, tx: Tx, refs: Collection[str]) -> dict[str, str]:
        """Title of the course, and of the part if the reference names one."""
        slugs = {found.course for found in map(split_ref, refs) if found is not None}
        if not slugs:
            return {}
        titles = {}
        for prefix, slug, course_title, part, title in tx.execute(_select_titles(slugs)):
            ref = f"courses/{slug}{prefix}{part}"
            titles[ref] = f"{course_title}: {title}" if title else course_title
        return {ref: titles[ref] for ref in refs if ref in titles}

    def begin_path(self, role: Role) -> str | None:
        """The catalogue, where teachers write a new course."""
        return "/courses/#new-title" if role is Role.TEACHER else None

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


_COURSES, _MODULES, _ITEMS = (cast(Table, model.__table__) for model in (Course, Module, Item))
_ITEM = Prepared(
    select(
        _COURSES.c.registration_id,
        _COURSES.c.title.label("course_title"),
        _MODULES.c.title.label("module_title"),
        _MODULES.c.release_at.label("module_release_at"),
        _MODULES.c.after.label("module_after"),
        *(_ITEMS.c[name] for name in ("kind", "title", "summary", "assignment", "points", "due_at")),
        *(_ITEMS.c[name] for name in ("state", "release_at", "after")),
    )
    .join(_MODULES, _MODULES.c.id == _ITEMS.c.module_id)
    .join(_COURSES, _COURSES.c.id == _ITEMS.c.course_id)
    .where(_COURSES.c.slug == bindparam("course"), _ITEMS.c.slug == bindparam("item"))
)


def _find_item(tx: Tx, ref: Ref) -> Any | None:
    """The columns of an item: every launch asks for them, so no objects are made."""
    return next(iter(run(tx, _ITEM, {"course": ref.course, "item": ref.item})), None)


def _chosen_item(ref: Ref, row: Any) -> Choice:
    return Choice(
        ref=f"courses/{ref.course}/{ref.item}",
        course_slug=ref.course,
        course_title=row.course_title,
        title=row.title,
        kind=row.kind.value,
        group=row.module_title,
        path=_item_path(
            ref.course,
            ref.item,
            row.assignment,
            is_open=not has_limits(row.state, row.release_at, row.after, row.module_release_at, row.module_after),
        ),
        text=row.summary,
        max_points=row.points if row.assignment else None,
        opens_at=max((moment for moment in (row.module_release_at, row.release_at) if moment), default=None),
        due_at=row.due_at if row.assignment else None,
    )


def _item_path(course: str, item: str, assignment: str | None, *, is_open: bool) -> str:
    """The page of the quiz; of anything else, and of a quiz that is closed to some, the page of the item."""
    return grading.assignment_path(course, assignment) if assignment and is_open else f"/courses/{course}/{item}"


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


def _select_titles(slugs: Collection[str]) -> CompoundSelect[str, str, str, str, str]:
    """Of courses, their items and their modules: what stands between, course, its title, part, its title."""

    def of(prefix: str, part: ColumnElement[str], title: ColumnElement[str]) -> Select[str, str, str, str, str]:
        columns = (literal(prefix), Course.slug, Course.title, part, title)
        return select(*columns).where(Course.slug.in_(slugs))

    return union_all(
        of("", literal(""), literal("")),
        of("/", _ITEMS.c.slug, _ITEMS.c.title).where(Item.course_id == Course.id),
        of("/modules/", _MODULES.c.slug, _MODULES.c.title).where(Module.course_id == Course.id),
    )


def _course_choice(course: Course) -> Choice:
    return Choice(
        ref=f"courses/{course.slug}",
        course_slug=course.slug,
        course_title=course.title,
        title=course.title,
        kind="course",
        group="",
        path=f"/courses/{course.slug}/",
        text=course.summary,
    )


def _module_choice(course: Course, module: Module) -> Choice:
    return Choice(
        ref=f"courses/{course.slug}/modules/{module.slug}",
        course_slug=course.slug,
        course_title=course.title,
        title=module.title,
        kind="module",
        group=module.title,
        path=f"/courses/{course.slug}/#m-{module.slug}",
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
        path=_item_path(
            course.slug,
            item.slug,
            item.assignment,
            is_open=not has_limits(item.state, item.release_at, item.after, module.release_at, module.after),
        ),
        text=item.summary,
        max_points=item.points if item.assignment else None,
        opens_at=max((moment for moment in (module.release_at, item.release_at) if moment), default=None),
        due_at=item.due_at if item.assignment else None,
    )

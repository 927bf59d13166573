"""Changes of the order of a course: modules and items are added, moved, taken out and put back."""

import secrets
from collections.abc import Sequence

from sqlalchemy import select

from grading import public as grading
from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict, Invalid, NotFound
from lti_tool.kernel.slugs import free_slug
from plugins.courses.catalogue import index_course
from plugins.courses.editing import Editor, open_for_editing
from plugins.courses.library import forget_library, note_library
from plugins.courses.models import Admission, Course, Item, ItemKind, Level, Module, Origin, PartState, Revision
from plugins.courses.parts import (
    COURSE,
    OUTLINE,
    Content,
    course_content,
    fill_item,
    fill_module,
    item_content,
    item_part,
    module_content,
    module_part,
)
from plugins.courses.progress_outline import publish_progress_outline
from plugins.courses.revisions import add_revision, get_revision, list_newest
from plugins.courses.service import Outline, get_item, get_outline
from plugins.courses.videos import note_uses
from plugins.courses.writing import note_points

Order = list[tuple[str, list[str]]]
"""(module slug, item slugs) in reading order."""


def create_course(tx: Tx, title: str, language: str, editor: Editor) -> Course:
    """A new course of the editor's platform: a draft with one empty module."""
    taken = set(tx.scalars(select(Course.slug)))
    course = Course(
        slug=free_slug(title, taken, "course"),
        uid=secrets.token_hex(4),
        title=title,
        summary="",
        description="",
        language=language,
        level=Level.ANY,
        categories=[],
        tags=[],
        authors=[editor.name] if editor.name else [],
        licence="",
        admission=Admission.LMS,
        state=PartState.DRAFT,
        registration_id=editor.registration_id,
        imported_at=clock.now(),
    )
    tx.add(course)
    tx.flush()
    add_revision(tx, course.id, COURSE, course_content(course), editor.author, base=0, is_published=True)
    index_course(tx, course)
    grading.publish_course(tx, course.slug, course.title)
    add_module(tx, course.slug, "First module", editor)
    return course


def add_module(tx: Tx, slug: str, title: str, editor: Editor) -> Module:
    """A new module at the end. Raises: NotFound, Forbidden."""
    course = open_for_editing(tx, slug, editor)
    outline = get_outline(tx, slug)
    taken = {module.slug for module, _items in outline.modules} | _used(tx, course.id, "module/")
    number = len(outline.modules)
    module = Module(course_id=course.id, position=number, slug=free_slug(title, taken, f"module-{number + 1}"))
    fill_module(module, {"title": title, "summary": "", "release": None, "after": []})
    tx.add(module)
    tx.flush()
    part = module_part(module.slug)
    add_revision(tx, course.id, part, module_content(module), editor.author, base=0, is_published=True)
    _note_order(tx, course, editor)
    return module


def add_item(
    tx: Tx, slug: str, module_slug: str, kind: ItemKind, title: str, editor: Editor, assignment: str | None = None
) -> Item:
    """A new item at the end of a module, as a draft. Raises: NotFound, Forbidden, Invalid."""
    course = open_for_editing(tx, slug, editor)
    free = list_free_quizzes(tx, get_outline(tx, slug))
    if (kind is ItemKind.QUIZ) != (assignment is not None) or assignment not in [None, *free]:
        raise Invalid("quiz_not_free", "Choose a quiz that is not in the course yet.")
    return _add_item(tx, course, module_slug, kind, title, editor, assignment)


def add_quiz(
    tx: Tx, slug: str, module_slug: str, title: str, assignment: str, editor: Editor, environment: str = ""
) -> Item:
    """A draft of a quiz that grading does not know yet. Raises: NotFound, Forbidden."""
    course = open_for_editing(tx, slug, editor)
    return _add_item(tx, course, module_slug, ItemKind.QUIZ, title, editor, assignment, environment)


def _add_item(
    tx: Tx,
    course: Course,
    module_slug: str,
    kind: ItemKind,
    title: str,
    editor: Editor,
    assignment: str | None,
    environment: str = "",
) -> Item:
    slug, outline = course.slug, get_outline(tx, course.slug)
    module = require_module(outline, module_slug)
    taken = {item.slug for item in outline.items} | _used(tx, course.id, "item/") | {"edit", "media"}
    item = Item(course_id=course.id, module_id=module.id, position=_last_position(outline), state=PartState.DRAFT)
    item.slug = free_slug(title, taken, f"{kind.value}-{len(outline.items) + 1}")
    fill_item(item, new_content(kind, title, item.slug, assignment, environment))
    tx.add(item)
    tx.flush()
    add_revision(tx, course.id, item_part(item.slug), item_content(item), editor.author, base=0)
    note_points(tx, slug)
    _apply(tx, course, order_of(get_outline(tx, slug)), editor)
    return item


def require_module(outline: Outline, module_slug: str) -> Module:
    """The module of that slug. Raises: NotFound."""
    module = next((module for module, _items in outline.modules if module.slug == module_slug), None)
    if module is None:
        raise NotFound("module_not_found", "This module is no longer in the course. Open the outline again.")
    return module


def new_content(kind: ItemKind, title: str, slug: str, assignment: str | None, environment: str = "") -> Content:
    """An item that says nothing yet."""
    return {
        "type": kind.value,
        "title": title,
        "summary": "",
        "release": None,
        "after": [],
        "required": True,
        "minutes": None,
        "file": f"lessons/{slug}.md" if kind is ItemKind.LESSON else "",
        "url": "",
        "markdown": "",
        "assignment": assignment,
        "attempts": None,
        "counts": grading.Counts.LAST.value if kind is ItemKind.QUIZ else None,
        "pass": None,
        "due": None,
        "late_per_day": None,
        "late_at_most": None,
        "closes": None,
        "time_limit": None,
        "cell_time_limit": None,
        "memory_limit": None,
        "environment": environment,
    }


def list_free_quizzes(tx: Tx, outline: Outline) -> list[str]:
    """Assignments that came with the course, or were made in it, and stand nowhere in it now."""
    used = {item.assignment for item in outline.items}
    return sorted(name for _slug, name in grading.list_max_points(tx, {outline.course.slug}) if name not in used)


def move_part(tx: Tx, slug: str, kind: str, name: str, step: int, editor: Editor) -> None:
    """Move a `module` or an item one place up (-1) or down (1). Raises: NotFound, Forbidden."""
    course = open_for_editing(tx, slug, editor)
    _apply(tx, course, moved(order_of(get_outline(tx, slug)), kind, name, step), editor)


def moved(order: Order, kind: str, name: str, step: int) -> Order:
    """An order with a `module` or an item one place up (-1) or down (1), an item into the next module where one ends.

    At the end it stays. Raises: NotFound.
    """
    changed = [(module, list(items)) for module, items in order]
    if kind == "module":
        here = next((number for number, (module, _items) in enumerate(changed) if module == name), None)
        if here is None:
            raise NotFound("module_not_found", "This module is no longer in the course. Open the outline again.")
        changed.insert(min(max(here + step, 0), len(changed) - 1), changed.pop(here))
        return changed
    here = next((number for number, (_module, items) in enumerate(changed) if name in items), None)
    if here is None:
        raise NotFound("item_not_found", "This is no longer in the course. Open the outline again.")
    items = changed[here][1]
    place = items.index(name)
    if 0 <= place + step < len(items):
        items.insert(place + step, items.pop(place))
    elif 0 <= here + step < len(changed):
        there = changed[here + step][1]
        there.insert(len(there) if step < 0 else 0, items.pop(place))
    return changed


def arrange(tx: Tx, slug: str, order: Order, editor: Editor, base: int) -> None:
    """Take over an order of the whole outline. Raises: NotFound, Forbidden, Conflict: it is not of this outline."""
    course = open_for_editing(tx, slug, editor)
    require_current(tx, get_outline(tx, slug), order, base)
    _apply(tx, course, order, editor)


def require_current(tx: Tx, outline: Outline, order: Order, base: int) -> None:
    """Raises: Conflict: the order has other parts, or there is a newer one than its number `base`."""
    newest = list_newest(tx, outline.course.id, [OUTLINE]).get(OUTLINE)
    same = [
        sorted(name for name, _items in some) + sorted(slug for _name, items in some for slug in items)
        for some in (order, order_of(outline))
    ]
    if same[0] != same[1] or (newest is not None and newest.number != base):
        raise Conflict("outline_changed", "Somebody else has changed the outline meanwhile. This is how it is now.")


def arranged(outline: Outline, order: Order) -> Outline:
    """The outline in another order of all its parts."""
    modules = {module.slug: module for module, _items in outline.modules}
    items = {item.slug: item for item in outline.items}
    parts = [(modules[name], [items[slug] for slug in slugs]) for name, slugs in order]
    return Outline(outline.course, parts, outline.standing)


def restore_order(tx: Tx, slug: str, number: int, editor: Editor) -> None:
    """Take over the order of an old revision of the outline; what has come since is last in its module, or of all.

    What was taken out since stays out. Raises: NotFound, Forbidden.
    """
    course = open_for_editing(tx, slug, editor)
    old = get_revision(tx, course.id, OUTLINE, number)
    _apply(tx, course, restored_order(get_outline(tx, slug), old.content), editor, Origin.RESTORE)


def restored_order(outline: Outline, content: Content) -> Order:
    """The order that an old revision of the outline gives to the parts that are there now."""
    there = dict(order_of(outline))
    items = {item for some in there.values() for item in some}
    order = [(name, [item for item in some if item in items]) for name, some in content["modules"] if name in there]
    placed = {item for _name, some in order for item in some}
    order += [(name, []) for name in there if name not in {known for known, _some in order}]
    for name, some in order:
        some += [item for item in there[name] if item not in placed]
    return order


def remove_item(tx: Tx, slug: str, item_slug: str, editor: Editor) -> None:
    """Take an item out; its revisions, and what learners have done, stay. Raises: NotFound, Forbidden."""
    course = open_for_editing(tx, slug, editor)
    item = get_item(tx, course.id, item_slug)
    if item.assignment:
        grading.close_assignment(tx, slug, item.assignment)
    forget_library(tx, slug, item)
    tx.delete(item)
    tx.flush()
    if item.kind is ItemKind.VIDEO:
        note_uses(tx, slug)
    _note_order(tx, course, editor)


def remove_module(tx: Tx, slug: str, module_slug: str, editor: Editor) -> None:
    """Take an empty module out. Raises: NotFound, Forbidden, Invalid: it holds something, or is the last."""
    course = open_for_editing(tx, slug, editor)
    outline = get_outline(tx, slug)
    module, items = next((pair for pair in outline.modules if pair[0].slug == module_slug), (None, []))
    if module is None:
        raise NotFound("module_not_found", "This module is no longer in the course. Open the outline again.")
    if items or len(outline.modules) == 1:
        raise Invalid("module_not_empty", "Move its items to another module first. The last module stays.")
    tx.delete(module)
    tx.flush()
    _apply(tx, course, order_of(get_outline(tx, slug)), editor)


def list_removed(tx: Tx, outline: Outline) -> list[Revision]:
    """The last revision of each item that was taken out, by slug."""
    there = {item_part(item.slug) for item in outline.items}
    newest = list_newest(tx, outline.course.id)
    return [newest[part] for part in sorted(newest) if part.startswith("item/") and part not in there]


def get_removed(tx: Tx, outline: Outline, item_slug: str) -> Revision:
    """The last revision of an item that was taken out. Raises: NotFound."""
    found = list_newest(tx, outline.course.id, [item_part(item_slug)]).get(item_part(item_slug))
    if found is None or outline.find_item(item_slug) is not None:
        raise NotFound("item_not_found", "There is nothing to put back. Open the outline again.")
    return found


def put_back(tx: Tx, slug: str, item_slug: str, editor: Editor) -> Item:
    """Make an item that was taken out a draft at the end of the course. Raises: NotFound, Forbidden, Invalid."""
    course = open_for_editing(tx, slug, editor)
    outline = get_outline(tx, slug)
    found = get_removed(tx, outline, item_slug)
    if found.content["assignment"] and found.content["assignment"] not in list_free_quizzes(tx, outline):
        raise Invalid("quiz_not_free", "Another item shows this quiz now. Take that one out first.")
    item = Item(course_id=course.id, module_id=outline.modules[-1][0].id, slug=item_slug, state=PartState.DRAFT)
    item.position = _last_position(outline)
    fill_item(item, found.content)
    tx.add(item)
    tx.flush()
    add_revision(tx, course.id, found.part, found.content, editor.author, base=None, origin=Origin.RESTORE)
    note_library(tx, slug, item)
    note_points(tx, slug)
    _note_order(tx, course, editor)
    return item


def order_of(outline: Outline) -> Order:
    """The order as it is."""
    return [(module.slug, [item.slug for item in items]) for module, items in outline.modules]


def _apply(tx: Tx, course: Course, order: Order, editor: Editor, origin: Origin = Origin.BROWSER) -> None:
    outline = get_outline(tx, course.slug)
    modules = {module.slug: module for module, _items in outline.modules}
    items = {item.slug: item for item in outline.items}
    position = 0
    for number, (name, slugs) in enumerate(order):
        modules[name].position = number
        for slug in slugs:
            items[slug].module_id, items[slug].position = modules[name].id, position
            position += 1
    tx.flush()
    _note_order(tx, course, editor, origin)


def _last_position(outline: Outline) -> int:
    """After every other item, also where one that was taken out has left a gap."""
    return max((item.position for item in outline.items), default=-1) + 1


def _note_order(tx: Tx, course: Course, editor: Editor, origin: Origin = Origin.BROWSER) -> None:
    order: Sequence[tuple[str, list[str]]] = order_of(get_outline(tx, course.slug))
    content = {"modules": [[name, items] for name, items in order]}
    add_revision(tx, course.id, OUTLINE, content, editor.author, base=None, origin=origin, is_published=True)
    publish_progress_outline(tx, course.slug)


def _used(tx: Tx, course_id: int, prefix: str) -> set[str]:
    """Slugs that once were; activities in an LMS may still name them."""
    query = select(Revision.part).where(Revision.course_id == course_id, Revision.part.startswith(prefix)).distinct()
    return {part.removeprefix(prefix) for part in tx.scalars(query)}

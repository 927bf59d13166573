"""An import does not silently replace what teachers wrote in the browser."""

from sqlalchemy import select

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict
from plugins.courses.folder import CourseFolder
from plugins.courses.models import Item, Module, Origin
from plugins.courses.parts import COURSE, OUTLINE, item_part, module_part
from plugins.courses.revisions import list_newest
from plugins.courses.service import find_course
from plugins.courses.writing import said_parts

_NAMES = {COURSE: "the settings of the course", OUTLINE: "the order of modules and items"}


def refuse_to_overwrite(tx: Tx, folder: CourseFolder, *, overwrite: bool) -> None:
    """Raises: Conflict: parts were changed in the browser since the folder was exported, and it says otherwise."""
    course = find_course(tx, folder.course.slug)
    if course is None or overwrite:
        return
    uid, _dash, number = folder.course.revision.partition("-")
    known = int(number) if uid == course.uid and number else 0
    said = said_parts(folder)
    here = _parts_that_are_there(tx, course.id)
    lost = [
        part
        for part, newest in list_newest(tx, course.id).items()
        if newest.origin is not Origin.IMPORT
        and newest.id > known
        and part in here
        and said.get(part) != newest.content
    ]
    if lost:
        names = "\n".join(f"  {_NAMES.get(part, part)}" for part in sorted(lost))
        raise Conflict(
            "edited_in_browser",
            f"Teachers have changed this course in the browser; this folder would take that back:\n{names}\n"
            f"Export the course first (coursebridge course export {course.slug} PATH) and take your changes there, "
            "or add --overwrite: what they wrote stays in the history.",
        )


def _parts_that_are_there(tx: Tx, course_id: int) -> set[str]:
    modules = tx.scalars(select(Module.slug).where(Module.course_id == course_id))
    items = tx.scalars(select(Item.slug).where(Item.course_id == course_id))
    return {COURSE, OUTLINE, *map(module_part, modules), *map(item_part, items)}

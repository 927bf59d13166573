"""An import does not silently replace what teachers wrote in the browser."""

from sqlalchemy import select
from sqlalchemy.orm import undefer

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict
from plugins.courses.carried_videos import list_overwritten
from plugins.courses.folder import CourseFolder
from plugins.courses.knowledge import read_knowledge
from plugins.courses.models import Item, Module, Origin
from plugins.courses.parts import COURSE, OUTLINE, Content, item_content, item_part, module_part, source_part
from plugins.courses.revisions import list_newest
from plugins.courses.service import find_course
from plugins.courses.writing import said_parts

_NAMES = {COURSE: "the settings of the course", OUTLINE: "the order of modules and items"}


def refuse_to_overwrite(tx: Tx, folder: CourseFolder, *, overwrite: bool) -> None:
    """Raises: Conflict: parts were changed in the browser since the folder was exported, and it says otherwise."""
    course = find_course(tx, folder.course.slug)
    if course is None or overwrite:
        return
    known = read_knowledge(folder.course.revision, course.uid)
    said = said_parts(folder)
    here = _list_parts(tx, course.id)
    lost = [
        part
        for part, newest in list_newest(tx, course.id).items()
        if newest.origin is not Origin.IMPORT
        and part in here
        and said.get(part) not in [newest.content, *filter(None, [here[part]])]
        and (not known.reaches(part, newest.id) or here[part] is not None)
    ]
    lost = [_NAMES.get(part, part) for part in sorted(lost)] + list_overwritten(tx, folder)
    if lost:
        names = "\n".join(f"  {name}" for name in lost)
        raise Conflict(
            "edited_in_browser",
            f"Teachers have changed this course in the browser; this folder would take that back:\n{names}\n"
            f"Export the course first (coursebridge course export {course.slug} PATH) and take your changes there, "
            "or add --overwrite: what they wrote stays in the history.",
        )


def _list_parts(tx: Tx, course_id: int) -> dict[str, Content | None]:
    """The parts that are there; with what learners see of those that have unpublished changes."""
    modules = tx.scalars(select(Module.slug).where(Module.course_id == course_id))
    found: dict[str, Content | None] = dict.fromkeys([COURSE, OUTLINE, *map(module_part, modules)])
    for item in tx.scalars(select(Item).where(Item.course_id == course_id).options(undefer(Item.markdown))):
        found[item_part(item.slug)] = item_content(item) if item.has_changes else None
        if item.assignment:
            found[source_part(item.assignment)] = None
    return found

"""What teachers change in the browser: each change is a revision with its author; learners see what is published."""

from dataclasses import dataclass

from sqlalchemy import delete

from grading import public as grading
from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Forbidden, Invalid
from lti_tool.kernel.permissions import Right, Role, rights_of
from lti_tool.lti import public as lti
from plugins.courses.catalogue import index_course
from plugins.courses.course_file import find_library_file, find_uploaded
from plugins.courses.library import (
    find_library,
    find_library_problems,
    list_link_targets,
    note_description,
    note_library,
    read_notebook_texts,
)
from plugins.courses.links import Place, find_link_problems
from plugins.courses.models import Course, Item, ItemKind, Origin, PartState, Revision, Unsaved
from plugins.courses.parts import COURSE, Content, fill_course, fill_item, fill_module, item_part, module_part
from plugins.courses.progress_outline import publish_progress_outline
from plugins.courses.quiz_rules import rules_of
from plugins.courses.revisions import Author, add_revision, find_newest, get_revision, lock_course
from plugins.courses.service import find_course, get_item, get_module, get_outline, link_targets
from plugins.courses.videos import find_video, take_up_video


@dataclass(frozen=True)
class Editor:
    """Who edits, and from which platform."""

    user_id: int
    name: str
    registration_id: int
    role: Role
    granted: tuple[str, ...] | None = None
    """What assistants of the LMS course were given."""
    needs: Right = Right.EDIT_COURSE
    """The right that what they are about to do takes."""

    @property
    def is_allowed(self) -> bool:
        """Have they the right?"""
        return self.needs in rights_of(self.role, self.granted)

    @property
    def author(self) -> Author:
        """As revisions name them."""
        return Author(self.user_id, self.name)


def may_edit(tx: Tx, course: Course, editor: Editor) -> bool:
    """Teachers edit courses of their own platform; a course of every platform only while there is one platform."""
    return editor.is_allowed and is_of_platform(tx, course, editor.registration_id)


def is_of_platform(tx: Tx, course: Course, registration_id: int) -> bool:
    """Is the course this platform's alone?"""
    if course.registration_id is not None:
        return course.registration_id == registration_id
    return lti.count_platforms(tx) == 1


def require_editor(tx: Tx, course: Course, editor: Editor) -> None:
    """Raises: Forbidden."""
    if not editor.is_allowed:
        raise Forbidden("role_refused", "Only teachers do this, and assistants whom they let.")
    require_own(tx, course, editor.registration_id)


def require_own(tx: Tx, course: Course, registration_id: int) -> None:
    """Raises: Forbidden: other platforms use the course too."""
    if not is_of_platform(tx, course, registration_id):
        raise Forbidden(
            "course_shared",
            "Several platforms use this course, so it is edited as files. Ask the people who run this tool, "
            "or have it imported for your platform alone.",
        )


def open_for_editing(tx: Tx, slug: str, editor: Editor) -> Course:
    """The course, locked until the transaction ends. Raises: NotFound, Forbidden."""
    course = lock_course(tx, slug)
    require_editor(tx, course, editor)
    return course


# ---- settings and modules: seen at once ----


def save_settings(tx: Tx, slug: str, content: Content, editor: Editor, base: int | None) -> Revision:
    """Change the settings of a course. Raises: NotFound, Forbidden, EditConflict, Invalid: a link leads nowhere."""
    course = open_for_editing(tx, slug, editor)
    require_description(tx, course, content["description"])
    revision = add_revision(tx, course.id, COURSE, content, editor.author, base=base, is_published=True)
    fill_course(course, content)
    index_course(tx, course)
    note_description(tx, course)
    grading.publish_course(tx, slug, course.title)
    forget_unsaved(tx, course.id, COURSE, editor.user_id)
    return revision


def set_course_state(tx: Tx, slug: str, state: PartState, editor: Editor) -> None:
    """Show the course to learners, or hide it.

    Raises: NotFound, Forbidden, Invalid: nothing in it is published, or a link of its description leads nowhere.
    """
    course = open_for_editing(tx, slug, editor)
    if state is PartState.PUBLISHED and not get_outline(tx, slug).published().items:
        raise Invalid("nothing_published", "Nothing in this course is published yet. Publish at least one item first.")
    before, course.state = course.state, state
    if before is not state:
        require_description(tx, course, course.description)


def save_module(tx: Tx, slug: str, module_slug: str, content: Content, editor: Editor, base: int | None) -> Revision:
    """Change a module. Raises: NotFound, Forbidden, EditConflict."""
    course = open_for_editing(tx, slug, editor)
    module = get_module(tx, course.id, module_slug)
    part = module_part(module_slug)
    revision = add_revision(tx, course.id, part, content, editor.author, base=base, is_published=True)
    fill_module(module, content)
    tx.flush()
    publish_progress_outline(tx, slug)
    forget_unsaved(tx, course.id, part, editor.user_id)
    return revision


def require_description(tx: Tx, course: Course, text: str) -> None:
    """Raises: Invalid: learners see the course, and its description links to a file that is not there."""
    problems = find_library_problems(tx, course.slug, text) if course.state is PartState.PUBLISHED else []
    if problems:
        raise Invalid("description_not_ready", f"In the description {problems[0]}", {"problem": problems[0]})


# ---- items: saved first, then published ----


def save_item(tx: Tx, slug: str, item_slug: str, content: Content, editor: Editor, base: int | None) -> Revision:
    """Save an item; learners go on seeing what is published. Raises: NotFound, Forbidden, EditConflict."""
    course = open_for_editing(tx, slug, editor)
    item = get_item(tx, course.id, item_slug)
    return _save_item(tx, course, item, content, editor, base, Origin.BROWSER)


def publish_item(tx: Tx, slug: str, item_slug: str, editor: Editor) -> Item:
    """Show learners what was saved last. Raises: NotFound, Forbidden, Invalid: a link leads nowhere."""
    return show_saved(tx, open_for_editing(tx, slug, editor), item_slug)


def show_saved(tx: Tx, course: Course, item_slug: str) -> Item:
    """The same in a course that is locked, for somebody who may. Raises: NotFound, Invalid."""
    slug = course.slug
    item = get_item(tx, course.id, item_slug)
    revision = find_newest(tx, course.id, item_part(item_slug))
    if revision is not None:
        problems = find_problems(tx, slug, item_slug, revision.content)
        if problems:
            raise Invalid("item_not_ready", problems[0][:1].upper() + problems[0][1:], {"problems": problems})
        fill_item(item, revision.content)
        revision.published_at = revision.published_at or clock.now()
    item.state, item.has_changes = PartState.PUBLISHED, False
    tx.flush()
    describe_quiz(tx, slug, item)
    take_up_video(tx, slug, item)
    note_library(tx, slug, item)
    publish_progress_outline(tx, slug)
    return item


def unpublish_item(tx: Tx, slug: str, item_slug: str, editor: Editor) -> Item:
    """Hide an item from learners; what they have done stays. Raises: NotFound, Forbidden."""
    course = open_for_editing(tx, slug, editor)
    item = get_item(tx, course.id, item_slug)
    revision = find_newest(tx, course.id, item_part(item_slug))
    if revision is not None:
        fill_item(item, revision.content)
    item.state, item.has_changes = PartState.DRAFT, False
    tx.flush()
    if item.assignment:
        grading.close_assignment(tx, slug, item.assignment)
    publish_progress_outline(tx, slug)
    return item


def restore(tx: Tx, slug: str, part: str, number: int, editor: Editor) -> Revision:
    """Make an old revision of settings, a module or an item the newest again. An item still has to be published.

    Notebooks of a quiz: see `written.restore_source`. Raises: NotFound, Forbidden, Invalid.
    """
    course = open_for_editing(tx, slug, editor)
    old = get_revision(tx, course.id, part, number)
    if part.startswith("item/"):
        item = get_item(tx, course.id, part.removeprefix("item/"))
        return _save_item(tx, course, item, old.content, editor, None, Origin.RESTORE)
    revision = add_revision(
        tx, course.id, part, old.content, editor.author, base=None, origin=Origin.RESTORE, is_published=True
    )
    if part == COURSE:
        require_description(tx, course, old.content["description"])
        fill_course(course, old.content)
        index_course(tx, course)
        note_description(tx, course)
    elif part.startswith("module/"):
        fill_module(get_module(tx, course.id, part.removeprefix("module/")), old.content)
        tx.flush()
        publish_progress_outline(tx, slug)
    return revision


def _save_item(
    tx: Tx, course: Course, item: Item, content: Content, editor: Editor, base: int | None, origin: Origin
) -> Revision:
    part = item_part(item.slug)
    revision = add_revision(tx, course.id, part, content, editor.author, base=base, origin=origin)
    if item.state is PartState.DRAFT:
        fill_item(item, content)
    else:
        item.has_changes = revision.published_at is None
    forget_unsaved(tx, course.id, part, editor.user_id)
    tx.flush()
    note_library(tx, course.slug, item)
    return revision


def find_problems(tx: Tx, slug: str, item_slug: str, content: Content) -> list[str]:
    """Why an item cannot be published, each a sentence that says what to do."""
    outline = get_outline(tx, slug)
    media = list_link_targets(tx, slug, outline.course.id, content["markdown"])
    if content["type"] == ItemKind.LESSON.value:
        place = Place.of(content["file"], link_targets(outline))
        return find_link_problems(content["markdown"], place, media)
    file = content["file"]
    if file and file.removeprefix("media/") not in media:
        return [f"there is no file {file} in this course; upload it, or choose another."]
    if content["type"] == ItemKind.NOTEBOOK.value and file:
        return find_library_problems(tx, slug, *read_notebook_texts(tx, slug, file))
    if find_uploaded(content["url"]) is not None and find_video(tx, slug, content["url"]) is None:
        return ["this course has no such uploaded video any more; choose another, or upload it again."]
    name = find_library_file(content["url"])
    if name is not None and find_library(tx, slug, name) is None:
        return ["this course has no such file any more; choose another, or upload it again."]
    if content["type"] != ItemKind.QUIZ.value and not file and not content["url"]:
        return ["there is nothing to show yet; upload a file or give an address."]
    return []


def describe_quiz(tx: Tx, slug: str, item: Item) -> None:
    """Have grading say of a quiz what the course says."""
    if item.assignment:
        grading.describe_assignment(
            tx,
            slug,
            item.assignment,
            title=item.title,
            summary=item.summary,
            item_ref=f"courses/{slug}/{item.slug}",
            rules=rules_of(item),
        )


# ---- what is typed and not saved yet ----


def keep_unsaved(tx: Tx, slug: str, part: str, form: Content, editor: Editor, base: int) -> Unsaved:
    """Keep what somebody has typed, for them alone. Raises: NotFound, Forbidden."""
    course = find_course(tx, slug) or lock_course(tx, slug)
    require_editor(tx, course, editor)
    row = tx.get(Unsaved, (course.id, part, editor.user_id))
    if row is None:
        row = Unsaved(course_id=course.id, part=part, user_id=editor.user_id)
        tx.add(row)
    row.base, row.form, row.saved_at = base, form, clock.now()
    tx.flush()
    return row


def find_unsaved(tx: Tx, course_id: int, part: str, user_id: int) -> Unsaved | None:
    """What this person has typed and not saved."""
    return tx.get(Unsaved, (course_id, part, user_id))


def forget_unsaved(tx: Tx, course_id: int, part: str, user_id: int) -> None:
    """It was saved, or is not wanted."""
    which = (Unsaved.course_id == course_id, Unsaved.part == part, Unsaved.user_id == user_id)
    tx.execute(delete(Unsaved).where(*which))

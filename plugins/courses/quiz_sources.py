"""Quizzes made and changed in the browser: notebooks that teachers upload go the way of an import, checks included."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from sqlalchemy import select

from config.settings import Settings
from grading import public as grading
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import AppError, NotFound
from lti_tool.kernel.runtime import Runtime
from lti_tool.kernel.slugs import free_slug
from lti_tool.lti import public as lti
from plugins.courses.course_file import CourseFolderError
from plugins.courses.editing import Editor, open_for_editing, require_editor
from plugins.courses.files import find_files
from plugins.courses.folder import check_source
from plugins.courses.models import Course, Item, ItemKind, Module, Revision
from plugins.courses.outline_edits import add_quiz, require_module
from plugins.courses.parts import Content, said_source, source_part
from plugins.courses.quiz_rules import conditions_of, find_condition_problems
from plugins.courses.revisions import Author, add_revision
from plugins.courses.service import get_item, get_outline
from plugins.courses.source_versions import keep_source
from plugins.courses.staging import alone, publish_installed, require_installed
from plugins.files import public as files

NAME = re.compile(r"[^\W_.][^/\\\x00-\x1f\x7f]{0,119}")
"""What a file of a quiz may be called."""


@dataclass(frozen=True)
class Version:
    """What a teacher sends: files to add or replace, by name, and names of files to take out."""

    given: Mapping[str, bytes]
    gone: Collection[str] = ()


@dataclass(frozen=True)
class Installed:
    """A version that is in place: what is to be noted of it."""

    assignment: str
    said: Content
    done: grading.Installation
    files: list[tuple[str, Path]]
    versions_kept: int


def check_given(runtime: Runtime, sent: list[tuple[str, bytes]]) -> dict[str, bytes]:
    """Files as browsers send them, checked as every upload is, by name. Not within a transaction.

    Raises: CourseFolderError: some are not accepted. ExternalError: the virus scanner did not answer.
    """
    given: dict[str, bytes] = {}
    problems = []
    for path, content in sent:
        name = path.replace("\\", "/").rpartition("/")[2]
        if not NAME.fullmatch(name):
            problems.append(f"{name[:40]}: rename it; a name begins with a letter or digit and has at most 120.")
            continue
        try:
            given[name] = files.check_bytes(runtime, name, content).content
        except AppError as error:
            if error.status >= 500:
                raise
            problems.append(f"{name}: {error.message}")
    if problems:
        raise CourseFolderError(problems)
    return given


def make_quiz(
    runtime: Runtime, slug: str, module_slug: str, title: str, given: Mapping[str, bytes], editor: Editor
) -> Item:
    """A new quiz, as a draft at the end of a module. Takes seconds; not within a transaction.

    Raises: NotFound, Forbidden. CourseFolderError: the notebook cannot be released. Conflict: an import is running.
    """
    if not any(name.endswith(".ipynb") for name in given):
        raise CourseFolderError(["Choose a notebook: a file that ends in .ipynb."])
    with alone(runtime.settings.courses_dir, slug, waits=False) as staging:
        with runtime.db.reading() as tx:
            outline = get_outline(tx, slug)
            require_editor(tx, outline.course, editor)
            require_module(outline, module_slug)
            taken = {name for _slug, name in grading.list_max_points(tx, {slug})}
        assignment = free_slug(title, taken, "quiz")
        write_source(staging / "source" / assignment, given)
        kernel = grading.find_source_kernel(staging / "source" / assignment)
        conditions = grading.Conditions(environment=kernel)
        installed = install_version(runtime, slug, staging, assignment, None, conditions)
        with runtime.db.transaction() as tx:
            item = add_quiz(tx, slug, module_slug, title, assignment, editor, kernel)
            note_version(tx, item.course_id, slug, installed, editor.author)
        return item


def change_quiz(runtime: Runtime, slug: str, item_slug: str, version: Version, editor: Editor) -> None:
    """Make another version of a quiz's files count, for learners too, in every LMS course or in none. Takes seconds.

    Raises: NotFound, Forbidden. CourseFolderError: it cannot be released, or does not fit what was handed in. Conflict:
        an import is running.
    """
    with alone(runtime.settings.courses_dir, slug, waits=False) as staging:
        with runtime.db.reading() as tx:
            outline = get_outline(tx, slug)
            require_editor(tx, outline.course, editor)
            item = _get_quiz(tx, outline.course, item_slug)
            assignment, due_at, conditions = str(item.assignment), item.due_at, conditions_of(item)
        there = {name: path.read_bytes() for name, path in find_source_files(runtime.settings, slug, assignment)}
        write_source(staging / "source" / assignment, next_files(there, version))
        installed = install_version(runtime, slug, staging, assignment, due_at, conditions)
        with runtime.db.transaction() as tx:
            course = open_for_editing(tx, slug, editor)
            note_version(tx, course.id, slug, installed, editor.author)


def list_sources(settings: Settings, slug: str, assignment: str) -> list[tuple[str, int]]:
    """(name, bytes) of each file that a quiz is made of."""
    return [(name, path.stat().st_size) for name, path in find_source_files(settings, slug, assignment)]


def get_source(settings: Settings, slug: str, assignment: str, name: str) -> Path:
    """One of them. Raises: NotFound."""
    found = dict(find_source_files(settings, slug, assignment)).get(name)
    if found is None:
        raise NotFound("source_not_found", "The quiz has no such file any more. Open its editor again.")
    return found


def find_source_files(settings: Settings, slug: str, assignment: str) -> list[tuple[str, Path]]:
    """(name, file) of each file that a quiz is made of."""
    return find_files(settings.course_dir(slug), f"source/{assignment}").files


def _get_quiz(tx: Tx, course: Course, item_slug: str) -> Item:
    item = get_item(tx, course.id, item_slug)
    if item.kind is not ItemKind.QUIZ:
        raise NotFound("item_not_found", "This is no quiz. Open the outline again.")
    return item


def next_files(there: Mapping[str, bytes], version: Version) -> dict[str, bytes]:
    """The files of the next version. The only notebook sent takes the place, and the name, of the only one there."""
    given = dict(version.given)
    old, new = ([name for name in some if name.endswith(".ipynb") and "/" not in name] for some in (there, given))
    if len(old) == len(new) == 1 and old[0] not in version.gone:
        given[old[0]] = given.pop(new[0])
    return {name: body for name, body in there.items() if name not in version.gone} | given


def write_source(folder: Path, bodies: Mapping[str, bytes]) -> None:
    """Lay the files of a version down in a new folder."""
    folder.mkdir(parents=True)
    for name, body in bodies.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)


def install_version(
    runtime: Runtime,
    slug: str,
    staging: Path,
    assignment: str,
    due_at: datetime | None,
    conditions: grading.Conditions,
) -> Installed:
    """Make what stands in the staging folder the course's version, for learners too, or nothing of it.

    Raises: CourseFolderError: it cannot be released, or does not fit what was handed in.
    """
    problems = check_source(staging, assignment, runtime.settings.grading.max_submission_bytes)
    if not problems:
        problems = list_condition_problems(runtime, staging, assignment, conditions)
    if problems:
        raise CourseFolderError(problems)
    said = said_source(find_files(staging, f"source/{assignment}").files)
    root = runtime.settings.course_dir(slug)
    done = grading.install_quizzes_apart(root, staging, {assignment: due_at}, others_stay=True)
    require_installed(runtime, slug, done)
    files = find_source_files(runtime.settings, slug, assignment)
    return Installed(assignment, said, done, files, runtime.settings.quizzes.versions_kept)


def list_condition_problems(
    runtime: Runtime, staging: Path, assignment: str, conditions: grading.Conditions
) -> list[str]:
    """What of limits, packages and kernels does not go with the files in a staging folder."""
    return [problem for _field, problem in find_condition_problems(runtime.settings, conditions, staging, assignment)]


def note_version(tx: Tx, course_id: int, slug: str, installed: Installed, author: Author) -> Revision:
    """Write down what is in place now and who did it, and have the columns in the LMS follow; the revision."""
    assignment = installed.assignment
    before = grading.list_max_points(tx, {slug}).get((slug, assignment))
    publish_installed(tx, slug, installed.done)
    now = grading.list_max_points(tx, {slug})[slug, assignment]
    if before is not None and before != now:
        follow_columns(tx, course_id, slug, assignment)
    part = source_part(assignment)
    revision = add_revision(tx, course_id, part, installed.said, author, base=None, is_published=True)
    keep_source(tx, course_id, assignment, installed.files, installed.versions_kept)
    return revision


def follow_columns(tx: Tx, course_id: int, slug: str, assignment: str) -> None:
    """Have jobs bring the columns of a quiz in every LMS up to what it is worth now."""
    query = select(Item, Module).join(Module, Module.id == Item.module_id)
    for item, module in tx.execute(query.where(Item.course_id == course_id, Item.assignment == assignment)):
        opens = [moment for moment in (module.release_at, item.release_at) if moment]
        lti.follow_item(
            tx,
            f"courses/{slug}/{item.slug}",
            title=item.title,
            max_points=item.points or Decimal(0),
            opens_at=max(opens, default=None),
            due_at=item.due_at,
        )

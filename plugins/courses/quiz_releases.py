"""Quizzes released from Jupyter: `nbgrader release_assignment` goes the way of the editor, checks included."""

from collections.abc import Mapping
from decimal import Decimal

from flask import Flask
from flask.blueprints import BlueprintSetupState

from config.settings import Settings
from grading import public as grading
from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict, NotFound
from lti_tool.kernel.slugs import free_slug
from lti_tool.web.runtime import current_runtime
from plugins.courses.authoring import editor_of
from plugins.courses.blueprint import blueprint
from plugins.courses.course_file import CourseFolderError
from plugins.courses.editing import publish_item, require_editor
from plugins.courses.models import Item, PartState
from plugins.courses.quiz_sources import Version, change_quiz, check_given, get_source, list_sources, make_quiz
from plugins.courses.service import Outline, get_item, get_outline


def release_from_jupyter(version: grading.SourceVersion, who: grading.Writer) -> grading.ReleasedSource:
    """Make these files the quiz that learners get, and publish it if it is a draft. Takes seconds.

    What a draft's item says of title, dates and rules is published as it was saved last. A quiz that the course does
    not have becomes a draft at its end: whoever writes the course says what it is called and when it is due.
    Raises: NotFound, Forbidden. CourseFolderError: it cannot be released, or does not fit what was handed in. Conflict:
        learners have it already, or an import is running.
    """
    runtime, slug = current_runtime(), version.course_slug
    editor = editor_of(who)
    with runtime.db.reading() as tx:
        outline = get_outline(tx, slug)
        require_editor(tx, outline.course, editor)
        item = _find_quiz(outline, version.assignment)
        if item is None:
            _require_free(tx, outline, version.assignment)
    if item is None:
        _refuse_folders({}, version.files)
        given = check_given(runtime, list(version.files.items()))
        return _told(outline, make_quiz(runtime, slug, outline.modules[-1][0].slug, version.assignment, given, editor))
    there = _read_sources(runtime.settings, slug, version.assignment)
    is_changed, is_draft = dict(version.files) != there, item.state is PartState.DRAFT
    if not version.replaces and not is_draft:
        raise _already_released(item, is_changed=is_changed)
    if is_changed:
        _refuse_folders(there, version.files)
        given = check_given(runtime, _changed(there, version.files))
        change_quiz(runtime, slug, item.slug, Version(given, there.keys() - version.files.keys()), editor)
    if is_draft:
        with runtime.db.transaction() as tx:
            publish_item(tx, slug, item.slug, editor)
    with runtime.db.reading() as tx:
        outline = get_outline(tx, slug)
        return _told(outline, get_item(tx, outline.course.id, item.slug), is_new=is_changed or is_draft)


def _find_quiz(outline: Outline, assignment: str) -> Item | None:
    return next((item for item in outline.items if item.assignment == assignment), None)


def _require_free(tx: Tx, outline: Outline, assignment: str) -> None:
    """Raises: NotFound: a new quiz cannot get this name."""
    taken = {name for _slug, name in grading.list_max_points(tx, {outline.course.slug})}
    if not outline.modules or free_slug(assignment, taken, "") != assignment:
        names = ", ".join(str(item.assignment) for item in outline.items if item.assignment) or "none"
        raise NotFound(
            "quiz_not_found",
            f"The course has no quiz {assignment}; it has: {names}. To add one from here, the course needs a module, "
            "and the quiz a name of small letters, digits and hyphens that is not taken. Or add it in the editor.",
        )


def _read_sources(settings: Settings, slug: str, assignment: str) -> dict[str, bytes]:
    names = [name for name, _size in list_sources(settings, slug, assignment)]
    return {name: get_source(settings, slug, assignment, name).read_bytes() for name in names}


def _changed(there: Mapping[str, bytes], files: Mapping[str, bytes]) -> list[tuple[str, bytes]]:
    """What is other than before, with every notebook: a single one would take the name of the one that is there."""
    found = files.items()
    return [(name, body) for name, body in found if there.get(name) != body or _is_notebook(name)]


def _is_notebook(name: str) -> bool:
    return name.endswith(".ipynb") and "/" not in name


def _already_released(item: Item, *, is_changed: bool) -> Conflict:
    if is_changed:
        return Conflict(
            "already_released",
            f"Learners have {item.assignment} already, from other files than these. Add --force to put these in "
            "their place: what was handed in stays.",
        )
    return Conflict("already_released", f"Learners have {item.assignment} already, as it is here: nothing to do.")


def _refuse_folders(there: Mapping[str, bytes], files: Mapping[str, bytes]) -> None:
    """Raises: CourseFolderError: the editor takes no folders."""
    deep = sorted(name for name in {*there, *files} if "/" in name and there.get(name) != files.get(name))
    if deep:
        raise CourseFolderError(
            [f"{name}: files in folders are changed by importing the course, not from here." for name in deep]
        )


def _told(outline: Outline, item: Item, *, is_new: bool = True) -> grading.ReleasedSource:
    module = next(module for module, _items in outline.modules if module.id == item.module_id)
    later = [at for at in (item.release_at, module.release_at) if at is not None and at > clock.now()]
    return grading.ReleasedSource(
        is_new=is_new,
        is_draft=item.state is PartState.DRAFT,
        max_points=item.points or Decimal(0),
        opens_at=max(later, default=None),
        is_course_shown=outline.course.state is PartState.PUBLISHED,
    )


@blueprint.record_once
def _give_releases(state: BlueprintSetupState) -> None:
    assert isinstance(state.app, Flask)
    grading.set_source_releases(state.app, release_from_jupyter)

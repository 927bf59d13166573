"""Quizzes released from Jupyter: `nbgrader release_assignment` goes the way of Publish, with the whole check.

What is sent is a version of its teacher beside the one that they may be writing: neither takes the place of the other.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from flask import Flask
from flask.blueprints import BlueprintSetupState

from config.settings import Settings
from grading import public as grading
from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict, NotFound
from lti_tool.kernel.runtime import Runtime
from lti_tool.kernel.slugs import free_slug
from lti_tool.lti import public as lti
from lti_tool.web.runtime import current_runtime
from plugins.courses.authoring import editor_of
from plugins.courses.blueprint import blueprint
from plugins.courses.course_file import CourseFolderError
from plugins.courses.editing import Editor, open_for_editing, require_editor
from plugins.courses.models import Course, Item, PartState
from plugins.courses.quiz_sources import Version, check_given, get_source, list_sources, make_quiz, next_files
from plugins.courses.service import Outline, get_outline
from plugins.courses.version_checking import ask_for_check
from plugins.courses.version_pages import tell_report
from plugins.courses.version_publishing import ask_to_publish
from plugins.courses.version_report import has_errors
from plugins.courses.written import find_published, find_written, save_written
from plugins.courses.written_models import Written, WrittenState, WrittenWay

STAGES = {
    WrittenState.WRITING: grading.ReleaseStage.FAILED,
    WrittenState.CHECKING: grading.ReleaseStage.CHECKING,
    WrittenState.CHECKED: grading.ReleaseStage.CHECKED,
    WrittenState.PUBLISHING: grading.ReleaseStage.RELEASING,
    WrittenState.PUBLISHED: grading.ReleaseStage.RELEASED,
    WrittenState.FAILED: grading.ReleaseStage.FAILED,
}
"""`WRITING` is passed within one transaction and seen by nobody."""


class QuizReleases:
    """Answers `grading.source_releases.SourceReleases`."""

    def begin(self, version: grading.SourceVersion, who: grading.Writer) -> grading.SourceRelease:
        """Have these files checked. A quiz that the course does not have becomes a draft at its end: whoever writes the
        course says what it is called and when it is due.

        Raises: NotFound, Forbidden. CourseFolderError: files are not accepted. Conflict: learners have it already, or
            another version of the same person is on its way.
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
            return _make_draft(runtime, outline, version, editor)
        there = _read_sources(runtime.settings, slug, version.assignment)
        is_changed, is_draft = dict(version.files) != there, item.state is PartState.DRAFT
        if not version.replaces and not is_draft:
            raise _already_released(item, is_changed=is_changed)
        if not is_changed and not is_draft:
            return grading.SourceRelease(grading.ReleaseStage.RELEASED, released=_told(outline, item, is_new=False))
        files = there
        if is_changed:
            _refuse_folders(there, version.files)
            given = check_given(runtime, _changed(there, version.files))
            files = next_files(there, Version(given, there.keys() - version.files.keys()))
        packed = grading.pack_files(grading.accept_files(files, runtime.settings.grading.max_submission_bytes))
        with runtime.db.transaction() as tx:
            return _tell(tx, slug, _send_to_check(tx, open_for_editing(tx, slug, editor), item, packed, editor))

    def look(self, course_slug: str, assignment: str, who: grading.Writer) -> grading.SourceRelease:
        """Raises: NotFound, Forbidden."""
        with current_runtime().db.reading() as tx:
            return _tell(tx, course_slug, _get_sent(tx, course_slug, assignment, editor_of(who)))

    def release(
        self, course_slug: str, assignment: str, who: grading.Writer, sha256: str, *, confirmed: bool
    ) -> grading.SourceRelease:
        """Have it put in place. Raises: NotFound, Forbidden, Conflict, Unacceptable."""
        with current_runtime().db.transaction() as tx:
            row = _get_sent(tx, course_slug, assignment, editor_of(who))
            ask_to_publish(tx, row, sha256, confirmed=confirmed)
            return _tell(tx, course_slug, row)


def _make_draft(
    runtime: Runtime, outline: Outline, version: grading.SourceVersion, editor: Editor
) -> grading.SourceRelease:
    _refuse_folders({}, version.files)
    given = check_given(runtime, list(version.files.items()))
    item = make_quiz(runtime, version.course_slug, outline.modules[-1][0].slug, version.assignment, given, editor)
    return grading.SourceRelease(grading.ReleaseStage.RELEASED, released=_told(outline, item))


def _send_to_check(tx: Tx, course: Course, item: Item, packed: grading.Packed, editor: Editor) -> Written:
    """What is known of these files already, or on its way, is not done again.

    Raises: Conflict: others are being put in place.
    """
    newest, assignment = find_published(tx, course.id, str(item.assignment)), str(item.assignment)
    base = newest.number if newest else 0
    before = find_written(tx, course.id, assignment, editor.user_id, WrittenWay.COMMAND)
    if before is not None and before.sha256 == packed.sha256 and (before.state.is_busy or _may_go_on(before, base)):
        return before
    save_written(tx, course, assignment, editor, packed, base, clock.now(), WrittenWay.COMMAND)
    row = find_written(tx, course.id, assignment, editor.user_id, WrittenWay.COMMAND)
    if row is None or row.sha256 != packed.sha256:
        raise Conflict("version_busy", "Another version of yours is being sent right now. Give the command again.")
    row.base = base
    ask_for_check(tx, course, row)
    return row


def _may_go_on(row: Written, newest: int) -> bool:
    """Does it wait for a yes to what its check has found?"""
    is_checked = row.state is WrittenState.CHECKED and row.said is None and row.report is not None
    return is_checked and not has_errors(row.report or {}) and (row.report or {})["against"] == newest


def _get_sent(tx: Tx, slug: str, assignment: str, editor: Editor) -> Written:
    course = get_outline(tx, slug).course
    require_editor(tx, course, editor)
    row = find_written(tx, course.id, assignment, editor.user_id, WrittenWay.COMMAND)
    if row is None:
        raise NotFound("version_not_found", f"You have sent no version of {assignment}. Give the command again.")
    return row


def _tell(tx: Tx, slug: str, row: Written) -> grading.SourceRelease:
    """What the command says of it."""
    report = row.report if row.state is WrittenState.CHECKED else None
    way = grading.SourceRelease(STAGES[row.state], row.sha256, row.said or "")
    if report is not None:
        started = grading.count_started(tx, slug, row.assignment)
        item = _find_quiz(get_outline(tx, slug), row.assignment)
        columns = lti.count_columns(tx, f"courses/{slug}/{item.slug if item else ''}")
        said = tell_report(report, started, columns)
        return replace(way, errors=said.errors, warnings=said.warnings, news=said.news)
    if row.state is WrittenState.PUBLISHED:
        outline = get_outline(tx, slug)
        item = _find_quiz(outline, row.assignment)
        return replace(way, released=None if item is None else _told(outline, item))
    return way


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
    grading.set_source_releases(state.app, QuizReleases())

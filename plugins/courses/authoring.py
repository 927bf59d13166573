"""Sources of quizzes for those who write them in Jupyter. Learners see nothing of it until it is published."""

from datetime import datetime

from flask import Flask
from flask.blueprints import BlueprintSetupState

from grading import public as grading
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from lti_tool.web.runtime import current_runtime
from plugins.courses.blueprint import blueprint
from plugins.courses.editing import Editor, may_edit, require_editor
from plugins.courses.models import Course
from plugins.courses.service import find_course
from plugins.courses.written import read_to_write, save_written


class CourseSources:
    """Answers `grading.authoring.Authoring`."""

    def may_write(self, tx: Tx, course_slug: str, who: grading.Writer) -> bool:
        """Whoever may edit the course."""
        course = find_course(tx, course_slug)
        return course is not None and may_edit(tx, course, editor_of(who))

    def load(self, course_slug: str, name: str, who: grading.Writer) -> grading.Source:
        """What they go on with. Raises: NotFound, Forbidden."""
        runtime, editor = current_runtime(), editor_of(who)
        with runtime.db.reading() as tx:
            found = read_to_write(tx, runtime.settings, _open(tx, course_slug, name, editor), name, editor)
        return grading.Source(found.files, found.base, found.saved_at)

    def save(
        self, course_slug: str, name: str, who: grading.Writer, version: grading.Packed, base: int, saved_at: datetime
    ) -> datetime:
        """Keep it for them alone. Raises: NotFound, Forbidden."""
        editor = editor_of(who)
        with current_runtime().db.transaction() as tx:
            course = _open(tx, course_slug, name, editor)
            return save_written(tx, course, name, editor, version, base, saved_at)


def editor_of(who: grading.Writer) -> Editor:
    """The person as the editor knows them."""
    return Editor(who.user_id, who.name, who.registration_id, who.role, who.granted)


def _open(tx: Tx, slug: str, name: str, editor: Editor) -> Course:
    course = find_course(tx, slug)
    if course is None:
        raise NotFound("course_not_found", "This course is no longer here. Ask the people who run this tool.")
    require_editor(tx, course, editor)
    if grading.find_assignment(tx, slug, name) is None:
        raise NotFound("source_not_found", "The course has no such quiz. Make it in the editor of the course first.")
    return course


@blueprint.record_once
def _give_sources(state: BlueprintSetupState) -> None:
    assert isinstance(state.app, Flask)
    grading.set_authoring(state.app, CourseSources())

"""The API for marking servers: what a class has handed in, its names and feedback, and releasing a quiz from Jupyter.

nbgrader's `list --inbound`, `collect`, `release_feedback` and `release_assignment` use it (docs/nbgrader-commands.md).
Importing this module hangs its views on the blueprint of `grading.api`.
"""

from typing import Any

from flask import request

from grading import api_models as models
from grading.api import api, at_marking_server, blueprint, for_user
from grading.assignments import get_assignment
from grading.class_work import Handed, list_handed_in, load_handed_in, renew_feedback
from grading.filesets import accept_files
from grading.group_work import list_group_names
from grading.hand_marking import list_hidden
from grading.source_releases import ReleaseStage, SourceRelease, SourceVersion, get_source_releases
from lti_tool.kernel.errors import Unacceptable
from lti_tool.lti import public as lti
from lti_tool.web.openapi import Problem
from lti_tool.web.runtime import current_runtime

NAME_LENGTH = 200


@blueprint.get("/courses/<key>/submissions")
@for_user
@api.call("user", {200: models.ClassWork, 403: Problem, 404: Problem, 422: Problem})
def list_class_work(key: str) -> Any:
    """Every attempt of the class, oldest first for each learner; `?assignment=` and `?learner=` leave only theirs."""
    access = at_marking_server(key)
    access.require_marker()
    assignment, learner = _asked("assignment"), _asked("learner")
    with current_runtime().db.reading() as tx:
        found = list_handed_in(tx, access.placement, assignment, learner)
        return models.ClassWork(submissions=[_answer(each) for each in found])


@blueprint.get("/courses/<key>/assignments/<name>/learners/<learner>/submissions/<int:number>/files")
@for_user
@api.call("user", {200: models.FilesAnswer, 403: Problem, 404: Problem})
def get_handed_in(key: str, name: str, learner: str, number: int) -> Any:
    """The files of one attempt of a learner, as they were handed in."""
    access = at_marking_server(key)
    access.require_marker()
    with current_runtime().db.reading() as tx:
        row = get_assignment(tx, access.slug, name)
        files = load_handed_in(tx, access.placement.id, row.id, learner, number)
    return models.FilesAnswer(files=models.encode_files(files))


@blueprint.get("/courses/<key>/names")
@for_user
@api.call("user", {200: models.NamesAnswer, 403: Problem, 404: Problem})
def list_names(key: str) -> Any:
    """What formgrader calls learners, and in which quizzes it does not say their names."""
    access = at_marking_server(key)
    access.require_marker()
    with current_runtime().db.reading() as tx:
        names = {person.hub_name: person.display_name for person in lti.list_learners(tx, access.placement.id)}
        names |= list_group_names(tx, access.placement.id)
        return models.NamesAnswer(hidden=list_hidden(tx, access.slug, access.placement.id), names=names)


@blueprint.post("/courses/<key>/assignments/<name>/feedback")
@for_user
@api.call("user", {202: models.Renewed, 403: Problem, 404: Problem, 422: Problem}, body=models.FeedbackBody)
def release_feedback(key: str, name: str, json: models.FeedbackBody) -> Any:
    """Bring what the gradebook says of these learners now into the feedback that they read."""
    access = at_marking_server(key)
    access.require_marker()
    with current_runtime().db.transaction() as tx:
        row = get_assignment(tx, access.slug, name)
        count = renew_feedback(tx, access.placement.id, row, json.learners)
    return models.Renewed(learners=count), 202


@blueprint.post("/courses/<key>/assignments/<name>/source")
@for_user
@api.call(
    "user",
    {
        200: models.SourceAnswer,
        202: models.SourceAnswer,
        403: Problem,
        404: Problem,
        409: Problem,
        413: Problem,
        422: Problem,
    },
    body=models.SourceBody,
)
def begin_release(key: str, name: str, json: models.SourceBody) -> Any:
    """Have the source files of a quiz checked, to be released; learners notice nothing yet."""
    access = at_marking_server(key)
    limit = current_runtime().settings.grading.max_submission_bytes
    files = accept_files(models.decode_files(json.files), limit)
    return _told(get_source_releases().begin(SourceVersion(access.slug, name, files, json.force), access.writer))


@blueprint.get("/courses/<key>/assignments/<name>/source/release")
@for_user
@api.call("user", {200: models.SourceAnswer, 202: models.SourceAnswer, 403: Problem, 404: Problem})
def look_at_release(key: str, name: str) -> Any:
    """How far the version that the caller has sent is. 202: somebody is at it; ask again in a second."""
    access = at_marking_server(key)
    return _told(get_source_releases().look(access.slug, name, access.writer))


@blueprint.post("/courses/<key>/assignments/<name>/source/release")
@for_user
@api.call(
    "user",
    {202: models.SourceAnswer, 403: Problem, 404: Problem, 409: Problem, 422: Problem},
    body=models.ReleaseBody,
)
def release_checked(key: str, name: str, json: models.ReleaseBody) -> Any:
    """Release the version as it was checked; all or nothing."""
    access = at_marking_server(key)
    releases = get_source_releases()
    return _told(releases.release(access.slug, name, access.writer, json.sha256, confirmed=json.confirmed))


def _told(way: SourceRelease) -> tuple[models.SourceAnswer, int]:
    done = way.released
    released = done and models.ReleasedAnswer(
        changed=done.is_new,
        draft=done.is_draft,
        max_score=float(done.max_points),
        opens_at=done.opens_at.isoformat() if done.opens_at else None,
        course_shown=done.is_course_shown,
    )
    answer = models.SourceAnswer(
        stage=way.stage,
        sha256=way.sha256,
        said=way.said,
        errors=list(way.errors),
        warnings=list(way.warnings),
        news=list(way.news),
        released=released,
    )
    return answer, 202 if way.stage in (ReleaseStage.CHECKING, ReleaseStage.RELEASING) else 200


def _asked(name: str) -> str | None:
    """A parameter of the query. Raises: Unacceptable."""
    text = request.args.get(name)
    if text is not None and (len(text) > NAME_LENGTH or not text.isprintable()):
        raise Unacceptable("query_invalid", f"`{name}` is not a name.")
    return text or None


def _answer(each: Handed) -> models.ClassAttempt:
    row = each.row
    return models.ClassAttempt(
        assignment=each.assignment,
        learner=row.hub_name,
        number=row.number,
        submitted_at=row.submitted_at.isoformat(),
        due=each.due_at.isoformat() if each.due_at else None,
        receipt=row.receipt,
        sha256=row.sha256,
        state=row.state.value,
        held=row.is_held,
        feedback=bool(row.feedback) and not row.is_held,
    )

"""The HTTP API for the Hub (its service token) and for single-user servers (the JupyterHub token of their user)."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint, Response, g, jsonify, request

from grading import api_models as models
from grading.access import Access, PlacementAccess, course_models, load_access_by_name
from grading.api_answers import assignment_answers, page_url, submission_answer
from grading.assignments import get_assignment
from grading.authoring import get_authoring
from grading.drafts import find_draft, load_draft, save_draft
from grading.filesets import load_files
from grading.gates import CLOSED, closed_quizzes, refuse_closed
from grading.hub_tickets import check_service_token, redeem_ticket
from grading.hub_tokens import HubToken, find_owner
from grading.messages import SyncMarks
from grading.quiz_kernels import list_needed, name_kernel
from grading.readings import load_reading
from grading.submissions import get_attempt, make_snapshot, store_submission
from lti_tool.kernel import jobs
from lti_tool.kernel.crashpoints import reach
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Forbidden, Gone, NotFound
from lti_tool.lti import public as lti
from lti_tool.web.openapi import Api, Problem
from lti_tool.web.runtime import current_runtime

blueprint = Blueprint("grading_api", __name__, url_prefix="/api/v1")
api = Api(
    "Coursebridge",
    "What JupyterHub and single-user servers ask of the tool. Errors are problem+json.",
    {"hub": "The service token that Hub and tool share.", "user": "A JupyterHub token of the person."},
)
View = Callable[..., Any]


@blueprint.after_request
def _no_store(response: Response) -> Response:
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def for_hub(view: View) -> View:
    """Let the Hub in only."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        check_service_token(current_runtime().settings, _bearer())
        return view(*args, **kwargs)

    return guarded


def for_user(view: View) -> View:
    """Let a person in whose token the Hub knows; the view gets their `Access` first."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        g.grading_token = find_owner(current_runtime(), _bearer())
        with current_runtime().db.reading() as tx:
            g.grading_access = load_access_by_name(tx, g.grading_token.hub_name)
        return view(*args, **kwargs)

    return guarded


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The description of this API."""
    return jsonify(api.document())


@blueprint.post("/hub/tickets/redeem")
@for_hub
@api.call("hub", {200: models.Redeemed, 410: Problem}, body=models.TicketBody)
def redeem(json: models.TicketBody) -> Any:
    """Use up a sign-in ticket."""
    runtime = current_runtime()
    with runtime.db.transaction() as tx:
        ticket = redeem_ticket(tx, runtime, json.ticket)
    with runtime.db.reading() as tx:
        try:
            access = load_access_by_name(tx, ticket.hub_name)
        except Forbidden as error:
            raise Gone("ticket_gone", error.message) from error
        courses = course_models(tx, access)
        platform = lti.find_platform_name(tx, access.person.registration_id) or ""
    name, display_name = access.person.hub_name, access.person.display_name
    return models.Redeemed(
        name=name, display_name=display_name, platform=platform, courses=courses, next=ticket.next_path
    )


@blueprint.get("/hub/users/<name>/courses")
@for_hub
@api.call("hub", {200: models.Courses, 404: Problem})
def list_user_courses(name: str) -> Any:
    """The courses of a person, for the Hub to decide what they may start."""
    with current_runtime().db.reading() as tx:
        return models.Courses(courses=course_models(tx, _access_of(tx, name)))


def _access_of(tx: Tx, name: str) -> Access:
    try:
        return load_access_by_name(tx, name)
    except Forbidden as error:
        raise NotFound("person_not_found", "Nobody of that name has come from an LMS.") from error


@blueprint.get("/hub/users/<name>/environments")
@for_hub
@api.call("hub", {200: models.NeededEnvironments, 404: Problem})
def list_user_environments(name: str) -> Any:
    """The environments of the quizzes in a person's courses: what the Hub shows to their servers."""
    with current_runtime().db.reading() as tx:
        access = _access_of(tx, name)
        needed = list_needed(tx, {each.slug for each in access.placements.values()})
        return models.NeededEnvironments(environments=needed)


@blueprint.get("/courses")
@for_user
@api.call("user", {200: models.Courses})
def list_courses() -> Any:
    """The courses of the caller."""
    with current_runtime().db.reading() as tx:
        return models.Courses(courses=course_models(tx, _access()))


@blueprint.get("/courses/<key>/assignments")
@for_user
@api.call("user", {200: models.Assignments, 404: Problem})
def list_course_assignments(key: str) -> Any:
    """The quizzes of a course and the caller's work on them; of those that are closed to them, what they handed in."""
    access = _access().at(key)
    runtime, closed = current_runtime(), closed_quizzes(access.slug, access.caller)
    with runtime.db.reading() as tx:
        is_learner = access.role.is_learner
        answers = assignment_answers(tx, runtime.settings, access.slug, access.who, is_learner=is_learner, key=key)
    for each in answers:
        if each.name in closed:
            each.why_not = each.why_not or CLOSED
    return models.Assignments(assignments=[each for each in answers if each.attempts or each.name not in closed])


@blueprint.get("/courses/<key>/assignments/<name>/release")
@for_user
@api.call("user", {200: models.ReleaseAnswer, 403: Problem, 404: Problem})
def get_release(key: str, name: str) -> Any:
    """The files that learners begin with."""
    access = _access().at(key)
    refuse_closed(access.slug, name, access.caller)
    with current_runtime().db.reading() as tx:
        row = get_assignment(tx, access.slug, name)
        files = name_kernel(load_files(tx, row.release), key, row)
    return models.ReleaseAnswer(sha256=row.release_sha256, files=models.encode_files(files))


@blueprint.get("/courses/<key>/readings/<name>")
@for_user
@api.call("user", {200: models.FilesAnswer, 403: Problem, 404: Problem})
def get_reading(key: str, name: str) -> Any:
    """The files of a notebook lesson that is open to the caller."""
    access = _access().at(key)
    return models.FilesAnswer(files=models.encode_files(load_reading(access.slug, name, access.caller)))


@blueprint.get("/courses/<key>/assignments/<name>/draft")
@for_user
@api.call("user", {200: models.DraftAnswer, 404: Problem})
def get_draft(key: str, name: str) -> Any:
    """What the caller saved last."""
    access = _access().at(key)
    with current_runtime().db.reading() as tx:
        row = get_assignment(tx, access.slug, name)
        draft = find_draft(tx, row.id, access.who)
        if draft is None:
            raise NotFound("draft_not_found", "Nothing is saved yet.")
        files = name_kernel(load_draft(tx, draft), key, row)
    return models.DraftAnswer(saved_at=draft.saved_at.isoformat(), files=models.encode_files(files))


@blueprint.put("/courses/<key>/assignments/<name>/draft")
@for_user
@api.call("user", {200: models.Saved, 404: Problem, 413: Problem, 422: Problem}, body=models.DraftBody)
def put_draft(key: str, name: str, json: models.DraftBody) -> Any:
    """Keep what the caller has saved; the newest save wins."""
    access = _access().at(key)
    limit = current_runtime().settings.grading.max_submission_bytes
    draft = make_snapshot(models.decode_files(json.files), limit)
    with current_runtime().db.transaction() as tx:
        row = get_assignment(tx, access.slug, name)
        saved_at = save_draft(tx, row, access.who, draft, json.saved_at)
    return models.Saved(saved_at=saved_at.isoformat())


@blueprint.get("/courses/<key>/assignments/<name>/source")
@for_user
@api.call("user", {200: models.WrittenAnswer, 403: Problem, 404: Problem})
def get_source(key: str, name: str) -> Any:
    """What a quiz is made of, for those who write it, on their server for that."""
    access = _at_writing_server(key)
    found = get_authoring().load(access.slug, name, access.writer)
    saved_at = found.saved_at.isoformat() if found.saved_at else None
    return models.WrittenAnswer(base=found.base, saved_at=saved_at, files=models.encode_files(found.files))


@blueprint.put("/courses/<key>/assignments/<name>/source")
@for_user
@api.call("user", {200: models.Saved, 403: Problem, 404: Problem, 413: Problem, 422: Problem}, body=models.WrittenBody)
def put_source(key: str, name: str, json: models.WrittenBody) -> Any:
    """Keep what the caller has written, for them alone; learners have it when it is published."""
    access = _at_writing_server(key)
    version = make_snapshot(models.decode_files(json.files), current_runtime().settings.grading.max_submission_bytes)
    saved_at = get_authoring().save(access.slug, name, access.writer, version, json.base, json.saved_at)
    return models.Saved(saved_at=saved_at.isoformat())


@blueprint.post("/courses/<key>/assignments/<name>/submissions")
@for_user
@api.call(
    "user",
    {
        200: models.SubmissionAnswer,
        201: models.SubmissionAnswer,
        403: Problem,
        409: Problem,
        413: Problem,
        422: Problem,
    },
    body=models.SubmissionBody,
)
def submit(key: str, name: str, json: models.SubmissionBody) -> Any:
    """Hand in. The answer is the receipt: what it says is stored."""
    access = _access().at(key)
    access.require_learner()
    refuse_closed(access.slug, name, access.caller)
    runtime = current_runtime()
    limit = runtime.settings.grading.max_submission_bytes
    snapshot = make_snapshot(models.decode_files(json.files), limit)
    with runtime.db.transaction() as tx:
        row = get_assignment(tx, access.slug, name)
        made, is_new = store_submission(tx, row, access.who, snapshot, via=json.via, request_id=json.request_id)
    reach("submit.committed")
    return submission_answer(made, page_url(runtime.settings, access.slug, name)), 201 if is_new else 200


@blueprint.get("/courses/<key>/assignments/<name>/submissions/<int:number>/feedback")
@for_user
@api.call("user", {200: models.FilesAnswer, 404: Problem})
def get_feedback(key: str, name: str, number: int) -> Any:
    """The marked notebooks of one of the caller's own attempts."""
    access = _access().at(key)
    with current_runtime().db.reading() as tx:
        attempt = get_attempt(tx, get_assignment(tx, access.slug, name).id, access.who, number)
        if not attempt.feedback or attempt.is_held:
            raise NotFound(
                "feedback_not_found", "There is no feedback yet. It is here as soon as the attempt is marked."
            )
        return models.FilesAnswer(files=models.encode_files(load_files(tx, attempt.feedback)))


@blueprint.post("/courses/<key>/marks-changed")
@for_user
@api.call("user", {202: models.Accepted, 403: Problem, 404: Problem}, body=models.MarksChangedBody)
def marks_changed(key: str, json: models.MarksChangedBody) -> Any:
    """A grader has saved a mark in formgrader."""
    access = _access().at(key)
    access.require_marker()
    with current_runtime().db.transaction() as tx:
        row = get_assignment(tx, access.slug, json.assignment)
        jobs.enqueue(tx, SyncMarks(access.placement.id, row.name, json.learner))
    return models.Accepted(), 202


def at_marking_server(key: str) -> PlacementAccess:
    """What the caller is in a placement, for what is done on its marking server only.

    Raises: NotFound: nothing. Forbidden: the token is not for that server.
    """
    access, token = _access().at(key), g.grading_token
    assert isinstance(token, HubToken)
    token.require_marking_server(key)
    return access


def _at_writing_server(key: str) -> PlacementAccess:
    """The same for what is done on its server for writing only. Raises: NotFound, Forbidden."""
    access, token = _access().at(key), g.grading_token
    assert isinstance(token, HubToken)
    token.require_writing_server(key)
    return access


def _access() -> Access:
    access: Access = g.grading_access
    return access


def _bearer() -> str | None:
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None

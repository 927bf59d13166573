"""Scores and results of the Assignment and Grade Services 2.0, and the gradebook they change.

https://www.imsglobal.org/spec/lti-ags/v2p0/#score-publish-service
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, make_response, request

from lti_tool.demo.ags import get_own_item
from lti_tool.demo.campus import Campus, the_campus
from lti_tool.demo.model import CampusError, Grade, LineItem, Person, ReceivedScore, Tool
from lti_tool.demo.profiles import RESULT_SCOPE, SCORE_SCOPE, Profile
from lti_tool.demo.services import answer, next_link, number, page_of, read_body, service_error
from lti_tool.demo.token import require_scope

SCORE_TYPE = "application/vnd.ims.lis.v1.score+json"
RESULTS_TYPE = "application/vnd.ims.lis.v2.resultcontainer+json"
SUBMISSION = "https://canvas.instructure.com/lti/submission"
_ACTIVITY = {"Initialized", "Started", "InProgress", "Submitted", "Completed"}
_GRADING = {"FullyGraded", "Pending", "PendingManual", "Failed", "NotReady"}
_FUTURE_S = 60
"""How far a submission's time may lie ahead."""
_SUBMISSION_TYPES = {
    "none",
    "basic_lti_launch",
    "online_text_entry",
    "external_tool",
    "online_upload",
    "online_url",
}

blueprint = Blueprint("scores", __name__, url_prefix="/services/<course_id>/lineitems/<int:item_id>")
blueprint.register_error_handler(CampusError, service_error)


@dataclass(frozen=True)
class _Score:
    """A score that passed the form checks."""

    time: float
    given: float | None
    """In points of ``maximum``."""
    maximum: float
    activity: str
    grading: str
    comment: str
    extension: Mapping[str, Any]
    submission: Mapping[str, Any]


@blueprint.post("/scores")
@blueprint.post("/lineitem/scores")
def add_score(course_id: str, item_id: int) -> Response:
    """Receive a score; every attempt is kept on record, also a refused one."""
    campus = the_campus()
    tool = require_scope(SCORE_SCOPE)
    item = get_own_item(campus, tool, course_id, item_id)
    body = request.get_json(force=True, silent=True)
    body = body if isinstance(body, dict) else {}
    refusal: CampusError | None = None
    try:
        read_body(campus, SCORE_TYPE)
        record_score(campus, item, body)
    except CampusError as error:
        refusal = error
    campus.store.add_received_score(
        ReceivedScore(
            id=0,
            line_item_id=item.id,
            user_id=str(body.get("userId", "")),
            received_at=campus.clock.now(),
            status=refusal.status if refusal else 200,
            reason=refusal.message if refusal else "",
            body=body,
        )
    )
    if refusal:
        return _refusal(refusal)
    if campus.profile.reason_phrase_errors:
        return make_response("", 200)
    return jsonify({"resultUrl": _result_url(campus, tool, item, str(body["userId"]))})


def _refusal(error: CampusError) -> Response:
    if error.status == 502:
        return make_response("<html><body><h1>502 Bad Gateway</h1></body></html>", 502)
    return service_error(error)


def record_score(campus: Campus, item: LineItem, body: Mapping[str, Any]) -> Grade:
    """Check a score against the profile's rules and write the grade.

    Raises:
        CampusError: a rule refuses it; the status is the platform's.
    """
    score = _read(campus, body)
    person = _graded_person(campus, body.get("userId"))
    with campus.store.transaction():
        before = campus.store.find_grade(item.id, person.id) or Grade(item.id, person.id, None)
        _check_time(campus, before, score.time)
        _check_submission(campus, score)
        after = _apply(campus, item, before, score)
        campus.store.save_grade(after)
    return after


def _read(campus: Campus, body: Mapping[str, Any]) -> _Score:
    profile = campus.profile
    for name, allowed in (("activityProgress", _ACTIVITY), ("gradingProgress", _GRADING)):
        if body.get(name) not in allowed:
            raise CampusError(f"{name} is missing or unknown")
    given, maximum = _points(profile, body)
    extension = body.get(SUBMISSION) if profile.submission_extension else None
    submission = body.get("submission")
    return _Score(
        time=_timestamp(body.get("timestamp"), "timestamp"),
        given=given,
        maximum=maximum,
        activity=str(body["activityProgress"]),
        grading=str(body["gradingProgress"]),
        comment=str(body.get("comment") or ""),
        extension=extension if isinstance(extension, dict) else {},
        submission=submission if isinstance(submission, dict) else {},
    )


def _points(profile: Profile, body: Mapping[str, Any]) -> tuple[float | None, float]:
    given = body.get("scoreGiven")
    if given is None:
        return None, 1.0
    points, maximum = _number(given), _number(body.get("scoreMaximum"))
    if points is None:
        raise CampusError("scoreGiven must be a number")
    if maximum is None or maximum <= 0:
        raise CampusError("scoreGiven needs a scoreMaximum above 0", profile.score_maximum_status)
    if points < 0 and profile.negative_status is not None:
        raise CampusError("scoreGiven must not be below 0", profile.negative_status)
    return points, maximum


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return value


def _timestamp(value: object, name: str) -> float:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise CampusError(f"{name} must be an ISO 8601 time with a zone")
    return found.timestamp()


def _graded_person(campus: Campus, user_id: object) -> Person:
    if not isinstance(user_id, str) or not user_id:
        raise CampusError("userId must be text")
    if campus.profile.numeric_users_only and not user_id.isdecimal():
        raise CampusError("the server broke on a userId that is no number", 502)
    person = campus.store.find_person_by_sub(user_id)
    if person is None and user_id.isdecimal():
        person = campus.store.find_person_by_id(int(user_id))
    if person is None or not person.is_graded:
        raise CampusError("Incorrect score received: this user is not graded here", campus.profile.bad_user_status)
    return person


def _check_time(campus: Campus, before: Grade, time: float) -> None:
    profile = campus.profile
    old = before.score_time
    if profile.timestamp_step_s:
        time, old = time // profile.timestamp_step_s, old // profile.timestamp_step_s
    if time < old or (time == old and profile.equal_timestamp_refused):
        raise CampusError(
            "Refusing score with an earlier or equal timestamp", profile.stale_timestamp_status, "stale_timestamp"
        )


def _check_submission(campus: Campus, score: _Score) -> None:
    if not campus.profile.submission_extension:
        return
    for holder, name in ((score.submission, "submittedAt"), (score.extension, "submitted_at")):
        if name in holder and _timestamp(holder[name], name) > campus.clock.now() + _FUTURE_S:
            raise CampusError(f"{name} lies in the future")
    kind = score.extension.get("submission_type")
    if kind is not None and kind not in _SUBMISSION_TYPES:
        raise CampusError(f"There is no submission_type {kind}", 422)


def _apply(campus: Campus, item: LineItem, before: Grade, score: _Score) -> Grade:
    profile = campus.profile
    after = replace(
        before,
        comment=score.comment or before.comment,
        activity_progress=score.activity,
        grading_progress=score.grading,
        score_time=score.time,
        submission=_submission(before, score),
    )
    keeps_override = profile.overrides_always_win or score.extension.get("prioritize_non_tool_grade") is True
    if score.grading in profile.counted_progress and score.given is not None:
        given = min(score.given, score.maximum) if profile.cap_scores else score.given
        points = max(given, 0) / score.maximum * item.score_maximum
        return replace(after, score=round(points, 5), override=before.override if keeps_override else None)
    if profile.preserve_score and score.extension.get("preserve_score") is True:
        return after
    return replace(after, score=None, override=before.override if keeps_override else None)


def _submission(before: Grade, score: _Score) -> dict[str, Any]:
    extension = score.extension
    kind = extension.get("submission_type", "external_tool" if extension else "none")
    new = bool(extension) and extension.get("new_submission", True) is True and kind != "none"
    submitted = score.submission.get("submittedAt") or extension.get("submitted_at")
    return {
        **before.submission,
        **({"submitted_at": submitted} if submitted else {}),
        **({"type": kind, "data": extension.get("submission_data")} if new else {}),
        "attempts": int(before.submission.get("attempts", 0)) + new,
    }


@blueprint.get("/results")
@blueprint.get("/lineitem/results")
def list_results(course_id: str, item_id: int) -> Response:
    """Serve the grades of a column, the teacher's own grade where there is one."""
    campus = the_campus()
    tool = require_scope(RESULT_SCOPE)
    item = get_own_item(campus, tool, course_id, item_id)
    if "limit" in request.args and not campus.profile.results_take_limit:
        return make_response("<html><body><h1>404 Not Found</h1></body></html>", 404)
    wanted = request.args.get("user_id")
    rows = [row for row in _results(campus, tool, item) if wanted in {None, row["userId"]}]
    page, query = page_of(rows, number("limit", campus.results_page), "page")
    response = answer(page, RESULTS_TYPE)
    if query is not None:
        response.headers["Link"] = next_link(request.base_url, query)
    return response


def _results(campus: Campus, tool: Tool, item: LineItem) -> list[dict[str, Any]]:
    found = []
    for grade in campus.store.list_grades():
        person = campus.store.find_person_by_id(grade.person_id)
        if grade.line_item_id != item.id or person is None:
            continue
        row: dict[str, Any] = {
            "id": _result_url(campus, tool, item, person.sub),
            "userId": person.sub,
            "scoreOf": campus.line_item_url(tool, item),
            "comment": grade.comment,
        }
        if grade.final is not None:
            row |= {"resultScore": grade.final, "resultMaximum": item.score_maximum}
        found.append(row)
    return found


def _result_url(campus: Campus, tool: Tool, item: LineItem, sub: str) -> str:
    path, mark, query = campus.line_item_url(tool, item).partition("?")
    return f"{path}/results/{sub}{mark}{query}"

"""What a score is, how one is refused, and what each refusal means for people."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
from pylti1p3.grade import Grade

from lti_tool.kernel import clock
from lti_tool.kernel.errors import ExternalError
from lti_tool.lti.dialects import Dialect
from lti_tool.lti.retry_after import is_busy, retry_after_s

FULLY_GRADED = "FullyGraded"
COMMENT_LENGTH = 4000
COLUMN_GONE = (
    "the activity's column was deleted from the gradebook. Open the activity once in the LMS, then send again. "
    "Sending again makes a new column."
)


@dataclass(frozen=True)
class Score:
    """What the LMS is told about a learner's work. https://www.imsglobal.org/spec/lti-ags/v2p0/#score-publish-service."""

    given: Decimal | None
    """Points; None: there are none yet."""
    maximum: Decimal
    activity_progress: str
    """Initialized, Started, InProgress, Submitted or Completed."""
    grading_progress: str
    """FullyGraded, Pending, PendingManual, Failed or NotReady."""
    submitted_at: datetime | None
    comment: str
    new_submission: bool
    """False when marks change on work that was sent before (Canvas would call it late otherwise)."""
    submission_url: str | None = None
    """A launch URL that shows the work in the LMS's own marking page."""
    overrules: bool = False
    """Replaces what a teacher has changed in the LMS, where the LMS leaves that to the tool."""


@dataclass(frozen=True)
class Sent:
    """What became of a score."""

    timestamp: datetime | None
    """The timestamp that the LMS holds now; pass it as `after` with the next score. None if nothing was sent."""
    skipped_reason: str | None = None
    """Why nothing was sent, in words for a teacher."""
    column_url: str | None = None
    """The line item that took it."""


class ScoreRefused(ExternalError):
    """The LMS did not take a score. The message says why and what to do; `retryable` if it may take it later."""


def reason_to_skip(dialect: Dialect, score: Score) -> str | None:
    """Why sending this score would do harm, or None."""
    if score.maximum <= 0:
        return "The activity has no points."
    if score.grading_progress == FULLY_GRADED and score.given is not None:
        return None
    if dialect.keeps_grade_when_pending:
        return None
    if dialect.name == "generic" and score.given is not None:
        return None
    return "The LMS keeps no grade that is not final: the score is sent when the teacher has marked everything."


def score_timestamp(after: datetime | None) -> datetime:
    """Now in whole seconds (Moodle compares no finer), and later than the last one sent."""
    moment = clock.now().replace(microsecond=0)
    if after is None:
        return moment
    return max(moment, (after.astimezone(UTC) + timedelta(seconds=1)).replace(microsecond=0))


def score_body(dialect: Dialect, sub: str, score: Score, timestamp: datetime) -> str:
    """The JSON of the score."""
    grade = Grade().set_user_id(sub).set_timestamp(_iso(timestamp)).set_activity_progress(score.activity_progress)
    grade.set_grading_progress(score.grading_progress)
    if score.given is not None:
        grade.set_score_given(_number(max(score.given, Decimal(0)))).set_score_maximum(_number(score.maximum))
    if score.comment:
        grade.set_comment(score.comment[:COMMENT_LENGTH])
    return grade.set_extra_claims(_extra(dialect, score)).get_value()


def _extra(dialect: Dialect, score: Score) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if score.submitted_at is not None:
        extra["submission"] = {"submittedAt": _iso(score.submitted_at)}
    if dialect.submission_extension:
        submission: dict[str, Any] = {"new_submission": score.new_submission, "preserve_score": score.given is None}
        submission["prioritize_non_tool_grade"] = not score.overrules
        if score.submitted_at is not None:
            submission["submitted_at"] = _iso(score.submitted_at)
        if score.submission_url:
            submission |= {"submission_type": "basic_lti_launch", "submission_data": score.submission_url}
        extra[dialect.submission_extension] = submission
    return extra


def is_outdated(response: httpx.Response) -> bool:
    """Does the score come too late or too early, by the LMS's own clock? Then the same goes through later.

    Moodle says 409; Canvas 400 and speaks of the timestamp, or of a submission in the future.
    """
    said = f"{response.reason_phrase} {response.text[:2000]}".lower()
    return response.status_code == 409 or (response.status_code == 400 and ("timestamp" in said or "future" in said))


def refusal(platform: str, response: httpx.Response) -> ScoreRefused:
    """The error for an answer that is not a success."""
    status = response.status_code
    said = f"{response.reason_phrase} {response.text[:2000]}".lower()
    if is_busy(response):
        busy = f"the LMS is busy or down ({status}). The score is sent again by itself."
        code, text, retryable = "lms_busy", busy, True
    elif is_outdated(response):
        newer = "by its clock the LMS holds a newer score, or this one comes too early. It is sent again by itself."
        code, text, retryable = "newer_score", newer, True
    else:
        code, text, retryable = _explain(status, said)
    details = {"status": status, "said": said[:200]}
    wait = retry_after_s(response) if retryable else None
    return ScoreRefused(code, f"{platform}: {text}", details, retryable=retryable, retry_after_s=wait)


def _explain(status: int, said: str) -> tuple[str, str, bool]:
    if status in (400, 422) and "attempt" in said:
        return (
            "attempts_exhausted",
            "the learner has used up the attempts that the LMS allows. Allow more there, then send again.",
            False,
        )
    if status in (400, 422) and ("publish" in said or "unpublished" in said):
        return (
            "course_unpublished",
            "the course or the activity is not published there. Publish it, then send again.",
            False,
        )
    if status in (400, 422) and ("conclude" in said or "available until" in said or "locked" in said):
        return "course_closed", "the course or the activity is closed there. Open it, then send again.", False
    if status in (400, 422) and any(word in said for word in ("user", "student", "incorrect score", "active", "enrol")):
        return (
            "learner_left",
            "the person is not an active learner of the course there (any more). Enrol them again, then send again.",
            False,
        )
    if status in (404, 410, 412):
        return "line_item_gone", COLUMN_GONE, False
    if status in (401, 403):
        return (
            "not_allowed",
            "the LMS does not let this tool write grades. Allow grades in the tool's settings there, then send again.",
            False,
        )
    return (
        "score_refused",
        f"the LMS did not take the score ({status}). Check the activity's settings there, then send again.",
        False,
    )


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

"""Scores against a strict LMS of each kind: its answers, its rules, its failures."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from lti_tool.demo.model import Activity
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel import clock
from lti_tool.kernel.errors import ExternalError
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.ags import send_score
from lti_tool.lti.models import CachedToken, Link, User
from lti_tool.lti.nrps import list_members
from lti_tool.lti.public import list_grade_targets, list_placement_roles
from lti_tool.lti.scores import Score, ScoreRefused, Sent
from tests.fakes.launching import Launcher

both = pytest.mark.parametrize("campus", ["moodle", "canvas"], indirect=True)
SUBMITTED = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)


def score(given: str | None, **changes: Any) -> Score:
    facts: dict[str, Any] = {
        "given": None if given is None else Decimal(given),
        "maximum": Decimal("12.5"),
        "activity_progress": "Completed",
        "grading_progress": "FullyGraded",
        "submitted_at": SUBMITTED,
        "comment": "",
        "new_submission": True,
    }
    return Score(**{**facts, **changes})


class Sender:
    """Sends for Ada, to the quiz that she launched."""

    def __init__(self, runtime: Runtime, username: str = "Ada Lopez") -> None:
        self.runtime = runtime
        with runtime.db.reading() as tx:
            self.user_id = tx.scalars(select(User.id).where(User.display_name == username)).one()
            self.link_id = tx.scalars(select(Link.id)).first() or 0

    def send(self, what: Score, after: datetime | None = None) -> Sent:
        return send_score(self.runtime, self.link_id, self.user_id, what, after=after)


@pytest.fixture
def ada(runtime: Runtime, launcher: Launcher, quiz: Activity) -> Sender:
    launcher.open("ada", quiz)
    return Sender(runtime)


@both
def test_score_arrives_rescaled(ada: Sender, campus: CampusServer, quiz: Activity) -> None:
    sent = ada.send(score("10"))
    grade = campus.grade("ada", quiz)
    assert grade and grade.final == 8
    assert sent.timestamp is not None and sent.timestamp.microsecond == 0


@both
def test_second_score_within_the_second_is_taken(ada: Sender, campus: CampusServer, quiz: Activity) -> None:
    first = ada.send(score("5"))
    second = ada.send(score("7.5", new_submission=False), after=first.timestamp)
    assert first.timestamp and second.timestamp and second.timestamp >= first.timestamp + timedelta(seconds=1)
    grade = campus.grade("ada", quiz)
    assert grade and grade.final == 6


@both
def test_two_scores_cost_one_token(ada: Sender, campus: CampusServer) -> None:
    first = ada.send(score("5"))
    ada.send(score("6"), after=first.timestamp)
    assert campus.hits("token") == 1


@both
def test_revoked_token_is_replaced_once(ada: Sender, campus: CampusServer, quiz: Activity) -> None:
    first = ada.send(score("5"))
    campus.set_fault("scores", "revoke", times=1)
    ada.send(score("10"), after=first.timestamp)
    assert campus.hits("token") == 2
    grade = campus.grade("ada", quiz)
    assert grade and grade.final == 8


def test_token_without_expires_in_is_used_for_a_while(ada: Sender, runtime: Runtime) -> None:
    ada.send(score("5"))
    with runtime.db.reading() as tx:
        row = tx.scalars(select(CachedToken)).one()
    assert row.token_cipher and "." not in row.token_cipher[:10], "kept encrypted"
    assert row.refresh_at < row.expires_at


@pytest.mark.parametrize("campus", ["moodle"], indirect=True)
def test_pending_score_is_not_sent_where_it_would_erase(ada: Sender, campus: CampusServer, quiz: Activity) -> None:
    first = ada.send(score("10"))
    sent = ada.send(score("3", grading_progress="PendingManual"), after=first.timestamp)
    assert sent.timestamp is None and sent.skipped_reason
    grade = campus.grade("ada", quiz)
    assert grade and grade.final == 8
    assert len(campus.received_scores()) == 1


@pytest.mark.parametrize("campus", ["canvas"], indirect=True)
def test_pending_score_keeps_the_grade_on_canvas(ada: Sender, campus: CampusServer, quiz: Activity) -> None:
    first = ada.send(score("10"))
    pending = score(None, grading_progress="PendingManual", new_submission=False)
    sent = ada.send(pending, after=first.timestamp)
    assert sent.timestamp is not None
    grade = campus.grade("ada", quiz)
    assert grade and grade.final == 8
    body = campus.received_scores()[-1].body
    assert body["https://canvas.instructure.com/lti/submission"]["preserve_score"] is True
    assert body["submission"] == {"submittedAt": "2026-01-05T10:00:00Z"}


@both
def test_missing_line_item_is_made_once(
    runtime: Runtime, launcher: Launcher, campus: CampusServer, registration_id: int
) -> None:
    plain = campus.add_activity("Plain", custom={"coursebridge_item": "courses/demo/quiz-1"})
    launcher.open("ada", plain)
    first = Sender(runtime).send(score("10"))
    Sender(runtime).send(score("12.5"), after=first.timestamp)
    (item,) = campus.line_items(plain)
    assert (item.score_maximum, item.tag, item.resource_id) == (12.5, "coursebridge", "courses/demo/quiz-1")
    review = {"submissionReview": {"reviewableStatus": ["InProgress", "Submitted", "Completed"]}}
    assert item.extra == (review if campus.profile.submission_review else {}), "as in deep linking"
    grade = campus.grade("ada", plain)
    assert grade and grade.final == 12.5


@both
def test_grade_targets_are_the_activities_that_the_learner_opened(
    runtime: Runtime, ada: Sender, launcher: Launcher, campus: CampusServer
) -> None:
    campus.add_activity("Never opened", custom={"coursebridge_item": "courses/demo/quiz-1"}, points=5)
    with runtime.db.reading() as tx:
        [(placement, _role)] = list_placement_roles(tx, ada.user_id)
        targets = list_grade_targets(tx, placement.id, ada.user_id, "courses/demo/quiz-1")
    assert [target.title for target in targets] == ["First quiz"]


@pytest.mark.parametrize(
    ("kind", "value", "retryable"), [("status", 500, True), ("status", 503, True), ("rate_limit", 7, True)]
)
def test_busy_lms_is_tried_again(ada: Sender, campus: CampusServer, kind: str, value: int, retryable: bool) -> None:
    campus.set_fault("scores", kind, value=value)
    with pytest.raises(ScoreRefused) as caught:
        ada.send(score("5"))
    assert caught.value.retryable is retryable
    if kind == "rate_limit":
        assert caught.value.retry_after_s == 7


@pytest.mark.parametrize(
    ("status", "code"), [(400, "score_refused"), (403, "not_allowed"), (404, "line_item_gone"), (422, "score_refused")]
)
def test_refusal_says_what_to_do(ada: Sender, campus: CampusServer, status: int, code: str) -> None:
    campus.set_fault("scores", "status", value=status)
    with pytest.raises(ScoreRefused) as caught:
        ada.send(score("5"))
    assert (caught.value.code, caught.value.retryable) == (code, False)
    assert "then send again" in caught.value.message


@both
def test_teacher_gets_no_grade(runtime: Runtime, launcher: Launcher, quiz: Activity, campus: CampusServer) -> None:
    launcher.open("tess", quiz)
    with pytest.raises(ScoreRefused) as caught:
        Sender(runtime, "Tess Tanaka").send(score("5"))
    assert caught.value.code == "learner_left"


def test_token_endpoint_down_is_retryable(ada: Sender, campus: CampusServer) -> None:
    campus.set_fault("token", "status", value=500)
    with pytest.raises(ExternalError) as caught:
        ada.send(score("5"))
    assert caught.value.retryable


def test_score_that_was_taken_without_an_answer_is_taken_again(
    ada: Sender, campus: CampusServer, quiz: Activity
) -> None:
    campus.set_fault("scores", "drop", times=1)
    with clock.frozen(clock.now()):
        with pytest.raises(ExternalError):
            ada.send(score("10"))
        campus.clock.advance(120)
        clock.advance(120)
        ada.send(score("10"))
    grade = campus.grade("ada", quiz)
    assert grade and grade.final == 8


@both
def test_roster_is_read_page_by_page(runtime: Runtime, ada: Sender, campus: CampusServer) -> None:
    for number in range(60):
        campus.add_person(f"p{number}", f"Person {number}")
    with runtime.db.reading() as tx:
        context_id = tx.scalars(select(Link.context_id)).first() or 0
    members = list_members(runtime, context_id)
    assert len({member.sub for member in members}) == len(members) >= 66


@pytest.mark.parametrize("campus", ["canvas"], indirect=True)
def test_line_item_is_found_on_a_later_page(
    runtime: Runtime, launcher: Launcher, campus: CampusServer, registration_id: int
) -> None:
    for number in range(25):
        campus.add_activity(f"Other {number}", points=1)
    plain = campus.add_activity("Plain", custom={"coursebridge_item": "courses/demo/quiz-1"})
    launcher.open("ada", plain)
    Sender(runtime).send(score("5"))
    assert len(campus.line_items(plain)) == 1

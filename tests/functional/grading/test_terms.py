"""Which attempt counts, what lateness costs, extensions: on the pages, and in the LMS."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from grading import results
from grading.assignments import get_assignment
from grading.extensions import Grant, grant_extension
from grading.models import AssignmentRow, Counts, ExtensionRow
from grading.results import find_result_row
from grading.settling import AT_ONCE
from grading.sync import reconcile
from grading.terms import find_terms
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.audit import OPERATOR, AuditRow
from lti_tool.kernel.errors import Conflict
from lti_tool.kernel.permissions import Right, Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import Context
from tests.factories.grading import (
    KEY,
    NAME,
    SLUG,
    Place,
    Someone,
    make_person,
    make_place,
    publish,
    submit,
    work,
)
from tests.fakes.engine import FakeCourse, open_fake_course
from tests.fakes.hub import FakeHub
from tests.fakes.lms import FakeLms
from tests.functional.grading.conftest import counted

QUIZ = f"/grading/{SLUG}/{NAME}"
DAY = timedelta(days=1)
LATE: dict[str, Any] = {"late_per_day": 10, "late_at_most": 50}


def rule(runtime: Runtime, **rules: Any) -> None:
    with runtime.db.transaction() as tx:
        publish(tx, **rules)


def hand_in(runtime: Runtime, who: Someone, **said: Any) -> int:
    """Submitted and marked, and the score sent."""
    number = submit(runtime, who, **said)
    work(runtime)
    return number


def sent(lms: FakeLms) -> list[Decimal | None]:
    return [posted.given for posted in lms.posted]


def give(runtime: Runtime, who: Someone, due: datetime | None = None, more: int = 0) -> None:
    with runtime.db.transaction() as tx:
        grant_extension(tx, get_assignment(tx, SLUG, NAME), who.submitter, Grant(due, None, more, "Ill."), OPERATOR)
    work(runtime)


def extension_of(who: Someone) -> str:
    return f"{QUIZ}/learners/{who.user_id}/extension"


def form(**said: str) -> dict[str, str]:
    return {"due": "", "closes": "", "attempts": "", "reason": "Ill that week.", "tz": "Europe/Berlin"} | said


@pytest.fixture
def due(runtime: Runtime, place: Place) -> datetime:
    """The due date of the quiz, an hour from now; a day late costs 10 %, at most 50 %."""
    moment = clock.now().replace(microsecond=0) + timedelta(hours=1)
    rule(runtime, due_at=moment, **LATE)
    return moment


class TestWhatCounts:
    def test_late_attempt_counts_less_and_the_lms_gets_that(
        self, runtime: Runtime, browse: Any, learner: Someone, teacher: Someone, due: datetime, lms: FakeLms
    ) -> None:
        with clock.frozen(due + DAY + timedelta(minutes=1)):
            number = hand_in(runtime, learner, points=4)
            assert sent(lms) == [Decimal("3.2")]
            own, theirs = browse(learner), browse(teacher)
            pages = [own.get(QUIZ), own.get(f"{QUIZ}/attempts/1/feedback"), theirs.get(f"{QUIZ}/submissions/{number}")]
            for page in pages:
                assert "4 of 4, 2 days late: −20 %, counts 3.2" in page.text
            assert "2 days late: −20 %, counts 3.2" in theirs.get(f"{QUIZ}/submissions").text
            line = theirs.get(f"{QUIZ}/submissions.csv").text.splitlines()[1]
            assert ",yes,2,graded,4,4,0.8,3.2,yes," in line

    def test_best_attempt_stays_when_a_worse_one_follows(
        self, runtime: Runtime, browse: Any, learner: Someone, lms: FakeLms
    ) -> None:
        rule(runtime, counts=Counts.BEST)
        for points in (3, 1, 4):
            hand_in(runtime, learner, points=points)

        assert sent(lms) == [Decimal(3), Decimal(4)]
        assert "Attempt 3 counts, with 4 of 4." in browse(learner).get(f"{QUIZ}/attempts/2/feedback").text
        assert "This attempt counts." in browse(learner).get(f"{QUIZ}/attempts/3/feedback").text

    def test_a_better_attempt_that_is_later_can_be_the_worse_one(
        self, runtime: Runtime, learner: Someone, due: datetime, lms: FakeLms
    ) -> None:
        rule(runtime, counts=Counts.BEST, due_at=due, **LATE)
        hand_in(runtime, learner, points=3)
        with clock.frozen(due + 4 * DAY):
            hand_in(runtime, learner, points=4)

        assert sent(lms) == [Decimal(3)]

    def test_first_attempt_counts_and_is_waited_for(
        self, runtime: Runtime, browse: Any, learner: Someone, lms: FakeLms, engine: FakeCourse
    ) -> None:
        rule(runtime, counts=Counts.FIRST)
        hand_in(runtime, learner, points=1, manual=True)
        with pytest.raises(Conflict, match="is not marked completely yet"):
            submit(runtime, learner, points=4)
        assert "Your first attempt counts, and it is not marked completely yet" in browse(learner).get(QUIZ).text

        engine.mark_by_hand(NAME, learner.hub_name, "2")
        reconcile(open_fake_course, runtime)
        work(runtime)
        hand_in(runtime, learner, points=4)
        assert sent(lms) == [Decimal(3)]

    def test_best_is_sent_although_a_newer_one_waits_for_a_person(
        self, runtime: Runtime, learner: Someone, lms: FakeLms, engine: FakeCourse
    ) -> None:
        rule(runtime, counts=Counts.BEST)
        hand_in(runtime, learner, points=3)
        hand_in(runtime, learner, points=2, manual=True)
        assert sent(lms) == [Decimal(3)]

        engine.mark_by_hand(NAME, learner.hub_name, "2")
        reconcile(open_fake_course, runtime)
        work(runtime)
        assert sent(lms) == [Decimal(3), Decimal(4)]

    def test_mark_by_hand_of_a_late_attempt_is_weighed_too(
        self, runtime: Runtime, learner: Someone, due: datetime, lms: FakeLms, engine: FakeCourse
    ) -> None:
        with clock.frozen(due + DAY):
            hand_in(runtime, learner, points=2, manual=True)
            engine.mark_by_hand(NAME, learner.hub_name, "2")
            for _ in range(2):
                reconcile(open_fake_course, runtime)
                work(runtime)

        assert sent(lms) == [Decimal("3.6")]

    def test_what_nbgrader_took_off_is_not_taken_off_again(
        self, runtime: Runtime, browse: Any, learner: Someone, due: datetime, lms: FakeLms
    ) -> None:
        with clock.frozen(due + DAY):
            hand_in(runtime, learner, points=3, penalty=1)

        assert sent(lms) == [Decimal(2)]
        assert "1 day late: −1 points, by nbgrader" in browse(learner).get(f"{QUIZ}/attempts/1/feedback").text


class TestChangedRules:
    def test_every_result_follows_and_is_sent_once(
        self, runtime: Runtime, learner: Someone, other: Someone, due: datetime, lms: FakeLms
    ) -> None:
        with clock.frozen(due + DAY):
            hand_in(runtime, learner, points=4)
            hand_in(runtime, other, points=2)
            hand_in(runtime, other, points=1)
            lms.posted.clear()
            for _ in range(2):
                rule(runtime, counts=Counts.BEST, due_at=due, late_per_day=50)
                work(runtime)

        assert sorted(sent(lms), key=str) == [Decimal(1), Decimal(2)]

    def test_rules_that_weigh_nothing_are_no_work(self, runtime: Runtime, due: datetime) -> None:
        work(runtime)
        rule(runtime, due_at=due, closes_at=due + DAY, max_attempts=7, **LATE)
        with runtime.db.reading() as tx:
            assert list(jobs.due_ids(tx)) == []

    def test_more_learners_than_one_transaction_takes(
        self, runtime: Runtime, place: Place, due: datetime, lms: FakeLms
    ) -> None:
        with runtime.db.transaction() as tx:
            many = [make_person(tx, place, f"Learner {number}") for number in range(AT_ONCE + 1)]
        for who in many:
            submit(runtime, who, points=4)
        work(runtime, rounds=500)
        lms.posted.clear()
        rule(runtime, due_at=due - 2 * DAY, **LATE)
        work(runtime, rounds=500)

        assert sent(lms) == [Decimal("3.2")] * (AT_ONCE + 1)


class TestExtension:
    def test_later_due_date_weighs_anew_what_was_handed_in(
        self, runtime: Runtime, learner: Someone, other: Someone, due: datetime, lms: FakeLms
    ) -> None:
        with clock.frozen(due + DAY):
            for who in (learner, other):
                hand_in(runtime, who, points=4)
            give(runtime, learner, due + 2 * DAY)

        assert sent(lms) == [Decimal("3.6"), Decimal("3.6"), Decimal(4)]

    def test_is_granted_shown_audited_and_taken_back(
        self, runtime: Runtime, browse: Any, learner: Someone, teacher: Someone, due: datetime, lms: FakeLms
    ) -> None:
        with clock.frozen(due + DAY):
            hand_in(runtime, learner, points=4)
            own, theirs = browse(learner), browse(teacher)
            until = (due + 3 * DAY).replace(second=0)
            saved = theirs.post(extension_of(learner), data=form(due=f"{until:%Y-%m-%dT%H:%M}", tz="UTC"))
            assert saved.status_code == 303
            work(runtime)
            assert "Your teacher gave you an extension" in own.get(QUIZ).text
            assert until.isoformat() in own.get(QUIZ).text
            assert "Ill that week." not in own.get(QUIZ).text
            assert "Ill that week." in theirs.get(extension_of(learner)).text
            assert until.isoformat() in theirs.get(f"{QUIZ}/submissions").text
            assert theirs.post(f"{extension_of(learner)}/withdraw").status_code == 303
            work(runtime)

        assert sent(lms) == [Decimal("3.6"), Decimal(4), Decimal("3.6")]
        assert "Your teacher gave you an extension" not in own.get(QUIZ).text
        with runtime.db.reading() as tx:
            acts = tx.scalars(select(AuditRow).where(AuditRow.action.startswith("extension.")).order_by(AuditRow.id))
            assert [act.action for act in acts] == ["extension.grant", "extension.withdraw"]

    def test_opens_a_closed_quiz_and_gives_attempts(self, runtime: Runtime, learner: Someone, other: Someone) -> None:
        due = clock.now() - DAY
        rule(runtime, due_at=due, closes_at=due, max_attempts=1)
        give(runtime, learner, clock.now() + DAY, more=1)

        for _ in range(2):
            submit(runtime, learner, points=4)
        with pytest.raises(Conflict, match="All 2 attempts are used"):
            submit(runtime, learner, points=4)
        with pytest.raises(Conflict, match="This quiz is closed"):
            submit(runtime, other, points=4)

    @pytest.mark.parametrize(
        ("said", "message"),
        [
            ({"due": "soon"}, "This is not a date with a time"),
            ({"due": "2020-01-01T00:00"}, "Choose a time after the due date of the class"),
            ({"closes": "2099-01-01T00:00"}, "This quiz does not close"),
            ({"attempts": "1"}, "Attempts are not limited"),
            ({"attempts": "-1"}, "Write a whole number"),
            ({}, "Give a date or more attempts"),
            ({"due": "2099-01-01T00:00", "reason": " "}, "Write why"),
            ({"due": "2099-01-01T00:00", "reason": "x" * 501}, "At most 500 characters"),
        ],
    )
    def test_what_makes_no_sense_is_refused(
        self,
        runtime: Runtime,
        browse: Any,
        learner: Someone,
        teacher: Someone,
        due: datetime,
        said: dict[str, str],
        message: str,
    ) -> None:
        answer = browse(teacher).post(extension_of(learner), data=form(**said))

        assert answer.status_code == 422
        assert message in answer.text
        with runtime.db.reading() as tx:
            assert tx.scalar(select(func.count()).select_from(ExtensionRow)) == 0

    def test_dates_are_read_in_the_zone_of_the_writer(
        self, runtime: Runtime, browse: Any, learner: Someone, teacher: Someone, due: datetime
    ) -> None:
        browse(teacher).post(extension_of(learner), data=form(due="2099-07-01T12:00"))

        with runtime.db.reading() as tx:
            row = tx.scalars(select(ExtensionRow)).one()
        assert row.due_at is not None
        assert row.due_at.isoformat() == "2099-07-01T10:00:00+00:00"

    def test_nobody_of_another_lms_course_is_given_anything(
        self, runtime: Runtime, browse: Any, teacher: Someone, due: datetime
    ) -> None:
        with runtime.db.transaction() as tx:
            elsewhere = make_person(tx, make_place(tx, "canvas"), "Someone Else")

        assert browse(teacher).get(extension_of(elsewhere)).status_code == 404
        answer = browse(teacher).post(extension_of(elsewhere), data=form(due="2099-01-01T00:00"))
        assert answer.status_code == 404

    @pytest.mark.parametrize(("right", "status"), [(Right.MARK, 403), (Right.GRANT_EXTENSIONS, 303)])
    def test_assistants_need_the_right(
        self, runtime: Runtime, browse: Any, learner: Someone, due: datetime, right: Right, status: int
    ) -> None:
        with runtime.db.transaction() as tx:
            assistant = make_person(tx, learner.place, "Assistant", Role.ASSISTANT)
            tx.get_one(Context, learner.place.context_id).assistant_rights = [right.value]

        answer = browse(assistant).post(extension_of(learner), data=form(due="2099-01-01T00:00"))
        assert answer.status_code == status

    def test_granted_while_an_attempt_is_settled_it_is_not_lost(
        self, runtime: Runtime, learner: Someone, due: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Marking has read the old terms; the extension comes before it writes."""
        has_read, is_granted = threading.Event(), threading.Event()
        failures: list[BaseException] = []

        def read_slowly(*args: Any) -> Any:
            terms = find_terms(*args)
            if not has_read.is_set():
                has_read.set()
                is_granted.wait(1)
            return terms

        def run(what: Callable[[], None]) -> None:
            try:
                what()
            except BaseException as error:
                failures.append(error)

        def grant() -> None:
            has_read.wait(10)
            with runtime.db.transaction() as tx:
                row = get_assignment(tx, SLUG, NAME)
                grant_extension(tx, row, learner.submitter, Grant(due + 2 * DAY, None, 0, "Ill."), OPERATOR)
            is_granted.set()

        with clock.frozen(due + DAY):
            submit(runtime, learner, points=4)
            monkeypatch.setattr(results, "find_terms", read_slowly)
            threads = [threading.Thread(target=run, args=(each,)) for each in (lambda: work(runtime), grant)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
        assert not failures
        with runtime.db.reading() as tx:
            result = find_result_row(tx, get_assignment(tx, SLUG, NAME).id, learner.submitter)
        assert result is not None
        assert result.points == Decimal(4)


def test_learner_knows_the_terms_before_the_deadline(runtime: Runtime, browse: Any, learner: Someone) -> None:
    due = clock.now().replace(microsecond=0) + DAY
    rule(runtime, counts=Counts.BEST, max_attempts=3, due_at=due, closes_at=due + 7 * DAY, **LATE)
    page = browse(learner).get(QUIZ).text

    for text in ("3 of 3", "the best attempt", due.isoformat(), (due + 7 * DAY).isoformat()):
        assert text in page
    assert "Each day begun after the due date takes 10 % off the points of an attempt, 50 % at most." in page
    rule(runtime, max_attempts=1)
    assert "What counts" not in browse(learner).get(QUIZ).text


def test_pages_take_few_queries(
    runtime: Runtime, browse: Any, learner: Someone, other: Someone, teacher: Someone, due: datetime
) -> None:
    for who in (learner, other):
        give(runtime, who, due + DAY)
    for points in (1, 2):
        number = hand_in(runtime, learner, points=points)
    own, theirs = browse(learner), browse(teacher)
    wanted = [(own, path) for path in (QUIZ, f"{QUIZ}/status", f"{QUIZ}/attempts/1/feedback")]
    detail = f"{QUIZ}/submissions/{number}"
    wanted += [(theirs, path) for path in (f"{QUIZ}/submissions", detail, extension_of(learner))]
    for browser, path in wanted:
        with counted(runtime) as statements:
            assert browser.get(path).status_code == 200
        assert len(statements) <= 6, (path, statements)


class TestWhatJupyterIsTold:
    """The list of quizzes that the learner's own server asks for."""

    def test_dates_and_the_score_are_the_learners_own(
        self, runtime: Runtime, client: FlaskClient, hub: FakeHub, learner: Someone, due: datetime
    ) -> None:
        give(runtime, learner, due + DAY)
        with clock.frozen(due + DAY + timedelta(minutes=1)):
            hand_in(runtime, learner, points=4)
            quiz = ask(client, hub, learner)
        assert (quiz["due"], quiz["extended"]) == ((due + DAY).isoformat(), True)
        assert quiz["attempts"][0]["score"] == 4
        assert quiz["result"] == {"attempt": 1, "score": 3.6, "max_score": 4.0}
        assert (quiz["closed"], quiz["why_not"]) == (False, None)

    def test_terms_are_told_in_sentences(
        self, runtime: Runtime, client: FlaskClient, hub: FakeHub, learner: Someone, due: datetime
    ) -> None:
        rule(runtime, counts=Counts.BEST, due_at=due, closes_at=due + DAY, **LATE)
        assert ask(client, hub, learner)["terms"] == [
            "What counts is the best attempt.",
            "Each day begun after the due date takes 10 % off the points of an attempt, 50 % at most.",
            "When it has closed, nothing is taken any more.",
            "When it is marked, a cell may take 30 seconds, the notebook 2 minutes and 1 GB of memory.",
        ]

    def test_environment_is_one_of_the_terms(
        self, runtime: Runtime, client: FlaskClient, hub: FakeHub, learner: Someone
    ) -> None:
        with runtime.db.transaction() as tx:
            row = tx.scalars(select(AssignmentRow)).one()
            row.max_attempts, row.requirements = 1, "numpy==2.3.1"
        first, last = ask(client, hub, learner)["terms"]
        assert first.startswith("When it is marked, a cell may take ")
        assert last.endswith("these packages and what they need, and no others: numpy==2.3.1.")

    def test_held_points_are_told_nowhere(
        self, runtime: Runtime, client: FlaskClient, hub: FakeHub, learner: Someone
    ) -> None:
        submit(runtime, learner, points=4, suspicion="Too good.")
        work(runtime)
        quiz = ask(client, hub, learner)
        (attempt,) = quiz["attempts"]
        assert (attempt["held"], attempt["score"], quiz["result"]) == (True, None, None)

    def test_why_nothing_can_be_handed_in(
        self, runtime: Runtime, client: FlaskClient, hub: FakeHub, learner: Someone, teacher: Someone
    ) -> None:
        rule(runtime, max_attempts=1)
        assert ask(client, hub, learner)["why_not"] is None
        assert "Only learners hand in" in ask(client, hub, teacher)["why_not"]
        submit(runtime, learner, points=1)
        assert "All 1 attempts are used" in ask(client, hub, learner)["why_not"]
        rule(runtime, closes_at=clock.now() - DAY)
        quiz = ask(client, hub, learner)
        assert quiz["closed"] and "is closed" in quiz["why_not"]
        assert quiz["closes"] is not None


def ask(client: FlaskClient, hub: FakeHub, who: Someone) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {hub.token_of(who.hub_name)}"}
    answer = client.get(f"/api/v1/courses/{KEY}/assignments", headers=headers)
    assert answer.json is not None
    quiz: dict[str, Any] = answer.json["assignments"][0]
    return quiz

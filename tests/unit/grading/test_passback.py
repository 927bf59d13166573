"""The way of a grade to the LMS: once, newest last, and again when it did not get through."""

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from grading.assignments import Rules, close_assignment, publish_assignment
from grading.models import SubmissionRow
from grading.passback import send_all_again
from grading.results import find_result_row
from grading.sync import reconcile
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import ExternalError
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.delivery import look_for_forgotten
from lti_tool.lti.messages import DeliverScores, LinkLaunched
from lti_tool.lti.models import Link
from lti_tool.lti.public import send_again
from lti_tool.lti.registrations import approve, disable
from lti_tool.lti.score_models import DeliveryRow, ScoreRow, ScoreState
from lti_tool.lti.scores import Score, ScoreRefused
from tests.factories.grading import ITEM_REF, NAME, SLUG, Place, Someone, make_link, make_person, submit, visit, work
from tests.fakes.engine import FakeCourse, fake_release, open_fake_course
from tests.fakes.lms import FakeLms


def outbox(runtime: Runtime) -> list[ScoreRow]:
    with runtime.db.reading() as tx:
        return list(tx.scalars(select(ScoreRow).order_by(ScoreRow.id)))


def history(runtime: Runtime) -> list[tuple[ScoreState, Decimal]]:
    with runtime.db.reading() as tx:
        return [(row.state, row.points) for row in tx.scalars(select(DeliveryRow).order_by(DeliveryRow.id))]


def busy() -> ScoreRefused:
    return ScoreRefused("lms_busy", "Moodle: the LMS is busy.", retryable=True)


def hear_of_launch(runtime: Runtime, who: Someone) -> None:
    """Handle the fact that a person has launched the activity for the first time, or with another line item."""
    with runtime.db.transaction() as tx:
        jobs.emit(tx, LinkLaunched(who.user_id, who.place.link_id, ITEM_REF, "learner", who.place.placement_id))
    work(runtime)


def work_for(runtime: Runtime, seconds: int, step: int = 60) -> None:
    """Let a frozen clock run, and the worker with it."""
    for _ in range(0, seconds, step):
        work(runtime)
        clock.advance(step)


def test_grade_is_sent_once_with_its_attempt_announced(runtime: Runtime, learner: Someone, lms: FakeLms) -> None:
    submit(runtime, learner, points=3)
    work(runtime)

    (posted,) = lms.posted
    assert (posted.given, posted.grading_progress, posted.new_submission) == (Decimal(3), "FullyGraded", True)
    (row,) = outbox(runtime)
    assert (row.state, row.sent_version, row.version, row.sending_run) == (ScoreState.SENT, 1, 1, None)
    assert history(runtime) == [(ScoreState.SENT, Decimal(3))]


def test_outage_of_six_hours_ends_with_the_newest_grade_delivered_once(
    runtime: Runtime, learner: Someone, lms: FakeLms
) -> None:
    lms.answers = [busy() for _ in range(25)]
    with clock.frozen(clock.now()):
        submit(runtime, learner, points=1)
        work_for(runtime, 600)
        submit(runtime, learner, points=2)
        work_for(runtime, 8 * 3600, step=300)

    assert [each.given for each in lms.posted] == [Decimal(2)]
    (row,) = outbox(runtime)
    assert (row.state, row.tries, row.text) == (ScoreState.SENT, 0, None)
    assert len(history(runtime)) == 26


def test_grade_waits_while_its_platform_is_switched_off_and_is_sent_afterwards(
    runtime: Runtime, learner: Someone, lms: FakeLms
) -> None:
    def switch(change: Callable[[Tx, int], object]) -> None:
        with runtime.db.transaction() as tx:
            change(tx, learner.place.registration_id)

    with clock.frozen(clock.now()):
        switch(disable)
        submit(runtime, learner, points=3)
        for _ in range(30):  # a month; whoever looks for forgotten scores finds none to send
            look_for_forgotten(runtime)
            work_for(runtime, 86_400, step=43_200)
        assert lms.posted == [] and history(runtime) == []
        assert [(row.state, row.tries, row.text) for row in outbox(runtime)] == [(ScoreState.PENDING, 0, None)]
        with runtime.db.reading() as tx:
            queued = jobs.list_jobs(tx, jobs.JobState.QUEUED)
        assert [row for row in queued if row.message == DeliverScores.name] == []
        switch(approve)
        work(runtime)

    assert [each.given for each in lms.posted] == [Decimal(3)]
    assert lms.posted[0].new_submission is True


def test_platform_switched_off_in_the_middle_of_a_run_gets_nothing_more(
    runtime: Runtime, learner: Someone, other: Someone, lms: FakeLms
) -> None:
    def switch_off(_score: Score) -> None:
        with runtime.db.transaction() as tx:
            disable(tx, learner.place.registration_id)

    lms.during = switch_off
    for who in (learner, other):
        submit(runtime, who, points=3)
    work(runtime)
    first, second = outbox(runtime)
    assert (first.state, second.state, second.tries) == (ScoreState.SENT, ScoreState.PENDING, 0)
    lms.during = None
    with runtime.db.transaction() as tx:
        approve(tx, learner.place.registration_id)
    work(runtime)
    assert {each.user_id for each in lms.posted} == {learner.user_id, other.user_id} and len(lms.posted) == 2


def test_retry_after_of_the_lms_is_kept(runtime: Runtime, learner: Someone, lms: FakeLms) -> None:
    lms.answers = [ScoreRefused("lms_busy", "Later.", retryable=True, retry_after_s=1000)]
    with clock.frozen(clock.now()):
        submit(runtime, learner, points=1)
        work(runtime)
        clock.advance(990)
        work(runtime)
        assert lms.posted == []
        clock.advance(20)
        work(runtime)
    assert len(lms.posted) == 1


def test_refused_grade_keeps_its_text_until_the_teacher_tries_again(
    runtime: Runtime, learner: Someone, lms: FakeLms
) -> None:
    lms.answers = [ScoreRefused("learner_left", "Moodle: enrol them again, then send again.", retryable=False)]
    submit(runtime, learner, points=3)
    work(runtime)
    (row,) = outbox(runtime)
    assert (row.state, row.text) == (ScoreState.REFUSED, "Moodle: enrol them again, then send again.")

    with runtime.db.transaction() as tx:
        assert send_all_again(tx, row.placement_id, row.item_id, [learner.user_id]) == 1
    work(runtime)

    (row,) = outbox(runtime)
    assert (row.state, row.text) == (ScoreState.SENT, None)
    assert lms.posted[0].new_submission
    with runtime.db.transaction() as tx:
        assert send_again(tx, [row.id]) == 0


def test_never_given_up(runtime: Runtime, learner: Someone, lms: FakeLms) -> None:
    lms.answers = [busy() for _ in range(200)]
    with clock.frozen(clock.now()):
        submit(runtime, learner, points=3)
        work_for(runtime, 40 * 3600, step=1200)

        (row,) = outbox(runtime)
        assert (row.state, row.text) == (ScoreState.PENDING, "Moodle: the LMS is busy.")
        assert row.sending_run is None

        lms.answers.clear()
        work_for(runtime, 1800)
    (row,) = outbox(runtime)
    assert (row.state, row.sent_version) == (ScoreState.SENT, row.version)
    assert len(lms.posted) == 1


def test_grade_that_alone_fails_does_not_hold_up_others_and_is_shown_in_the_end(
    runtime: Runtime, learner: Someone, other: Someone, lms: FakeLms
) -> None:
    def break_on_three(score: Score) -> None:
        if score.given == 3:
            raise busy()

    lms.during = break_on_three
    with clock.frozen(clock.now()):
        submit(runtime, learner, points=3)
        for number in range(12):
            submit(runtime, other, points=number % 2 + 1)
            work_for(runtime, 1800)
            last = lms.last(other.place.link_id, other.user_id)
            assert last is not None and last.given == number % 2 + 1

    stuck, sent = outbox(runtime)
    assert (stuck.state, stuck.text) == (ScoreState.REFUSED, "Moodle: the LMS is busy.")
    assert sent.state is ScoreState.SENT


def test_many_grades_go_in_one_run_one_after_another(runtime: Runtime, place: Place, lms: FakeLms) -> None:
    with runtime.db.transaction() as tx:
        people = [make_person(tx, place, f"Learner {number}") for number in range(12)]
    for each in people:
        submit(runtime, each, points=2)
    with runtime.db.reading() as tx:
        marking = [row.job_id for row in tx.scalars(select(SubmissionRow))]
    for job_id in marking:
        jobs.run_job(runtime, runtime.db.router, job_id or 0)
    with runtime.db.reading() as tx:
        (delivery,) = [row for row in jobs.list_jobs(tx) if row.message == DeliverScores.name]
    jobs.run_job(runtime, runtime.db.router, delivery.id)

    assert len(lms.posted) == len(people)
    assert {row.state for row in outbox(runtime)} == {ScoreState.SENT}


def test_grade_that_changes_while_one_is_on_its_way_is_sent_after_it(
    runtime: Runtime, learner: Someone, lms: FakeLms
) -> None:
    def change(score: Score) -> None:
        lms.during = None
        submit(runtime, learner, points=4)
        work(runtime)  # marks the new attempt; its sender finds the row taken

    lms.during = change
    submit(runtime, learner, points=1)
    work(runtime)

    assert [each.given for each in lms.posted] == [Decimal(1), Decimal(4)]
    assert lms.posted[0].timestamp < lms.posted[1].timestamp
    assert lms.most_at_once == 1


def test_two_workers_never_send_one_row_at_once(runtime: Runtime, learner: Someone, lms: FakeLms) -> None:
    lms.answers = [ScoreRefused("learner_left", "no", retryable=False)]
    submit(runtime, learner, points=1)
    work(runtime)
    (row,) = outbox(runtime)
    with runtime.db.transaction() as tx:
        send_again(tx, [row.id])
        for _ in range(3):
            jobs.enqueue(tx, DeliverScores(learner.place.registration_id))
    with runtime.db.reading() as tx:
        job_ids = jobs.due_ids(tx)
    together = threading.Barrier(len(job_ids))

    def run(job_id: int) -> None:
        together.wait()
        jobs.run_job(runtime, runtime.db.router, job_id)

    threads = [threading.Thread(target=run, args=(job_id,)) for job_id in job_ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert lms.most_at_once == 1
    assert len(lms.posted) == 1


def test_scores_of_one_second_get_rising_timestamps(runtime: Runtime, learner: Someone, lms: FakeLms) -> None:
    with clock.frozen(clock.now()):
        for points in (1, 2, 3):
            submit(runtime, learner, points=points)
            work(runtime)

    times = [each.timestamp for each in lms.posted]
    assert times == [times[0], times[0] + timedelta(seconds=1), times[0] + timedelta(seconds=2)]
    last = lms.last(learner.place.link_id, learner.user_id)
    assert last is not None
    assert last.given == 3


def test_answer_that_got_lost_is_sent_again_but_announced_once(
    runtime: Runtime, learner: Someone, lms: FakeLms
) -> None:
    def arrive_but_time_out(score: Score) -> None:
        lms.during = None
        lms.send_score(runtime, learner.place.link_id, learner.user_id, score, after=None)
        raise ExternalError("timeout", "Moodle did not answer in time.", retryable=True)

    lms.during = arrive_but_time_out
    with clock.frozen(clock.now()):
        submit(runtime, learner, points=3)
        work_for(runtime, 120, step=10)

    assert [(each.given, each.new_submission) for each in lms.posted] == [(Decimal(3), True), (Decimal(3), False)]
    (row,) = outbox(runtime)
    assert row.state is ScoreState.SENT


def test_pending_manual_erases_nothing_where_the_lms_would(runtime: Runtime, learner: Someone, lms: FakeLms) -> None:
    submit(runtime, learner, points=1, manual=True)
    work(runtime)

    (row,) = outbox(runtime)
    assert (row.state, row.sent_version) == (ScoreState.NOT_WANTED, 1)
    assert lms.posted == []


def test_pending_manual_is_told_where_the_lms_keeps_grades(runtime: Runtime, learner: Someone, lms: FakeLms) -> None:
    lms.skips_pending = False
    submit(runtime, learner, points=1, manual=True)
    work(runtime)

    (posted,) = lms.posted
    assert (posted.given, posted.grading_progress) == (None, "PendingManual")


def test_link_launched_later_gets_the_grade_that_is_there(runtime: Runtime, learner: Someone, lms: FakeLms) -> None:
    submit(runtime, learner, points=3)
    work(runtime)
    with runtime.db.transaction() as tx:
        link_id = make_link(tx, learner.place, "activity-2")
        visit(tx, learner.user_id, link_id)
        jobs.emit(tx, LinkLaunched(learner.user_id, link_id, ITEM_REF, "learner", learner.place.placement_id))
    work(runtime)

    assert [(each.link_id, each.given) for each in lms.posted] == [(learner.place.link_id, 3), (link_id, 3)]


def test_new_line_item_of_a_known_link_gets_the_grade_again(runtime: Runtime, learner: Someone, lms: FakeLms) -> None:
    submit(runtime, learner, points=3)
    work(runtime)
    with runtime.db.transaction() as tx:
        tx.get_one(Link, learner.place.link_id).lineitem_url = "https://moodle.example/lineitems/another?type_id=1"
    hear_of_launch(runtime, learner)

    assert [(each.given, each.new_submission) for each in lms.posted] == [(3, True), (3, True)]


def test_launch_that_is_heard_of_with_the_grade_or_after_it_sends_nothing_twice(
    runtime: Runtime, learner: Someone, lms: FakeLms
) -> None:
    """As where jobs had to wait: the broker was away, or a class has come at once."""
    submit(runtime, learner, points=3)
    lms.during = lambda _score: hear_of_launch(runtime, learner)
    work(runtime)
    lms.during = None
    hear_of_launch(runtime, learner)

    assert [(each.given, each.new_submission) for each in lms.posted] == [(3, True)]


def test_refused_grade_goes_out_again_when_the_learner_is_back(
    runtime: Runtime, learner: Someone, lms: FakeLms
) -> None:
    lms.answers = [ScoreRefused("left", "The learner has left the course.", retryable=False)]
    submit(runtime, learner, points=3)
    work(runtime)
    assert lms.posted == []
    hear_of_launch(runtime, learner)

    assert [each.given for each in lms.posted] == [3]


def test_launch_without_a_result_sends_nothing(runtime: Runtime, learner: Someone, lms: FakeLms) -> None:
    with runtime.db.transaction() as tx:
        jobs.emit(
            tx, LinkLaunched(learner.user_id, learner.place.link_id, ITEM_REF, "learner", learner.place.placement_id)
        )
    work(runtime)

    assert lms.posted == []
    assert outbox(runtime) == []


def test_result_and_outbox_are_written_together(runtime: Runtime, learner: Someone) -> None:
    submission_id = submit(runtime, learner, points=3)
    with runtime.db.reading() as tx:
        job_id = tx.get_one(SubmissionRow, submission_id).job_id
    assert job_id is not None
    jobs.run_job(runtime, runtime.db.router, job_id)

    (row,) = outbox(runtime)
    assert (row.state, row.points, row.version, row.sent_version) == (ScoreState.PENDING, Decimal(3), 1, 0)
    with runtime.db.reading() as tx:
        assert len(jobs.due_ids(tx)) == 1


def test_grade_is_not_sent_to_an_activity_that_shows_another_quiz_since(
    runtime: Runtime, learner: Someone, lms: FakeLms
) -> None:
    lms.answers = [ScoreRefused("learner_left", "no", retryable=False)]
    submit(runtime, learner, points=3)
    work(runtime)
    other = "courses/notebooks-101/quiz-2"
    with runtime.db.transaction() as tx:
        facts: dict[str, Any] = {"rules": Rules(), "release": fake_release("quiz-2")}
        publish_assignment(tx, SLUG, "quiz-2", title="Quiz 2", item_ref=other, **facts)
        tx.get_one(Link, learner.place.link_id).item_ref = other
    with runtime.db.transaction() as tx:
        send_again(tx, tx.scalars(select(ScoreRow.id)).all())
    work(runtime)

    assert lms.posted == []
    (row,) = outbox(runtime)
    assert (row.state, row.sent_version) == (ScoreState.REFUSED, 0)
    assert row.text is not None
    assert "shows something else" in row.text

    with runtime.db.transaction() as tx:
        tx.get_one(Link, learner.place.link_id).item_ref = ITEM_REF
        send_again(tx, [row.id])
    work(runtime)
    assert [each.given for each in lms.posted] == [3]


def test_marks_of_a_quiz_that_was_replaced_stay_out_of_the_column_of_the_next(
    runtime: Runtime, learner: Someone, lms: FakeLms, engine: FakeCourse
) -> None:
    submit(runtime, learner, points=2, manual=True)
    work(runtime)
    with runtime.db.transaction() as tx:
        facts: dict[str, Any] = {"rules": Rules(), "release": fake_release("quiz-1b")}
        publish_assignment(tx, SLUG, "quiz-1b", title="Quiz 1", item_ref=ITEM_REF, **facts)
        close_assignment(tx, SLUG, NAME)
    engine.mark_by_hand(NAME, learner.hub_name, "2")
    reconcile(open_fake_course, runtime)
    with runtime.db.transaction() as tx:
        jobs.emit(
            tx, LinkLaunched(learner.user_id, learner.place.link_id, ITEM_REF, "learner", learner.place.placement_id)
        )
    work(runtime)

    assert lms.posted == []
    with runtime.db.reading() as tx:
        result = find_result_row(tx, 1, learner.submitter)
        assert result is not None
        assert result.points == 4

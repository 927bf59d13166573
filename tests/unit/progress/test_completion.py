"""When items and courses are done, what the percentage is made of, and what never goes back."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from lti_tool.kernel import clock, jobs
from lti_tool.kernel.errors import Invalid, NotFound
from lti_tool.kernel.runtime import Runtime
from plugins.progress.courses import set_course
from plugins.progress.merging import Change
from plugins.progress.messages import CourseDone, ItemDone
from plugins.progress.models import LearnerRow
from plugins.progress.public import (
    CourseProgress,
    ItemState,
    Learner,
    Needs,
    Rule,
    TextDone,
    list_mine,
    mark_done,
    mark_undone,
    publish_outline,
    read_course,
    read_many,
    read_percent,
    record_seen,
    record_time,
    record_watch,
)
from plugins.progress.recording import record
from tests.factories.grading import SLUG, work
from tests.factories.progress import T0, change, item, outline, ref
from tests.unit.progress.conftest import Heard


def take(runtime: Runtime, *changes: Change) -> None:
    with runtime.db.transaction() as tx:
        record(tx, changes)


def read(runtime: Runtime, who: Learner) -> CourseProgress:
    with runtime.db.reading() as tx:
        return read_course(tx, who, SLUG)


def finish(runtime: Runtime, who: Learner) -> None:
    """Everything of the usual course."""
    take(
        runtime,
        change(who, "trees", 1, seen=True),
        change(who, "paths", 2, seen=True),
        change(who, "film", 3, watched=[(0, 96)], duration_s=100),
        change(who, "quiz-1", 4, score=80, score_version=1),
    )


def test_percentage_says_what_it_is_made_of(runtime: Runtime, ada: Learner) -> None:
    take(runtime, change(ada, "trees", seen=True), change(ada, "quiz-1", score=80, score_version=1))
    found = read(runtime, ada)

    assert found.percent == 50
    assert found.explained == ["1 of 2 lessons", "0 of 1 video watched", "1 of 1 quiz done"]
    assert found.modules == {"one": 50}
    with runtime.db.reading() as tx:
        assert read_percent(tx, ada) == 50
        assert read_percent(tx, Learner(ada.placement_id, 1)) == 0
        assert read_many(tx, ada.placement_id)[ada.user_id].done_items == 2
        assert list(list_mine(tx, ada.user_id)) == [ada.placement_id]


def test_facts_are_stated_once(runtime: Runtime, ada: Learner, heard: Heard) -> None:
    for _ in range(2):
        finish(runtime, ada)
        work(runtime)

    assert sorted(event.ref for event in heard.of(ItemDone)) == sorted(map(ref, ("trees", "paths", "film", "quiz-1")))
    (done,) = heard.of(CourseDone)
    assert (done.placement_id, done.user_id, done.course_slug) == (7, 42, SLUG)
    found = read(runtime, ada)
    assert found.done_at is not None
    assert done.done_at == found.done_at.isoformat()
    assert (found.percent, found.next_ref) == (100, None)


def test_each_placement_starts_afresh(runtime: Runtime, ada: Learner, heard: Heard) -> None:
    finish(runtime, ada)
    next_year = Learner(8, ada.user_id)

    assert read(runtime, next_year).percent == 0
    finish(runtime, next_year)
    work(runtime)
    assert [event.placement_id for event in heard.of(CourseDone)] == [7, 8]


def test_who_has_finished_stays_finished_when_items_come_in(runtime: Runtime, ada: Learner, heard: Heard) -> None:
    bob = Learner(7, 43)
    finish(runtime, ada)
    take(runtime, change(bob, "trees", seen=True))
    with runtime.db.transaction() as tx:
        publish_outline(tx, SLUG, outline(*outline().items, item("graphs")))
    work(runtime)

    found = read(runtime, ada)
    assert (found.percent, found.next_ref) == (100, ref("graphs"))
    assert found.items[ref("graphs")].is_new
    assert not found.items[ref("trees")].is_new
    assert len(heard.of(CourseDone)) == 1
    with runtime.db.reading() as tx:
        assert read_many(tx, 7)[43].percent == 20


def test_item_that_goes_finishes_the_course_by_a_job(runtime: Runtime, ada: Learner, heard: Heard) -> None:
    take(runtime, change(ada, "trees", 5, seen=True))
    with runtime.db.transaction() as tx:
        publish_outline(tx, SLUG, outline(item("trees")))
    assert heard.of(CourseDone) == []
    work(runtime)

    (done,) = heard.of(CourseDone)
    assert done.user_id == ada.user_id


def test_publishing_the_same_again_does_nothing(runtime: Runtime, ada: Learner) -> None:
    with runtime.db.transaction() as tx:
        publish_outline(tx, SLUG, outline())
    with runtime.db.reading() as tx:
        assert jobs.due_ids(tx) == []


def test_rule_of_a_placement_changes_only_that_placement(runtime: Runtime, ada: Learner, heard: Heard) -> None:
    other = Learner(8, 43)
    for who in (ada, other):
        take(runtime, change(who, "quiz-1", score=55, score_version=1))
    with runtime.db.transaction() as tx:
        set_course(tx, SLUG, 7, rule=Rule(Needs.QUIZZES, TextDone.SEEN, min_score=50), sends_score=False)
    work(runtime)

    assert [event.placement_id for event in heard.of(CourseDone)] == [7]
    assert read(runtime, ada).explained == ["1 of 1 quiz done", "Quizzes: 55 % on average, 50 % needed"]
    assert read(runtime, other).percent == 25


def test_looser_rule_does_items_that_were_seen(runtime: Runtime, ada: Learner, heard: Heard) -> None:
    with runtime.db.transaction() as tx:
        publish_outline(tx, SLUG, outline(rule=Rule(texts=TextDone.MARKED)))
    take(runtime, change(ada, "trees", seen=True))
    assert read(runtime, ada).items[ref("trees")].state is ItemState.STARTED
    with runtime.db.transaction() as tx:
        publish_outline(tx, SLUG, outline())
    work(runtime)

    assert read(runtime, ada).items[ref("trees")].state is ItemState.DONE
    assert [event.ref for event in heard.of(ItemDone)] == [ref("trees")]


def test_stricter_rule_takes_nothing_away(runtime: Runtime, ada: Learner) -> None:
    take(runtime, change(ada, "trees", seen=True), change(ada, "quiz-1", score=50, score_version=1))
    strict = outline(item("trees"), item("quiz-1", "quiz", min_score=90), rule=Rule(texts=TextDone.MARKED))
    with runtime.db.transaction() as tx:
        publish_outline(tx, SLUG, strict)
    work(runtime)

    assert read(runtime, ada).percent == 100


@pytest.mark.parametrize(("score", "is_final", "least", "is_done"), [
    (59, True, 60, False), (60, True, 60, True), (60, False, 60, True), (0, True, None, True), (90, False, None, False),
])  # fmt: skip
def test_quiz_is_done_from_its_least_score_on(
    runtime: Runtime, score: int, is_final: bool, least: int | None, is_done: bool
) -> None:
    who = Learner(1, 1)
    with runtime.db.transaction() as tx:
        publish_outline(tx, SLUG, outline(item("quiz-1", "quiz", min_score=least)))
    take(runtime, change(who, "quiz-1", score=score, score_final=is_final, score_version=1))

    assert (read(runtime, who).items[ref("quiz-1")].state is ItemState.DONE) == is_done


def test_marking_is_nothing_that_the_learner_is_at(runtime: Runtime, ada: Learner) -> None:
    take(runtime, change(ada, "film", 10, watched=[(0, 5)], position_s=5))
    take(runtime, change(ada, "quiz-1", 999, score=10, score_final=False, score_version=1))
    found = read(runtime, ada)

    assert (found.next_ref, found.last_at) == (ref("film"), T0 + timedelta(seconds=10))


def test_worse_attempt_leaves_the_quiz_passed(runtime: Runtime, ada: Learner) -> None:
    take(runtime, change(ada, "quiz-1", 1, score=80, score_version=1))
    take(runtime, change(ada, "quiz-1", 2, score=10, score_version=2))
    take(runtime, change(ada, "quiz-1", 1, score=80, score_version=1))
    one = read(runtime, ada).items[ref("quiz-1")]

    assert (one.state, one.score, one.percent) == (ItemState.DONE, 10, 100)


def test_film_is_done_by_what_was_watched_not_by_where_it_stands(runtime: Runtime, ada: Learner) -> None:
    take(runtime, change(ada, "film", watched=[(0, 5)], position_s=99, duration_s=100))
    one = read(runtime, ada).items[ref("film")]
    assert (one.state, one.percent, one.resume_s) == (ItemState.STARTED, 5, 99)
    take(runtime, change(ada, "film", 1, watched=[(50, 100), (4, 51)], position_s=50))

    assert read(runtime, ada).items[ref("film")].state is ItemState.DONE


def test_known_length_counts_not_the_one_that_is_said(runtime: Runtime) -> None:
    who = Learner(1, 1)
    with runtime.db.transaction() as tx:
        publish_outline(tx, SLUG, outline(item("film", "video", duration_s=1000.0)))
    take(runtime, change(who, "film", watched=[(0, 1)], duration_s=1))

    assert read(runtime, who).items[ref("film")].percent == 0


def test_learner_may_take_back_their_own_mark(runtime: Runtime, ada: Learner, heard: Heard) -> None:
    with runtime.db.transaction() as tx, clock.frozen(T0):
        mark_done(tx, ada, ref("trees"))
        mark_undone(tx, ada, ref("trees"), T0 - timedelta(seconds=1))
    assert read(runtime, ada).percent == 25
    with runtime.db.transaction() as tx, clock.frozen(T0 + timedelta(seconds=1)):
        mark_undone(tx, ada, ref("trees"))
        record_seen(tx, ada, ref("trees"), T0 - timedelta(seconds=9))
    assert read(runtime, ada).percent == 0
    with runtime.db.transaction() as tx, clock.frozen(T0 + timedelta(seconds=2)):
        mark_done(tx, ada, ref("trees"))
    work(runtime)

    assert read(runtime, ada).percent == 25
    assert len(heard.of(ItemDone)) == 1


@pytest.mark.parametrize(("name", "error"), [("quiz-1", Invalid), ("film", Invalid), ("gone", NotFound)])
def test_only_texts_can_be_marked(runtime: Runtime, ada: Learner, name: str, error: type[Exception]) -> None:
    with pytest.raises(error), runtime.db.transaction() as tx:
        mark_done(tx, ada, ref(name))


def test_time_on_two_items_at_once_counts_once(runtime: Runtime, ada: Learner) -> None:
    with runtime.db.transaction() as tx, clock.frozen(T0 + timedelta(hours=1)):
        for name, start, end in (("trees", 0, 60), ("paths", 30, 90), ("trees", 0, 60), ("trees", 20, 65)):
            record_time(tx, ada, ref(name), [(T0 + timedelta(seconds=start), T0 + timedelta(seconds=end))])
    found = read(runtime, ada)

    assert (found.items[ref("trees")].seconds, found.items[ref("paths")].seconds, found.seconds) == (65, 60, 90)


def test_time_is_capped_and_never_in_the_future(runtime: Runtime, ada: Learner) -> None:
    with runtime.db.transaction() as tx, clock.frozen(T0):
        record_time(tx, ada, ref("trees"), [(T0 - timedelta(days=90), T0 - timedelta(days=80))])
        record_time(tx, ada, ref("trees"), [(T0, T0 + timedelta(hours=3))])
        assert read_course(tx, ada, SLUG).seconds == 0
        record_time(tx, ada, ref("trees"), [(T0 - timedelta(days=2), T0)])
        assert read_course(tx, ada, SLUG).seconds == 12 * 3600


def test_continue_goes_to_what_was_begun_last(runtime: Runtime, ada: Learner) -> None:
    assert read(runtime, ada).next_ref == ref("trees")
    with runtime.db.transaction() as tx, clock.frozen(T0 + timedelta(minutes=2)):
        record_watch(tx, ada, ref("film"), [(0, 30)], 30.0, 200.0, T0)
        record_seen(tx, ada, ref("trees"), T0 - timedelta(seconds=5))
    found = read(runtime, ada)
    assert (found.next_ref, found.resume_s) == (ref("film"), 30.0)

    take(runtime, change(ada, "film", 200, watched=[(0, 200)]))
    assert read(runtime, ada).next_ref == ref("quiz-1")
    take(runtime, change(ada, "quiz-1", 300, score=50, score_version=1))
    assert read(runtime, ada).next_ref == ref("paths")
    with runtime.db.reading() as tx:
        assert read_course(tx, ada, SLUG, skip=[ref("paths")]).next_ref is None


def test_item_that_is_not_in_the_course_is_passed_over(runtime: Runtime, ada: Learner) -> None:
    with runtime.db.transaction() as tx:
        unknown = record(tx, [change(ada, "gone", seen=True), change(ada, "trees", seen=True)])

    assert unknown == {(7, 42, ref("gone"))}
    assert read(runtime, ada).percent == 25


def test_optional_items_do_not_count_unless_all_are(runtime: Runtime) -> None:
    who = Learner(1, 1)
    with runtime.db.transaction() as tx:
        publish_outline(tx, SLUG, outline(item("a", weight=3), item("b"), item("c", required=False)))
    take(runtime, change(who, "a", seen=True), change(who, "c", seen=True))
    found = read(runtime, who)
    assert (found.percent, found.explained) == (75, ["1 of 2 lessons", "Some count more than others"])
    with runtime.db.transaction() as tx:
        publish_outline(tx, SLUG, outline(item("a", required=False), item("b", required=False)))

    assert read(runtime, who).percent == 50


def test_outline_with_a_strange_item_is_refused(runtime: Runtime) -> None:
    for wrong in (outline(item("a"), item("a")), outline(item("a", weight=0)), outline(item("q", min_score=101))):
        with pytest.raises(Invalid), runtime.db.transaction() as tx:
            publish_outline(tx, SLUG, wrong)
    with pytest.raises(Invalid), runtime.db.transaction() as tx:
        publish_outline(tx, "another", outline())


def test_many_learners_are_settled_in_portions(runtime: Runtime, ada: Learner, heard: Heard) -> None:
    take(runtime, *(change(Learner(7, 1000 + number), "trees", seen=True) for number in range(230)))
    with runtime.db.transaction() as tx:
        publish_outline(tx, SLUG, outline(item("trees"), item("paths")))
    work(runtime, rounds=4)

    with runtime.db.reading() as tx:
        assert set(tx.scalars(select(LearnerRow.percent))) == {50}

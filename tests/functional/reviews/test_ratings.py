"""Ratings: running sums that stay true, the order of courses, and races."""

import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from lti_tool.kernel.errors import Forbidden
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.reviews import moderation, public, service
from plugins.reviews.eligibility import Who
from plugins.reviews.models import HiddenBy, NameShown, ReviewRow, ReviewState, VoteRow
from plugins.reviews.totals import add_to_totals
from tests.factories.grading import SLUG
from tests.functional.reviews.conftest import who_of


def save(runtime: Runtime, who: Who, stars: int) -> ReviewRow:
    with runtime.db.transaction() as tx:
        return service.save_review(
            tx, who, SLUG, stars=stars, text="", name=NameShown.INITIALS, min_percent=30, longest=100
        )


def all_at_once(*calls: Callable[[], Any]) -> list[Exception]:
    """Run the calls in threads that start together; returns what they raised."""
    barrier, raised = threading.Barrier(len(calls)), []

    def run(call: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            call()
        except Exception as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def check_sums(runtime: Runtime) -> None:
    """The running sums are what counting gives."""
    with runtime.db.reading() as tx:
        rating = public.rating(tx, runtime, [SLUG])[SLUG]
        shown = ReviewRow.state == ReviewState.SHOWN
        counted = dict(tx.execute(select(ReviewRow.stars, func.count()).where(shown).group_by(ReviewRow.stars)).all())
        votes = dict(tx.execute(select(VoteRow.review_id, func.count()).group_by(VoteRow.review_id)).all())
        kept = {row.id: row.helpful for row in tx.scalars(select(ReviewRow)) if row.helpful}
    assert {stars: number for stars, number in rating.by_stars.items() if number} == counted
    assert kept == votes


# ---- the order ----


def test_many_good_reviews_beat_one_perfect_one(runtime: Runtime) -> None:
    with runtime.db.transaction() as tx:
        add_to_totals(tx, "one", {5: 1})
        add_to_totals(tx, "many", {5: 160, 4: 40})
        add_to_totals(tx, "poor", {1: 10, 3: 10})
    with runtime.db.reading() as tx:
        found = public.rating(tx, runtime, ["one", "many", "poor", "none"])
        table = public.ratings_table(runtime)
        listed = tx.execute(select(table).order_by(table.c.bayes.desc())).all()
        mean = tx.scalar(public.prior_mean())

    assert mean == pytest.approx((5 * 161 + 4 * 40 + 10 + 30) / 221)
    assert [row.course_slug for row in listed] == ["many", "one", "poor"]
    assert {row.course_slug: (row.count, pytest.approx(row.average), pytest.approx(row.bayes)) for row in listed} == {
        slug: (found[slug].count, found[slug].average, found[slug].bayes) for slug in ("one", "many", "poor")
    }
    assert found["one"].bayes == pytest.approx((10 * mean + 5) / 11)
    assert (found["none"].average, found["none"].bayes) == (None, pytest.approx(mean))


def test_without_any_review_the_middle_is_assumed(runtime: Runtime) -> None:
    with runtime.db.reading() as tx:
        assert public.rating(tx, runtime, ["a"])["a"].bayes == 3.0
        assert tx.scalar(public.prior_mean()) is None


# ---- races ----


def test_two_windows_write_one_review(someone: Any, runtime: Runtime) -> None:
    for stars in (1, 2, 3):
        who = who_of(someone())
        raised = all_at_once(*(lambda w=who, s=one: save(runtime, w, s) for one in (stars, 5, 4, stars)))
        assert raised == []
    with runtime.db.reading() as tx:
        assert tx.scalar(select(func.count()).select_from(ReviewRow)) == 3
    check_sums(runtime)


def test_votes_of_a_double_click_count_once(someone: Any, runtime: Runtime) -> None:
    row = save(runtime, who_of(someone()), 4)
    voters = [who_of(someone()) for _ in range(3)]

    def vote(who: Who, is_helpful: bool) -> None:
        with runtime.db.transaction() as tx:
            service.set_helpful(tx, who, SLUG, row.id, is_helpful=is_helpful)

    assert all_at_once(*(lambda w=who: vote(w, True) for who in voters for _ in range(2))) == []
    check_sums(runtime)
    assert all_at_once(*(lambda w=who: vote(w, False) for who in voters[:2] for _ in range(2))) == []
    check_sums(runtime)
    with runtime.db.reading() as tx:
        assert tx.scalar(select(ReviewRow.helpful)) == 1


def test_sums_stay_true_through_anything(someone: Any, runtime: Runtime) -> None:
    chance, people = random.Random(7), [who_of(someone()) for _ in range(4)]
    reviews: dict[int, int] = {}

    def step() -> None:
        who = chance.choice(people)
        number = reviews.get(who.user_id)
        action = chance.choice(["save", "save", "delete", "hide", "restore", "vote"])
        if action == "save":
            reviews[who.user_id] = save(runtime, who, chance.randint(1, 5)).id
        elif number is not None:
            with runtime.db.transaction() as tx:
                if action == "delete":
                    service.delete_own(tx, SLUG, who.user_id)
                    del reviews[who.user_id]
                elif action == "hide":
                    moderation.hide(tx, SLUG, number, "why", HiddenBy.TEACHER)
                elif action == "restore":
                    moderation.restore(tx, SLUG, number, HiddenBy.TEACHER)
                elif tx.get_one(ReviewRow, number).state is ReviewState.SHOWN:
                    other = next(one for one in people if one is not who)
                    service.set_helpful(tx, other, SLUG, number, is_helpful=chance.random() < 0.7)

    for _ in range(60):
        step()
    check_sums(runtime)


def test_a_teacher_does_not_restore_what_the_operator_has_hidden(someone: Any, runtime: Runtime) -> None:
    row = save(runtime, who_of(someone()), 1)
    with runtime.db.transaction() as tx:
        moderation.hide(tx, SLUG, row.id, "against the law", HiddenBy.OPERATOR)
    with pytest.raises(Forbidden), runtime.db.transaction() as tx:
        moderation.restore(tx, SLUG, row.id, HiddenBy.TEACHER)
    with runtime.db.transaction() as tx:
        moderation.restore(tx, SLUG, row.id, HiddenBy.OPERATOR)
    check_sums(runtime)


def test_only_learners_have_a_say(someone: Any, runtime: Runtime) -> None:
    with pytest.raises(Forbidden):
        save(runtime, who_of(someone(role=Role.TEACHER)), 5)

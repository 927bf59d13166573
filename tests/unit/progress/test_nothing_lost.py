"""Ten thousand saves, shuffled and duplicated, by writers at the same time: nothing is lost, nothing counts twice."""

import random
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from lti_tool.kernel import clock
from lti_tool.kernel.db import Database
from lti_tool.kernel.runtime import Runtime
from plugins.progress.group_commit import GroupCommit
from plugins.progress.merging import Change, Facts, Learner, conclude, merge
from plugins.progress.models import ItemRow, ItemState, LearnerRow
from plugins.progress.outline import Rule
from plugins.progress.public import publish_outline
from plugins.progress.ranges import JOIN_S, SLOT_S, unite
from tests.factories.grading import SLUG
from tests.factories.progress import T0, change, item, outline, ref
from tests.unit.progress.conftest import Heard

SAVES = 10_000
LEARNERS = 12
FILM_S = 900.0

tenths = st.integers(0, 3000).map(lambda n: n / 10)
ranges = st.lists(st.tuples(tenths, tenths), max_size=30)


@given(ranges, st.randoms())
def test_union_does_not_depend_on_order_or_repetition(some: list[tuple[float, float]], luck: random.Random) -> None:
    whole = unite(some)
    again = [*some, *luck.sample(some, len(some) // 2)]
    luck.shuffle(again)
    grown: list[list[float]] = []
    for one in again:
        grown = unite([*grown, one])

    assert unite(whole) == whole
    assert all(any(a <= start and end <= b for a, b in whole) for start, end in some if end > start)
    assert grown == whole


saves = st.builds(
    change,
    st.just(Learner(1, 1)),
    st.just("film"),
    st.integers(0, 500),
    seen=st.booleans(),
    watched=st.lists(st.tuples(tenths, tenths), max_size=3),
    position_s=st.none() | tenths,
    mark=st.none() | st.booleans(),
)


@given(st.lists(saves, min_size=1, max_size=12), st.sampled_from(["lesson", "video"]), st.randoms())
def test_item_ends_in_the_same_state_in_any_order(some: list[Change], kind: str, luck: random.Random) -> None:
    def run(order: Sequence[Change]) -> tuple[object, ...]:
        facts = Facts(1, 1, ref("film"), kind, last_at=order[0].at)
        for one in order:
            merge(facts, one)
            conclude(facts, item("film", kind, duration_s=250.0), Rule())
        return facts.state, facts.percent, facts.resume_s, facts.resume_at, facts.mark, facts.seen_at

    again = [*some, *luck.sample(some, len(some) // 2)]
    luck.shuffle(again)

    assert run(again) == run(some)


@settings(
    max_examples=1, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(1, 10_000))
def test_ten_thousand_shuffled_saves_lose_nothing(runtime: Runtime, heard: Heard, seed: int) -> None:
    luck = random.Random(seed)
    with clock.frozen(T0 + timedelta(days=1)):
        _publish(runtime)
        said = [_make_save(luck, seed) for _ in range(SAVES)]
        sent = [*said, *luck.sample(said, SAVES // 5)]
        luck.shuffle(sent)
        with _writers(runtime, 2) as writers, ThreadPoolExecutor(6) as threads:
            jobs = [threads.submit(partial(luck.choice(writers).save, some)) for some in _cut(sent, luck)]
            assert [job.result() for job in jobs] == [set()] * len(jobs)
        _compare(runtime, seed, said)


def test_one_bad_save_does_not_cost_the_others(runtime: Runtime, ada: Learner) -> None:
    writer = GroupCommit(runtime.db)
    good, bad = change(ada, "trees", seen=True), change(ada, "paths", score=2**70)
    entries = [writer.save, writer.save]

    with ThreadPoolExecutor(2) as threads:
        done = [threads.submit(save, [one]) for save, one in zip(entries, (good, bad), strict=True)]
        errors = [job.exception() for job in done]

    assert errors[0] is None
    assert errors[1] is not None
    with runtime.db.reading() as tx:
        assert tx.scalars(select(ItemRow.ref)).all() == [ref("trees")]


def _publish(runtime: Runtime) -> None:
    texts = [item(f"text-{number}") for number in range(6)]
    with runtime.db.transaction() as tx:
        publish_outline(tx, SLUG, outline(*texts, item("film", "video", duration_s=FILM_S)))


@contextmanager
def _writers(runtime: Runtime, count: int) -> Iterator[list[GroupCommit]]:
    """Writers on connections of their own, like processes."""
    databases = [Database(runtime.settings.database.url) for _ in range(count)]
    for database in databases:
        database.router = runtime.db.router
    yield [GroupCommit(database) for database in databases]
    for database in databases:
        database.close()


def _make_save(luck: random.Random, placement_id: int) -> Change:
    who, at_s = Learner(placement_id, luck.randrange(LEARNERS)), luck.randrange(36_000)
    start = (T0 + timedelta(seconds=at_s)).timestamp() // SLOT_S * SLOT_S
    spans = [(start, start + SLOT_S * luck.randrange(1, 8))]
    if luck.random() < 0.5:
        return change(who, f"text-{luck.randrange(6)}", at_s, seen=luck.random() < 0.1, spans=spans)
    begin, long = luck.randrange(9000) / 10, luck.randrange(1, 200) / 10
    return change(who, "film", at_s, spans=spans, watched=[(begin, round(begin + long, 1))], position_s=begin)


def _cut(sent: list[Change], luck: random.Random) -> Iterator[list[Change]]:
    while sent:
        size = luck.randrange(1, 60)
        yield sent[:size]
        del sent[:size]


def _compare(runtime: Runtime, placement_id: int, said: list[Change]) -> None:
    """With what a plain count over sets of slots and tenths of seconds gives."""
    with runtime.db.reading() as tx:
        rows = {
            (row.user_id, row.ref): row
            for row in tx.scalars(select(ItemRow).where(ItemRow.placement_id == placement_id))
        }
        learners = {
            row.user_id: row for row in tx.scalars(select(LearnerRow).where(LearnerRow.placement_id == placement_id))
        }
    slots: dict[tuple[int, str], set[int]] = {}
    for one in said:
        start, end = one.spans[0]
        slots.setdefault((one.who.user_id, one.ref), set()).update(range(int(start // SLOT_S), int(end // SLOT_S)))
    assert set(rows) == set(slots)
    for (user_id, name), some in slots.items():
        mine = [one for one in said if (one.who.user_id, one.ref) == (user_id, name)]
        row = rows[user_id, name]
        assert row.seconds == len(some) * SLOT_S
        assert row.last_at == max(one.at for one in mine)
        if name == ref("film"):
            newest = max((one.at, one.position_s) for one in mine)
            assert (row.resume_at, row.resume_s) == newest
            watched = _joined(_tenths([one.watched[0] for one in mine]))
            assert _tenths(row.watched) == watched
            assert (row.percent == 100) is (len({*watched} & {*range(int(FILM_S * 10))}) >= 0.95 * FILM_S * 10)
        else:
            assert (row.state is ItemState.DONE) == any(one.seen for one in mine)
    for user_id, learner in learners.items():
        mine_too = set().union(*(some for (user, _), some in slots.items() if user == user_id))
        done = sum(row.state is ItemState.DONE for (user, _), row in rows.items() if user == user_id)
        assert learner.seconds == len(mine_too) * SLOT_S
        assert learner.done_items == done
        assert learner.percent == (100 if done == 7 else done * 100 // 7)


def _tenths(some: Iterable[Sequence[float]]) -> set[int]:
    """The tenths of seconds that ranges cover."""
    return set().union(*(range(round(10 * start), round(10 * end)) for start, end in some))


def _joined(tenths: set[int]) -> set[int]:
    """With the gaps filled that are too short to be one."""
    found = set(tenths)
    gap: list[int] = []
    for tenth in range(min(tenths), max(tenths)):
        gap = [] if tenth in tenths else [*gap, tenth]
        if gap and len(gap) <= JOIN_S * 10 and tenth + 1 in tenths:
            found.update(gap)
    return found

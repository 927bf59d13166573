"""Group work: one submission for all members, marked once, its marks theirs for good."""

import threading
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, update

from grading.assignments import get_assignment
from grading.extensions import Grant, grant_extension
from grading.group_models import GroupSetRow, GroupWorkRow, ShareRow
from grading.group_sets import choose_set, follow_all_groups, list_sets, load_group_work, take_over_groups
from grading.models import AssignmentRow, ResultRow, SubmissionRow, SubmissionState
from grading.personal_data import erase_personal_data, export_personal_data
from grading.results import find_result_row
from grading.submissions import list_submissions, make_snapshot, store_submission
from grading.sync import reconcile
from lti_tool.kernel import clock
from lti_tool.kernel.audit import Actor, Via
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict, NotFound
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import Membership, Visit
from lti_tool.lti.public import Group
from tests.factories.grading import (
    LIMIT,
    NAME,
    SLUG,
    Place,
    Someone,
    get_submission,
    make_context,
    make_person,
    moment,
    notebook,
    publish,
    submit,
    work,
    work_in_groups,
)
from tests.fakes.engine import FakeCourse, open_fake_course
from tests.fakes.lms import FakeLms

BY = Actor("Teacher", Via.COURSE)


@pytest.fixture
def third(runtime: Runtime, place: Place) -> Someone:
    """Edsger, in the same LMS course."""
    with runtime.db.transaction() as tx:
        return make_person(tx, place, "Edsger D.")


@pytest.fixture
def red(runtime: Runtime, place: Place, learner: Someone, other: Someone) -> list[Someone]:
    """Ada and Grace are a group."""
    work_in_groups(runtime, place, {"Red": [learner, other]})
    return [learner, other]


def numbers(runtime: Runtime, who: Someone) -> list[int]:
    with runtime.db.reading() as tx:
        return [row.number for row in list_submissions(tx, 1, who.submitter)]


def result(runtime: Runtime, who: Someone) -> tuple[Decimal, int] | None:
    """(points, id of the submission) that count."""
    with runtime.db.reading() as tx:
        row = find_result_row(tx, 1, who.submitter)
        return None if row is None else (row.points, row.submission_id)


def given(lms: FakeLms) -> dict[int, list[int]]:
    """The points that the LMS was sent, by user id."""
    found: dict[int, list[int]] = {}
    for each in lms.posted:
        found.setdefault(each.user_id, []).append(int(each.given or 0))
    return found


def all_at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """What each gave or raised."""
    outcomes: list[Any] = [None] * len(calls)
    barrier = threading.Barrier(len(calls))

    def run(at: int, call: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            outcomes[at] = call()
        except Exception as error:
            outcomes[at] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def while_open(runtime: Runtime, first: Callable[[Tx], object], second: Callable[[], Any]) -> Any:
    """What `second` gives or raises that begins while the transaction of `first` is open."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(second())
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    with runtime.db.transaction() as tx:
        first(tx)
        thread.start()
        thread.join(0.5)
    thread.join()
    return outcome[0]


def test_how_a_quiz_is_done_is_not_changed_while_somebody_hands_in(
    runtime: Runtime, place: Place, learner: Someone, other: Someone
) -> None:
    work_in_groups(runtime, place, {"Red": [learner, other]})

    def alone(tx: Tx) -> None:
        choose_set(tx, load_group_work(tx, SLUG, NAME, place.placement_id), place.placement_id, None, BY)

    def together(tx: Tx) -> None:
        (each,) = list_sets(tx, place.placement_id)
        choose_set(tx, load_group_work(tx, SLUG, NAME, place.placement_id), place.placement_id, each.id, BY)

    def change(how: Callable[[Tx], None]) -> None:
        with runtime.db.transaction() as tx:
            how(tx)

    change(alone)
    submission_id = while_open(runtime, together, lambda: submit(runtime, other))
    assert get_submission(runtime, submission_id).group_id is not None, "the choice came first"
    with runtime.db.transaction() as tx:
        tx.delete(tx.get_one(SubmissionRow, submission_id))
    change(alone)
    snapshot = make_snapshot(notebook(points=1), LIMIT)

    def hand_in(tx: Tx) -> None:
        store_submission(
            tx, get_assignment(tx, SLUG, NAME), learner.submitter, snapshot, via="page", request_id="0" * 8
        )

    outcome = while_open(runtime, hand_in, lambda: change(together))
    assert isinstance(outcome, Conflict) and outcome.code == "group_work_begun", "the hand-in came first"


def test_one_hand_in_is_marked_once_and_every_member_gets_the_mark(
    runtime: Runtime, red: list[Someone], third: Someone, engine: FakeCourse, lms: FakeLms
) -> None:
    ada, grace = red
    submission_id = submit(runtime, grace, points=3)
    work(runtime)

    row = get_submission(runtime, submission_id)
    assert (row.user_id, row.hub_name, row.number, row.state) == (grace.user_id, "group-1", 1, SubmissionState.GRADED)
    assert engine.marked() == ["quiz-1 group-1 1"]
    assert result(runtime, ada) == result(runtime, grace) == (Decimal(3), submission_id)
    assert result(runtime, third) is None
    assert given(lms) == {ada.user_id: [3], grace.user_id: [3]}


def test_member_who_never_launched_gets_the_mark_where_the_others_do(
    runtime: Runtime, place: Place, red: list[Someone], lms: FakeLms
) -> None:
    ada, grace = red
    with runtime.db.transaction() as tx:
        for visit in tx.scalars(select(Visit).where(Visit.user_id == ada.user_id)).all():
            tx.delete(visit)
    submit(runtime, grace, points=3)
    work(runtime)

    assert given(lms) == {ada.user_id: [3], grace.user_id: [3]}


def test_attempts_are_the_groups(runtime: Runtime, red: list[Someone]) -> None:
    ada, grace = red
    with runtime.db.transaction() as tx:
        publish(tx, max_attempts=2)
    submit(runtime, ada, points=1)
    submit(runtime, grace, points=2)

    assert numbers(runtime, ada) == numbers(runtime, grace) == [2, 1]
    with pytest.raises(Conflict, match="of your group are used"):
        submit(runtime, ada, points=3)


def test_two_members_at_the_same_moment_make_two_attempts(
    runtime: Runtime, red: list[Someone], engine: FakeCourse
) -> None:
    with runtime.db.transaction() as tx:
        publish(tx, max_attempts=5)
    calls = [lambda who=who: submit(runtime, who, points=1) for who in red * 4]
    outcomes = all_at_once(calls)

    refused = [each for each in outcomes if isinstance(each, Exception)]
    assert (
        [each.code for each in refused if isinstance(each, Conflict)]
        == ["attempts_used_up"] * 3
        == ["attempts_used_up" for _ in refused]
    )
    for who in red:
        assert numbers(runtime, who) == [5, 4, 3, 2, 1]
    work(runtime)
    assert [line.split()[1:] for line in engine.marked()] == [["group-1", str(n)] for n in range(1, 6)]
    assert engine.attempt_held(NAME, "group-1") == 5


def test_marks_stay_with_those_who_were_members(
    runtime: Runtime, place: Place, red: list[Someone], third: Someone, lms: FakeLms
) -> None:
    ada, grace = red
    first = submit(runtime, ada, points=2)
    work(runtime)
    work_in_groups(runtime, place, {"Red": [ada, third]})
    second = submit(runtime, third, points=4)
    work(runtime)

    assert result(runtime, ada) == (Decimal(4), second)
    assert result(runtime, grace) == (Decimal(2), first), "who has left keeps what was theirs"
    assert result(runtime, third) == (Decimal(4), second)
    assert given(lms) == {ada.user_id: [2, 4], grace.user_id: [2], third.user_id: [4]}
    assert (numbers(runtime, third), numbers(runtime, grace)) == ([2], [1])


def test_who_changes_groups_brings_the_attempts_along(
    runtime: Runtime, place: Place, red: list[Someone], third: Someone
) -> None:
    ada, grace = red
    submit(runtime, ada, points=1)
    submit(runtime, ada, points=1)
    work_in_groups(runtime, place, {"Red": [ada], "Blue": [grace, third]})
    submit(runtime, third, points=3)

    assert numbers(runtime, grace) == [3, 2, 1], "no two attempts of one person have the same number"
    assert numbers(runtime, third) == [3]


def test_who_is_in_no_group_hands_in_alone(runtime: Runtime, red: list[Someone], third: Someone) -> None:
    row = get_submission(runtime, submit(runtime, third, points=1))

    assert (row.hub_name, row.group_id, row.number) == (third.hub_name, None, 1)
    with runtime.db.reading() as tx:
        assert tx.scalars(select(ShareRow)).all() == []


def test_who_has_left_the_course_has_no_share(runtime: Runtime, red: list[Someone], lms: FakeLms) -> None:
    ada, grace = red
    with runtime.db.transaction() as tx:
        gone = update(Membership).where(Membership.user_id == grace.user_id)
        tx.execute(gone.values(left_at=clock.now()))
    submit(runtime, ada, points=3)
    work(runtime)

    assert given(lms) == {ada.user_id: [3]}


def test_mark_by_hand_reaches_every_member_and_the_lms(
    runtime: Runtime, red: list[Someone], engine: FakeCourse, lms: FakeLms
) -> None:
    submission_id = submit(runtime, red[0], points=2, manual=True)
    work(runtime)
    engine.mark_by_hand(NAME, "group-1", "1.5")
    reconcile(open_fake_course, runtime)
    work(runtime)

    assert [result(runtime, who) for who in red] == [(Decimal("3.5"), submission_id)] * 2
    assert {each.user_id: each.given for each in lms.posted} == {who.user_id: Decimal("3.5") for who in red}


def test_lateness_is_each_members_own(runtime: Runtime, red: list[Someone], lms: FakeLms) -> None:
    ada, grace = red
    due = moment("2026-11-02T12:00:00+00:00")
    with runtime.db.transaction() as tx:
        publish(tx, due_at=due, late_per_day=25)
        grant = Grant(moment("2026-11-09T12:00:00+00:00"), None, 0, "ill")
        grant_extension(tx, tx.get_one(AssignmentRow, 1), grace.submitter, grant, BY)
    with clock.frozen(moment("2026-11-03T11:00:00+00:00")):
        submission_id = submit(runtime, ada, points=4)
        work(runtime)

    assert result(runtime, ada) == (Decimal(3), submission_id)
    assert result(runtime, grace) == (Decimal(4), submission_id)
    assert given(lms) == {ada.user_id: [3], grace.user_id: [4]}


def test_group_work_cannot_change_once_something_was_handed_in(
    runtime: Runtime, place: Place, red: list[Someone]
) -> None:
    with runtime.db.transaction() as tx:
        choose_set(tx, load_group_work(tx, SLUG, NAME, place.placement_id), place.placement_id, None, BY)
    set_id = work_in_groups(runtime, place, {"Red": red})
    submit(runtime, red[0], points=1)
    with runtime.db.transaction() as tx, pytest.raises(Conflict, match="handed in"):
        choose_set(tx, load_group_work(tx, SLUG, NAME, place.placement_id), place.placement_id, None, BY)
    with runtime.db.reading() as tx:
        assert load_group_work(tx, SLUG, NAME, place.placement_id).set_id == set_id


def test_set_of_another_placement_is_not_found(runtime: Runtime, place: Place, red: list[Someone]) -> None:
    with runtime.db.transaction() as tx:
        elsewhere = make_context(tx, place)
        task = load_group_work(tx, SLUG, NAME, elsewhere.placement_id)
        with pytest.raises(NotFound):
            choose_set(tx, task, elsewhere.placement_id, 1, BY)


def test_group_work_holds_in_its_placement_alone(runtime: Runtime, place: Place, red: list[Someone]) -> None:
    with runtime.db.transaction() as tx:
        elsewhere = make_context(tx, place)
        tx.add(Membership(user_id=red[0].user_id, context_id=elsewhere.context_id, role=Role.LEARNER))
    row = get_submission(runtime, submit(runtime, replace(red[0], place=elsewhere), points=1))

    assert (row.hub_name, row.group_id) == (red[0].hub_name, None)


def test_what_is_erased_of_one_member_stays_of_the_others(
    runtime: Runtime, red: list[Someone], engine: FakeCourse
) -> None:
    ada, grace = red
    submission_id = submit(runtime, ada, points=3)
    work(runtime)
    with runtime.db.transaction() as tx:
        assert export_personal_data(tx, grace.user_id)["submissions"][0]["handed_in_for_a_group"]
        erase_personal_data(tx, ada.user_id)
    work(runtime)

    row = get_submission(runtime, submission_id)
    assert row.user_id == grace.user_id
    assert result(runtime, ada) is None
    assert result(runtime, grace) == (Decimal(3), submission_id)
    assert engine.attempt_held(NAME, "group-1") == 1
    with runtime.db.transaction() as tx:
        erase_personal_data(tx, grace.user_id)
    work(runtime)
    with runtime.db.reading() as tx:
        assert tx.scalars(select(SubmissionRow)).all() == []
        assert tx.scalars(select(ResultRow)).all() == []
    assert "group-1" not in engine.list_totals(NAME)


def lms_group(number: int, name: str, *members: Someone, lms_set: str = "s1", hidden: bool = False) -> Group:
    ids = tuple(each.user_id for each in members)
    return Group(number, f"g{number}", name, lms_set, "Labs" if lms_set else "", "", hidden, ids, 0)


def test_groups_of_the_lms_are_taken_over_and_followed(
    runtime: Runtime, place: Place, learner: Someone, other: Someone, third: Someone
) -> None:
    def take_over(*groups: Group) -> dict[str, dict[str, list[int]]]:
        with runtime.db.transaction() as tx:
            take_over_groups(tx, place.placement_id, groups)
            found = list_sets(tx, place.placement_id)
        return {each.name: {name: list(ids) for name, ids in each.groups.items()} for each in found}

    first = take_over(
        lms_group(1, "B", learner, other), lms_group(2, "A", other), lms_group(3, "Secret", third, hidden=True)
    )
    assert first == {"Labs": {"A": [other.user_id], "B": [learner.user_id]}}, "in two groups: the first by name"
    again = take_over(lms_group(1, "B renamed", learner, third), lms_group(4, "Loose", other, lms_set=""))
    assert again == {"Labs": {"B renamed": [learner.user_id, third.user_id]}, "": {"Loose": [other.user_id]}}
    assert take_over() == {"Labs": {}, "": {}}
    with runtime.db.reading() as tx:
        assert len(tx.scalars(select(GroupSetRow)).all()) == 2


def test_groups_in_work_are_read_again(runtime: Runtime, place: Place, learner: Someone) -> None:
    with runtime.db.transaction() as tx:
        take_over_groups(tx, place.placement_id, [lms_group(1, "A", learner)])
        tx.add(GroupWorkRow(placement_id=place.placement_id, assignment_id=1, set_id=1))
    follow_all_groups(runtime)
    work(runtime)  # the platform offers no groups now

    with runtime.db.reading() as tx:
        assert list_sets(tx, place.placement_id)[0].groups == {}


class Killed(BaseException):
    """The worker is gone at this moment: nothing after it is run."""


@pytest.mark.parametrize("point", ["started", "claimed", "marked", "recorded", "committed"])
def test_killed_while_it_marks_nothing_is_doubled_and_nobody_left_out(
    runtime: Runtime, red: list[Someone], lms: FakeLms, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    deaths = [f"autograde.{point}"]

    def reach(name: str) -> None:
        if name in deaths:
            deaths.remove(name)
            raise Killed(name)

    monkeypatch.setattr("grading.marking.reach", reach)
    submission_id = submit(runtime, red[0], points=3)
    with clock.frozen(clock.now()):
        with pytest.raises(Killed):
            work(runtime)
        with runtime.db.reading() as tx:
            done = len(tx.scalars(select(ResultRow)).all())
        assert done == (2 if point == "committed" else 0), "both members have the result, or none has"
        clock.advance(runtime.settings.jobs.lease_s + 1)
        work(runtime)

    assert [result(runtime, who) for who in red] == [(Decimal(3), submission_id)] * 2
    assert given(lms) == {who.user_id: [3] for who in red}


def test_marked_again_after_a_member_left_everybody_of_then_gets_it(
    runtime: Runtime, place: Place, red: list[Someone], third: Someone, engine: FakeCourse, lms: FakeLms
) -> None:
    ada, grace = red
    submit(runtime, ada, points=2)
    work(runtime)
    work_in_groups(runtime, place, {"Red": [ada, third]})
    engine.mark_by_hand(NAME, "group-1", "1")
    reconcile(open_fake_course, runtime)
    work(runtime)

    with runtime.db.reading() as tx:
        owners = {row.user_id for row in tx.scalars(select(ResultRow))}
    assert owners == {ada.user_id, grace.user_id}
    assert {user_id: points[-1] for user_id, points in given(lms).items()} == {ada.user_id: 3, grace.user_id: 3}

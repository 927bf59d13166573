"""Similar submissions, through HTTP: asked for by a teacher, found in the background, seen side by side."""

import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

from sqlalchemy import select, update

from grading.assignments import Rules, get_assignment, publish_assignment
from grading.personal_data import erase_personal_data, export_personal_data
from grading.similarity_models import ComparisonRow, SimilarPairRow
from grading.submissions import make_snapshot, store_submission
from lti_tool.kernel.jobs import JobRow
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import User
from tests.factories import notebooks as make
from tests.factories.grading import ITEM_REF, LIMIT, NAME, SLUG, Place, Someone, make_context, make_person, work
from tests.fakes.engine import fake_release
from tests.functional.grading.conftest import counted
from tests.unit.grading.test_similarity import ANSWER, OTHER, RELEASE, RENAMED

QUIZ = f"/grading/{SLUG}/{NAME}"


def release(runtime: Runtime) -> None:
    with runtime.db.transaction() as tx:
        made = replace(fake_release(), files={f"{NAME}.ipynb": RELEASE})
        publish_assignment(tx, SLUG, NAME, title="Quiz 1", item_ref=ITEM_REF, release=made, rules=Rules())


def hand_in(runtime: Runtime, who: Someone, answer: str) -> None:
    files = {f"{NAME}.ipynb": json.dumps(make.fill(RELEASE, {"mean": answer}) | {"points": 1}).encode()}
    with runtime.db.transaction() as tx:
        row, snapshot = get_assignment(tx, SLUG, NAME), make_snapshot(files, LIMIT)
        store_submission(tx, row, who.submitter, snapshot, via="page", request_id=uuid4().hex)


def pairs(runtime: Runtime) -> list[tuple[set[int], int]]:
    with runtime.db.reading() as tx:
        rows = tx.scalars(select(SimilarPairRow).order_by(SimilarPairRow.id))
        return [({row.first_user_id, row.second_user_id}, row.percent) for row in rows]


def compare(runtime: Runtime, browser: Any) -> str:
    assert browser.post(f"{QUIZ}/similar/compare").status_code == 303
    work(runtime)
    page: str = browser.get(f"{QUIZ}/similar").text
    return page


def test_teacher_has_submissions_compared_and_sees_a_pair_side_by_side(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, other: Someone, place: Place
) -> None:
    release(runtime)
    with runtime.db.transaction() as tx:
        third = make_person(tx, place, "Tim B.")
    hand_in(runtime, learner, OTHER)
    hand_in(runtime, learner, ANSWER)  # the newest is compared
    hand_in(runtime, other, RENAMED)
    hand_in(runtime, third, OTHER)
    browser = browse(teacher)
    first = browser.get(f"{QUIZ}/similar").text
    assert "Compare now" in first
    assert "No pair" not in first
    assert f"{QUIZ}/similar" in browser.get(f"{QUIZ}/submissions").text

    browser.post(f"{QUIZ}/similar/compare")
    assert "are being compared" in browser.get(f"{QUIZ}/similar").text
    work(runtime)
    with counted(runtime) as statements:
        page = browser.get(f"{QUIZ}/similar").text
    assert len(statements) <= 6, statements

    assert pairs(runtime) == [({learner.user_id, other.user_id}, 100)]
    for text in ("Ada L.", "Grace H.", "100 %", "3 submissions were compared", "Similar says nothing about why"):
        assert text in page
    assert "Tim B." not in page
    with runtime.db.reading() as tx:
        pair_id = tx.scalars(select(SimilarPairRow.id)).one()
    with counted(runtime) as statements:
        beside = browser.get(f"{QUIZ}/similar/{pair_id}")
    assert len(statements) <= 6, statements
    assert beside.status_code == 200
    for text in ("total = total + value", "s = s + x   # sum up", "in both", 'class="given"', 'class="alike"'):
        assert text in beside.text
    for word in ("cheat", "plagiar", "copied"):
        assert word not in (page + beside.text).lower()


def test_comparing_again_replaces_what_was_found(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, other: Someone
) -> None:
    release(runtime)
    hand_in(runtime, learner, ANSWER)
    hand_in(runtime, other, RENAMED)
    browser = browse(teacher)
    compare(runtime, browser)
    assert "100 %" in compare(runtime, browser)
    assert len(pairs(runtime)) == 1

    hand_in(runtime, other, OTHER)
    assert "No pair is that similar" in compare(runtime, browser)
    assert pairs(runtime) == []


def test_asking_twice_compares_once(runtime: Runtime, browse: Any, teacher: Someone, learner: Someone) -> None:
    release(runtime)
    browser = browse(teacher)
    for _ in range(2):
        browser.post(f"{QUIZ}/similar/compare")
    with runtime.db.reading() as tx:
        found = tx.scalars(select(JobRow.id).where(JobRow.handler == "grading.compare_submissions")).all()
    assert len(found) == 1


def test_test_students_and_other_lms_courses_are_left_out(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, other: Someone, place: Place
) -> None:
    release(runtime)
    with runtime.db.transaction() as tx:
        elsewhere = make_context(tx, place)
        stranger, their_teacher = make_person(tx, elsewhere, "Far A."), make_person(tx, elsewhere, "T", Role.TEACHER)
        tx.execute(update(User).where(User.id == other.user_id).values(is_test=True))
    for who in (learner, other, stranger):
        hand_in(runtime, who, ANSWER)
    work(runtime)
    assert "1 submission was compared" in compare(runtime, browse(teacher))
    assert "1 submission was compared" in compare(runtime, browse(their_teacher))
    assert pairs(runtime) == []


def test_only_staff_of_the_lms_course_see_pairs(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, other: Someone, place: Place
) -> None:
    release(runtime)
    with runtime.db.transaction() as tx:
        their_teacher = make_person(tx, make_context(tx, place), "T", Role.TEACHER)
    hand_in(runtime, learner, ANSWER)
    hand_in(runtime, other, RENAMED)
    compare(runtime, browse(teacher))
    with runtime.db.reading() as tx:
        pair_id = tx.scalars(select(SimilarPairRow.id)).one()

    assert browse(learner).get(f"{QUIZ}/similar").status_code == 403
    assert browse(learner).post(f"{QUIZ}/similar/compare").status_code == 403
    assert browse(learner).get(f"{QUIZ}/similar/{pair_id}").status_code == 403
    assert "Grace H." not in browse(their_teacher).get(f"{QUIZ}/similar").text
    gone = browse(their_teacher).get(f"{QUIZ}/similar/{pair_id}")
    assert gone.status_code == 404
    assert "compared anew" in gone.text


def test_erased_person_is_in_no_pair(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, other: Someone
) -> None:
    release(runtime)
    hand_in(runtime, learner, ANSWER)
    hand_in(runtime, other, RENAMED)
    compare(runtime, browse(teacher))
    with runtime.db.transaction() as tx:
        (told,) = export_personal_data(tx, learner.user_id)["similar"]
        assert told["percent"] == 100
        assert set(told) == {"assignment_id", "percent"}, "not to whose"
        erase_personal_data(tx, learner.user_id)

    assert pairs(runtime) == []
    assert "Grace H." not in browse(teacher).get(f"{QUIZ}/similar").text
    with runtime.db.reading() as tx:
        assert tx.scalars(select(ComparisonRow.number)).one() == 2

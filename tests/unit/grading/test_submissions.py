"""Handing in: numbers, receipts, limits, and what is refused."""

import os
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from grading.assignments import Rules, get_assignment, publish_assignment
from grading.drafts import draft_files, find_draft, load_draft, save_draft
from grading.filesets import accept_files, load_files, pack_files, snapshot_sha256, store_files
from grading.models import AssignmentRow, BlobRow, DraftBlobRow, SubmissionRow, SubmissionState
from grading.submissions import make_snapshot, receipt_of, store_submission
from grading.terms import terms_of
from lti_tool.kernel import clock
from lti_tool.kernel.errors import Conflict, TooLarge, Unacceptable
from lti_tool.kernel.runtime import Runtime
from tests.factories.grading import ITEM_REF, LIMIT, NAME, SLUG, Someone, get_submission, notebook, publish, submit
from tests.fakes.engine import fake_release


def days_late(runtime: Runtime, submission_id: int) -> int:
    with runtime.db.reading() as tx:
        row = tx.get_one(SubmissionRow, submission_id)
        return terms_of(tx.get_one(AssignmentRow, row.assignment_id)).days_late(row.submitted_at)


def hand_in(runtime: Runtime, who: Someone, files: dict[str, bytes], **changes: Any) -> Any:
    facts: dict[str, Any] = {"via": "page", "request_id": uuid4().hex} | changes
    snapshot = make_snapshot(files, LIMIT)
    with runtime.db.transaction() as tx:
        return store_submission(tx, get_assignment(tx, SLUG, NAME), who.submitter, snapshot, **facts)


def test_attempts_are_numbered_and_kept_as_they_came(runtime: Runtime, learner: Someone) -> None:
    first = get_submission(runtime, submit(runtime, learner, points=1))
    second = get_submission(runtime, submit(runtime, learner, points=2))

    assert (first.number, second.number) == (1, 2)
    assert first.sha256 == snapshot_sha256(notebook(points=1)) != second.sha256
    with runtime.db.reading() as tx:
        assert load_files(tx, first.files) == notebook(points=1)


def test_receipt_comes_from_the_hash_and_the_number_of_the_row(runtime: Runtime, learner: Someone) -> None:
    row = get_submission(runtime, submit(runtime, learner, points=1))

    assert row.receipt == receipt_of(row.sha256, row.id)
    assert len(row.receipt) == 9
    assert row.receipt[4] == "-"


def test_same_request_id_gives_the_same_submission(runtime: Runtime, learner: Someone) -> None:
    first, is_new = hand_in(runtime, learner, notebook(points=1), request_id="11112222")
    again, is_new_again = hand_in(runtime, learner, notebook(points=4), request_id="11112222")

    assert (is_new, is_new_again) == (True, False)
    assert again.id == first.id
    assert again.sha256 == first.sha256


def test_request_id_of_somebody_else_is_not_theirs(runtime: Runtime, learner: Someone, other: Someone) -> None:
    first, _new = hand_in(runtime, learner, notebook(points=1), request_id="11112222")
    second, is_new = hand_in(runtime, other, notebook(points=1), request_id="11112222")

    assert is_new
    assert second.id != first.id


def test_parallel_submits_get_a_number_each_and_never_exceed_the_limit(runtime: Runtime, learner: Someone) -> None:
    with runtime.db.transaction() as tx:
        publish(tx, max_attempts=5)
    outcomes = in_parallel(8, lambda: hand_in(runtime, learner, notebook(points=1)))

    numbers = sorted(row.number for row, _new in (each for each in outcomes if not isinstance(each, Exception)))
    refused = [each for each in outcomes if isinstance(each, Exception)]
    assert numbers == [1, 2, 3, 4, 5]
    assert [each.code for each in refused if isinstance(each, Conflict)] == ["attempts_used_up"] * 3


def test_parallel_submits_with_one_request_id_are_one(runtime: Runtime, learner: Someone) -> None:
    outcomes = in_parallel(6, lambda: hand_in(runtime, learner, notebook(points=1), request_id="same-click"))

    assert len({row.id for row, _new in outcomes}) == 1
    assert sum(is_new for _row, is_new in outcomes) == 1


def test_late_is_marked_and_closed_is_refused(runtime: Runtime, learner: Someone) -> None:
    due = clock.now() + timedelta(hours=1)
    with runtime.db.transaction() as tx:
        publish(tx, due_at=due, closes_at=due + timedelta(hours=1))
    with clock.frozen(due):
        assert days_late(runtime, submit(runtime, learner, points=1)) == 0
        clock.advance(1)
        assert days_late(runtime, submit(runtime, learner, points=1)) == 1
        clock.advance(3600)
        with pytest.raises(Conflict) as refused:
            submit(runtime, learner, points=1)
    assert refused.value.code == "assignment_closed"


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"other.ipynb": b"{}"}, "notebook_missing"),
        ({"quiz-1.ipynb": b""}, "notebook_empty"),
        ({"quiz-1.ipynb": b"{}", "../../etc/passwd": b""}, "path_refused"),
        ({"quiz-1.ipynb": b"{}", "/etc/passwd": b""}, "path_refused"),
        ({"quiz-1.ipynb": b"{}", "a\\b": b""}, "path_refused"),
        ({"quiz-1.ipynb": b"{}", "a\ud800": b""}, "path_refused"),
        ({"quiz-1.ipynb": b"{}", "a//b": b""}, "path_refused"),
    ],
)
def test_refused_files_say_why(runtime: Runtime, learner: Someone, files: dict[str, bytes], code: str) -> None:
    with pytest.raises(Unacceptable) as refused:
        hand_in(runtime, learner, files)
    assert refused.value.code == code


def test_too_large_names_the_largest_file(runtime: Runtime, learner: Someone) -> None:
    with pytest.raises(TooLarge, match=r"big\.csv"):
        hand_in(runtime, learner, notebook(points=1) | {"big.csv": b"x" * LIMIT})


def test_hidden_files_and_checkpoints_do_not_count() -> None:
    files = {"quiz-1.ipynb": b"{}", ".ipynb_checkpoints/quiz-1.ipynb": b"x" * 2000, "data/.hidden": b"y" * 2000}

    assert accept_files(files, 1000) == {"quiz-1.ipynb": b"{}"}


def test_equal_files_are_kept_once(runtime: Runtime) -> None:
    with runtime.db.transaction() as tx:
        first = store_files(tx, pack_files({"a": b"same", "b": b"same"}))
        second = store_files(tx, pack_files({"c": b"same"}))

        assert {entry["sha256"] for entry in first} == {entry["sha256"] for entry in second}
        assert load_files(tx, first) == {"a": b"same", "b": b"same"}


def test_newest_draft_wins_and_a_wrong_clock_blocks_nothing(runtime: Runtime, learner: Someone) -> None:
    now = clock.now()
    saves = [
        (b"1", now),
        (b"0", now - timedelta(minutes=5)),
        (b"9", now + timedelta(days=9)),
        (b"2", now + timedelta(1)),
    ]
    kept = []
    with clock.frozen(now):
        for content, saved_at in saves:
            clock.advance(1)
            with runtime.db.transaction() as tx:
                fresh = make_snapshot({"a": content}, LIMIT)
                save_draft(tx, get_assignment(tx, SLUG, NAME), learner.submitter, fresh, saved_at)
                draft = find_draft(tx, get_assignment(tx, SLUG, NAME).id, learner.submitter)
                assert draft is not None
                kept.append(load_draft(tx, draft)["a"])
    assert kept == [b"1", b"1", b"9", b"2"]


def test_a_hundred_autosaves_leave_the_bytes_of_one(runtime: Runtime, learner: Someone, other: Someone) -> None:
    """Replaced drafts go at once; a snapshot made from one of them stays, and so does what others saved."""
    data, moment = os.urandom(50_000), clock.now()

    def save(who: Someone, number: int) -> None:
        files = {f"{NAME}.ipynb": os.urandom(5_000), "data.bin": data}
        with runtime.db.transaction() as tx:
            quiz, saved_at = get_assignment(tx, SLUG, NAME), moment - timedelta(seconds=1000 - number)
            save_draft(tx, quiz, who.submitter, make_snapshot(files, LIMIT), saved_at)

    save(other, 0)
    for number in range(50):
        save(learner, number)
    with runtime.db.reading() as tx:
        halfway = draft_files(tx, get_assignment(tx, SLUG, NAME).id, learner.submitter)
    handed_in, _new = hand_in(runtime, learner, halfway)
    for number in range(50, 100):
        save(learner, number)

    with runtime.db.reading() as tx:
        sizes = tx.execute(select(DraftBlobRow.draft_id, func.sum(DraftBlobRow.size)).group_by(DraftBlobRow.draft_id))
        assert {size for _draft, size in sizes} == {55_000}
        assert load_files(tx, tx.get_one(SubmissionRow, handed_in.id).files) == halfway
        assert tx.scalar(select(func.count()).select_from(BlobRow)) == 2 + len(fake_release().files)


def test_publishing_again_keeps_submissions(runtime: Runtime, learner: Someone) -> None:
    submission_id = submit(runtime, learner, points=1)
    with runtime.db.transaction() as tx:
        publish_assignment(
            tx, SLUG, NAME, title="New", item_ref=ITEM_REF, release=fake_release(), rules=Rules(max_attempts=3)
        )
    assert get_submission(runtime, submission_id).state is SubmissionState.QUEUED


def in_parallel(count: int, call: Callable[[], Any]) -> list[Any]:
    """What the calls, all begun at once, gave or raised."""
    outcomes: list[Any] = []
    barrier = threading.Barrier(count)

    def run() -> None:
        barrier.wait()
        try:
            outcomes.append(call())
        except Exception as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes

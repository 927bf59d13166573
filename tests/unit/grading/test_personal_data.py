"""What is kept about a person can be handed out and removed."""

import json

import pytest
from sqlalchemy import func, select

from grading.assignments import get_assignment
from grading.drafts import save_draft
from grading.extensions import Grant, grant_extension
from grading.filesets import load_files
from grading.models import BlobRow, DraftBlobRow, DraftRow, ResultRow, SubmissionRow
from grading.personal_data import erase_personal_data, export_personal_data
from grading.submissions import make_snapshot, store_submission
from lti_tool.kernel import audit, clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.personal_data import erase_personal_data as erase_scores
from lti_tool.lti.score_models import DeliveryRow, ScoreRow
from tests.factories.grading import LIMIT, NAME, SLUG, Someone, notebook, publish, submit, work, work_without_failures
from tests.unit.grading.test_group_work import while_open


def test_export_is_json_and_complete(runtime: Runtime, learner: Someone) -> None:
    submit(runtime, learner, points=3)
    work(runtime)
    with runtime.db.reading() as tx:
        exported = json.loads(json.dumps(export_personal_data(tx, learner.user_id)))

    (submission,) = exported["submissions"]
    assert (submission["points"], submission["state"], submission["assignment"]) == ("3", "graded", NAME)
    assert exported["results"][0]["points"] == "3"


def test_an_extension_is_handed_out_with_its_reason_and_goes_with_the_person(
    runtime: Runtime, learner: Someone
) -> None:
    with runtime.db.transaction() as tx:
        publish(tx, max_attempts=1)
        grant_extension(
            tx, get_assignment(tx, SLUG, NAME), learner.submitter, Grant(None, None, 1, "Ill."), audit.OPERATOR
        )
        (given,) = export_personal_data(tx, learner.user_id)["extensions"]
        assert (given["more_attempts"], given["reason"]) == (1, "Ill.")
        assert "Ill." not in str([(row.target, row.before, row.after) for row in audit.list_acts(tx)])
        erase_personal_data(tx, learner.user_id)
        assert export_personal_data(tx, learner.user_id)["extensions"] == []


def test_erasing_leaves_others_their_work(runtime: Runtime, learner: Someone, other: Someone) -> None:
    for who in (learner, other):
        submit(runtime, who, points=3)
    submit(runtime, learner, points=1)
    work(runtime)
    with runtime.db.transaction() as tx:
        save_draft(
            tx, get_assignment(tx, SLUG, NAME), learner.submitter, make_snapshot(notebook(points=0), LIMIT), clock.now()
        )
        before = tx.scalar(select(func.count()).select_from(BlobRow)) or 0
    with runtime.db.transaction() as tx:
        erase_personal_data(tx, learner.user_id)
        erase_scores(tx, learner.user_id)

    with runtime.db.reading() as tx:
        for table in (SubmissionRow, ResultRow, ScoreRow):
            assert list(tx.scalars(select(table.user_id))) == [other.user_id]
        assert list(tx.scalars(select(DraftRow))) == list(tx.scalars(select(DraftBlobRow))) == []
        assert len(tx.scalars(select(DeliveryRow)).all()) == 1
        # gone: the notebook and feedback of 1 point; what Grace handed in too is kept
        assert tx.scalar(select(func.count()).select_from(BlobRow)) == before - 2


def test_job_of_an_erased_person_ends_quietly(
    runtime: Runtime, learner: Someone, caplog: pytest.LogCaptureFixture
) -> None:
    submit(runtime, learner, points=3)
    with runtime.db.transaction() as tx:
        erase_personal_data(tx, learner.user_id)
        erase_scores(tx, learner.user_id)
    work_without_failures(runtime, caplog)


def test_file_that_somebody_hands_in_while_the_other_is_erased_is_kept(
    runtime: Runtime, learner: Someone, other: Someone
) -> None:
    submit(runtime, learner, points=3)
    work(runtime)
    snapshot = make_snapshot(notebook(points=3), LIMIT)

    def hand_in(tx: Tx) -> None:
        quiz = get_assignment(tx, SLUG, NAME)
        store_submission(tx, quiz, other.submitter, snapshot, via="page", request_id="0" * 8)

    def erase() -> None:
        with runtime.db.transaction() as tx:
            erase_personal_data(tx, learner.user_id)

    assert while_open(runtime, hand_in, erase) is None
    with runtime.db.reading() as tx:
        (row,) = tx.scalars(select(SubmissionRow))
        assert row.user_id == other.user_id
        assert load_files(tx, row.files) == notebook(points=3)

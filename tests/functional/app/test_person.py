"""What is held of a person: found, handed out and erased by commands, over all plugins and the real engine."""

import json
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result
from nbgrader.api import Gradebook
from sqlalchemy import Engine, MetaData, select

from config.settings import DEFAULT_PLUGINS
from grading.assignments import get_assignment
from grading.engine_nbgrader import open_placement
from grading.messages import SyncMarks
from grading.models import AssignmentRow, BlobRow, ResultRow, SubmissionRow
from grading.plugin import make_plugin
from grading.submissions import make_snapshot, store_submission
from lti_tool.app.cli import cli
from lti_tool.contract import Plugin, load_plugins
from lti_tool.kernel import jobs
from lti_tool.kernel.audit import AuditRow
from lti_tool.kernel.errors import Invalid, NotFound
from lti_tool.kernel.jobs import JobRow, JobState
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import User
from lti_tool.lti.plugin import make_plugin as make_lti
from lti_tool.lti.score_models import DeliveryRow, ScoreRow, ScoreState
from tests.factories import notebooks as make
from tests.factories.grading import LIMIT, NAME, SLUG, Someone, make_person, work
from tests.fakes.grading_fixtures import learner, lms, place
from tests.fakes.lms import FakeLms
from tests.fakes.written_quiz import ANSWERED, WrittenQuiz, released, written

__all__ = ["learner", "lms", "place", "released", "written"]
WHO = "Zaphod Beeblebrox"
Run = Callable[..., Result]


@pytest.fixture
def plugins(lms: FakeLms) -> list[Plugin]:
    """All of them, over the real engine; scores go to a fake LMS."""
    ours = {"lti": make_lti(lms.send_score), "grading": make_plugin(open_placement)}
    return [ours.get(plugin.name, plugin) for plugin in load_plugins(DEFAULT_PLUGINS)]


@pytest.fixture
def person(runtime: Runtime, learner: Someone) -> Someone:
    with runtime.db.transaction() as tx:
        return make_person(tx, learner.place, WHO)


@pytest.fixture
def command(runtime: Runtime, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command on the installation of the test."""
    monkeypatch.setenv("COURSEBRIDGE_DATA_DIR", str(runtime.settings.data_dir))
    monkeypatch.setenv("COURSEBRIDGE_DATABASE__URL", database_url)
    return lambda *words, **more: CliRunner().invoke(cli, ["person", *words], **more)


def tables_with(engine: Engine, *words: str) -> dict[str, int]:
    """In which tables of the whole database one of the words stands, and in how many rows."""
    metadata, found = MetaData(), {}
    metadata.reflect(engine)
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            rows = [repr(tuple(row)) for row in connection.execute(select(table))]
            if number := sum(any(word in row for word in words) for row in rows):
                found[table.name] = number
    return found


def test_person_is_found_by_name_number_and_ids(runtime: Runtime, person: Someone, command: Run) -> None:
    with runtime.db.reading() as tx:
        sub = tx.get_one(User, person.user_id).sub
    for words in ("zaphod", str(person.user_id), sub, person.hub_name):
        lines = command("find", words).stdout.splitlines()
        assert [line for line in lines if line.startswith(f"{person.user_id}\t{WHO} (moodle)\t")], words
    nobody = command("find", "100%")
    assert (nobody.exit_code, nobody.stdout, nobody.stderr) == (0, "", "Nobody is called so.\n")


def test_export_has_what_every_part_holds_and_is_noted(
    runtime: Runtime, written: WrittenQuiz, person: Someone, command: Run, plugins: list[Plugin], tmp_path: Path
) -> None:
    written.hand_in(person)
    target = tmp_path / "zaphod.json"
    assert command("export", str(person.user_id), "--out", str(target)).exit_code == 0
    told = json.loads(target.read_text())
    assert target.stat().st_mode & 0o077 == 0
    assert told == json.loads(command("export", str(person.user_id)).stdout) | {"person": told["person"]}
    assert set(told) == {"person", *(plugin.name for plugin in plugins if plugin.export_personal_data)}
    assert told["lti"]["display_name"] == WHO
    assert [each["assignment"] for each in told["grading"]["submissions"]] == [NAME]
    again = command("export", str(person.user_id), "--out", str(target))
    assert isinstance(again.exception, Invalid)
    nobody = command("export", "4711")
    assert isinstance(nobody.exception, NotFound)
    with runtime.db.reading() as tx:
        acts = [(row.action, row.target) for row in tx.scalars(select(AuditRow))]
    assert acts == [("person.export", f"person {person.user_id} of moodle")] * 2


def test_erased_person_is_in_no_table_folder_or_gradebook_and_nothing_more_is_sent(
    runtime: Runtime, written: WrittenQuiz, learner: Someone, person: Someone, command: Run, lms: FakeLms
) -> None:
    """One attempt is marked and sent, the next has just been handed in; its marking finds nothing."""
    theirs, kept = written.hand_in(person), written.hand_in(learner)
    answers = [mark_by_hand(runtime, who) for who in (person, learner)]
    work(runtime)
    assert answers and {each.user_id for each in lms.posted} == {person.user_id, learner.user_id}
    with runtime.db.reading() as tx:
        sub = tx.get_one(User, person.user_id).sub
    hand_in_unmarked(runtime, written, person)
    assert tables_with(runtime.db.engine, WHO, sub)
    lms.posted.clear()

    asked = command("erase", str(person.user_id), input="n\n")
    assert (asked.exit_code, f"Erase {WHO} (moodle)" in asked.stdout) == (1, True)
    assert tables_with(runtime.db.engine, WHO, sub)
    done = command("erase", str(person.user_id), "--yes")
    assert done.exit_code == 0, done.output
    assert f"homes/{person.hub_name}" in done.stdout
    work(runtime)

    assert tables_with(runtime.db.engine, WHO, sub) == {}
    with runtime.db.reading() as tx:
        for column in (SubmissionRow.user_id, ResultRow.user_id, ScoreRow.user_id):
            assert set(tx.scalars(select(column))) == {learner.user_id}, column
        assert tx.get(SubmissionRow, theirs) is None
        score = tx.scalars(select(ScoreRow)).one()
        assert {row.score_id for row in tx.scalars(select(DeliveryRow))} == {score.id}
        assert (score.subject_id, score.state) == (kept, ScoreState.SENT)
        listed = tx.get_one(SubmissionRow, kept)
        used = {entry["sha256"] for listing in (listed.files, listed.feedback) for entry in listing or ()}
        released = {entry["sha256"] for release in tx.scalars(select(AssignmentRow.release)) for entry in release}
        assert {row.sha256 for row in tx.scalars(select(BlobRow))} == used | released
        assert {row.state for row in tx.scalars(select(JobRow))} == {JobState.DONE}
        acts = list(tx.scalars(select(AuditRow).where(AuditRow.action == "person.erase")))
        assert [row.target for row in acts] == [f"person {person.user_id} of moodle"]
    assert lms.posted == []
    folder = runtime.settings.placement_dir(SLUG, person.place.placement_id)
    assert list(folder.rglob(f"*{person.hub_name}*")) == []
    with Gradebook(runtime.settings.gradebook_url(SLUG, person.place.placement_id)) as gradebook:
        assert [student.id for student in gradebook.students] == [learner.hub_name]


def test_erasing_again_changes_nothing_and_the_name_is_not_given_again(
    runtime: Runtime, person: Someone, command: Run
) -> None:
    for _ in range(2):
        assert command("erase", str(person.user_id), "--yes").exit_code == 0
    assert "Somebody who was erased (moodle)" in command("find", person.hub_name).stdout
    assert command("find", "zaphod").stdout == ""
    assert isinstance(command("erase", "4711", "--yes").exception, NotFound)


def mark_by_hand(runtime: Runtime, who: Someone) -> float:
    """What the teacher gives in formgrader, with a comment; returns the score."""
    with Gradebook(runtime.settings.gradebook_url(SLUG, who.place.placement_id)) as gradebook:
        for cell in ("why", "draw"):
            grade = gradebook.find_grade(cell, NAME, NAME, who.hub_name)
            grade.manual_score, grade.needs_manual_grade = 2, False
        gradebook.find_comment("why", NAME, NAME, who.hub_name).manual_comment = f"For {who.hub_name} alone."
        gradebook.db.commit()
        score = float(gradebook.find_submission(NAME, who.hub_name).score)
    with runtime.db.transaction() as tx:
        jobs.enqueue(tx, SyncMarks(who.place.placement_id, NAME, who.hub_name))
    return score


def hand_in_unmarked(runtime: Runtime, quiz: WrittenQuiz, who: Someone) -> None:
    """One more attempt, that waits for its marking."""
    answers = ANSWERED | {"why": "A second thought."}
    filled = json.dumps(make.fill(quiz.release.files[f"{NAME}.ipynb"], answers)).encode()
    snapshot = make_snapshot(quiz.release.files | {f"{NAME}.ipynb": filled}, LIMIT)
    with runtime.db.transaction() as tx:
        store_submission(
            tx, get_assignment(tx, SLUG, NAME), who.submitter, snapshot, via="page", request_id=uuid4().hex
        )

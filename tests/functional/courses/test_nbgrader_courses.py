"""An nbgrader course comes in, with gradebook and everybody's work, and goes out again as it was."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select

from grading.assignments import get_assignment
from grading.commands_nbgrader import nbgrader
from grading.engine.gradebook import writing
from grading.engine.portable_rows import read_rows
from grading.engine_nbgrader import open_placement
from grading.filesets import load_files
from grading.models import BlobRow, ExtensionRow, ResultRow, SubmissionRow
from grading.personal_data import erase_personal_data, export_personal_data
from grading.portable_models import ArrivalRow, ArrivedStudentRow
from grading.submissions import make_snapshot, store_submission
from grading.sync import reconcile
from lti_tool.kernel import jobs
from lti_tool.kernel.errors import Conflict
from lti_tool.kernel.runtime import Runtime, make_runtime
from lti_tool.lti.messages import LinkLaunched
from lti_tool.lti.models import Link, User
from lti_tool.lti.score_models import ScoreRow
from plugins.courses.importer import import_course
from tests.factories import notebooks as make
from tests.factories.grading import Place, Someone, make_person, make_place, work
from tests.factories.nbgrader_courses import BITDIDDLE, HACKER, QUIET, REASONER, TWO, say, write_course
from tests.servers import free_port

SLUG = "nb-course"
ITEM_REF = f"courses/{SLUG}/ps1"


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made by nbgrader; nobody changes it."""
    return write_course(tmp_path_factory.mktemp("nbgrader") / SLUG)


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(original, tmp_path / SLUG))


@pytest.fixture
def place(runtime: Runtime, folder: Path) -> Place:
    """An LMS course that uses the course; its sources are imported."""
    import_course(runtime, folder)
    with runtime.db.transaction() as tx:
        made = make_place(tx, slug=SLUG)
        tx.get_one(Link, made.link_id).item_ref = ITEM_REF
    return made


def join(runtime: Runtime, place: Place, sub: str) -> Someone:
    """Somebody of this id in the LMS is in the course."""
    with runtime.db.transaction() as tx:
        person = make_person(tx, place, sub)
        tx.get_one(User, person.user_id).sub = sub
    return person


def key(place: Place) -> str:
    return f"{SLUG}-{place.placement_id}"


def call(runtime: Runtime, *arguments: object) -> Result:
    """`coursebridge nbgrader …`."""
    return CliRunner().invoke(nbgrader, [str(each) for each in arguments], obj=runtime)


def succeed(runtime: Runtime, *arguments: object) -> str:
    done = call(runtime, *arguments)
    if done.exception:
        raise done.exception
    return done.output


def attempts_of(runtime: Runtime, who: Someone) -> list[SubmissionRow]:
    with runtime.db.reading() as tx:
        query = select(SubmissionRow).where(SubmissionRow.user_id == who.user_id).order_by(SubmissionRow.id)
        return list(tx.scalars(query))


def bring(runtime: Runtime, place: Place, folder: Path, *options: object) -> str:
    return succeed(runtime, "import", folder, key(place), *options)


def unmatched(runtime: Runtime) -> set[str]:
    with runtime.db.reading() as tx:
        query = select(ArrivedStudentRow.student_id).where(ArrivedStudentRow.user_id.is_(None))
        return set(tx.scalars(query))


def hand_in(
    runtime: Runtime,
    who: Someone,
    quiz: str,
    file: str,
    answers: Mapping[str, str],
    more: Mapping[str, bytes] | None = None,
) -> None:
    """As on the page of the quiz."""
    release = (runtime.settings.course_dir(SLUG) / "release" / quiz / file).read_bytes()
    files = {file: json.dumps(make.fill(release, answers)).encode(), **(more or {})}
    with runtime.db.transaction() as tx:
        row, snapshot = get_assignment(tx, SLUG, quiz), make_snapshot(files, 100_000)
        store_submission(tx, row, who.submitter, snapshot, via="page", request_id=uuid4().hex)


def launch(runtime: Runtime, who: Someone) -> None:
    """What a first launch tells everybody."""
    with runtime.db.transaction() as tx:
        jobs.emit(tx, LinkLaunched(who.user_id, who.place.link_id, ITEM_REF, who.role.value, who.place.placement_id))
    work(runtime)


def counted(runtime: Runtime) -> dict[str, int]:
    """Rows of every table that an import may write."""
    models = (ArrivalRow, ArrivedStudentRow, SubmissionRow, ResultRow, ExtensionRow, BlobRow, ScoreRow)
    with runtime.db.reading() as tx:
        return {each.__tablename__: tx.scalar(select(func.count()).select_from(each)) or 0 for each in models}


def disk_of(runtime: Runtime, place: Place) -> dict[str, bytes]:
    root = runtime.settings.placement_dir(SLUG, place.placement_id)
    found = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if not name.endswith((".lock", ".db"))}


def test_what_comes_in_goes_out_again_row_by_row_and_byte_by_byte(
    runtime: Runtime, place: Place, folder: Path, tmp_path: Path
) -> None:
    join(runtime, place, "sub-ben")
    said = bring(runtime, place, folder)
    work(runtime)
    succeed(runtime, "export", key(place), tmp_path / "out")

    assert "Took over for nb-course-1. Students: 4, known here: 1; their attempts: 2, results: 1." in said
    assert unmatched(runtime) == {HACKER, REASONER, QUIET}
    assert say(tmp_path / "out") == say(folder)
    assert [path.name for path in tmp_path.iterdir() if "coursebridge" in path.name] == []


def test_marks_attempts_and_feedback_are_the_learners_here(runtime: Runtime, place: Place, folder: Path) -> None:
    ben, alyssa = join(runtime, place, "sub-ben"), join(runtime, place, "sub-alyssa")
    people = folder.parent / "people.csv"
    people.write_text(f"student_id,lms_user_id\n{HACKER},sub-alyssa\n")
    bring(runtime, place, folder, "--people", people)
    work(runtime)

    early, best = attempts_of(runtime, ben)
    assert (early.number, early.state.value, early.marks, early.via) == (1, "failed", None, "nbgrader")
    assert (best.number, best.state.value, best.points, best.max_points) == (2, "graded", Decimal("7"), Decimal("8"))
    assert best.submitted_at == datetime(2026, 3, 1, 11, 30, 0, 123456, UTC)
    assert [entry["path"] for entry in best.files] == ["notes/own.txt", "ps1.ipynb"]
    assert [entry["path"] for entry in best.feedback or []] == ["ps1.html"]
    marks = {each["name"]: each for each in (best.marks or {})["questions"]}
    assert (marks["why"]["by_hand"], marks["why"]["comment"], marks["draw"]["extra"]) == ("2.5", "Well “said”.", "0.5")
    sums, half = attempts_of(runtime, alyssa)
    assert (sums.state.value, sums.points, sums.late_penalty) == ("needs_manual", Decimal("0.75"), Decimal("0.25"))
    assert (half.state.value, half.points) == ("graded", Decimal(4))
    with runtime.db.reading() as tx:
        (extension,) = tx.scalars(select(ExtensionRow))
        due = get_assignment(tx, SLUG, "ps1").due_at
    assert (due, extension.user_id) == (datetime(2026, 3, 1, 12, tzinfo=UTC), alyssa.user_id)
    assert extension.due_at == datetime(2026, 3, 3, 13, tzinfo=UTC)


def test_the_gradebook_that_came_is_the_one_that_is_synced(runtime: Runtime, place: Place, folder: Path) -> None:
    alyssa = join(runtime, place, "sub-alyssa")
    people = folder.parent / "people.csv"
    people.write_text(f"student_id,lms_user_id\n{HACKER},sub-alyssa\n")
    bring(runtime, place, folder, "--people", people)
    work(runtime)
    with writing(runtime.settings.gradebook_url(SLUG, place.placement_id)) as gradebook:  # as formgrader does
        gradebook.find_grade("why", "ps1", "ps1", alyssa.hub_name).manual_score = 3
        gradebook.find_grade("why", "ps1", "ps1", alyssa.hub_name).needs_manual_grade = False
        gradebook.find_grade("half-tests", "two", "ps2", alyssa.hub_name).manual_score = 1  # nobody knows when it came
    reconcile(open_placement, runtime)
    work(runtime)

    sums, half = attempts_of(runtime, alyssa)
    assert (sums.state.value, sums.points, half.points) == ("graded", Decimal("3.75"), Decimal(1))


def test_nothing_goes_to_the_lms_until_somebody_asks(runtime: Runtime, place: Place, folder: Path) -> None:
    ben = join(runtime, place, "sub-ben")
    before = counted(runtime)
    preview = bring(runtime, place, folder, "--preview")
    assert counted(runtime) == before
    said = bring(runtime, place, folder)
    launch(runtime, ben)

    assert "Scores that --send-scores would send to the LMS: 1." in preview
    assert "Nothing went to the LMS. Results that it does not know: 1;" in said
    assert counted(runtime)["lti_score"] == 0
    assert "Results that the LMS does not know: 1; of these can be sent at once: 1." in succeed(
        runtime, "send", key(place), "--preview"
    )
    assert counted(runtime)["lti_score"] == 0
    assert "Scores on their way to the LMS: 1;" in succeed(runtime, "send", key(place))
    with runtime.db.reading() as tx:
        assert list(tx.execute(select(ScoreRow.user_id, ScoreRow.points))) == [(ben.user_id, Decimal(7))]
    assert "Scores on their way to the LMS: 0;" in succeed(runtime, "send", key(place))


def test_scores_go_with_the_import_if_asked(runtime: Runtime, place: Place, folder: Path) -> None:
    join(runtime, place, "sub-ben")
    bring(runtime, place, folder, "--send-scores")

    assert counted(runtime)["lti_score"] == 1


def test_who_comes_later_finds_their_work(runtime: Runtime, place: Place, folder: Path, tmp_path: Path) -> None:
    bring(runtime, place, folder)
    work(runtime)
    ben = join(runtime, place, "sub-ben")
    launch(runtime, ben)
    launch(runtime, ben)

    assert unmatched(runtime) == {HACKER, REASONER, QUIET}
    assert [(each.number, each.state.value, each.points) for each in attempts_of(runtime, ben)] == [
        (1, "failed", None),
        (2, "graded", Decimal(7)),
    ]
    names = {row[0] for row in read_rows(gradebook_of(runtime, place))["student"]}
    assert names == {ben.hub_name, HACKER, QUIET}
    assert counted(runtime)["lti_score"] == 0
    succeed(runtime, "export", key(place), tmp_path / "out")
    assert say(tmp_path / "out") == say(folder)


def test_somebody_who_handed_in_meanwhile_keeps_that_and_nothing_is_mixed(
    runtime: Runtime, place: Place, folder: Path
) -> None:
    bring(runtime, place, folder)
    work(runtime)
    ben = join(runtime, place, "sub-ben")
    with runtime.db.transaction() as tx:
        quiz, snapshot = get_assignment(tx, SLUG, "ps1"), make_snapshot({"ps1.ipynb": b"{}"}, 1000)
        store_submission(tx, quiz, ben.submitter, snapshot, via="page", request_id="12345678")
    launch(runtime, ben)
    said = succeed(runtime, "match", key(place))

    assert "known now: 0 of 4." in said and "has handed in here already" in said
    assert [each.via for each in attempts_of(runtime, ben)] == ["page"]
    assert BITDIDDLE in {row[0] for row in read_rows(gradebook_of(runtime, place))["student"]}


def test_a_list_says_later_who_is_whom(runtime: Runtime, place: Place, folder: Path) -> None:
    alyssa = join(runtime, place, "sub-alyssa")
    bring(runtime, place, folder)
    listed = succeed(runtime, "people", key(place)).splitlines()
    people = folder.parent / "people.csv"
    people.write_text(f"\ufeffstudent_id,lms_user_id\n{HACKER},{alyssa.hub_name}\n{QUIET},sub-later\n{REASONER},\n")
    said = succeed(runtime, "match", key(place), "--people", people)
    later = join(runtime, place, "sub-later")
    launch(runtime, later)

    assert listed[0] == "student_id,name,email,lms_user_id,person"
    assert f"{HACKER},Alyssa Hacker,Hacker@uni.example,," in listed and f"{BITDIDDLE},Ben Bitdiddle,,sub-ben," in listed
    assert "known now: 1 of 4." in said
    assert [each.points for each in attempts_of(runtime, alyssa)] == [Decimal("0.75"), Decimal(4)]
    assert unmatched(runtime) == {BITDIDDLE, REASONER}


def test_the_same_again_changes_nothing_and_another_is_refused(
    runtime: Runtime, place: Place, folder: Path, tmp_path: Path
) -> None:
    join(runtime, place, "sub-ben")
    bring(runtime, place, folder)
    work(runtime)
    before = counted(runtime), disk_of(runtime, place), read_rows(gradebook_of(runtime, place))
    assert "has taken over this course before; nothing was changed." in bring(runtime, place, folder)
    (folder / "submitted" / QUIET / "ps1").mkdir(parents=True)
    (folder / "submitted" / QUIET / "ps1" / "ps1.ipynb").write_text("{}")
    refused = call(runtime, "import", folder, key(place))

    assert isinstance(refused.exception, Conflict) and "or was changed since" in str(refused.exception)
    assert (counted(runtime), disk_of(runtime, place), read_rows(gradebook_of(runtime, place))) == before
    assert list(runtime.settings.placement_dir(SLUG, place.placement_id).glob(".arriving-*")) == []


def test_it_moves_on_to_another_installation_and_out_of_that_again(
    runtime: Runtime, elsewhere: Runtime, place: Place, folder: Path, tmp_path: Path
) -> None:
    """With attempts that were handed in and marked here after the import."""
    ben, nat = join(runtime, place, "sub-ben"), join(runtime, place, "sub-nat")
    bring(runtime, place, folder)
    hand_in(runtime, ben, "ps1", "ps1.ipynb", {"sum": "total = 3"})
    for _twice in range(2):
        hand_in(runtime, nat, "ps2", "two.ipynb", {"half": "x = 1"}, {"timestamp.txt/x": b"", "n" * 220: b""})
    work(runtime)
    assert [each.points for each in attempts_of(runtime, ben)] == [None, Decimal(7), Decimal(4)]
    assert [each.points for each in attempts_of(runtime, nat)] == [Decimal(4), Decimal(4)]
    one, two = tmp_path / "one" / SLUG, tmp_path / "two"
    succeed(runtime, "export", key(place), one)
    import_course(elsewhere, one)
    with elsewhere.db.transaction() as tx:
        there = make_place(tx, slug=SLUG)
    ben, nat = join(elsewhere, there, "sub-ben"), join(elsewhere, there, "sub-nat")
    bring(elsewhere, there, one)
    work(elsewhere)
    succeed(elsewhere, "export", key(there), two)

    rows, files = say(one)
    assert say(two) == (rows, files)
    assert not [name for name in files if ".coursebridge" in name]
    assert len({name.split("/")[1] for name in files if name.startswith("inbound/")}) == 3  # two of Ben's, one of Nat's
    assert [(row["last_name"], row["lms_user_id"]) for row in rows["student"] if str(row["id"]).startswith("u-")] == [
        ("sub-nat", "sub-nat")
    ]
    assert [each.points for each in attempts_of(elsewhere, ben)] == [None, None, Decimal(4)]
    assert [each.points for each in attempts_of(elsewhere, nat)] == [None, Decimal(4)]


@pytest.mark.one_database
def test_stock_nbgrader_opens_what_is_exported(runtime: Runtime, place: Place, folder: Path, tmp_path: Path) -> None:
    join(runtime, place, "sub-ben")
    bring(runtime, place, folder)
    out = tmp_path / "out"
    succeed(runtime, "export", key(place), out)

    run_nbgrader(out, "export")
    lines = (out / "grades.csv").read_text().splitlines()
    (ben,) = (line for line in lines if line.startswith("ps1") and BITDIDDLE in line)
    assert ben.endswith(",bitdiddle,Bitdiddle,Ben,,7.0,0.0,7.0,8.0")


@pytest.mark.one_database
def test_formgrader_opens_what_is_exported(runtime: Runtime, place: Place, folder: Path, tmp_path: Path) -> None:
    join(runtime, place, "sub-ben")
    bring(runtime, place, folder)
    succeed(runtime, "export", key(place), tmp_path / "out")

    with formgrader(tmp_path / "out") as http:

        def rows(path: str) -> list[dict[str, Any]]:
            found = http.get(f"api/{path}")
            assert found.status_code == 200, found.text
            return list(found.json())

        assert {each["name"]: each["max_score"] for each in rows("assignments")} == {"ps1": 8.0, "ps2": 4.0}
        assert {each["id"] for each in rows("students")} >= {BITDIDDLE, HACKER, REASONER}
        (ben,) = (each for each in rows("submitted_notebooks/ps1/ps1") if each["student"] == BITDIDDLE)
        assert (ben["score"], ben["max_score"], ben["needs_manual_grade"]) == (7.0, 8.0, False)
        given = {each["name"]: each["manual_score"] for each in rows(f"grades?submission_id={ben['id']}")}
        assert (given["why"], given["draw"]) == (2.5, 1.0)
        page = http.get(f"submissions/{ben['id']}/")
        assert page.status_code == 200 and 'id="why"' in page.text
        assert http.get("gradebook/ps1/ps1").status_code == 200


@pytest.mark.parametrize(
    ("crash_at", "is_in"), [("arrival.copied", False), ("arrival.written", True), ("arrival.placed", True)]
)
def test_an_import_that_is_killed_has_brought_nothing_or_all(
    runtime: Runtime, place: Place, folder: Path, tmp_path: Path, crash_at: str, is_in: bool
) -> None:
    ben = join(runtime, place, "sub-ben")
    empty = counted(runtime)
    die_at(runtime, crash_at, lambda mine: bring(mine, place, folder))

    assert (counted(runtime) != empty) is is_in
    work(runtime)
    assert (key_students(runtime, place) == {ben.hub_name, HACKER, QUIET}) is is_in
    said = bring(runtime, place, folder)
    work(runtime)
    assert ("nothing was changed" in said) is is_in
    succeed(runtime, "export", key(place), tmp_path / "out")
    assert say(tmp_path / "out") == say(folder)


def test_nothing_is_marked_before_what_came_is_in_place(runtime: Runtime, place: Place, folder: Path) -> None:
    ben = join(runtime, place, "sub-ben")
    die_at(runtime, "arrival.written", lambda mine: bring(mine, place, folder))
    with runtime.db.transaction() as tx:  # another attempt comes before any job runs
        (_early, mine) = tx.scalars(select(SubmissionRow).where(SubmissionRow.user_id == ben.user_id))
        quiz, snapshot = get_assignment(tx, SLUG, "ps1"), make_snapshot(load_files(tx, mine.files), 100_000)
        row, _new = store_submission(tx, quiz, ben.submitter, snapshot, via="page", request_id="12345678")
        job_id = row.job_id
    assert job_id is not None
    jobs.run_job(runtime, runtime.db.router, job_id)
    work(runtime)

    assert [each.number for each in attempts_of(runtime, ben)] == [1, 2, 3]
    assert key_students(runtime, place) == {ben.hub_name, HACKER, QUIET}


def test_a_learner_whose_data_are_erased_is_in_no_export(
    runtime: Runtime, place: Place, folder: Path, tmp_path: Path
) -> None:
    ben = join(runtime, place, "sub-ben")
    bring(runtime, place, folder)
    assert "is somebody here" in str(call(runtime, "forget", key(place), BITDIDDLE).exception)
    with runtime.db.transaction() as tx:
        assert export_personal_data(tx, ben.user_id)["nbgrader"] == [BITDIDDLE]
        erase_personal_data(tx, ben.user_id)
    succeed(runtime, "forget", key(place), HACKER)
    work(runtime)
    succeed(runtime, "export", key(place), tmp_path / "out")

    rows, files = say(tmp_path / "out")
    assert {row["id"] for row in rows["student"]} == {QUIET}
    assert rows["grade"] == rows["comment"] == rows["submitted_notebook"] == rows["submitted_assignment"] == []
    assert [name for name in files if BITDIDDLE in name or ben.hub_name in name or HACKER in name] == []


def test_a_gradebook_that_is_behind_follows_and_what_is_no_quiz_is_kept(
    runtime: Runtime, folder: Path, tmp_path: Path
) -> None:
    shutil.rmtree(folder / "source" / "ps2")
    import_course(runtime, folder)
    with runtime.db.transaction() as tx:
        place = make_place(tx, slug=SLUG)
    alyssa = join(runtime, place, "sub-alyssa")
    with closing(sqlite3.connect(folder / "gradebook.db")) as connection:
        connection.execute("UPDATE source_cell SET source = 'An older text.' WHERE name = 'why'")
        connection.execute("UPDATE student SET lms_user_id = 'sub-alyssa' WHERE id = ?", (HACKER,))
        connection.commit()
    said = bring(runtime, place, folder)
    work(runtime)
    succeed(runtime, "export", key(place), tmp_path / "out")

    assert "ps1: the gradebook has older texts or points of its cells; they follow the source." in said
    assert "ps2: is no quiz of the course; it is kept for an export." in said
    assert [each.points for each in attempts_of(runtime, alyssa)] == [Decimal("0.75")]
    before, after = say(folder), say(tmp_path / "out")
    assert after[1] == before[1]
    assert [name for name in before[0] if before[0][name] != after[0][name]] == ["source_cell"]


def test_other_sources_are_refused_with_what_to_do(runtime: Runtime, place: Place, folder: Path) -> None:
    (folder / "source" / "ps1" / "ps1.ipynb").write_bytes(TWO)
    refused = call(runtime, "import", folder, key(place))

    assert "source/ps1/ps1.ipynb: is another one in the course nb-course." in str(refused.exception)
    assert "coursebridge course import" in str(refused.exception)
    assert counted(runtime)["grading_arrival"] == 0


def test_a_class_that_has_begun_takes_nothing_over(runtime: Runtime, place: Place, folder: Path) -> None:
    ben = join(runtime, place, "sub-ben")
    with runtime.db.transaction() as tx:
        quiz, snapshot = get_assignment(tx, SLUG, "ps1"), make_snapshot({"ps1.ipynb": b"{}"}, 1000)
        store_submission(tx, quiz, ben.submitter, snapshot, via="page", request_id="12345678")
    refused = call(runtime, "import", folder, key(place))

    assert "learners have handed in already" in str(refused.exception)
    assert "There is no LMS course nb-course-7. These use the course: nb-course-1" in str(
        call(runtime, "import", folder, "nb-course-7").exception
    )


def test_an_export_writes_into_no_folder_that_is_in_use(
    runtime: Runtime, place: Place, folder: Path, tmp_path: Path
) -> None:
    refused = call(runtime, "export", key(place), folder)

    assert "Name a folder that is new or empty." in str(refused.exception)
    (tmp_path / "empty").mkdir()
    succeed(runtime, "export", key(place), tmp_path / "empty")
    assert (tmp_path / "empty" / "gradebook.db").is_file()


def gradebook_of(runtime: Runtime, place: Place) -> Path:
    return runtime.settings.placement_dir(SLUG, place.placement_id) / "gradebook" / "gradebook.db"


def key_students(runtime: Runtime, place: Place) -> set[str]:
    """Whom the gradebook knows."""
    path = gradebook_of(runtime, place)
    return {str(row[0]) for row in read_rows(path)["student"]} if path.is_file() else set()


def die_at(runtime: Runtime, point: str, call: Callable[[Runtime], object]) -> None:
    """Do it in a process that is killed there."""
    child = os.fork()
    if child == 0:
        try:
            os.environ["COURSEBRIDGE_CRASH_AT"] = point
            mine = make_runtime(runtime.settings)
            mine.db.router = runtime.db.router
            call(mine)
        finally:
            os._exit(1)
    _pid, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


@contextmanager
def formgrader(folder: Path) -> Iterator[httpx.Client]:
    """nbgrader's formgrader in a Jupyter server on a folder, which knows nothing of us."""
    port = free_port()
    command = [sys.executable, "-m", "jupyter_server", f"--ServerApp.port={port}", "--IdentityProvider.token=t"]
    command += ["--ServerApp.port_retries=0", "--no-browser"] + (["--allow-root"] if os.geteuid() == 0 else [])
    said = folder.parent / "jupyter.log"
    with said.open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, env=stock_environment(folder), stdout=log, stderr=log)
    base, headers = f"http://127.0.0.1:{port}/formgrader/", {"Authorization": "token t"}
    try:
        with httpx.Client(base_url=base, headers=headers, timeout=120, trust_env=False) as http:
            for _ in range(600):
                try:
                    http.get("api/assignments")
                    break
                except httpx.TransportError:
                    assert server.poll() is None, said.read_text()
                    time.sleep(0.1)
            yield http
    finally:
        server.terminate()
        server.wait(120)


def stock_environment(folder: Path) -> dict[str, str]:
    """Without anything of ours."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {
        **os.environ,
        "PATH": path,
        "JUPYTER_CONFIG_DIR": str(folder.parent / "config"),
        "JUPYTER_RUNTIME_DIR": str(folder.parent),
    }


def run_nbgrader(folder: Path, *arguments: str) -> str:
    """nbgrader's own command line, which knows nothing of us."""
    command = [sys.executable, "-m", "nbgrader", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=stock_environment(folder), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr

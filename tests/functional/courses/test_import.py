"""Importing is all or nothing, can be done again and again, and tells what changes for people."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import nbgrader
import pytest
from sqlalchemy import create_engine, select, text

from config.settings import Settings
from grading import public as grading
from grading.assignments import find_assignment, get_assignment
from grading.drafts import save_draft
from grading.engine import execution, marking
from grading.engine.structure import load_structures, sha256_of
from grading.engine_nbgrader import open_placement
from grading.models import AssignmentRow, DraftRow, ResultRow, SubmissionRow, SubmissionState
from grading.submissions import make_snapshot, store_submission
from grading.terms import terms_of
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.errors import Conflict, NotFound
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.messages import LinkLaunched
from plugins.courses.course_file import CourseFolderError
from plugins.courses.models import Course, Item, Media, Module
from tests.factories import notebooks as make
from tests.factories.course_folders import TOML, changed, quiz_notebook
from tests.factories.grading import LIMIT, Place, Someone, make_context, make_person, placement_at, work
from tests.functional.courses.conftest import SLUG, Import

SHIPPED = Path(nbgrader.__file__).parent / "docs" / "source" / "user_guide" / "source"
BROKEN = quiz_notebook(4, make.tests("b", 1, "1 +"))
MORE_CELLS = quiz_notebook(4, make.tests("more", 1, "pass"))


def state_of(runtime: Runtime) -> dict[str, Any]:
    """All that an import may change: files, gradebook, rows."""
    root = runtime.settings.courses_dir
    files = {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix not in (".lock", ".db")
    }
    rows: dict[str, list[Any]] = {}
    with runtime.db.reading() as tx:
        for model in (Course, Module, Item, Media, AssignmentRow, SubmissionRow, ResultRow, DraftRow):
            rows[model.__tablename__] = [tuple(row) for row in tx.execute(select(model.__table__))]
    return {"files": files, "rows": rows, "gradebook": gradebook_rows(runtime)}


def gradebook_rows(runtime: Runtime) -> dict[str, Any]:
    """Of every placement, and what they follow."""
    root = runtime.settings.course_dir(SLUG)
    found: dict[str, Any] = {"structure": sha256_of(load_structures(runtime.settings.structure_url(SLUG)))}
    for path in sorted(root.glob("placements/*/gradebook/gradebook.db")):
        engine = create_engine(f"sqlite:///{path}")
        with engine.connect() as connection:
            names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
            rows = {name: [tuple(row) for row in connection.execute(text(f'SELECT * FROM "{name}"'))] for name in names}
        engine.dispose()
        found[path.parts[-3]] = rows
    return found


def hand_in(runtime: Runtime, who: Someone, source: str, assignment: str = "quiz-1") -> int:
    """Hand in a notebook whose answer is `source`; not marked yet."""
    with runtime.db.transaction() as tx:
        row = get_assignment(tx, SLUG, assignment)
        release = (runtime.settings.courses_dir / SLUG / "release" / assignment / f"{assignment}.ipynb").read_bytes()
        files = {f"{assignment}.ipynb": json.dumps(make.fill(release, {"sum": source})).encode()}
        snapshot = make_snapshot(files, LIMIT)
        stored, _new = store_submission(tx, row, who.submitter, snapshot, via="page", request_id=uuid4().hex)
    return stored.id


def marked(runtime: Runtime, submission_id: int) -> SubmissionRow:
    work(runtime)
    with runtime.db.reading() as tx:
        row = tx.get_one(SubmissionRow, submission_id)
    assert row.state in (SubmissionState.GRADED, SubmissionState.NEEDS_MANUAL), row.teacher_text
    return row


def test_import_writes_course_quizzes_lessons_and_media(runtime: Runtime, run_import: Import) -> None:
    done = run_import()

    assert (done.slug, done.lessons, done.quizzes, done.max_points, done.notes) == (
        SLUG,
        2,
        2,
        {"quiz-1": "4", "quiz-2": "6"},
        [],
    )
    with runtime.db.reading() as tx:
        quiz = find_assignment(tx, SLUG, "quiz-1")
        items = list(tx.scalars(select(Item.slug).order_by(Item.position)))
        media = dict(tx.execute(select(Media.path, Media.content_type)).all())
    assert quiz is not None
    assert (quiz.title, quiz.item_ref, quiz.max_points) == ("First quiz", "courses/trees/first-quiz", Decimal(4))
    assert (quiz.max_attempts, quiz.due_at) == (3, datetime(2026, 11, 30, 22, 59, tzinfo=UTC))
    assert items == ["sowing", "watering", "first-quiz", "second-quiz"]
    assert media == {
        "page.html": "application/octet-stream",
        "rain.csv": "text/csv; charset=utf-8",
        "seed.png": "image/png",
        "tree.svg": "image/svg+xml",
    }


def test_import_again_of_the_same_folder_changes_nothing(runtime: Runtime, run_import: Import) -> None:
    with clock.frozen(clock.now()):
        run_import()
        before = state_of(runtime)
        done = run_import()
        after = state_of(runtime)

    assert done.notes == []
    for state in (before, after):  # modules are written anew, and nbgrader gives its rows new random ids
        del state["gradebook"], state["rows"]["courses_module"]
        state["rows"]["courses_item"] = [row[:2] + row[3:] for row in state["rows"]["courses_item"]]
    assert before == after


@pytest.mark.parametrize(
    "changes",
    [
        {"source/quiz-2/quiz-2.ipynb": BROKEN},
        {"source/header.ipynb": b"{"},
        {"lessons/watering.md": "[x](nowhere)"},
        {"course.toml": TOML + "\nx = ["},
    ],
    ids=["last notebook", "header", "lesson", "course.toml"],
)
def test_an_error_leaves_everything_as_it_was(
    runtime: Runtime, run_import: Import, changes: Mapping[str, bytes | str | None]
) -> None:
    run_import()
    before = state_of(runtime)

    with pytest.raises(CourseFolderError):
        run_import({"source/quiz-1/quiz-1.ipynb": quiz_notebook(9), **changes})

    assert state_of(runtime) == before


def test_a_first_import_that_fails_leaves_nothing(runtime: Runtime, run_import: Import) -> None:
    before = state_of(runtime)

    with pytest.raises(CourseFolderError):
        run_import({"source/quiz-2/quiz-2.ipynb": BROKEN})

    assert state_of(runtime) == before
    assert [path.name for path in runtime.settings.courses_dir.glob("*") if path.suffix != ".lock"] == []


def test_cells_that_do_not_fit_what_was_handed_in_leave_everything_as_it_was(
    runtime: Runtime, run_import: Import, someone: Callable[..., Someone]
) -> None:
    run_import()
    marked(runtime, hand_in(runtime, someone(), "total = 2", "quiz-2"))
    before = state_of(runtime)

    with pytest.raises(CourseFolderError) as caught:
        run_import({"source/quiz-1/quiz-1.ipynb": quiz_notebook(9), "source/quiz-2/quiz-2.ipynb": MORE_CELLS})

    assert [problem.partition(": ")[0] for problem in caught.value.problems] == ["source/quiz-2/"]
    assert "Learners have submitted this assignment already" in str(caught.value)
    assert state_of(runtime) == before


def test_import_again_keeps_submissions_marks_and_drafts(
    runtime: Runtime, run_import: Import, someone: Callable[..., Someone]
) -> None:
    run_import()
    ada = someone()
    first = marked(runtime, hand_in(runtime, ada, "total = 2"))
    with runtime.db.transaction() as tx:
        snapshot = make_snapshot({"quiz-1.ipynb": b"{}"}, LIMIT)
        save_draft(tx, get_assignment(tx, SLUG, "quiz-1"), ada.submitter, snapshot, clock.now())
    kept = ("grading_submission", "grading_draft", "grading_result")
    before = state_of(runtime)["rows"]

    run_import({"source/quiz-1/data.csv": "new data", "lessons/watering.md": "# Watering\n\nMore.\n\n## How much"})

    after = state_of(runtime)["rows"]
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    marks = open_placement(runtime.settings, placement_at(runtime, ada.place)).read_marks("quiz-1", ada.hub_name)
    assert (first.points, marks.total) == (Decimal(4), Decimal(4))
    assert marked(runtime, hand_in(runtime, ada, "total = 3")).points == Decimal(0)


def test_changed_points_reach_the_assignment_and_are_told(
    runtime: Runtime, run_import: Import, someone: Callable[..., Someone]
) -> None:
    run_import()
    marked(runtime, hand_in(runtime, someone(), "total = 2"))

    done = run_import({"source/quiz-1/quiz-1.ipynb": quiz_notebook(8), "source/quiz-2/quiz-2.ipynb": quiz_notebook(1)})

    assert done.notes == [
        "“First quiz” is worth 8 points now; it was 4. Marks given so far stay as they are.",
        "“Second quiz” is worth 1 points now; it was 6.",
    ]
    with runtime.db.reading() as tx:
        assert grading.list_max_points(tx, {SLUG}) == {(SLUG, "quiz-1"): 8, (SLUG, "quiz-2"): 1}
        (result,) = tx.scalars(select(ResultRow))
    assert (result.points, result.max_points) == (4, 4)


def test_a_removed_quiz_keeps_its_submissions_and_takes_no_more(
    runtime: Runtime, run_import: Import, someone: Callable[..., Someone]
) -> None:
    run_import()
    submission = marked(runtime, hand_in(runtime, someone(), "total = 2", "quiz-2"))
    shorter = TOML[: TOML.index('[[module]]\ntitle = "Wood"')]

    done = run_import({"course.toml": shorter})

    assert done.notes == [
        "“Second quiz” (second-quiz) is no longer in the course. 1 attempt handed in and all marks are kept."
    ]
    with runtime.db.reading() as tx:
        row = get_assignment(tx, SLUG, "quiz-2")
        assert tx.get_one(SubmissionRow, submission.id).points == 6
        assert list(tx.scalars(select(Item.slug).where(Item.slug == "second-quiz"))) == []
    assert terms_of(row).is_closed(clock.now())

    assert run_import({"course.toml": TOML}).notes == []
    with runtime.db.reading() as tx:
        assert not terms_of(get_assignment(tx, SLUG, "quiz-2")).is_closed(clock.now())


def test_a_new_slug_is_told_with_the_activities_that_show_the_old_one(
    runtime: Runtime, run_import: Import, place: Place
) -> None:
    run_import()
    with runtime.db.transaction() as tx:
        tx.execute(text("UPDATE lti_link SET item_ref = 'courses/trees/second-quiz'"))

    done = run_import(changed('slug = "second-quiz"', 'slug = "wood-quiz"'))

    assert done.notes == [
        "The slug of “Second quiz” was second-quiz and is wood-quiz now. 1 activity in an LMS still shows the old "
        "slug: take the slug back, or have teachers place it anew."
    ]
    with runtime.db.reading() as tx:
        assert get_assignment(tx, SLUG, "quiz-2").item_ref == "courses/trees/wood-quiz"
        assert not terms_of(get_assignment(tx, SLUG, "quiz-2")).is_closed(clock.now())


def test_items_move_between_modules_and_keep_their_rows(runtime: Runtime, run_import: Import) -> None:
    run_import()
    with runtime.db.reading() as tx:
        before = dict(tx.execute(select(Item.slug, Item.id)).all())
    head, *parts = TOML.split("[[module.item]]")
    swapped = "[[module.item]]".join([head, parts[3], parts[0], parts[2], parts[1]])

    run_import({"course.toml": swapped})

    with runtime.db.reading() as tx:
        after = dict(tx.execute(select(Item.slug, Item.id).order_by(Item.position)).all())
    assert after == before
    assert list(after) == ["second-quiz", "sowing", "first-quiz", "watering"]


def test_a_header_that_was_removed_is_gone(runtime: Runtime, run_import: Import) -> None:
    run_import({"source/header.ipynb": make.notebook(make.text("The header")).replace(b'"c0"', b'"top"')})
    release = runtime.settings.courses_dir / SLUG / "release" / "quiz-1" / "quiz-1.ipynb"
    assert "The header" in release.read_text()

    run_import({"source/header.ipynb": None})
    assert "The header" not in release.read_text()


def test_two_imports_at_once_end_as_one(runtime: Runtime, run_import: Import) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = [future.result() for future in [pool.submit(run_import) for _ in range(4)]]

    assert {each.slug for each in done} == {SLUG}
    with runtime.db.reading() as tx:
        assert len(list(tx.scalars(select(Item)))) == 4
    assert [path.name for path in runtime.settings.courses_dir.glob(".*") if path.suffix != ".lock"] == []


def test_a_course_stays_with_its_platform(runtime: Runtime, run_import: Import, place: Place) -> None:
    mine = place.registration_id
    with pytest.raises(NotFound, match="There is no platform 99"):
        run_import(registration_id=99)
    run_import(registration_id=mine)
    before = state_of(runtime)

    with pytest.raises(Conflict, match=f"for platform {mine}. To import it again use --platform {mine}"):
        run_import()
    assert state_of(runtime) == before

    run_import(registration_id=mine)
    run_import(change_platform=True)
    with pytest.raises(Conflict, match=r"for every platform\. To import it again use no --platform"):
        run_import(registration_id=mine)


# ---- the command ----


@pytest.fixture
def run_cli(settings: Settings, runtime: Runtime) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`run_cli("course", "import", path)`, in a process of its own."""

    def run(*arguments: str | Path, crash_at: str = "") -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "COURSEBRIDGE_DATA_DIR": str(settings.data_dir),
            "COURSEBRIDGE_DATABASE__URL": settings.database.url,
            "COURSEBRIDGE_CRASH_AT": crash_at,
        }
        command = [sys.executable, "-m", "lti_tool.app", *map(str, arguments)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    return run


Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.one_database
def test_the_command_says_what_it_did(run_cli: Cli, folder: Path) -> None:
    done = run_cli("course", "import", folder)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "Imported “Trees” (trees): 2 lessons, 2 quizzes.",
        "  quiz-1: 4 points",
        "  quiz-2: 6 points",
    ]
    assert run_cli("course", "list").stdout.startswith("trees\tTrees\tevery platform\timported ")


@pytest.mark.one_database
def test_the_command_ends_with_a_line_for_each_problem(run_cli: Cli, folder: Path, tmp_path: Path) -> None:
    (folder / "source" / "quiz-2" / "quiz-2.ipynb").write_bytes(BROKEN)
    (folder / "lessons" / "sowing.md").unlink()
    done = run_cli("course", "import", folder)

    assert (done.returncode, done.stdout) == (1, "")
    lines = done.stderr.splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["lessons/sowing.md", "source/quiz-2/quiz-2.ipynb"]

    missing = run_cli("course", "import", tmp_path / "nothing")
    assert (missing.returncode, missing.stderr) == (1, f"{tmp_path / 'nothing'}: there is no such folder.\n")


def test_killed_import_counts_for_whoever_marks_next(
    run_cli: Cli, runtime: Runtime, run_import: Import, folder: Path, someone: Callable[..., Someone]
) -> None:
    """From the rename on, sources, releases and gradebooks are the new ones, whoever puts them in place."""
    run_import()
    ada = someone()
    marked(runtime, hand_in(runtime, ada, "total = 2"))
    (folder / "source" / "quiz-1" / "quiz-1.ipynb").write_bytes(quiz_notebook(7))
    assert run_cli("course", "import", folder, crash_at="import.sources").returncode == -signal.SIGKILL
    assert (runtime.settings.course_dir(SLUG) / ".next").exists()

    assert marked(runtime, hand_in(runtime, ada, "total = 2")).points == 7

    assert not (runtime.settings.course_dir(SLUG) / ".next").exists()
    source = runtime.settings.course_dir(SLUG) / "source" / "quiz-1" / "quiz-1.ipynb"
    assert source.read_bytes() == quiz_notebook(7)


class TestTwoPlacements:
    """Two LMS courses use one course of ours."""

    @pytest.fixture
    def both(self, runtime: Runtime, run_import: Import, place: Place) -> tuple[Someone, Someone]:
        """Ada here and Grace there, with the course imported and a gradebook for each."""
        run_import()
        with runtime.db.transaction() as tx:
            there = make_context(tx, place, SLUG, title="Forestry 2027")
            return make_person(tx, place), make_person(tx, there, "Grace H.")

    def test_each_has_a_gradebook_with_its_own_learners(self, runtime: Runtime, both: tuple[Someone, Someone]) -> None:
        for who, answer in zip(both, ("total = 2", "total = 3"), strict=True):
            marked(runtime, hand_in(runtime, who, answer))
        ada, grace = both
        here, there = (open_placement(runtime.settings, placement_at(runtime, who.place)) for who in both)
        assert {name: total.score for name, total in here.list_totals("quiz-1").items()} == {ada.hub_name: 4}
        assert {name: total.score for name, total in there.list_totals("quiz-1").items()} == {grace.hub_name: 0}
        for who, other in ((ada, grace), (grace, ada)):
            own = runtime.settings.placement_dir(SLUG, who.place.placement_id)
            assert sorted(path.name for path in own.iterdir() if path.is_dir()) == [
                "autograded",
                "feedback",
                "gradebook",
                "submitted",
            ]
            assert (own / "autograded" / who.hub_name).exists() and not list(own.rglob(other.hub_name))

    def test_import_again_reaches_both_and_keeps_their_marks(
        self, runtime: Runtime, run_import: Import, both: tuple[Someone, Someone]
    ) -> None:
        for who in both:
            marked(runtime, hand_in(runtime, who, "total = 2"))
        run_import({"source/quiz-1/quiz-1.ipynb": quiz_notebook(8)})
        for who in both:
            gradebook_url = runtime.settings.gradebook_url(SLUG, who.place.placement_id)
            structure = load_structures(runtime.settings.structure_url(SLUG))
            assert load_structures(gradebook_url) == structure
            engine = open_placement(runtime.settings, placement_at(runtime, who.place))
            assert engine.read_marks("quiz-1", who.hub_name).total == 4
            assert marked(runtime, hand_in(runtime, who, "total = 2")).points == 8

    def test_work_in_one_of_them_refuses_the_import_for_all(
        self, runtime: Runtime, run_import: Import, both: tuple[Someone, Someone]
    ) -> None:
        ada, grace = both
        marked(runtime, hand_in(runtime, ada, "total = 2", "quiz-1"))
        marked(runtime, hand_in(runtime, grace, "total = 2", "quiz-2"))
        before = state_of(runtime)

        with pytest.raises(CourseFolderError) as caught:
            run_import({"source/quiz-2/quiz-2.ipynb": MORE_CELLS, "lessons/sowing.md": "# New"})

        (problem,) = caught.value.problems
        assert problem.startswith("source/quiz-2/: Learners have submitted this assignment already")
        assert problem.endswith("Handed in in: Forestry 2027.")
        assert state_of(runtime) == before

    def test_gradebook_is_made_when_its_lms_course_is_opened(
        self, runtime: Runtime, both: tuple[Someone, Someone], browse: Callable[..., Any]
    ) -> None:
        ada = both[0]
        with runtime.db.transaction() as tx:
            tx.execute(text("DELETE FROM grading_gradebook"))
            teacher = make_person(tx, ada.place, "Teacher", Role.TEACHER)
            jobs.emit(tx, LinkLaunched(ada.user_id, ada.place.link_id, "", "learner", ada.place.placement_id))
        browser = browse(teacher)
        early = browser.post(f"/grading/{SLUG}/quiz-1/mark")
        assert early.status_code == 409 and "being made ready" in early.text

        work(runtime)

        assert load_structures(runtime.settings.gradebook_url(SLUG, ada.place.placement_id)).keys() == {
            "quiz-1",
            "quiz-2",
        }
        answer = browser.post(f"/grading/{SLUG}/quiz-1/mark")
        assert answer.status_code == 303 and "/hub/coursebridge/ticket" in answer.headers["Location"]

    @pytest.mark.parametrize("damage", ["link", "no database"])
    def test_gradebook_that_a_grader_spoilt_stops_nobody_else(
        self, runtime: Runtime, run_import: Import, both: tuple[Someone, Someone], damage: str
    ) -> None:
        """Graders write to the folder of their gradebook. A link there must lead an import nowhere."""
        for who in both:
            marked(runtime, hand_in(runtime, who, "total = 2"))
        spoilt, sound = (runtime.settings.placement_dir(SLUG, who.place.placement_id) for who in both)
        file, target = spoilt / "gradebook" / "gradebook.db", runtime.settings.data_dir / "target.db"
        file.unlink()
        if damage == "link":
            target.touch()
            file.symlink_to(target)
        else:
            file.write_bytes(b"no database " * 1000)

        run_import({"source/quiz-1/quiz-1.ipynb": quiz_notebook(8)})

        assert not target.exists() or target.stat().st_size == 0
        followed = load_structures(f"sqlite:///{sound}/gradebook/gradebook.db")
        assert followed == load_structures(runtime.settings.structure_url(SLUG))
        assert marked(runtime, hand_in(runtime, both[1], "total = 2")).points == 8

    def test_release_during_marking_has_it_marked_by_the_new_one(
        self, runtime: Runtime, run_import: Import, both: tuple[Someone, Someone], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The notebook runs outside every lock; what counts is decided when the marks are stored."""
        ran: list[int] = []

        def execute_and_import(*arguments: Any) -> Any:
            ran.append(1)
            if len(ran) == 1:
                run_import({"source/quiz-1/quiz-1.ipynb": quiz_notebook(8)})
            return execution.execute(*arguments)

        monkeypatch.setattr(marking, "execute", execute_and_import)
        assert marked(runtime, hand_in(runtime, both[0], "total = 2")).points == 8
        assert len(ran) == 2

    def test_gradebooks_are_made_and_marked_in_by_many_at_once(
        self, runtime: Runtime, both: tuple[Someone, Someone]
    ) -> None:
        submissions = [hand_in(runtime, who, "total = 2") for who in both]
        engines = [open_placement(runtime.settings, placement_at(runtime, who.place)) for who in both]
        with ThreadPoolExecutor(6) as pool:
            for future in [pool.submit(engine.prepare) for engine in engines * 3]:
                assert len(future.result()) == 64
        for submission_id in submissions:
            assert marked(runtime, submission_id).points == 4


@pytest.mark.parametrize("point", ["import.sources", "import.released", "import.followed"])
def test_an_import_that_was_killed_is_completed_by_the_next(
    run_cli: Cli, runtime: Runtime, run_import: Import, folder: Path, someone: Callable[..., Someone], point: str
) -> None:
    run_import()
    ada = someone()
    marked(runtime, hand_in(runtime, ada, "total = 2"))
    (folder / "source" / "quiz-1" / "quiz-1.ipynb").write_bytes(quiz_notebook(7))

    killed = run_cli("course", "import", folder, crash_at=point)
    assert killed.returncode == -signal.SIGKILL
    with runtime.db.reading() as tx:
        assert get_assignment(tx, SLUG, "quiz-1").max_points == 4

    assert "worth 7 points now; it was 4" in run_cli("course", "import", folder).stdout
    with runtime.db.reading() as tx:
        assert get_assignment(tx, SLUG, "quiz-1").max_points == 7
        assert len(list(tx.scalars(select(SubmissionRow)))) == 1
    assert marked(runtime, hand_in(runtime, ada, "total = 2")).points == 7
    assert [path.name for path in runtime.settings.courses_dir.rglob(".*") if path.is_dir()] == []


@pytest.mark.one_database
def test_quickstart_course_of_nbgrader_is_imported_and_a_right_answer_marked(
    run_cli: Cli, runtime: Runtime, tmp_path: Path, place: Place
) -> None:
    """What `nbgrader quickstart` makes: its user guide's source folder without the autotest one, and a config file."""
    course = tmp_path / "quickstart"
    shutil.copytree(
        SHIPPED, course / "source", ignore=shutil.ignore_patterns("*.html", "autotests.yml", "ps1_autotest")
    )
    (course / "nbgrader_config.py").write_text("c = get_config()\n")

    done = run_cli("course", "import", course)

    assert done.stdout.splitlines() == ["Imported “Quickstart” (quickstart): 0 lessons, 1 quiz.", "  ps1: 13 points"]
    with runtime.db.transaction() as tx:
        ada = make_person(tx, make_context(tx, place, "quickstart"))
        row = get_assignment(tx, "quickstart", "ps1")
        solved = {path.name: path.read_bytes() for path in (course / "source" / "ps1").iterdir()}
        snapshot = make_snapshot(solved, LIMIT)
        stored, _new = store_submission(tx, row, ada.submitter, snapshot, via="page", request_id=uuid4().hex)
    submission = marked(runtime, stored.id)
    assert (submission.state, submission.max_points) == (SubmissionState.NEEDS_MANUAL, Decimal(13))
    assert submission.points is not None and submission.points > 0

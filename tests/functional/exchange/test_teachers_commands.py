"""nbgrader's commands for teachers over HTTP: list --inbound, collect, release_feedback.

What nbgrader's own tests ask of its shared folder is asked here of the tool, as far as there is such a thing.
"""

import json
from datetime import datetime, timedelta
from pathlib import Path

from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import parse_utc
from sqlalchemy import update
from traitlets.config import Config

from grading.assignments import get_assignment
from grading.extensions import Grant, grant_extension
from grading.models import SubmissionRow
from lti_tool.kernel import clock
from lti_tool.kernel.audit import Actor, Via
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from tests.factories.grading import Place, make_context, moment, placement_at, work
from tests.fakes.engine import open_fake_course
from tests.functional.exchange.conftest import QUIZ, SLUG, Sit, Terminal, handed_in

DUE = moment("2026-11-30T23:59:00+01:00")


def submitted(teacher: Terminal, learner: Terminal) -> Path:
    """Where nbgrader looks for a learner's work."""
    return teacher.home / "course" / "submitted" / learner.name / QUIZ


def points_in(folder: Path) -> object:
    """What the notebook in a folder says."""
    return json.loads((folder / f"{QUIZ}.ipynb").read_text()).get("points")


def test_collect_writes_the_newest_attempt_once_and_a_newer_one_when_asked(sit: Sit, teacher: Terminal) -> None:
    assert "No submissions of 'quiz-1'" in teacher.ok("collect", QUIZ)
    assert not (teacher.home / "course" / "submitted").exists()
    ada, bob = handed_in(sit(), points=1), handed_in(sit(), points=2)
    handed_in(ada, points=3)

    log = teacher.ok("collect", QUIZ)

    assert f"Processing 2 submissions of 'quiz-1' for course '{teacher.key}'" in log
    here = submitted(teacher, ada)
    assert sorted(path.name for path in here.iterdir()) == ["data.csv", "quiz-1.ipynb", "timestamp.txt"]
    assert (points_in(here), points_in(submitted(teacher, bob))) == (3, 2)
    first = (here / "timestamp.txt").read_text()
    handed_in(ada, points=4)
    assert "Submission already exists, use --update to update" in teacher.ok("collect", f"--assignment={QUIZ}")
    assert (points_in(here), (here / "timestamp.txt").read_text()) == (3, first)
    (here / "notes.txt").write_text("of an older attempt")
    log = teacher.ok("collect", QUIZ, "--update")
    assert f"Updating submission: {ada.name}" in log and f"No newer submission to collect: {bob.name}" in log
    assert (points_in(here), (here / "notes.txt").exists()) == (4, False)
    assert parse_utc((here / "timestamp.txt").read_text()) > parse_utc(first)
    assert [path.name for path in here.parent.iterdir()] == [QUIZ]


def test_collect_leaves_out_whom_it_is_told_to(sit: Sit, teacher: Terminal) -> None:
    ada, bob, cyd = handed_in(sit()), handed_in(sit()), handed_in(sit())

    teacher.ok("collect", QUIZ, f"--student={ada.name}")
    assert [submitted(teacher, each).exists() for each in (ada, bob, cyd)] == [True, False, False]
    teacher.ok("collect", QUIZ, f"--CourseDirectory.student_id_exclude={bob.name},nobody")
    assert [submitted(teacher, each).exists() for each in (ada, bob, cyd)] == [True, False, True]


def test_time_of_submission_is_what_nbgraders_late_plugin_reads(sit: Sit, teacher: Terminal) -> None:
    with clock.frozen(DUE + timedelta(hours=3)):
        late = handed_in(sit())
        teacher.ok("collect", QUIZ, "--timezone=America/New_York")
        listed = teacher.ok("list", "--inbound", "--timezone=America/New_York")

    here = submitted(teacher, late)
    assert (here / "timestamp.txt").read_text() == "2026-12-01 01:59:00.000000 UTC"
    read = CourseDirectory(config=Config()).get_existing_timestamp(str(here))
    assert (read - parse_utc(DUE.isoformat())).total_seconds() == 3 * 3600
    assert f"{late.name} {QUIZ} 2026-11-30 20:59:00.000000 EST attempt 1" in listed
    assert "Invalid timezone: Nowhere" in teacher.refused("collect", QUIZ, "--timezone=Nowhere")


def test_before_the_due_date_means_each_learners_own(sit: Sit, teacher: Terminal, runtime: Runtime) -> None:
    ada, bob, cyd = sit(), sit(), sit()
    give_until(runtime, bob, DUE + timedelta(days=7))
    with clock.frozen(DUE - timedelta(hours=1)):
        for each in (ada, bob):
            handed_in(each, points=1)
    with clock.frozen(DUE + timedelta(hours=1)):
        for each in (ada, bob, cyd):
            handed_in(each, points=2)
        teacher.ok("collect", QUIZ)
        assert [points_in(submitted(teacher, each)) for each in (ada, bob, cyd)] == [2, 2, 2]

        teacher.ok("collect", QUIZ, "--before-duedate")

    assert [points_in(submitted(teacher, each)) for each in (ada, bob, cyd)] == [1, 2, 2]


def give_until(runtime: Runtime, terminal: Terminal, due_at: datetime) -> None:
    """Give a learner more time."""
    with runtime.db.transaction() as tx:
        row, grant = get_assignment(tx, SLUG, QUIZ), Grant(due_at=due_at, closes_at=None, more_attempts=0, reason="")
        grant_extension(tx, row, terminal.who.submitter, grant, Actor("Teacher", Via.COURSE))


def test_what_a_learner_left_in_the_way_is_not_followed(sit: Sit, teacher: Terminal) -> None:
    ada, elsewhere = sit(), teacher.home / "elsewhere"
    ada.ok("fetch_assignment", QUIZ, "--course", ada.key)
    elsewhere.mkdir()
    (ada.home / ada.key / QUIZ / "timestamp.txt").write_text("2001-01-01 00:00:00 UTC")
    (ada.home / ada.key / QUIZ / "more").symlink_to("/etc")
    ada.ok("submit", QUIZ, "--course", ada.key)
    submitted(teacher, ada).parent.mkdir(parents=True)
    submitted(teacher, ada).symlink_to(elsewhere)

    teacher.ok("collect", QUIZ, "--update")

    here = submitted(teacher, ada)
    assert not here.is_symlink() and list(elsewhere.iterdir()) == [] and len(list(here.parent.iterdir())) == 1
    assert sorted(path.name for path in here.iterdir()) == ["data.csv", "quiz-1.ipynb", "timestamp.txt"]
    assert not (here / "timestamp.txt").read_text().startswith("2001")
    (here / "timestamp.txt").write_text("yesterday, I think")
    assert "Updating submission" in teacher.ok("collect", QUIZ, "--update")
    assert (here / "timestamp.txt").read_text().endswith("UTC")


def test_files_that_are_not_those_of_the_receipt_are_not_collected(
    sit: Sit, teacher: Terminal, runtime: Runtime
) -> None:
    ada = handed_in(sit())
    with runtime.db.transaction() as tx:
        mine = SubmissionRow.hub_name == ada.name
        tx.execute(update(SubmissionRow).where(mine).values(sha256="0" * 64))

    assert "are not those of receipt" in teacher.refused("collect", QUIZ)
    assert not submitted(teacher, ada).exists()


def test_list_inbound_shows_the_class_and_how_far_each_attempt_is(
    sit: Sit, teacher: Terminal, runtime: Runtime, place: Place
) -> None:
    assert "Submitted assignments:" in teacher.ok("list", "--inbound")
    ada, bob = handed_in(sit(), points=2), handed_in(sit(), outcome="not_a_notebook")
    work(runtime)
    handed_in(ada)
    cyd = handed_in(sit(), points=4, suspicion="no test can fail")
    rest = handed_in(sit())

    log = teacher.ok("list", "--inbound", QUIZ)

    lines = [line for line in log.splitlines() if QUIZ in line]
    assert len(lines) == 5
    for who, number, said in (
        (ada, 1, "feedback released"),
        (ada, 2, "waits to be marked"),
        (bob, 1, "could not be marked: no feedback"),
        (cyd, 1, "waits to be marked"),
        (rest, 1, "waits to be marked"),
    ):
        assert [line for line in lines if who.name in line and f"attempt {number}," in line and said in line], said
    only = teacher.ok("list", "--inbound", f"--student={bob.name}")
    assert bob.name in only and ada.name not in only
    assert QUIZ not in teacher.ok("list", "--inbound", "--assignment=quiz-2")
    assert "incompatible" in teacher.refused("list", "--inbound", "--cached")
    assert "Nothing can be removed" in teacher.refused("list", "--inbound", "--remove")
    assert f"{teacher.key} {QUIZ}" in teacher.ok("list")
    work(runtime)
    assert "held: decide on its page" in teacher.ok("list", "--inbound", f"--student={cyd.name}")


def test_a_class_is_seen_by_its_own_teachers_at_its_own_server(
    sit: Sit, teacher: Terminal, runtime: Runtime, platform: Place
) -> None:
    """The commands of each terminal that must not see it, and the sentence that it gets instead."""
    ada = handed_in(sit())
    with runtime.db.transaction() as tx:
        elsewhere = make_context(tx, platform, SLUG)
    rival, colleague = sit(Role.TEACHER, marking=True, at=elsewhere), sit(Role.ASSISTANT)
    at_home = sit(Role.TEACHER, who=teacher.who)

    for terminal, said in (
        (rival, "There is no such course for you"),
        (colleague, "marking server"),
        (at_home, "open formgrader from your LMS and use a terminal there"),
        (ada, "marking server"),
    ):
        for command in ("collect", "release_feedback", "release_assignment"):
            if command == "release_assignment":
                (terminal.home / "source" / QUIZ).mkdir(parents=True)
                (terminal.home / "source" / QUIZ / "quiz-1.ipynb").write_text("{}")
            log = terminal.refused(command, QUIZ, f"--course={teacher.key}", f"--course-dir={terminal.home}")
            assert said in log, (command, log)
        assert ada is terminal or ada.name not in terminal.ok("list", "--inbound")
        assert not (terminal.home / "submitted").exists()
    assert ada.name in teacher.ok("list", "--inbound", "--course=*")
    granted = sit(Role.ASSISTANT, marking=True)
    granted.ok("collect", QUIZ)
    assert submitted(granted, ada).is_dir()


def test_release_feedback_brings_marks_by_hand_to_the_learner(
    sit: Sit, teacher: Terminal, runtime: Runtime, place: Place
) -> None:
    ada, bob = handed_in(sit(), points=1, manual=True), handed_in(sit(), points=2, manual=True)
    assert "No submissions of 'quiz-2'" in teacher.ok("release_feedback", "quiz-2")
    work(runtime)
    cyd = handed_in(sit())
    gradebook = open_fake_course(runtime.settings, placement_at(runtime, place))
    for each in (ada, bob):
        gradebook.mark_by_hand(QUIZ, each.name, "2")
    (teacher.home / "course/feedback" / ada.name / QUIZ).mkdir(parents=True)
    (teacher.home / "course/feedback" / ada.name / QUIZ / "quiz-1.html").write_text("<p>of my own</p>")

    log = teacher.ok("release_feedback", QUIZ, f"--CourseDirectory.student_id_exclude={bob.name}")
    scores = [score_of(runtime, each) for each in (ada, bob, cyd)]

    assert "Learners whose feedback follows the gradebook within seconds: 1" in log
    assert "are not sent: Coursebridge makes them from the gradebook" in log
    assert f"{ada.name} {QUIZ} attempt 1: feedback released" in log
    assert f"{cyd.name} {QUIZ} attempt 1: waits to be marked" in log
    assert bob.name not in log
    assert scores == [3, 2, 0]
    ada.ok("fetch_feedback", QUIZ, "--course", ada.key)
    (page,) = (ada.home / ada.key / QUIZ / "feedback").glob("*/quiz-1.html")
    assert "of my own" not in page.read_text()
    teacher.ok("release_feedback", QUIZ, f"--student={bob.name}")
    assert score_of(runtime, bob) == 4


def score_of(runtime: Runtime, learner: Terminal) -> object:
    """What the newest attempt of a learner has, after all that is due was done."""
    work(runtime)
    quizzes = learner.get(f"/courses/{learner.key}/assignments").json()["assignments"]
    return next(quiz["attempts"][-1]["score"] for quiz in quizzes if quiz["name"] == QUIZ)


def test_teachers_commands_want_a_quiz_of_one_course(sit: Sit, teacher: Terminal) -> None:
    for command in ("collect", "release_feedback", "release_assignment"):
        assert "Must provide assignment name" in teacher.refused(command)
        assert "Must provide assignment name" in teacher.refused(command, QUIZ, "quiz-2")
        for course in ("", "*"):
            assert "No course id specified" in teacher.refused(command, QUIZ, f"--course={course}")
    for command in ("collect", "release_feedback"):
        assert "has no quiz quiz-9 that is open to you. It has: quiz-1, quiz-2." in teacher.refused(command, "quiz-9")

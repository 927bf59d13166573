"""Formgrader runs on a server of its own for each course, for its graders."""

import asyncio
import base64
import re

import pytest

from grading.hub_tokens import marking_server_name, servers_in
from jupyter_ext.hub.places import grade_server_name
from tests.fakes.hub_tool import HubTool
from tests.fakes.running_hub import RunningHub, Visitor, wait_for
from tests.fakes.tool_api import snapshot
from tests.functional.hub.conftest import ADA, BOB, KEY, OTHER_KEY, RIVAL, SLUG, TEACHER
from tests.functional.hub.test_learner_server import run_in_terminal

PREFIX = f"/user/{TEACHER}/grade-{KEY}/"


@pytest.fixture(scope="module")
def teacher(hub: RunningHub) -> Visitor:
    """A teacher, in formgrader."""
    return hub.visit(TEACHER, f"/formgrader?course={KEY}&path=gradebook/quiz-1")


def submission(teacher: Visitor) -> str:
    """Id of Ada's submitted notebook."""
    rows = teacher.send("GET", PREFIX, "formgrader/api/submitted_notebooks/quiz-1/quiz-1").json()
    return str(rows[0]["id"])


def grade(teacher: Visitor) -> dict[str, object]:
    """The mark of Ada's written answer."""
    rows = teacher.send("GET", PREFIX, f"formgrader/api/grades?submission_id={submission(teacher)}").json()
    return dict(rows[0])


def test_visit_ends_on_the_formgrader_page(teacher: Visitor) -> None:
    assert teacher.last.status_code == 200
    assert teacher.last.url.path == f"{PREFIX}formgrader/gradebook/quiz-1"
    assert teacher.go(f"{PREFIX}formgrader").url.path == f"{PREFIX}formgrader/gradebook"
    assert teacher.last.status_code == 200


def test_saved_mark_reaches_the_tool(teacher: Visitor, tool: HubTool) -> None:
    tool.marks_changed.clear()
    tool.failures = 1  # the first try fails; the report is tried again
    row = grade(teacher)
    answer = teacher.send("PUT", PREFIX, f"formgrader/api/grade/{row['id']}", {"manual_score": 4, "extra_credit": 0})
    assert answer.status_code == 200, answer.text
    assert grade(teacher)["manual_score"] == 4
    wait_for(lambda: tool.marks_changed)
    assert tool.marks_changed == [(TEACHER, KEY, {"assignment": "quiz-1", "learner": ADA})]


def test_saved_comment_reaches_the_tool(teacher: Visitor, tool: HubTool) -> None:
    tool.marks_changed.clear()
    comments = teacher.send("GET", PREFIX, f"formgrader/api/comments?submission_id={submission(teacher)}").json()
    answer = teacher.send(
        "PUT", PREFIX, f"formgrader/api/comment/{comments[0]['id']}", {"manual_comment": "Well argued."}
    )
    assert answer.status_code == 200, answer.text
    wait_for(lambda: tool.marks_changed)


def test_who_saves_over_a_mark_that_they_have_not_seen_is_told_and_nothing_is_written(
    teacher: Visitor, tool: HubTool
) -> None:
    assert "coursebridge-told" in teacher.go(f"{PREFIX}formgrader/submissions/{submission(teacher)}/").text
    row = grade(teacher)
    mark = f"formgrader/api/grade/{row['id']}"
    before = {"manual_score": row["manual_score"], "extra_credit": row["extra_credit"]}
    theirs = teacher.send("PUT", PREFIX, mark, {"manual_score": "3", "extra_credit": None, "seen": [before]})
    assert theirs.status_code == 200, theirs.text
    tool.marks_changed.clear()

    mine = teacher.send("PUT", PREFIX, mark, {"manual_score": "2", "extra_credit": None, "seen": [before]})

    assert mine.status_code == 409
    assert "Somebody else has saved 3 points here" in mine.json()["message"]
    assert mine.json()["now"]["manual_score"] == grade(teacher)["manual_score"] == 3
    seen = [
        before,
        {"manual_score": "3", "extra_credit": ""},
    ]  # as typed: what this page has sent itself is no surprise
    again = teacher.send("PUT", PREFIX, mark, {"manual_score": "2", "extra_credit": None, "seen": seen})
    assert (again.status_code, grade(teacher)["manual_score"]) == (200, 2)

    (row,) = teacher.send("GET", PREFIX, f"formgrader/api/comments?submission_id={submission(teacher)}").json()
    words = {"manual_comment": "Mine.", "seen": [{"manual_comment": "not what is there"}]}
    refused = teacher.send("PUT", PREFIX, f"formgrader/api/comment/{row['id']}", words)
    assert refused.status_code == 409
    assert refused.json()["now"]["manual_comment"] == row["manual_comment"]
    assert teacher.send("PUT", PREFIX, "formgrader/api/grade/nobody", {"seen": []}).status_code == 404
    wait_for(lambda: tool.marks_changed)
    assert len(tool.marks_changed) == 1, "what was refused is not reported"


def test_learners_scripts_are_not_run_in_the_graders_page(teacher: Visitor) -> None:
    page = teacher.go(f"{PREFIX}formgrader/submissions/{submission(teacher)}/")
    assert page.status_code == 200
    assert "document.title=" not in page.text
    assert "onerror" not in page.text
    assert "An answer, $" in page.text
    assert 'id="written"' in page.text  # the box for the mark is still there
    assert "<table" in page.text  # clean output is shown as it is
    assert "formgrade.js" in page.text


def test_the_graders_page_loads_nothing_from_elsewhere(teacher: Visitor) -> None:
    page = teacher.go(f"{PREFIX}formgrader/submissions/{submission(teacher)}/")
    scripts = re.findall(r'<script[^>]* src="([^"]*)"', page.text)
    assert any("MathJax.js" in script for script in scripts)
    for script in scripts:
        assert script.startswith(PREFIX), script
        assert teacher.go(script).status_code == 200, script
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]


def test_learners_files_are_shown_in_a_browser_sandbox(teacher: Visitor) -> None:
    page = teacher.go(f"{PREFIX}formgrader/submissions/{submission(teacher)}/page.html")
    assert page.status_code == 200
    assert page.headers["Content-Security-Policy"].startswith("sandbox;")


def test_configuration_is_not_read_from_a_submission(hub: RunningHub, teacher: Visitor) -> None:
    folder = f"/courses/{KEY}/autograded/{ADA}/quiz-1"
    assert teacher.go(f"{PREFIX}formgrader?path={folder}").status_code == 200
    assert teacher.go(f"{PREFIX}formgrader/manage_assignments").status_code == 200
    assert list((hub.data_dir / "courses").rglob("owned")) == []


@pytest.mark.parametrize(
    "path",
    [
        "submission/quiz-1/x/autograde",
        "assignment/quiz-1/collect",
        "assignment/quiz-1/release",
        "assignment/quiz-1/assign",
        "assignment/quiz-1/generate_feedback",
        "assignment/quiz-1/x/release_feedback",
    ],
)
def test_what_the_tool_does_is_refused(teacher: Visitor, path: str) -> None:
    answer = teacher.send("POST", PREFIX, f"formgrader/api/{path}").json()
    assert answer["success"] is False
    assert "Coursebridge" in answer["error"]


def test_students_and_assignments_are_not_made_here(teacher: Visitor) -> None:
    assert teacher.send("PUT", PREFIX, "formgrader/api/student/eve", {}).status_code == 409
    assert teacher.send("PUT", PREFIX, "formgrader/api/assignment/quiz-9", {}).status_code == 409


@pytest.mark.parametrize("place", ["", "source", "source/quiz-1", f"autograded/{ADA}/quiz-1"])
def test_grader_changes_nothing_of_the_course_but_its_gradebook(hub: RunningHub, teacher: Visitor, place: str) -> None:
    """A link in place of a folder would have the tool, outside, read or write where the grader cannot."""
    target = "/".join(part for part in (KEY, place, "planted.txt") if part)
    body = {"type": "file", "format": "text", "content": "x"}
    assert teacher.send("PUT", PREFIX, f"api/contents/{target}", body).status_code >= 400
    assert list((hub.data_dir / "courses").rglob("planted.txt")) == []


def test_nbgraders_commands_work_in_the_graders_terminal(hub: RunningHub, teacher: Visitor, tool: HubTool) -> None:
    """What the tool keeps in `submitted` stays its own; a folder of the grader's gets the files."""
    files = {"quiz-1.ipynb": b"{}"}
    listed = [{"path": path, "content_b64": base64.b64encode(body).decode()} for path, body in files.items()]
    row = {
        "assignment": "quiz-1",
        "number": 2,
        "submitted_at": "2026-01-02T03:04:05+00:00",
        "due": None,
        "receipt": "7F3A-91BC",
        "sha256": snapshot(files),
        "held": False,
        "feedback": False,
        "files": listed,
    }
    tool.class_work[KEY] = [row | {"learner": ADA, "state": "failed"}, row | {"learner": BOB, "state": "queued"}]
    out = f"/courses/{KEY}/gradebook"
    script = f"""
        nbgrader collect quiz-1; echo "code $?"
        nbgrader collect quiz-1 --course-dir=$HOME/collected; echo "code $?"
        cp $HOME/collected/submitted/{ADA}/quiz-1/timestamp.txt {out}/"""
    steps = "; ".join(line.strip() for line in script.strip().splitlines())
    asyncio.run(run_in_terminal(teacher, f"({steps}) > {out}/log.txt 2>&1", PREFIX, 120))

    read = hub.data_dir / "courses" / SLUG / "placements" / KEY.rpartition("-")[2] / "gradebook"
    log = (read / "log.txt").read_text()
    assert f"Attempt 2 waits to be marked, then it is here by itself: {BOB} quiz-1" in log
    assert f"Not written: {ADA} (attempt 2). Coursebridge fills /courses/{KEY}/submitted itself" in log
    assert re.findall(r"code (\d)", log) == ["1", "0"]
    assert (read / "timestamp.txt").read_text() == "2026-01-02 03:04:05.000000 UTC"
    assert servers_in(tool.scopes[TEACHER], TEACHER) == {grade_server_name(KEY)} == {marking_server_name(KEY)}


def test_teacher_of_one_course_does_not_mark_another(hub: RunningHub, teacher: Visitor) -> None:
    assert teacher.go("/hub/formgrader?course=other-course-9").status_code == 403
    assert teacher.go(f"/hub/spawn/{TEACHER}/grade-other-course-9").status_code == 403


class TestSameCourseInAnotherLmsCourse:
    """Two LMS courses use one course of ours. Their teachers share what is taught, and nothing that learners do."""

    def names(self, visitor: Visitor, prefix: str, path: str) -> set[str]:
        """What a marking server shows in a folder."""
        answer = visitor.send("GET", prefix, f"api/contents/{path}")
        assert answer.status_code == 200, answer.text
        return {entry["name"] for entry in answer.json()["content"]}

    def test_marking_server_has_this_placement_and_what_all_share(self, teacher: Visitor) -> None:
        assert self.names(teacher, PREFIX, "") == {KEY}
        assert self.names(teacher, PREFIX, KEY) == {
            "source",
            "release",
            "gradebook",
            "submitted",
            "autograded",
            "feedback",
        }

    def test_other_teacher_is_refused_every_way_in(self, hub: RunningHub, teacher: Visitor) -> None:
        rival = Visitor(hub)
        rival.arrive(hub.tool.ticket(RIVAL, f"/formgrader?course={KEY}"))
        assert rival.last.status_code == 403
        for path in (
            f"/hub/spawn/{RIVAL}/grade-{KEY}",
            f"/hub/spawn/{TEACHER}/grade-{KEY}",
            f"{PREFIX}formgrader/gradebook",
            f"{PREFIX}api/contents/{KEY}/autograded",
        ):
            assert rival.go(path).status_code in {403, 404}, path
        assert teacher.go(f"/hub/formgrader?course={OTHER_KEY}").status_code == 403
        assert teacher.go(f"/hub/spawn/{TEACHER}/grade-{OTHER_KEY}").status_code == 403

    def test_mark_given_in_one_leaves_the_other(self, hub: RunningHub, teacher: Visitor) -> None:
        rival = hub.visit(RIVAL, f"/formgrader?course={OTHER_KEY}&path=gradebook/quiz-1")
        there = f"/user/{RIVAL}/grade-{OTHER_KEY}/"
        assert rival.last.url.path == f"{there}formgrader/gradebook/quiz-1"
        assert self.names(rival, there, "") == {OTHER_KEY}
        (theirs,) = rival.send("GET", there, "formgrader/api/submitted_notebooks/quiz-1/quiz-1").json()
        before = grade(teacher)["manual_score"]
        (row,) = rival.send("GET", there, f"formgrader/api/grades?submission_id={theirs['id']}").json()
        changed = {"manual_score": 1, "extra_credit": 0}
        assert rival.send("PUT", there, f"formgrader/api/grade/{row['id']}", changed).status_code == 200
        assert grade(teacher)["manual_score"] == before != 1
        wait_for(lambda: [report for report in hub.tool.marks_changed if report[1] == OTHER_KEY])

    def test_placement_without_a_gradebook_says_what_to_do(self, hub: RunningHub, tool: HubTool) -> None:
        tool.add_person("u-" + "f" * 26, "Fay", notebooks_101_77="teacher")
        visitor = Visitor(hub)
        visitor.arrive(tool.ticket("u-" + "f" * 26, f"/formgrader?course={SLUG}-77"))
        assert "not ready" in visitor.last.text


def test_learner_does_not_reach_the_graders_server(hub: RunningHub, teacher: Visitor) -> None:
    bob = Visitor(hub)
    bob.arrive(hub.tool.ticket(BOB, f"/formgrader?course={KEY}"))
    assert bob.last.status_code == 403
    assert bob.go(f"{PREFIX}formgrader").status_code in {403, 404}


def test_role_taken_away_counts_at_the_next_start(hub: RunningHub, tool: HubTool) -> None:
    dean = "u-" + "d" * 26
    tool.add_person(dean, "Dean", notebooks_101_7="assistant")
    visitor = Visitor(hub)
    visitor.arrive(tool.ticket(dean, ""))
    tool.add_person(dean, "Dean", notebooks_101_7="learner")
    assert visitor.go(f"/hub/spawn/{dean}/grade-{KEY}").status_code == 403


def test_tool_that_is_down_starts_no_grading_server(hub: RunningHub, tool: HubTool) -> None:
    dean = "u-" + "e" * 26
    tool.add_person(dean, "Dean", notebooks_101_7="assistant")
    visitor = Visitor(hub)
    visitor.arrive(tool.ticket(dean, ""))
    tool.is_down = True
    try:
        answer = visitor.go(f"/hub/spawn/{dean}/grade-{KEY}")
    finally:
        tool.is_down = False
    assert answer.status_code == 503
    assert "Try again" in answer.text

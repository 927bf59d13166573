"""Those who may edit a course write its quizzes on a server of their own, and the tool keeps every save."""

import json
import re
from typing import Any

import nbformat
import pytest

from grading.hub_tokens import servers_in, writing_server_name
from jupyter_ext.hub.places import write_server_name
from tests.fakes.hub_tool import HubTool
from tests.fakes.running_hub import RunningHub, Visitor, wait_for
from tests.functional.hub.conftest import BOB, KEY, RIVAL, SLUG, TEACHER

PREFIX = f"/user/{TEACHER}/write-{KEY}/"
NOTEBOOK = "source/quiz-1/quiz-1.ipynb"


def notebook(text: str) -> bytes:
    """The source of a quiz."""
    cells = [nbformat.v4.new_markdown_cell(text)]
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells)).encode()


def set_source(tool: HubTool, base: int, text: str, saved_at: str | None = None) -> None:
    tool.sources[KEY, "quiz-1"] = (base, saved_at, {"quiz-1.ipynb": notebook(text), "rain.csv": b"1\n"})


@pytest.fixture(scope="module")
def writer(hub: RunningHub, tool: HubTool) -> Visitor:
    """A teacher, in JupyterLab on the source of a quiz."""
    set_source(tool, 3, "As published")
    return hub.visit(TEACHER, f"/write?course={KEY}&assignment=quiz-1")


def text_of(writer: Visitor, path: str = NOTEBOOK) -> str:
    answer = writer.send("GET", PREFIX, f"api/contents/{path}")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["content"]["cells"][0]["source"])


def save(writer: Visitor, text: str) -> None:
    body: dict[str, Any] = {"type": "notebook", "format": "json", "content": json.loads(notebook(text))}
    assert writer.send("PUT", PREFIX, f"api/contents/{NOTEBOOK}", body).status_code == 200


def names(writer: Visitor, path: str = "") -> set[str]:
    answer = writer.send("GET", PREFIX, f"api/contents/{path}").json()
    return {entry["name"] for entry in answer["content"]}


def test_write_ends_in_the_source_with_create_assignment_at_hand(writer: Visitor) -> None:
    assert writer.last.status_code == 200, writer.last.text
    assert writer.last.url.path == f"{PREFIX}lab/tree/{NOTEBOOK}"
    found = re.search(r'<script id="jupyter-config-data"[^>]*>(.*?)</script>', writer.last.text, re.S)
    assert found is not None
    disabled = json.dumps(json.loads(found.group(1))["disabledExtensions"])
    assert "@jupyter/nbgrader:formgrader" in disabled
    assert "create-assignment" not in disabled
    assert names(writer) == {"source"}, "no gradebook, no work of learners, no home of a learner's"
    assert names(writer, "source/quiz-1") == {"quiz-1.ipynb", "rain.csv"}


def test_every_save_reaches_the_tool_with_the_version_it_goes_on_from(writer: Visitor, tool: HubTool) -> None:
    save(writer, "Better")
    wait_for(lambda: b"Better" in tool.sources[KEY, "quiz-1"][2]["quiz-1.ipynb"])
    base, saved_at, files = tool.sources[KEY, "quiz-1"]
    assert (base, sorted(files)) == (3, ["quiz-1.ipynb", "rain.csv"])
    assert saved_at is not None
    assert servers_in(tool.scopes[TEACHER], TEACHER) == {write_server_name(KEY)} == {writing_server_name(KEY)}
    writer.go(f"/hub/write?course={KEY}&assignment=quiz-1")
    assert text_of(writer) == "Better"


def test_a_newer_version_comes_in_and_what_was_here_is_put_aside(writer: Visitor, tool: HubTool) -> None:
    before = text_of(writer)
    set_source(tool, 4, "Of a colleague")
    writer.go(f"/hub/write?course={KEY}&assignment=quiz-1")
    assert text_of(writer) == "Of a colleague"
    (aside,) = names(writer, "put aside")
    assert text_of(writer, f"put aside/{aside}/quiz-1.ipynb") == before

    tool.is_down = True
    try:
        save(writer, "While the tool is down")
    finally:
        tool.is_down = False
    set_source(tool, 5, "Of another colleague")
    writer.go(f"/hub/write?course={KEY}&assignment=quiz-1")
    assert text_of(writer) == "While the tool is down", "what the tool does not have yet stays"
    wait_for(lambda: b"While the tool" in tool.sources[KEY, "quiz-1"][2]["quiz-1.ipynb"])


def test_a_quiz_that_is_not_there_says_so(writer: Visitor) -> None:
    page = writer.go(f"/hub/write?course={KEY}&assignment=quiz-9")
    assert page.status_code == 404
    assert "The course has no such quiz." in page.text


@pytest.mark.parametrize("who", ["learner", "assistant", "teacher of the same course elsewhere"])
def test_others_are_refused_every_way_in(hub: RunningHub, tool: HubTool, writer: Visitor, who: str) -> None:
    assistant = tool.add_person("u-" + "g" * 26, "Gus", **{KEY.replace("-", "_"): "assistant"})
    name = {"learner": BOB, "assistant": assistant}.get(who, RIVAL)
    other = Visitor(hub)
    other.arrive(tool.ticket(name, f"/write?course={KEY}&assignment=quiz-1"))
    assert other.last.status_code == 403
    assert "Writing the quizzes of this course" in other.last.text
    assert other.go(f"/hub/spawn/{name}/write-{KEY}").status_code == 403
    for path in (f"{PREFIX}lab", f"{PREFIX}api/contents/{NOTEBOOK}", f"/hub/spawn/{TEACHER}/write-{KEY}"):
        assert other.go(path).status_code in {403, 404}, path


def test_a_writer_has_no_servers_of_other_courses_and_marks_on_another_one(writer: Visitor) -> None:
    assert writer.go(f"/hub/write?course={SLUG}-8&assignment=quiz-1").status_code == 403
    assert writer.go(f"/hub/spawn/{TEACHER}/write-other-course-9").status_code == 403
    assert writer.go("/hub/write?course=..&assignment=quiz-1").status_code == 404
    assert writer.send("GET", PREFIX, "formgrader/api/assignments").status_code == 404

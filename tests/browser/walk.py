"""The steps of a journey, as a person does them."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import nbformat
from playwright.sync_api import Locator, Page, expect

from tests.browser.visitor import PATIENCE_MS, Visitor
from tests.factories.answers import COURSE, Answer, fill_in

READ_AND_WRITE = """async ([url, change]) => {
    const headers = {"X-XSRFToken": document.cookie.match(/_xsrf=([^;]+)/)[1]};
    if (!change) return (await (await fetch(url, {headers})).json()).content;
    const body = JSON.stringify({type: "notebook", format: "json", content: change});
    return (await fetch(url, {method: "PUT", headers, body})).status;
}"""


def select_content(teacher: Visitor, title: str) -> None:
    """Pick one item in the tool's picker; it is an activity of the course then."""
    teacher.page.goto(f"{teacher.demo.lms}/course")
    added = teacher.page.get_by_role("link", name=title, exact=True)
    before = added.count()

    def open_picker() -> None:
        teacher.page.goto(f"{teacher.demo.lms}/course")
        teacher.page.get_by_role("link", name="Select content").click()

    teacher.open_in_frame(open_picker)
    teacher.tool.get_by_label(title).check()
    teacher.keep(f"picker {title}")
    teacher.tool.get_by_role("button", name="Add to course").click()
    expect(added).to_have_count(before + 1)


WORK_MS = 120_000
"""For what takes long on a busy machine: a server starts, then JupyterLab; a version is checked, or published."""


def open_notebook(learner: Visitor) -> Page:
    """From the quiz page into JupyterLab, in a new window."""
    with learner.page.expect_popup() as opened:
        learner.tool.get_by_role("button", name="Open in JupyterHub").click()
    lab = opened.value
    expect(submit_button(lab)).to_be_visible(timeout=WORK_MS)
    expect(lab.locator(".jp-NotebookPanel .jp-Cell").first).to_be_visible()
    return lab


def submit_button(lab: Page) -> Locator:
    """The button of our extension in the notebook's toolbar."""
    return lab.get_by_role("button", name="Submit", exact=True)


def type_answer(lab: Page, answer: Answer) -> None:
    """Type an answer into every cell that waits for one, then save with the keyboard."""
    for source in answer.cells.values():
        function = re.search(r"def \w+\(", source)
        assert function
        unanswered = lab.locator(".jp-CodeCell .cm-content", has_text="NotImplementedError")
        unanswered.filter(has_text=function[0]).click()
        lab.keyboard.press("Control+A")
        lab.keyboard.insert_text(source)
    lab.keyboard.press("Control+S")
    expect(lab.locator(".cb-DraftText")).to_contain_text("Saved to course")


def write_answer(lab: Page, answer: Answer) -> None:
    """Write an answer into the notebook on the server, as another program of the learner would."""
    url = re.sub(r"/(lab|doc)(/workspaces/[^/]+)?/tree/", "/api/contents/", lab.url)
    if not url.endswith(".ipynb"):  # after starting again the address names the folder
        url += f"/{url.rpartition('/')[2]}.ipynb"
    notebook = fill_in(json.dumps(lab.evaluate(READ_AND_WRITE, [url, None])), answer)
    assert lab.evaluate(READ_AND_WRITE, [url, json.loads(notebook)]) == 200


def submit_in_lab(learner: Visitor, lab: Page, attempt: int) -> str:
    """The button of our extension, its question, and the receipt it ends with."""
    submit_button(lab).click()
    dialog = lab.get_by_role("dialog")
    dialog.get_by_role("button", name=f"Submit attempt {attempt}").click()
    expect(dialog).to_contain_text("Submitted:")
    learner.keep("lab receipt", lab)
    receipt = re.search(r"[0-9A-F]{4}-[0-9A-F]{4}", dialog.inner_text())
    assert receipt
    dialog.get_by_role("button", name="Close").click()
    return receipt[0]


def give_points(formgrader: Page, points: str) -> None:
    """In formgrader, from the list of submissions into the first one, to the mark that is missing there."""
    formgrader.get_by_role("link", name="Submission #1").click()
    box = formgrader.locator("input.score.needs_manual_grade")
    box.fill(points)
    with formgrader.expect_response(lambda answer: "/api/grade/" in answer.url and answer.request.method == "PUT"):
        box.press("Tab")


COMMENT_ELSEWHERE = """async ([words]) => {
    const headers = {"X-XSRFToken": document.cookie.match(/_xsrf=([^;]+)/)[1]};
    const api = base_url + "/api/";
    const rows = await (await fetch(`${api}comments?submission_id=${submission_id}`, {headers})).json();
    const name = document.querySelector("textarea.comment").id.replace(/-comment$/, "");
    const row = rows.find((each) => each.name === name);
    const body = JSON.stringify({manual_comment: words});
    return (await fetch(`${api}comment/${row.id}`, {method: "PUT", headers, body})).status;
}"""


def comment_elsewhere(formgrader: Page, words: str) -> None:
    """Another grader comments on the first answer; this page does not know."""
    assert formgrader.evaluate(COMMENT_ELSEWHERE, [words]) == 200


def hidden_tests(assignment: str) -> set[str]:
    """The lines of the course's source that no learner may see."""
    notebook: Any = nbformat.read(COURSE / "source" / assignment / f"{assignment}.ipynb", as_version=4)
    found: set[str] = set()
    for cell in notebook.cells:
        for part in re.findall(r"### BEGIN HIDDEN TESTS\n(.*?)### END HIDDEN TESTS", cell.source, re.DOTALL):
            found |= {line.strip() for line in part.splitlines() if line.strip()}
    return found


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Raises: AssertionError: it does not within the patience."""
    deadline = time.monotonic() + 4 * PATIENCE_MS / 1000  # several processes have to do something
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)

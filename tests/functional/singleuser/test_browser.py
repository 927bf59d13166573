"""A learner in real JupyterLab: opens the quiz, types, submits with the keyboard, reads the receipt."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from jupyter_ext import labextension_build
from tests.fakes.tool_api import FakeTool, decode
from tests.functional.singleuser.conftest import JUPYTER_TOKEN, Jupyter, notebook, wait_until

CHROMIUM = "/usr/bin/chromium"
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
_PATIENCE_MS = 60_000


@pytest.fixture(scope="module", autouse=True)
def built_extension() -> None:
    """The extension as its sources are now, in this environment's JupyterLab."""
    assert labextension_build.main() == 0


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the module."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, jupyter: Jupyter) -> Iterator[Page]:
    """A new person's page; JupyterLab keeps its open tabs on the server, so those of the last test are closed."""
    jupyter.delete("lab/api/workspaces/default")
    context = browser.new_context(
        viewport={"width": 1100, "height": 720}, locale="en-GB", timezone_id="Europe/Berlin", reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(_PATIENCE_MS)
    yield page
    context.close()


def open_quiz(page: Page, jupyter: Jupyter, course: str) -> None:
    """Arrive as from the Hub."""
    page.goto(f"{jupyter.url}coursebridge/open?course={course}&assignment=quiz&token={JUPYTER_TOKEN}")
    page.locator(".jp-NotebookPanel .jp-CodeCell").first.wait_for()


def test_a_learner_submits_and_sees_the_receipt_before_anything_says_submitted(
    page: Page, jupyter: Jupyter, tool: FakeTool
) -> None:
    quiz = tool.add_quiz("lab-1", "quiz", {"q.ipynb": notebook()}, title="Lists and loops", attempts_allowed=3)
    open_quiz(page, jupyter, "lab-1")
    button = page.get_by_role("button", name="Submit", exact=True)
    expect(button).to_be_visible(timeout=_PATIENCE_MS)
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Control+End")
    page.keyboard.type("\nanswer = 42")

    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Submit attempt 1: Lists and loops")
    expect(dialog).to_contain_text("After this one you have 2 more attempts.")
    assert "Submitted" not in page.inner_text("body")
    assert quiz.attempts == []
    page.keyboard.press("Enter")

    expect(dialog).to_contain_text("Submitted: Lists and loops", timeout=_PATIENCE_MS)
    expect(dialog).to_contain_text(quiz.attempts[0]["receipt"])
    expect(dialog).to_contain_text("Waiting to be marked")
    expect(dialog.get_by_role("link", name="Open the course page")).to_have_attribute(
        "href", f"{tool.url}/courses/lab-1/quiz"
    )
    assert b"answer = 42" in quiz.submitted_files[0]["q.ipynb"]
    page.keyboard.press("Escape")
    expect(page.get_by_role("status").filter(has_text="Saved to course")).to_have_text(
        re.compile(r"Saved to course \d\d:\d\d"), timeout=_PATIENCE_MS
    )
    assert quiz.draft is not None
    assert b"answer = 42" in decode(quiz.draft["files"])["q.ipynb"]


def test_a_tool_that_is_down_is_told_and_trying_again_makes_one_attempt(
    page: Page, jupyter: Jupyter, tool: FakeTool
) -> None:
    quiz = tool.add_quiz("lab-2", "quiz", {"q.ipynb": notebook()})
    open_quiz(page, jupyter, "lab-2")
    page.get_by_role("button", name="Submit", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    tool.lose_next_receipt = True
    tool.fail_next = [503, 503, 503]
    dialog.get_by_role("button", name="Submit attempt 1").click()
    expect(dialog).to_contain_text("Not submitted", timeout=_PATIENCE_MS)
    expect(dialog).to_contain_text("Nothing is lost")

    dialog.get_by_role("button", name="Try again").click()

    expect(dialog).to_contain_text("Submitted: quiz", timeout=_PATIENCE_MS)
    assert len(quiz.attempts) == 1
    dialog.get_by_role("button", name="Close").click()


def test_other_notebooks_have_no_button_and_the_command_is_off(page: Page, jupyter: Jupyter, tool: FakeTool) -> None:
    (jupyter.home / "mine.ipynb").write_bytes(notebook())
    page.goto(f"{jupyter.url}lab/tree/mine.ipynb?token={JUPYTER_TOKEN}")
    page.locator(".jp-NotebookPanel .jp-CodeCell").first.wait_for()
    jupyter.save("mine.ipynb", notebook("z = 1"))
    wait_until(lambda: jupyter.status("mine.ipynb") == {"course": None, "assignment": None})

    search = page.locator(".lm-CommandPalette-input")
    while not search.is_visible():  # JupyterLab listens to its keys some time after it shows the notebook
        page.keyboard.press("Control+Shift+C")
        page.wait_for_timeout(500)
    search.fill("submit quiz")

    item = page.locator(".lm-CommandPalette-item", has_text="Submit Quiz to Course")
    expect(item).to_have_attribute("data-command", "coursebridge:submit")
    expect(item).to_have_class(re.compile("lm-mod-disabled"))
    expect(page.get_by_role("button", name="Submit", exact=True)).to_have_count(0)

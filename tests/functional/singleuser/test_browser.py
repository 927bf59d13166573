"""A learner in real JupyterLab: the quiz's notebook and its toolbar, and the panel with the quizzes of all courses."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from grading.quiz_kernels import kernel_name_of
from grading.requirements import digest_of
from jupyter_ext import labextension_build
from tests.browser.test_pages import AXE
from tests.factories import notebooks as make
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


FEEDBACK = b"""<!DOCTYPE html><html lang="en"><head><title>q</title>
<script>parent.document.title = "stolen"</script></head>
<body><h1>Well done</h1><img src="x" onerror="parent.document.title = 'stolen'"></body></html>"""


def show_panel(page: Page, jupyter: Jupyter) -> Locator:
    """JupyterLab as it is at the first visit. Its launcher comes last, and takes the focus from the panel."""
    page.goto(f"{jupyter.url}lab?token={JUPYTER_TOKEN}")
    page.locator(".jp-LauncherCard").first.wait_for()
    panel = page.get_by_role("region", name="Course quizzes")
    expect(panel).to_be_visible(timeout=_PATIENCE_MS)
    return panel


def press(panel: Locator, name: str) -> None:
    """Press a button of the panel with the keyboard."""
    button = panel.get_by_role("button", name=name, exact=True)
    expect(button).to_be_visible(timeout=_PATIENCE_MS)
    button.focus()
    button.press("Enter")


def says(part: Locator, text: str | re.Pattern[str]) -> None:
    """Wait until a part of the page says it."""
    expect(part).to_contain_text(text, timeout=_PATIENCE_MS)


def look(page: Page, part: str) -> list[str]:
    """What axe has against a part of the page: the rest is JupyterLab's."""
    page.add_script_tag(path=AXE)
    found: list[str] = page.evaluate(
        """async (part) => (await axe.run(part, {iframes: false, resultTypes: ["violations"]}))
            .violations.map((found) => `${found.id}: ${found.nodes.map((node) => node.target.join(" "))}`)""",
        part,
    )
    return found


TERMS = [
    "What counts is the best attempt.",
    "Each day begun after the due date takes 10 % off the points of an attempt, 50 % at most.",
    "When it is marked, a cell may take 30 seconds, the notebook 2 minutes and 1 GB of memory.",
]


def test_the_panel_leads_by_keyboard_from_fetching_to_starting_again(
    page: Page, jupyter: Jupyter, tool: FakeTool
) -> None:
    tool.courses.clear()
    body = make.notebook(
        make.solution("square", "def square(n):\n    return n + n"),
        make.tests("test_square", 4, "assert square(3) == 9, 'square(3) is 9'"),
    )
    due = (datetime.now(UTC) + timedelta(hours=3, minutes=30)).isoformat()
    files = {"q.ipynb": body, "data.csv": b"1,2\n"}
    quiz = tool.add_quiz("walk", "quiz", files, title="Lists", attempts_allowed=3, told={"due": due, "terms": TERMS})
    ours = {
        "number": 1,
        "submitted_at": datetime.now(UTC).isoformat(),
        "receipt": "7F3A-91BC",
        "state": "queued",
        "by": "Grace H.",
    }
    told = {"group": {"name": "Red", "members": ["Ada L.", "Grace H."]}, "attempts": [ours], "attempts_used": 2}
    tool.add_quiz("other", "quiz", files, title="Means", attempts_allowed=3, told=told)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    panel = show_panel(page, jupyter)
    press(panel, "Refresh: list of quizzes")  # what another test has had asked is good for a minute
    card = panel.get_by_role("listitem").filter(has=page.get_by_role("heading", name="Lists", exact=True))
    expect(panel.get_by_role("heading", level=3)).to_have_text(["Walk", "Other"], timeout=_PATIENCE_MS)
    says(card, "Not started")
    says(card, "Due in 3 hours")
    says(card, "0 of 3 attempts used, 3 left")
    together = panel.get_by_role("listitem").filter(has=page.get_by_role("heading", name="Means", exact=True))
    for text in ("Group Red: Ada L., Grace H.", "2 of 3 attempts used, 1 left", ", handed in by Grace H."):
        says(together, text)

    panel.get_by_role("heading", name="Course quizzes").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(panel.get_by_role("button", name="Fetch and open: Lists")).to_be_focused()
    page.keyboard.press("Enter")
    page.locator(".jp-NotebookPanel .jp-CodeCell").first.wait_for()
    says(card, "In work")

    card.get_by_text("Terms", exact=True).press("Enter")
    expect(card.locator(".cb-Terms").get_by_role("listitem")).to_have_text(TERMS)
    expect(together.get_by_text("Terms", exact=True)).to_have_count(0)

    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Control+End")
    page.keyboard.type("  # mine")
    press(panel, "Validate: Lists")
    says(card, "1 test does not pass.")
    says(card, "Cell 2 (test_square). A check did not hold: square(3) is 9")
    expect(panel.get_by_role("status")).to_have_text("Lists: 1 test does not pass.")
    expect(panel.get_by_role("button", name="Validate: Lists")).to_be_focused()
    assert look(page, "#coursebridge-quizzes") == []
    press(panel, "Show cell: 2 of q.ipynb")
    expect(page.locator(".jp-Notebook .jp-Cell.jp-mod-active")).to_contain_text("assert")

    press(panel, "Submit attempt 1: Lists")
    dialog = page.get_by_role("dialog")
    says(dialog, "After this one you have 2 more attempts.")
    says(dialog, "Due in 3 hours: ")
    expect(dialog.get_by_role("listitem")).to_have_text(TERMS)
    page.keyboard.press("Enter")
    says(dialog, "Submitted: Lists")
    says(dialog, quiz.attempts[0]["receipt"])
    page.keyboard.press("Escape")
    assert b"# mine" in quiz.submitted_files[0]["q.ipynb"]
    says(card, "Handed in, waiting to be marked")
    says(card, "1 of 3 attempts used, 2 left")
    expect(panel.get_by_role("button", name="Submit attempt 2: Lists")).to_be_focused(timeout=_PATIENCE_MS)

    tool.mark(quiz, 1, 3.0, FEEDBACK)
    quiz.told["result"] = {"attempt": 1, "score": 3.0, "max_score": 4.0}
    press(panel, "Refresh: list of quizzes")
    says(card, "Score 3 of 4")
    expect(panel.get_by_role("button", name="Refresh: list of quizzes")).to_be_focused()
    press(panel, "Read feedback: Lists")
    expect(page.get_by_role("heading", name="Feedback: Lists")).to_be_focused(timeout=_PATIENCE_MS)
    frame = page.get_by_title("Marked notebook q")
    expect(frame).to_have_attribute("sandbox", "")
    expect(frame.content_frame.get_by_role("heading")).to_have_text("Well done")
    both = [page.locator(where).bounding_box() for where in (".jp-NotebookPanel", ".cb-Feedback")]
    assert both[0] and both[1] and both[0]["x"] + both[0]["width"] <= both[1]["x"]
    assert "stolen" not in page.title()
    assert look(page, ".cb-Feedback") == []

    (jupyter.home / "walk/quiz/data.csv").unlink()
    card.get_by_text("More", exact=True).press("Enter")
    press(panel, "Restore lost files: Lists")
    says(card, re.compile(r"Restored from your copy of \d\d:\d\d: data.csv\."))
    press(panel, "Start again: Lists")
    says(dialog, "Start again: Lists")
    page.keyboard.press("Enter")
    says(card, "Your earlier work is in walk/quiz kept")
    (kept,) = (jupyter.home / "walk").glob("quiz kept *")
    assert b"# mine" in (kept / "q.ipynb").read_bytes()
    assert (jupyter.home / "walk/quiz/q.ipynb").read_bytes() == body
    expect(page.locator(".jp-NotebookPanel .jp-CodeCell").first).not_to_contain_text("# mine")
    sent = [url for url in asked if "/coursebridge/" in url]
    assert sent and not [url for url in sent if JUPYTER_TOKEN in url]


def test_the_panel_says_what_still_works_while_the_tool_is_down_and_when_there_is_nothing(
    page: Page, jupyter: Jupyter, tool: FakeTool
) -> None:
    tool.courses.clear()
    panel = show_panel(page, jupyter)
    press(panel, "Refresh: list of quizzes")
    says(panel, "You are in no course here yet.")
    tool.add_quiz("away", "quiz", {"q.ipynb": notebook()}, title="Lists")
    tool.add_quiz("away", "later", {"q.ipynb": notebook()}, title="Later")
    jupyter.post("coursebridge/fetch", {"course": "away", "assignment": "quiz"})
    press(panel, "Refresh: list of quizzes")
    expect(panel.get_by_role("listitem")).to_have_count(2)
    tool.stop()
    try:
        press(panel, "Refresh: list of quizzes")
        says(panel, "The course cannot be reached just now.")
        says(panel, "You can go on working")
        for name in ("Submit attempt 1: Lists", "Fetch and open: Later"):
            expect(panel.get_by_role("button", name=name)).to_have_attribute("aria-disabled", "true")
        press(panel, "Submit attempt 1: Lists")
        expect(panel.get_by_role("status")).to_contain_text("Lists: The course cannot be reached just now.")
        assert look(page, "#coursebridge-quizzes") == []
        press(panel, "Open: Lists")
        page.locator(".jp-NotebookPanel .jp-CodeCell").first.wait_for()
    finally:
        tool.start()
    press(panel, "Refresh: list of quizzes")
    expect(panel).not_to_contain_text("You can go on working")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_panel_says_why_a_quiz_opens_without_its_packages(page: Page, jupyter: Jupyter, tool: FakeTool) -> None:
    tool.courses.clear()
    kernel, folder = kernel_name_of("packs", "quiz"), digest_of("leaves")
    reasons = {
        "building": "The packages that this quiz is marked with are still being installed.",
        "failed": "could not be installed yet; your teacher sees why.",
        "ready": "This JupyterHub does not have the packages that this quiz is marked with",
    }
    for state in reasons:
        told = {"environment": {"kernel": kernel, "folder": folder, "state": state}}
        tool.add_quiz("packs", state, {"q.ipynb": notebook()}, title=state.title(), told=told)
    tool.add_quiz("packs", "plain", {"q.ipynb": notebook()}, title="Plain")

    panel = show_panel(page, jupyter)
    press(panel, "Refresh: list of quizzes")

    expect(panel.get_by_role("listitem")).to_have_count(4, timeout=_PATIENCE_MS)
    for state, reason in reasons.items():
        says(panel.get_by_role("listitem").filter(has=page.get_by_role("heading", name=state.title())), reason)
    expect(panel.get_by_text("this quiz is marked with")).to_have_count(3)
    assert look(page, "#coursebridge-quizzes") == []

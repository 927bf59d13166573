"""A quiz from its source to a second attempt: what a teacher and a learner do, step by step."""

import re
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, expect

from tests.browser.visitor import Visitor
from tests.browser.walk import WORK_MS, open_notebook, submit_button, wait_until, write_answer
from tests.factories.answers import Answer

QUIZ = "Quiz 2: A year of weather"
SOLUTION = '### BEGIN SOLUTION\nweather = pd.read_csv("weather.csv")\ngaps = {}\n### END SOLUTION'
QUESTION = "Which station would you live at, and why?"


def write(teacher: Visitor) -> Page:
    """From the quiz's page in the LMS to its source in JupyterLab, with nbgrader's Create Assignment."""
    teacher.tool.get_by_role("link", name="Write and publish").click()
    expect(teacher.tool.get_by_role("heading", name="Write and publish")).to_be_visible()
    teacher.keep_widths("nothing written")
    with teacher.page.expect_popup() as opened:
        teacher.tool.get_by_role("button", name="Write").click()
    lab = opened.value
    expect(lab.locator(".jp-NotebookPanel .jp-Cell").first).to_be_visible(timeout=WORK_MS)
    lab.locator("[data-id=nbgrader-create_assignemnt]").click()
    expect(lab.locator(".nbgrader-TotalPointsInput")).to_have_value(re.compile(r"\d"))
    return lab


def solve(lab: Page, gaps: str) -> None:
    """Type another solution of the first question."""
    lab.locator(".jp-CodeCell .cm-content", has_text="weather = pd.read_csv").click()
    lab.keyboard.press("Control+A")
    lab.keyboard.insert_text(SOLUTION.format(gaps))


def ask(lab: Page, points: int) -> None:
    """Add a question whose answer a teacher reads, below the first one."""
    cells = lab.locator(".nbgrader-CellWidget")  # one for each; the notebook draws those that are seen
    count = cells.count()
    lab.keyboard.press("Escape")
    lab.keyboard.press("b")
    expect(cells).to_have_count(count + 1)
    lab.keyboard.press("m")
    lab.keyboard.press("Enter")
    lab.keyboard.insert_text(QUESTION)
    mine = lab.locator(".nbgrader-CellWidget.nbgrader-mod-active")
    mine.get_by_role("combobox").select_option("Manually graded answer")
    for field, value in (("ID", "why"), ("Points", str(points))):
        box = mine.get_by_label(field)
        box.fill(value)
        box.press("Tab")


def save_and_check(teacher: Visitor, lab: Page) -> Locator:
    """Save, come back to the campus, have what the page has by then checked, and wait for the end of it."""
    version = teacher.tool.locator("#version")
    before = version.get_attribute("data-version")
    lab.locator(".jp-NotebookPanel").press("Control+s")
    teacher.page.bring_to_front()

    def has_come() -> bool:
        teacher.page.mouse.move(1, 1)
        teacher.tool.locator("main h1").hover()
        return version.get_attribute("data-version") != before

    wait_until(has_come, "what was saved in Jupyter is on the page")
    version.get_by_role("button", name="Check", exact=True).click()
    expect(version.get_by_role("heading", name="What changes")).to_be_visible(timeout=WORK_MS)
    return version


def begin(learner: Visitor) -> Page:
    """Open the quiz as it is, and save something."""
    lab = open_notebook(learner)
    lab.locator(".jp-CodeCell .cm-content", has_text="import numpy").click()
    lab.keyboard.press("Control+End")
    lab.keyboard.insert_text("  # begun")
    lab.keyboard.press("Control+S")
    shown = lab.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")  # notebooks of other quizzes may be open behind it
    expect(shown.locator(".cb-DraftText")).to_contain_text("Saved to course")
    return lab


def start_again(learner: Visitor, lab: Page) -> None:
    """The panel tells of the newer version; take it, with the old work kept."""
    lab.bring_to_front()
    panel = lab.get_by_role("region", name="Course quizzes")
    refresh = panel.get_by_role("button", name="Refresh: list of quizzes")
    card = panel.get_by_role("listitem").filter(has=lab.get_by_role("heading", name=QUIZ, exact=True))
    refresh.click()
    expect(card).to_contain_text("A newer version of this quiz was released.")
    learner.keep("panel tells of it", lab)
    card.get_by_text("More", exact=True).click()
    card.get_by_role("button", name=f"Start again: {QUIZ}").click()
    lab.get_by_role("dialog").get_by_role("button", name="Start again").click()
    expect(card).to_contain_text("Your earlier work is in")
    expect(submit_button(lab)).to_be_visible()
    learner.keep("started again", lab)


STATE = """async ([folder, path]) => {
    const headers = {"X-XSRFToken": document.cookie.match(/_xsrf=([^;]+)/)[1]};
    const url = `${folder}coursebridge/status?path=${encodeURIComponent(path)}`;
    return (await (await fetch(url, {headers})).json()).draft.state;
}"""


def hand_in(learner: Visitor, lab: Page, answer: Answer, attempt: int) -> None:
    """Write, wait until the course has it, and hand that in on the quiz's page."""
    write_answer(lab, answer)
    folder, _lab, path = urlsplit(lab.url).path.partition("lab/")
    path = path.rpartition("tree/")[2]
    path = path if path.endswith(".ipynb") else f"{path}/{path.rpartition('/')[2]}.ipynb"
    wait_until(lambda: lab.evaluate(STATE, [folder, path]) == "stored", "what was written is in the course")
    learner.open_activity(QUIZ)
    learner.tool.get_by_role("button", name=f"Submit attempt {attempt}").click()
    expect(learner.tool.get_by_role("heading", name=f"Attempt {attempt}", exact=True)).to_be_visible()
    expect(learner.tool.locator("#attempt-status")).to_contain_text("A teacher marks the rest")


def mark(teacher: Visitor, name: str, points: str, comment: str) -> None:
    """From the submission's page: read the answer, give points and a comment."""
    teacher.tool.get_by_role("link", name=name, exact=True).click()
    teacher.keep_widths("submission")
    teacher.tool.get_by_role("link", name="Mark by hand").click()
    expect(teacher.tool.get_by_role("heading", name="Answer", exact=True)).to_be_visible()
    expect(teacher.tool.get_by_text("At the harbour.")).to_be_visible()
    teacher.tool.get_by_label("Points of 3", exact=True).fill(points)
    teacher.tool.get_by_label("Comment for the learner").fill(comment)
    teacher.keep_widths("marking")
    teacher.tool.get_by_role("button", name="Save", exact=True).click()
    expect(teacher.tool.get_by_text("Nothing is left to mark by hand in this quiz.")).to_be_visible()

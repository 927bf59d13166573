"""A class that clicks at once, servers that nobody uses, and graders who are none any more: on a Hub of short times.

`COURSEBRIDGE_TEST_LAUNCHES=20` makes the class as large as the demo machine must bear (docs/hub.md).
"""

import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.conftest import BROWSER_PATIENCE_MS
from tests.fakes.hub_tool import HubTool
from tests.fakes.running_hub import RunningHub, Visitor, wait_for
from tests.functional.hub.conftest import KEY, SLUG, make_course, running_tool

FEW = 5
LAUNCHES = int(os.environ.get("COURSEBRIDGE_TEST_LAUNCHES", FEW))
WITHIN_S = 10.0
IDLE_S = 20
PATIENCE_MS = 60_000
QUIZ = f"/open?course={KEY}&assignment=quiz-1"
GRADER = "u-" + "g" * 26


@pytest.fixture(scope="module")
def tool() -> Iterator[HubTool]:
    """The tool of this Hub."""
    with running_tool() as tool:
        yield tool


@pytest.fixture(scope="module")
def busy_hub(tool: HubTool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """A Hub that starts few servers at a time and soon stops them."""
    data_dir = tmp_path_factory.mktemp("busy")
    make_course(data_dir / "courses" / SLUG)
    times = {"ROLE_CHECK_S": "1"}
    if LAUNCHES == FEW:
        times |= {"IDLE_S": str(IDLE_S), "CONCURRENT_SPAWNS": "2"}  # so that some wait
    busy = RunningHub(data_dir, tool, **{f"COURSEBRIDGE_JUPYTERHUB_{name}": value for name, value in times.items()})
    busy.start()
    yield busy
    busy.close()


def person(number: int) -> str:
    """A learner's name at the Hub."""
    return "u-" + f"c{chr(97 + number)}" * 13


def test_a_class_that_clicks_at_once_all_reach_their_notebook(busy_hub: RunningHub, tool: HubTool) -> None:
    for number in range(LAUNCHES):
        tool.add_person(person(number), f"Learner {number}", notebooks_101_7="learner")

    def launch(number: int) -> tuple[Visitor, float]:
        time.sleep(WITHIN_S / 2 * number / LAUNCHES)
        began = time.monotonic()
        visitor = busy_hub.visit(person(number), QUIZ)
        return visitor, time.monotonic() - began

    with ThreadPoolExecutor(LAUNCHES) as pool:
        came = list(pool.map(launch, range(LAUNCHES)))
    times = sorted(seconds for _, seconds in came)
    print(f"{LAUNCHES} launches: first {times[0]:.1f} s, median {times[len(times) // 2]:.1f} s, last {times[-1]:.1f} s")
    for number, (visitor, _) in enumerate(came):
        assert visitor.last.status_code == 200, visitor.last.text
        assert visitor.last.url.path.endswith(f"/lab/tree/{KEY}/quiz-1/quiz-1.ipynb"), visitor.last.url
        assert person(number) in str(visitor.last.url)
    assert "throttling" not in busy_hub.log()


def test_servers_that_nobody_uses_are_stopped(busy_hub: RunningHub, tool: HubTool) -> None:
    tool.add_person(person(0), "Learner 0", notebooks_101_7="learner")
    visitor = busy_hub.visit(person(0), QUIZ)
    assert visitor.last.status_code == 200
    home = "/hub/home"
    wait_for(lambda: "not running" in visitor.go(home).text)
    assert f"Culling server {person(0)}" in busy_hub.log()
    kept = busy_hub.data_dir / "homes" / person(0) / KEY / "quiz-1" / "quiz-1.ipynb"
    assert kept.exists()


def test_server_of_a_grader_who_lost_the_role_is_stopped(busy_hub: RunningHub, tool: HubTool) -> None:
    tool.add_person(GRADER, "Gra Der", notebooks_101_7="assistant")
    grader = busy_hub.visit(GRADER, f"/formgrader?course={KEY}")
    place = f"/user/{GRADER}/grade-{KEY}/"
    assert grader.last.url.path.startswith(place)

    tool.is_down = True  # a tool that does not answer takes nothing away
    wait_for(lambda: f"roles of {GRADER} not asked" in busy_hub.log())
    tool.is_down = False
    assert grader.go(f"{place}formgrader/gradebook").status_code == 200

    tool.add_person(GRADER, "Gra Der", notebooks_101_7="learner")
    wait_for(lambda: f"grade-{KEY} of {GRADER} is stopped" in busy_hub.log())
    wait_for(lambda: grader.http.get(busy_hub.address(f"{place}formgrader/gradebook")).status_code != 200)
    assert grader.go(f"/hub/spawn/{GRADER}/grade-{KEY}").status_code == 403


def test_server_of_somebody_the_tool_forgot_is_stopped(busy_hub: RunningHub, tool: HubTool) -> None:
    tool.add_person(person(1), "Learner 1", notebooks_101_7="learner")
    busy_hub.visit(person(1), QUIZ)
    del tool.people[person(1)]
    wait_for(lambda: f"the server of {person(1)} is stopped" in busy_hub.log())


@pytest.fixture
def page() -> Iterator[Page]:
    """A window of real Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        page = browser.new_page(viewport={"width": 885, "height": 650}, reduced_motion="reduce", locale="en-GB")
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        yield page
        expect.set_options(timeout=BROWSER_PATIENCE_MS)
        browser.close()


def test_the_page_that_waits_says_what_happens_and_ends_at_the_quiz(
    busy_hub: RunningHub, tool: HubTool, page: Page
) -> None:
    names = ["u-" + f"w{letter}" * 13 for letter in "abcd"]
    for name in names:
        tool.add_person(name, "Wait Er", notebooks_101_7="learner")
    with ThreadPoolExecutor(3) as pool:
        others = [pool.submit(busy_hub.visit, name, QUIZ) for name in names[1:]]
        page.goto(f"{tool.url}/page/{tool.ticket(names[0], QUIZ)}")
        expect(page.get_by_role("heading", name="Starting your notebooks")).to_be_visible()
        expect(page.get_by_role("progressbar")).to_be_visible()
        page.wait_for_url("**/quiz-1.ipynb")
        assert all(other.result().last.status_code == 200 for other in others)


def test_failed_start_says_why_and_the_button_starts_it_again(busy_hub: RunningHub, tool: HubTool, page: Page) -> None:
    name = "u-" + "fa" * 13
    tool.add_person(name, "Fai Led", notebooks_101_7="learner")
    settings = busy_hub.data_dir / "homes" / name / ".jupyter" / "jupyter_server_config.py"
    settings.parent.mkdir(parents=True)
    settings.write_text("import time\ntime.sleep(1.5)\nraise SystemExit(3)\n")
    page.goto(f"{tool.url}/page/{tool.ticket(name, QUIZ)}")
    expect(page.get_by_role("heading", name="Your notebook server did not start")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("ended while it was starting")
    settings.unlink()
    page.get_by_role("link", name="Try again").click()
    page.wait_for_url("**/quiz-1.ipynb")

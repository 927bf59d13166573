"""A quiz opens in JupyterHub with the packages that it is marked with: a real Hub, real servers, real kernels."""

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from grading.environment_build import Order, build
from grading.models import AssignmentRow
from grading.quiz_kernels import kernel_name_of, name_kernel
from grading.requirements import digest_of
from jupyter_ext.hub.spawner import MISSING, BubblewrapSpawner
from tests.factories import notebooks as make
from tests.factories.wheels import write_wheel
from tests.fakes.running_hub import RunningHub, Visitor, wait_for
from tests.functional.hub.conftest import make_course, make_placement
from tests.functional.hub.kernels import begin, run
from tests.functional.hub.test_learner_server import run_in_terminal

SLUG, KEY, OTHER_KEY, WAITING_KEY, SHELL_KEY = "trees", "trees-1", "rivers-1", "clouds-1", "shell-1"
LEA, MAX, TEACHER, LATE = ("u-" + digit * 26 for digit in "2345")
QUIZ = f"{KEY}/quiz-1/quiz-1.ipynb"
KERNEL = kernel_name_of(KEY, "quiz-1")
DIGEST, OTHER_DIGEST = digest_of("leaves"), digest_of("stones")
IMPORT = "import leaves, sys; print(leaves.count, sys.prefix)"
PATIENCE_MS = 60_000
QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run"]
HELD_START = """
import pathlib, time
while not pathlib.Path.home().joinpath('.jupyter/go').exists():
    time.sleep(0.1)
"""
CHANGE = """
import leaves, os, pathlib
for act in (lambda: open(leaves.__file__, 'a'), lambda: pathlib.Path(leaves.__file__).with_name('more.py').touch(),
            lambda: os.chmod(leaves.__file__, 0o777), lambda: os.remove(leaves.__file__)):
    try:
        act()
    except OSError as error:
        print(error.errno in (1, 13, 30), end=' ')
    else:
        print('changed', end=' ')
"""


def environment(kernel: str, folder: str | None, state: str = "ready") -> dict[str, Any]:
    return {"kernel": kernel, "folder": folder, "state": state}


@pytest.fixture(scope="module")
def place(hub: RunningHub) -> Iterator[Path]:
    """Where the Hub finds environments: that of trees, and that of rivers."""
    there, tool = hub.data_dir / "environments", hub.tool
    wheels = Path(tempfile.mkdtemp())
    write_wheel(wheels, "leaves", "1.0", {"leaves.py": "count = 7"})
    write_wheel(wheels, "stones", "1.0", {"stones.py": "count = 8"})
    for digest, name in ((DIGEST, "leaves"), (OTHER_DIGEST, "stones")):
        build(there / digest, Order(name, str(wheels), 60, 100_000_000, lambda _environment: ""))
    shutil.rmtree(wheels)
    tool.add_person(LEA, "Lea", trees_1="learner", clouds_1="learner", shell_1="learner")
    tool.add_person(LATE, "Late", trees_1="learner")
    tool.add_person(MAX, "Max", rivers_1="learner")
    tool.add_person(TEACHER, "Tea", trees_1="teacher")
    tool.environments[KEY] = environment(KERNEL, DIGEST)
    tool.environments[OTHER_KEY] = environment(kernel_name_of(OTHER_KEY, "quiz-1"), OTHER_DIGEST)
    tool.environments[WAITING_KEY] = environment(kernel_name_of(WAITING_KEY, "quiz-1"), digest_of("rain"), "building")
    tool.environments[SHELL_KEY] = environment("bash", None)
    body = make.notebook(make.tests("counted", 1, "import leaves\nassert leaves.count == 7"))
    row = AssignmentRow(name="quiz-1", title="quiz-1", requirements="leaves")
    tool.releases[KEY, "quiz-1"] = dict(name_kernel({"quiz-1.ipynb": body}, KEY, row))
    for key, name in ((KEY, "quiz-2"), (OTHER_KEY, "quiz-1"), (WAITING_KEY, "quiz-1"), (SHELL_KEY, "quiz-1")):
        tool.releases[key, name] = {f"{name}.ipynb": make.notebook(make.tests("t", 1, "pass"))}
    tool.sources[KEY, "quiz-1"] = (1, None, {"quiz-1.ipynb": body})
    make_course(hub.data_dir / "courses" / SLUG)
    make_placement(hub.data_dir / "courses" / SLUG / "placements" / "1", KEY)
    yield there
    for key in (KEY, OTHER_KEY, WAITING_KEY, SHELL_KEY):
        del tool.environments[key]


@pytest.fixture(scope="module")
def lea(hub: RunningHub, place: Path) -> Visitor:
    """A learner of trees and of clouds, at the quiz with packages."""
    return hub.visit(LEA, f"/open?course={KEY}&assignment=quiz-1")


@pytest.fixture(scope="module")
def max_(hub: RunningHub, place: Path) -> Visitor:
    """A learner of rivers alone."""
    return hub.visit(MAX, f"/open?course={OTHER_KEY}&assignment=quiz-1")


def kernels(visitor: Visitor, name: str) -> dict[str, str]:
    """What JupyterLab offers: names as they are shown, by kernel."""
    found = visitor.send("GET", f"/user/{name}/", "api/kernelspecs").json()["kernelspecs"]
    return {key: kernel["spec"]["display_name"] for key, kernel in found.items()}


def quizzes(visitor: Visitor, name: str) -> dict[str, Any]:
    """What the panel is told, by course and quiz."""
    found = visitor.send("GET", f"/user/{name}/", "coursebridge/quizzes?fresh=1").json()
    return {f"{quiz['course']}/{quiz['assignment']}": quiz for course in found["courses"] for quiz in course["quizzes"]}


def test_a_quiz_opens_with_its_packages_and_without_a_choice(hub: RunningHub, lea: Visitor, place: Path) -> None:
    assert lea.last.url.path == f"/user/{LEA}/lab/tree/{QUIZ}"
    told = json.loads((hub.data_dir / "homes" / LEA / QUIZ).read_text())["metadata"]["kernelspec"]
    assert told == {"name": KERNEL, "display_name": "Python for quiz-1", "language": "python"}
    assert kernels(lea, LEA)[KERNEL] == told["display_name"]

    session = begin(lea, f"/user/{LEA}/", QUIZ, told["name"])

    assert run(lea, f"/user/{LEA}/", session, IMPORT) == f"7 {place / DIGEST}"
    assert run(lea, f"/user/{LEA}/", session, "import numpy").startswith("ModuleNotFoundError")
    assert quizzes(lea, LEA)[f"{KEY}/quiz-1"]["environment_problem"] == ""


def test_a_copy_that_names_the_usual_python_runs_with_them_too(lea: Visitor) -> None:
    session = begin(lea, f"/user/{LEA}/", f"{KEY}/quiz-1/copy.ipynb")

    assert session["kernel"]["name"] == KERNEL
    assert run(lea, f"/user/{LEA}/", session, IMPORT).startswith("7 ")


def test_a_quiz_without_packages_has_the_kernel_of_the_hub(lea: Visitor) -> None:
    session = begin(lea, f"/user/{LEA}/", f"{KEY}/quiz-2/quiz-2.ipynb")

    assert session["kernel"]["name"] == "python3"
    assert run(lea, f"/user/{LEA}/", session, "import leaves").startswith("ModuleNotFoundError")
    assert run(lea, f"/user/{LEA}/", session, "import numpy") == ""


def test_nobody_changes_them(lea: Visitor, place: Path) -> None:
    session = begin(lea, f"/user/{LEA}/", f"{KEY}/quiz-1/change.ipynb")

    assert run(lea, f"/user/{LEA}/", session, CHANGE) == "True True True True"
    assert [path.read_text() for path in (place / DIGEST).glob("lib/*/site-packages/leaves.py")] == ["count = 7"]


def test_people_of_another_course_do_not_see_them(lea: Visitor, max_: Visitor, place: Path) -> None:
    session = begin(max_, f"/user/{MAX}/", f"{OTHER_KEY}/quiz-1/quiz-1.ipynb")
    look = f"import os; print(os.listdir({str(place)!r}), os.path.exists({str(place / DIGEST)!r}))"

    assert run(max_, f"/user/{MAX}/", session, look) == f"['{OTHER_DIGEST}'] False"
    assert run(max_, f"/user/{MAX}/", session, "import stones; print(stones.count)") == "8"
    assert KERNEL not in kernels(max_, MAX)
    assert kernel_name_of(OTHER_KEY, "quiz-1") not in kernels(lea, LEA)


def test_nbgraders_validator_runs_with_them_in_the_panel_and_in_a_terminal(lea: Visitor) -> None:
    where = {"course": KEY, "assignment": "quiz-1"}
    found = lea.send("POST", f"/user/{LEA}/", "coursebridge/validate", where).json()
    while found["state"] == "running":  # each answer is held back by the server
        query = "course={course}&assignment={assignment}".format(**where)
        found = lea.send("GET", f"/user/{LEA}/", f"coursebridge/validate?{query}").json()
    assert [(each["problem"], each["cells"]) for each in found["notebooks"]] == [("", [])]

    words = f"cd ~/{KEY}/quiz-1 && nbgrader validate quiz-1.ipynb > ~/said.txt 2>&1"
    asyncio.run(run_in_terminal(lea, words, f"/user/{LEA}/", 120))
    answer = lea.send("GET", f"/user/{LEA}/", "api/contents/said.txt?content=1&type=file&format=text").json()
    assert "Success! Your notebook passes all the tests." in answer["content"]


def test_where_packages_are_not_there_yet_the_notebook_opens_and_the_panel_says_why(lea: Visitor) -> None:
    assert lea.go(f"/user/{LEA}/coursebridge/open?course={WAITING_KEY}&assignment=quiz-1").status_code == 200
    session = begin(lea, f"/user/{LEA}/", f"{WAITING_KEY}/quiz-1/quiz-1.ipynb")

    assert run(lea, f"/user/{LEA}/", session, "import numpy; print(1)") == "1"
    assert kernels(lea, LEA)[session["kernel"]["name"]] == "Python 3, without the packages of quiz-1"
    assert "still being installed" in quizzes(lea, LEA)[f"{WAITING_KEY}/quiz-1"]["environment_problem"]


def test_what_came_after_the_server_started_is_told_too(hub: RunningHub, lea: Visitor, place: Path) -> None:
    kernel = kernel_name_of(WAITING_KEY, "quiz-1")
    hub.tool.environments[WAITING_KEY] = environment(kernel, OTHER_DIGEST)
    try:
        told = "were not there when this server started. Stop it"
        wait_for(lambda: told in quizzes(lea, LEA)[f"{WAITING_KEY}/quiz-1"]["environment_problem"])  # kept for seconds
    finally:
        hub.tool.environments[WAITING_KEY] = environment(kernel, digest_of("rain"), "building")


def test_a_quiz_in_another_language_opens_with_its_kernel_or_the_panel_says_that_it_is_missing(
    hub: RunningHub, lea: Visitor
) -> None:
    name, prefix = f"{SHELL_KEY}/quiz-1", f"/user/{LEA}/"
    problem = quizzes(lea, LEA)[name]["environment_problem"]
    assert problem.startswith("The kernel bash, which this quiz is marked with, is not installed here.")

    folder = hub.data_dir / "homes" / LEA / ".local/share/jupyter/kernels/bash"
    folder.mkdir(parents=True)
    argv = [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"]
    (folder / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Bash", "language": "bash"}))

    assert quizzes(lea, LEA)[name]["environment_problem"] == ""
    assert run(lea, prefix, begin(lea, prefix, f"{name}/quiz-1.ipynb", "bash"), "echo $((6 * 7))") == "42"


def test_a_server_starts_without_them_while_the_tool_is_down(hub: RunningHub, place: Path) -> None:
    prefix = f"/user/{LATE}/"
    late = Visitor(hub)
    late.arrive(hub.tool.ticket(LATE, ""))
    hub.tool.is_down = True
    try:
        late.go(f"/hub/spawn/{LATE}")
        session = begin(late, prefix, QUIZ, KERNEL)
        assert session["kernel"]["name"] == "python3"
        assert run(late, prefix, session, "import numpy; print(1)") == "1"
    finally:
        hub.tool.is_down = False
    wait_for(lambda: "Stop it" in quizzes(late, LATE).get(f"{KEY}/quiz-1", {}).get("environment_problem", ""))


@pytest.fixture
def page() -> Iterator[Page]:
    """A window of real Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        page = browser.new_page(viewport={"width": 885, "height": 650}, reduced_motion="reduce", locale="en-GB")
        page.set_default_timeout(PATIENCE_MS)
        yield page
        browser.close()


@pytest.mark.parametrize(("who", "is_missing"), [("6", True), ("7", False)])
def test_the_page_that_waits_says_that_packages_are_missing(
    hub: RunningHub, place: Path, page: Page, who: str, *, is_missing: bool
) -> None:
    name = "u-" + who * 26
    key = WAITING_KEY if is_missing else KEY
    hub.tool.add_person(name, "Wai Ter", **{key.replace("-", "_"): "learner"})
    settings = hub.data_dir / "homes" / name / ".jupyter"
    settings.mkdir(parents=True)
    (settings / "jupyter_server_config.py").write_text(HELD_START)

    page.goto(f"{hub.tool.url}/page/{hub.tool.ticket(name, f'/open?course={key}&assignment=quiz-1')}")

    now = page.locator("#steps li.now")
    expect(now).to_have_text("Loading its parts", timeout=PATIENCE_MS)  # all of it has been said by then
    expect(page.get_by_role("status").filter(has_text="packages")).to_have_text([MISSING] if is_missing else [])
    (settings / "go").touch()
    page.wait_for_url("**/quiz-1.ipynb")


def test_a_page_that_listens_before_the_tool_was_asked_hears_of_missing_packages_too() -> None:
    async def told() -> list[dict[str, Any]]:
        spawner = BubblewrapSpawner()
        first = await anext(events := spawner.progress())
        spawner.is_an_environment_missing = True
        spawner._sandboxed.set()
        return [first, *[event async for event in events]]

    assert [event.get("hint") for event in asyncio.run(told())] == [None, MISSING]


def test_a_writer_works_with_them_and_the_source_names_the_usual_python(hub: RunningHub, place: Path) -> None:
    prefix = f"/user/{TEACHER}/write-{KEY}/"
    writer = hub.visit(TEACHER, f"/write?course={KEY}&assignment=quiz-1")
    session = begin(writer, prefix, "source/quiz-1/quiz-1.ipynb")
    assert session["kernel"]["name"] == KERNEL
    assert run(writer, prefix, session, IMPORT) == f"7 {place / DIGEST}"

    body = json.loads(make.notebook(make.tests("counted", 1, "import leaves")))
    body["metadata"]["kernelspec"] = {"name": KERNEL, "display_name": "Python for quiz-1", "language": "python"}
    model = {"type": "notebook", "format": "json", "content": body}
    assert writer.send("PUT", prefix, "api/contents/source/quiz-1/quiz-1.ipynb", model).status_code == 200
    kept = json.loads((hub.data_dir / "writing" / SLUG / TEACHER / "source/quiz-1/quiz-1.ipynb").read_text())
    assert kept["metadata"]["kernelspec"]["name"] == "python3"


def test_a_grader_runs_a_submission_with_them(hub: RunningHub, place: Path) -> None:
    prefix = f"/user/{TEACHER}/grade-{KEY}/"
    grader = hub.visit(TEACHER, f"/formgrader?course={KEY}")
    session = begin(grader, prefix, f"{KEY}/autograded/{LEA}/quiz-1/quiz-1.ipynb")

    assert session["kernel"]["name"] == KERNEL
    assert run(grader, prefix, session, IMPORT) == f"7 {place / DIGEST}"

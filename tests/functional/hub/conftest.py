"""One real Hub for all tests of this folder, with a course that has a submission to mark."""

import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from grading.engine.gradebook import ensure_database
from tests.fakes.hub_tool import HubTool
from tests.fakes.running_hub import ROOT, RunningHub

ADA = "u-" + "a" * 26
BOB = "u-" + "b" * 26
TEACHER = "u-" + "t" * 26
RIVAL = "u-" + "r" * 26
SLUG = "notebooks-101"
KEY, OTHER_KEY = f"{SLUG}-7", f"{SLUG}-8"
"""The course as two LMS courses use it."""
EVIL = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    "<table><tr><td>plot</td></tr></table>"
)


@pytest.fixture(scope="package")
def tool() -> Iterator[HubTool]:
    """The tool, with two learners and a teacher."""
    with running_tool() as tool:
        yield tool


@contextmanager
def running_tool() -> Iterator[HubTool]:
    """A tool for one Hub: each tool knows one."""
    tool = HubTool()
    tool.add_person(ADA, "Ada L.", notebooks_101_7="learner")
    tool.add_person(BOB, "Bob B.", notebooks_101_7="learner")
    tool.add_person(TEACHER, "Tea Cher", notebooks_101_7="teacher", other_course_9="learner")
    tool.add_person(RIVAL, "Ri Val", notebooks_101_8="teacher", notebooks_101_7="learner")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Quiz 1")])
    tool.releases[(KEY, "quiz-1")] = {"quiz-1.ipynb": nbformat.writes(notebook).encode()}
    server = tool.serve()
    yield tool
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="package")
def hub(tool: HubTool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """A Hub with servers in bubblewrap. The data directory is one that learners must not see."""
    if shutil.which("bwrap") is None:
        pytest.fail("bubblewrap is not installed: apt-get install bubblewrap")
    if not (ROOT / "config/hub/node_modules").exists() and shutil.which("configurable-http-proxy") is None:
        pytest.fail("the proxy is not installed: npm ci --prefix config/hub")
    data_dir = tmp_path_factory.mktemp("data")
    (data_dir / "secret.key").write_text("the tool's secret")
    make_course(data_dir / "courses" / SLUG)
    hub = RunningHub(data_dir, tool)
    hub.start()
    yield hub
    hub.close()


def make_course(course: Path) -> None:
    """A course folder with two placements."""
    for shared in ("source", "release"):
        (course / shared / "quiz-1").mkdir(parents=True)
    (course / "structure.db").write_text("of every placement")
    for key in (KEY, OTHER_KEY):
        make_placement(course / "placements" / key.rpartition("-")[2], key)


@pytest.mark.filterwarnings("ignore")
def make_placement(root: Path, key: str) -> None:
    """A placement's folder with one marked submission of Ada's, whose written answer waits for a grader."""
    folder = root / "autograded" / ADA / "quiz-1"
    folder.mkdir(parents=True)
    notebook = nbformat.v4.new_notebook()
    notebook.cells.append(
        nbformat.v4.new_markdown_cell("An answer, $\\frac{a}{b} < c$. " + EVIL, metadata={"nbgrader": cell_metadata()})
    )
    outputs = [
        nbformat.v4.new_output("display_data", {"text/html": EVIL}),
        nbformat.v4.new_output("display_data", {"text/markdown": EVIL}),
        nbformat.v4.new_output(
            "display_data", {"image/png": "x"}, metadata={"image/png": {"width": "1 onerror=document.title='owned'"}}
        ),
        nbformat.v4.new_output("display_data", {"application/javascript": "document.title='owned'"}),
    ]
    notebook.cells.append(nbformat.v4.new_code_cell("1 + 1", outputs=outputs))
    notebook.cells.append(nbformat.v4.new_markdown_cell("[here](javascript:document.title='owned')"))
    nbformat.write(notebook, folder / "quiz-1.ipynb")
    (folder / "page.html").write_text(EVIL)
    (folder / "nbgrader_config.py").write_text(f"import pathlib\npathlib.Path('/courses/{key}/owned').touch()\n")
    for name in ("gradebook", "submitted", "feedback"):
        (root / name).mkdir()
    url = f"sqlite:///{root / 'gradebook' / 'gradebook.db'}"
    ensure_database(url, key)
    with warnings.catch_warnings(action="ignore"), Gradebook(url, key) as gradebook:
        gradebook.add_assignment("quiz-1")
        gradebook.add_notebook("quiz-1", "quiz-1")
        gradebook.add_grade_cell("written", "quiz-1", "quiz-1", max_score=5, cell_type="markdown")
        gradebook.add_solution_cell("written", "quiz-1", "quiz-1")
        gradebook.add_student(ADA)
        gradebook.add_submission("quiz-1", ADA)


def cell_metadata() -> dict[str, object]:
    """nbgrader's metadata of a written answer."""
    return {
        "cell_type": "markdown",
        "grade": True,
        "grade_id": "written",
        "locked": False,
        "points": 5,
        "schema_version": 3,
        "solution": True,
        "task": False,
    }

"""nbgrader's validator in the learner's own server, over HTTP, with real kernels."""

import json
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.utils import compute_checksum

from tests.factories import notebooks as make
from tests.fakes.tool_api import FakeTool
from tests.functional.singleuser.conftest import Jupyter, wait_until

SEALED = """import json
from ipykernel.connect import get_connection_file
assert json.load(open(get_connection_file()))["transport"] == "ipc"
"""


def start(jupyter: Jupyter, tool: FakeTool, course: str, **notebooks: bytes) -> None:
    """A quiz with these notebooks, fetched."""
    tool.add_quiz(course, "quiz", {f"{name}.ipynb": body for name, body in notebooks.items()})
    jupyter.post("coursebridge/fetch", where(course)).raise_for_status()


def where(course: str) -> dict[str, str]:
    return {"course": course, "assignment": "quiz"}


def validate(jupyter: Jupyter, course: str) -> Any:
    """Begin, and wait for the end."""
    begun = jupyter.post("coursebridge/validate", where(course))
    assert begun.status_code == 200, begun.text
    found: dict[str, Any] = begun.json()
    while found["state"] == "running":  # each answer is held back by the server
        found = jupyter.get("coursebridge/validate", params=where(course)).json()
    return found


def with_checksums(body: bytes) -> bytes:
    read = nbformat.reads(body.decode(), as_version=4)
    for cell in read.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader |= {"checksum": compute_checksum(cell), "cell_type": cell.cell_type}
    return nbformat.writes(read).encode()


def test_each_notebook_is_told_of_in_words_and_output_of_cells_does_not_disturb(
    jupyter: Jupyter, tool: FakeTool
) -> None:
    body = make.notebook(
        make.text("# Squares"),
        make.solution("square", "import os\nos.system('echo {}')\ndef square(n):\n    return n + n"),
        make.solution("cube", "def cube(n):\n    raise NotImplementedError()"),
        make.tests("test_two", 1, "assert square(2) == 4"),
        make.tests("test_three", 1, "assert square(3) == 9, 'square(3) is 9'"),
        make.tests("test_cube", 1, "assert cube(2) == 8"),
        make.tests("test_name", 1, "root(4)"),
    )
    locked = with_checksums(make.notebook(make.tests("test_two", 1, "assert 2 == 3")))
    start(
        jupyter, tool, "check", q=body, good=make.notebook(make.tests("t", 1, SEALED)), own=locked, lost=body, bad=body
    )
    folder = jupyter.home / "check/quiz"
    (folder / "scratch.ipynb").write_bytes(make.notebook(make.tests("s", 1, "assert False")))
    (folder / "own.ipynb").write_bytes(locked.replace(b"2 == 3", b"2 == 2"))
    (folder / "bad.ipynb").write_bytes(b"{")
    (folder / "lost.ipynb").unlink()

    found = validate(jupyter, "check")

    assert (found["state"], found["problem"], found["total"], found["checked"]) == ("done", "", 4, 4)
    told = {each.pop("notebook"): each for each in found["notebooks"]}
    assert told.keys() == {"q.ipynb", "good.ipynb", "own.ipynb", "bad.ipynb", "lost.ipynb"}
    assert told["good.ipynb"] == {"cells": [], "problem": ""}
    assert {cell["name"]: (cell["kind"], cell["number"], cell["words"]) for cell in told["q.ipynb"]["cells"]} == {
        "test_three": ("failed", 5, "A check did not hold: square(3) is 9"),
        "test_cube": ("failed", 6, "An answer that this test needs is not written yet."),
        "test_name": (
            "failed",
            7,
            "A name is missing: name 'root' is not defined. Is the cell that defines it above, and without errors?",
        ),
    }
    assert "\\u001b" not in json.dumps(told) and "AssertionError" in told["q.ipynb"]["cells"][0]["error"]
    assert [(cell["kind"], cell["name"]) for cell in told["own.ipynb"]["cells"]] == [("changed", "test_two")]
    assert "not yours to change" in told["own.ipynb"]["cells"][0]["words"]
    assert told["lost.ipynb"]["problem"] == "This notebook is missing."
    assert "cannot be read" in told["bad.ipynb"]["problem"]
    assert (folder / "q.ipynb").read_bytes() == body
    assert {path.suffix for path in folder.iterdir() if path.is_file() and path.name[0] != "."} == {".ipynb"}


def test_endless_loop_can_be_ended_and_another_quiz_waits_its_turn(jupyter: Jupyter, tool: FakeTool) -> None:
    pid = jupyter.home / "loop/quiz/pid"
    loop = f"import os\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\nwhile True: pass"
    start(jupyter, tool, "loop", q=make.notebook(make.tests("t", 1, loop)))
    start(jupyter, tool, "other", q=make.notebook(make.tests("t", 1, "pass")))
    jupyter.post("coursebridge/validate", where("loop"))
    wait_until(lambda: pid.exists() and pid.read_text())

    other = jupyter.post("coursebridge/validate", where("other"))
    joined = jupyter.post("coursebridge/validate", where("loop"))
    ended = jupyter.delete("coursebridge/validate", params=where("loop"))

    assert (other.status_code, other.json()["code"]) == (409, "validation_busy")
    assert joined.json()["state"] == "running"
    assert ended.json()["state"] == "cancelled"
    wait_until(lambda: not Path(f"/proc/{pid.read_text()}").exists())
    assert jupyter.get("coursebridge/validate", params=where("loop")).json()["state"] == "cancelled"
    assert jupyter.get("api/status").status_code == 200


def test_what_is_not_here_is_not_validated(jupyter: Jupyter, tool: FakeTool) -> None:
    tool.add_quiz("absent", "quiz", {"q.ipynb": make.notebook()})

    refused = jupyter.post("coursebridge/validate", where("absent"))
    asked = jupyter.get("coursebridge/validate", params=where("absent"))

    assert (refused.status_code, refused.json()["code"]) == (409, "no_notebook")
    assert (asked.status_code, asked.json()["code"]) == (404, "no_validation")

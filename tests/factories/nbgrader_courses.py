"""An nbgrader course as nbgrader itself makes it: released, handed in, autograded, marked by hand, with feedback."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from grading.engine.portable_rows import Value, canonical, read_rows
from tests.factories import notebooks as make

DUE = datetime(2026, 3, 1, 12, tzinfo=UTC).replace(tzinfo=None)
RIGHT, WRONG = {"sum": "total = 2"}, {"sum": "total = 3", "why": "Because."}
HEADER = make.notebook(make.text("# Of every quiz"))
ONE = make.notebook(
    make.text("# Sums"),
    make.solution("sum", make.SOLUTION.format("total = 2")),
    make.tests("sum-tests", 2, "assert total == 2"),
    make.tests("sum-hidden", 1, make.HIDDEN.format("assert total + 1 == 3")),
    make.answer("why", 3, "Why?"),
    make.answer("draw", 2, "Draw it."),
)
TWO = make.notebook(make.solution("half", make.SOLUTION.format("x = 1")), make.tests("half-tests", 4, "assert x == 1"))
BITDIDDLE, HACKER, REASONER, QUIET = "bitdiddle", "hacker@uni.example", "Rea Soner", "quiet"

SANITIZE = ["DeduplicateIds", "OverwriteKernelspec", "OverwriteCells", "CheckCellMetadata"]
AUTOGRADE = ["LimitOutput", "SaveAutoGrades", "AssignLatePenalties", "CheckCellMetadata"]
"""nbgrader's own steps, but for starting a kernel, which takes seconds each: outputs are handed in."""


def write_course(root: Path) -> Path:
    """Two assignments, four students. ps1: three handed in, two are marked, one of them by hand; ps2: one, long ago."""
    _write(root / "source" / "ps1", {"ps1.ipynb": ONE, "data.csv": b"1\n"})
    _write(root / "source" / "ps2", {"two.ipynb": TWO})
    _write(root, {"nbgrader_config.py": b"c = get_config()\nc.CourseDirectory.course_id = 'nb101'\n"})
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # for `alembic`
    environment = {**os.environ, "PATH": path, "JUPYTER_CONFIG_DIR": str(root.parent / "config")}
    environment.pop("PYTEST_CURRENT_TEST", None)  # ipykernel would not catch what goes to descriptors
    # apart: nbgrader warns, and changes the working directory
    command = [sys.executable, "-W", "ignore", "-m", __name__, str(root)]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=200)
    return root


def say(root: Path) -> tuple[dict[str, list[dict[str, Value]]], dict[str, bytes]]:
    """What a course folder says: the gradebook row by row, and every other file."""
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    return canonical(read_rows(root / "gradebook.db")), {
        name: content for name, content in files.items() if not name.startswith("gradebook.db")
    }


def _run(root: Path) -> None:
    from nbgrader.api import Gradebook
    from nbgrader.apps.api import NbGraderAPI
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config

    config = Config(
        {"Autograde": {"sanitize_preprocessors": _steps(SANITIZE), "autograde_preprocessors": _steps(AUTOGRADE)}}
    )
    place = CourseDirectory(root=str(root), db_url=f"sqlite:///{root / 'gradebook.db'}")
    api = NbGraderAPI(coursedir=place, config=config)
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        gradebook.add_assignment("ps1", duedate=DUE)
        gradebook.add_student(BITDIDDLE, first_name="Ben", last_name="Bitdiddle", lms_user_id="sub-ben")
        gradebook.add_student(HACKER, first_name="Alyssa", last_name="Hacker", email="Hacker@uni.example")
        gradebook.add_student(QUIET)
    for name in ("ps1", "ps2"):
        _require(api.generate_assignment(name))
    _hand_in(root, BITDIDDLE, "ps1", RIGHT, "2026-03-01 11:30:00.123456 UTC", {"notes/own.txt": b"mine"})
    _hand_in(root, HACKER, "ps1", WRONG, "2026-03-02 15:00:00 +0200")
    _hand_in(root, REASONER, "ps1", RIGHT, "2026-03-01 10:00:00 UTC")
    _hand_in(root, HACKER, "ps2", {"half": "x = 1"}, None)
    early = root / "inbound" / f"{BITDIDDLE}+ps1+2026-02-27 09:00:00.000000 UTC+abcdef"
    _write(early, {"ps1.ipynb": b"{}", "timestamp.txt": b"2026-02-27 09:00:00.000000 UTC"})
    for quiz, student in (("ps1", BITDIDDLE), ("ps1", HACKER), ("ps2", HACKER)):
        _require(api.autograde(quiz, student))
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        _mark(gradebook)
    _require(api.generate_feedback("ps1", BITDIDDLE))


def _steps(names: list[str]) -> list[Any]:
    from nbgrader import preprocessors

    return [getattr(preprocessors, name) for name in names]


def _mark(gradebook: Any) -> None:
    for name, score in (("why", 2.5), ("draw", 1.0)):
        grade = gradebook.find_grade(name, "ps1", "ps1", BITDIDDLE)
        grade.manual_score, grade.needs_manual_grade = score, False
    gradebook.find_grade("draw", "ps1", "ps1", BITDIDDLE).extra_credit = 0.5
    gradebook.find_comment("why", "ps1", "ps1", BITDIDDLE).manual_comment = "Well “said”."
    gradebook.find_submission_notebook("ps1", "ps1", HACKER).late_submission_penalty = 0.25
    gradebook.find_submission("ps1", HACKER).extension = timedelta(days=2, hours=1)
    gradebook.db.commit()


def _hand_in(
    root: Path,
    student: str,
    quiz: str,
    answers: Mapping[str, str],
    stamp: str | None,
    more: Mapping[str, bytes] | None = None,
) -> None:
    release = next((root / "release" / quiz).glob("*.ipynb"))
    notebook = make.fill(release.read_bytes(), answers)
    for cell in notebook["cells"] if answers == WRONG else ():
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "sum-tests":
            cell["outputs"] = [{"output_type": "error", "ename": "AssertionError", "evalue": "", "traceback": []}]
    files = {release.name: json.dumps(notebook).encode(), **(more or {})}
    if stamp:
        files["timestamp.txt"] = stamp.encode()
    _write(root / "submitted" / student / quiz, files)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def _require(done: Mapping[str, Any]) -> None:
    assert done["success"], f"{done.get('error')}\n{done.get('log')}"


if __name__ == "__main__":
    _run(Path(sys.argv[1]))
